"""Finds the target of a manifest, and checks whether this user may edit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from manifest_uploader.engine.options import Options
from manifest_uploader.errors import PlatformRefused, UsageError
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.platform.endpoints import send_call
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import results_of
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.text import did_you_mean

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def refuse_for_jobs(options: Options, manifest: Manifest) -> None:
    """Check that nothing is asked for that has no meaning for algorithm jobs.

    Raises:
        UsageError: it is.

    """
    if not has_jobs(manifest.kind):
        return
    if options.verify:
        raise UsageError(
            "jobs of an algorithm never change, so there is nothing to compare",
            hint="'uploader status' shows what became of them",
        )
    if options.choices.adopt:
        raise UsageError(
            "--adopt finds items by their titles, and jobs of an algorithm have none",
            hint="run with the state file of the run that started them",
        )


def find_target(manifest: Manifest, client: Client) -> Target:
    """The target of the manifest.

    Raises:
        ManifestInvalid: there is no such target, or this user may not see it.
        PlatformRefused: this user sees no target of this kind.

    """
    target_type = type_of(manifest.kind)
    response = client.get(target_type.path, slug=manifest.slug)
    for entry in results_of(response, target_type.path):
        target = target_type.read_target(entry)
        if target is not None and target.slug == manifest.slug:
            return target
    raise _unknown_target(manifest, client)


def _unknown_target(manifest: Manifest, client: Client) -> Exception:
    target_type = type_of(manifest.kind)
    noun, path = target_type.noun, target_type.path
    visible = [target_type.read_target(one) for one in results_of(client.get(path), path)]
    if not visible:
        return PlatformRefused(
            f"your account cannot see any {noun}, including '{manifest.slug}'",
            hint=f"is this the right account's token, and may you {target_type.right} that {noun}?",
        )
    hint = did_you_mean(manifest.slug, [one.slug for one in visible if one is not None])
    problem = Problem(
        f"the platform has no {noun} '{manifest.slug}', or you may not see it",
        manifest.slug_place,
        hint or "the slug is the last part of the page's URL",
    )
    return ManifestInvalid((problem,))


def check_rights(target: Target, client: Client) -> str | None:
    """Check whether this user may edit the target, with a creation that never succeeds.

    Returns:
        Why items cannot be created for now, in the platform's words; None if they can.

    Raises:
        PlatformRefused: this user may not.

    """
    target_type = type_of(target.kind)
    probe = target_type.probe(target)
    if probe is None:
        return None
    refusal = send_call(client, probe)
    if target_type.may_edit(refusal.json):
        return target_type.refuses_for_now(refusal.json)
    raise PlatformRefused(
        f"you may not {target_type.right} the {target_type.noun} '{target.slug}'",
        hint=target_type.who_may,
    )


def with_rights(inputs: PlanInputs, client: Client) -> PlanInputs:
    """The inputs, with what keeps items from being created for now.

    Raises:
        PlatformRefused: this user may not create any.

    """
    no_start = check_rights(inputs.target, client)
    return replace(inputs, facts=replace(inputs.facts, no_start=no_start))
