"""What else is asked once it is known what a plan is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from manifest_uploader.engine.options import Options
from manifest_uploader.manifest.mixed_values import mixed_values
from manifest_uploader.manifest.model import Case
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.inputs import Facts, PlanInputs
from manifest_uploader.plan.reuse import reused_images
from manifest_uploader.platform.images import missing_images

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def with_lost_images(client: Client, inputs: PlanInputs) -> PlanInputs:
    """The inputs with the images of earlier runs that are to be used and are no longer there."""
    if not inputs.history.cases or not (used := reused_images(inputs)):
        return inputs
    lost = missing_images(client, used)
    return replace(inputs, facts=replace(inputs.facts, lost_images=lost))


def guesses(options: Options, cases: Sequence[Case], facts: Facts) -> list[Problem]:
    """What would not fit a rehearsal's sockets if they had not been made up to take anything."""
    if options.sandbox_id is None:
        return []
    anything = {slug for slug, socket in facts.sockets.items() if socket.kind == "Anything"}
    return mixed_values(cases, anything)
