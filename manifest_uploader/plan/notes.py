"""Facts that a plan tells people, and that cause no step."""

from __future__ import annotations

from msgspec import Struct

from manifest_uploader.digests import image_of
from manifest_uploader.manifest.model import Case, FileValue
from manifest_uploader.plan.image_sets import image_name
from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.steps import CasePlan
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.state.history import CaseHistory
from manifest_uploader.text import some_of


def unread_notes(inputs: PlanInputs) -> list[str]:
    """Which files could not be compared by their content."""
    if not inputs.facts.unread:
        return []
    names = some_of([f"{case}/{socket}" for case, socket in inputs.facts.unread])
    return [f"the content of these files could not be compared: {names}"]


def unchecked_notes(cases: tuple[CasePlan, ...]) -> list[str]:
    """Which adopted values are taken for the manifest's although nobody compared them."""
    names = [f"{case.case}/{socket}" for case in cases for socket in case.unchecked]
    if not names:
        return []
    return [f"adopted, content not checked: {some_of(names)}; --resend-unchecked sends them again"]


def new_key_note(file: str) -> str:
    """What to know of the key for new UIDs, once it is made."""
    return (
        f"DICOM image sets are de-identified here; the key that makes their new UIDs is now in "
        f"'{file}': keep it beside the state file, and do not publish it"
    )


def key_notes(inputs: PlanInputs, cases: tuple[CasePlan, ...]) -> list[str]:
    """Which image sets begin anew, because the key for new UIDs is another one."""
    key = inputs.facts.uid_key
    if key is None or not any(case.sets for case in cases):
        return []
    names = {case.name: case for case in inputs.manifest.cases}
    anew = [
        f"{case.case}/{one.socket}"
        for case in cases
        for one in case.sets
        if _has_other_key(recorded(names[case.case], inputs), one.socket, key.made_by)
    ]
    if not anew:
        return []
    reason = (
        f"the key '{key.file}' or the platform's procedure has changed since their first files "
        "were sent"
    )
    return [f"sent again from the first file, because {reason}: {some_of(anew)}"]


def _has_other_key(past: CaseHistory, socket: str, made_by: str | None) -> bool:
    return any(
        slug == socket and upload.row.made_by != made_by
        for (slug, _), upload in past.file_uploads.items()
    )


def name_notes(inputs: PlanInputs, cases: tuple[CasePlan, ...]) -> list[str]:
    """Which image sets have another name on the platform than their values ask for."""
    if has_jobs(inputs.target.kind):
        return []  # the names of jobs' images get a random part
    values = {
        (case.name, value.socket): (case, value)
        for case in inputs.manifest.cases
        for value in case.values
        if isinstance(value, FileValue)
    }
    shared = {(one.case, image.into): image for one in cases for image in one.shared}
    sent = {(one.case, slug) for one in cases for slug in one.sockets}
    found = []
    for key, (case, value) in values.items():
        if value.image_name is None:
            continue
        if key in shared:
            source = values.get((shared[key].case, shared[key].socket))
            name = image_name(*source) if source is not None else None
        else:
            was = recorded(case, inputs).sockets.get(value.socket)
            name = was.entry.image_name if was is not None and key not in sent else None
        if name not in {None, image_name(case, value)}:
            found.append(f"{case.name}/{value.socket} as '{name}' (not '{value.image_name}')")
    if not found:
        return []
    return [f"an image set gets its name once, with its files; readers see {some_of(found)}"]


def lost_notes(inputs: PlanInputs) -> list[str]:
    """Which images are sent again because the platform no longer has them."""
    lost = inputs.facts.lost_images
    names = [
        f"{name}/{slug}"
        for name, past in (inputs.history.cases.items() if lost else ())
        for slug, was in past.sockets.items()
        if image_of(was.entry.digest) in lost or was.pk in lost
    ]
    if not names:
        return []
    note = (
        f"the image of {some_of(names)} is no longer on the platform, and is sent again for the "
        "cases that still need it; 'run --verify' puts it back where it was, too"
    )
    return [note]


class LeftBehind(Struct, frozen=True):
    """What is no longer in the manifest, and stays on the platform: its API cannot delete it."""

    cases: tuple[tuple[str, str], ...] = ()
    """(name, pk of its item)."""
    sockets: tuple[tuple[str, str], ...] = ()
    """(case, socket) of cases that are in the manifest."""


def left_behind(inputs: PlanInputs) -> LeftBehind:
    """What a run leaves behind.

    Of cases that left a folder, a run tells once; later, `verify` does.
    """
    moved = set(inputs.renamed.values())
    cases = (
        (name, past.item)
        for name, past in inputs.history.cases.items()
        if name not in inputs.names
        and name not in moved
        and past.item is not None
        and not past.gone
        and not past.left
    )
    sockets = (
        (case.name, slug) for case in inputs.manifest.cases for slug in _left_sockets(case, inputs)
    )
    return LeftBehind(tuple(cases), tuple(sockets))


def _left_sockets(case: Case, inputs: PlanInputs) -> list[str]:
    past = recorded(case, inputs)
    wanted = {value.socket for value in case.values}
    if past.sockets.keys() <= wanted:
        return []
    return [slug for slug in past.sockets if slug not in wanted]


def left_notes(left: LeftBehind, item_noun: str) -> tuple[str, ...]:
    """One note on all cases, and one on all sockets."""
    notes = []
    if left.cases:
        names = some_of([f"{name} ({pk})" for name, pk in left.cases])
        notes.append(_left_note("case", item_noun, len(left.cases), names))
    if left.sockets:
        names = some_of([f"{case}/{socket}" for case, socket in left.sockets])
        notes.append(_left_note("socket", "value", len(left.sockets), names))
    return tuple(notes)


def _left_note(noun: str, what: str, count: int, names: str) -> str:
    if count == 1:
        return f"1 {noun} was removed from the manifest; its {what} stays on the platform: {names}"
    return (
        f"{count:,} {noun}s were removed from the manifest; their {what}s stay on the platform: "
        f"{names}"
    )
