"""Decides what of an existing item a case adopts: what is equal, or cannot be told apart. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from msgspec.structs import replace

from manifest_uploader.digests import content_digest
from manifest_uploader.manifest.model import Case, FileValue, Value
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.plan.values import wanted_entry
from manifest_uploader.platform.images import ImageSeen
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.state.events import Adopted
from manifest_uploader.state.steps import StepId

_NAMED_ALIKE: Final = (".mha", ".nii", ".nii.gz", ".nrrd", ".png")
"""Grand Challenge: images of these files are named as the file is."""


class _Verdict(Enum):
    SAME = auto()
    DIFFERENT = auto()
    UNCHECKED = auto()
    """Nothing that the platform shows differs; what the value holds is not known."""


def adopt(case: Case, inputs: PlanInputs, item: ItemSeen) -> Adopted:
    """The adoption of an item; values that are missing or differ are left out, to be sent."""
    entries = (
        _entry(case, value, inputs, held)
        for value in case.values
        if (held := item.sockets.get(value.socket)) is not None
    )
    kept = tuple(entry for entry in entries if entry is not None)
    return Adopted(case.name, StepId.whole(case.name), item.pk, case.title, kept, item.order)


def _entry(case: Case, value: Value, inputs: PlanInputs, held: SocketSeen) -> Entry | None:
    wanted = wanted_entry(case, value, inputs)
    if wanted.digest is not None:
        return replace(wanted, before=held.mark) if wanted.digest == held.digest else None
    if held.file is not None:
        return _file(case, value, inputs, held, wanted)
    image = inputs.facts.images.get(held.image or "")
    if image is not None and _looks_different(case, value, inputs, image):
        return None
    return replace(wanted, content=None, before=held.mark)


def _file(
    case: Case, value: Value, inputs: PlanInputs, held: SocketSeen, wanted: Entry
) -> Entry | None:
    seen = inputs.facts.stored.get((case.name, value.socket))
    match _compared(case, value, inputs, wanted):
        case _Verdict.SAME if seen is not None:
            return replace(wanted, before=held.mark, sha256=seen.sha256)
        case _Verdict.DIFFERENT:
            return None
    return replace(wanted, content=None, before=held.mark)


def _compared(case: Case, value: Value, inputs: PlanInputs, wanted: Entry) -> _Verdict:
    seen = inputs.facts.stored.get((case.name, value.socket))
    if seen is None or wanted.content is None:
        return _Verdict.UNCHECKED
    there = seen.json
    if isinstance(value, FileValue):
        name = inputs.facts.values[case.name, value.socket].name
        there = content_digest([(name, seen.sha256)])
    return _Verdict.SAME if there == wanted.content else _Verdict.DIFFERENT


def _looks_different(case: Case, value: Value, inputs: PlanInputs, image: ImageSeen) -> bool:
    """Whether the platform shows that an image is not the one of the local files."""
    facts = inputs.facts.values.get((case.name, value.socket))
    if facts is None:
        return False
    header = inputs.facts.headers.get((case.name, value.socket))
    slices = facts.slices if header is None else header.depth * header.timepoints
    pairs = [(slices, image.slices)]
    if header is not None:
        pairs += [(header.width, image.width), (header.height, image.height)]
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return True
    is_named_alike = facts.files == 1 and facts.name.lower().endswith(_NAMED_ALIKE)
    return is_named_alike and image.name is not None and image.name != facts.name
