"""Finds the target of a manifest, and checks whether this user may edit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.platform.endpoints import send_call
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import results_of
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import did_you_mean

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


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
            f"your account sees no {noun} at all, so not '{manifest.slug}' either",
            hint="is it the right account's token, and are you an editor there?",
        )
    hint = did_you_mean(manifest.slug, [one.slug for one in visible if one is not None])
    problem = Problem(
        f"the platform has no {noun} '{manifest.slug}', or you may not see it",
        manifest.slug_place,
        hint or "the slug is the last part of its page's address",
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
    refusal = send_call(client, target_type.probe(target))
    if target_type.may_edit(refusal.json):
        return target_type.refuses_for_now(refusal.json)
    raise PlatformRefused(
        f"you may not {target_type.right} the {target_type.noun} '{target.slug}'",
        hint=target_type.who_may,
    )
