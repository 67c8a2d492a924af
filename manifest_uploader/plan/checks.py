"""Finds what in a manifest does not fit the platform: problems that only the facts show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, Value
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.delivery import (
    AsUpload,
    AsUploads,
    delivery_of,
    takes_image,
    upload_into,
)
from manifest_uploader.plan.image_sets import MOST_FILES
from manifest_uploader.plan.inputs import PlanInputs, recorded, recorded_cases
from manifest_uploader.plan.interfaces import input_problems, twins
from manifest_uploader.plan.reuse import Sharing, share
from manifest_uploader.platform.model import Socket
from manifest_uploader.platform.sockets import DICOM_SET, misfit
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.text import did_you_mean


def misfits(inputs: PlanInputs) -> list[Problem]:
    """Everything in the manifest that does not fit the platform, in the manifest's order."""
    found: list[Problem] = []
    sharing = cache(lambda: share(inputs, recorded_cases(inputs)))
    for case in inputs.manifest.cases:
        for value in case.values:
            problem = _value_problem(case, value, inputs)
            if problem is not None:
                found.append(problem)
        if has_jobs(inputs.target.kind):
            found += input_problems(case, inputs)
        else:
            found += _title_problems(case, inputs)
        found += _limit_problems(case, inputs, sharing)
    return [*found, *twins(inputs)]


def _value_problem(case: Case, value: Value, inputs: PlanInputs) -> Problem | None:
    socket = inputs.facts.sockets.get(value.socket)
    place = value.key or value.place
    if socket is None:
        hint = did_you_mean(value.socket, list(inputs.facts.sockets))
        return Problem(f"the platform has no socket '{value.socket}'", place, hint)
    found = misfit(value, socket)
    if found is not None:
        return Problem(found[0], value.place, found[1])
    if isinstance(value, FileValue) and value.same_as is not None:
        other = inputs.facts.sockets.get(value.same_as.rpartition("/")[2], socket)
        odd = next((one for one in (socket, other) if not takes_image(one)), None)
        if odd is not None:
            return Problem(
                f"socket '{odd.slug}' of kind '{odd.kind}' takes no image; 'same-as' is for images",
                value.place,
                "name the file itself",
            )
    if isinstance(value, ImageValue) and value.pk in inputs.facts.missing_images:
        return Problem(
            f"the platform has no image '{value.pk}', or you may not see it",
            value.place,
            "an image's pk is the last part of its address on the platform",
        )
    files = inputs.facts.values.get((case.name, value.socket))
    wrong = _files_misfit(value, socket, files) if isinstance(value, FileValue) else None
    return Problem(wrong[0], value.place, wrong[1]) if wrong is not None else None


def _files_misfit(
    value: FileValue, socket: Socket, files: ValueFacts | None
) -> tuple[str, str | None] | None:
    """(message, hint) if a socket takes no name, or not so many files."""
    count = files.files if files is not None else 0
    kind = f"socket '{socket.slug}' of kind '{socket.kind}'"
    is_set = isinstance(upload_into(socket), AsUploads)
    if value.image_name is not None and not is_set:
        hint = f"leave it out: images have names only in sockets of kind '{DICOM_SET}'"
        return f"{kind} takes no 'name'", hint
    if count > 1 and not takes_image(socket):
        return f"{kind} takes one file, not {count}", None
    if not is_set or count <= MOST_FILES:
        return None
    hint = "is it one series? give each series a case, or a socket, of its own"
    return f"{count:,} files; the platform takes at most {MOST_FILES:,} of one image set", hint


def _title_problems(case: Case, inputs: PlanInputs) -> list[Problem]:
    past = recorded(case, inputs)
    target_type = type_of(inputs.target.kind)
    noun, place = target_type.item_noun, target_type.noun
    holder = inputs.facts.titles.get(case.title) if case.title else None
    adopts = inputs.choices.adopt and past.item is None and case.name in inputs.facts.looked
    if holder is not None and past.title != case.title and not adopts:
        article = "an" if noun[0] in "aeiou" else "a"
        return [
            Problem(
                f"the {place} already has {article} {noun} titled '{case.title}' ({holder})",
                case.title_place,
                "if you uploaded it (state file lost), use --adopt; otherwise choose another title",
            )
        ]
    if (
        case.title == ""
        and not inputs.history.cases
        and inputs.facts.items
        and not inputs.choices.new
    ):
        return [
            Problem(
                f"case '{case.name}' has no title, and without a state file nobody can tell "
                f"whether the {place} already has it",
                case.title_place,
                "is the state file next to the manifest? if this is new, add --new",
            )
        ]
    return []


def _limit_problems(
    case: Case, inputs: PlanInputs, sharing: Callable[[], Sharing]
) -> list[Problem]:
    """The problem that a case needs too many uploads; `sharing` tells which values need none."""
    sockets = inputs.facts.sockets
    counts = {
        value.socket: _upload_count(case, value, inputs)
        for value in case.values
        if value.socket in sockets
    }
    if sum(counts.values()) <= inputs.choices.upload_limit:
        return []
    uploads = sum(count for slug, count in counts.items() if (case.name, slug) not in sharing())
    if uploads <= inputs.choices.upload_limit:
        return []
    has_set = uploads > len(case.values)
    fewer = (
        "each file of an image set is one upload: name fewer files"
        if has_set
        else "give it fewer sockets"
    )
    return [
        Problem(
            f"case '{case.name}' needs {uploads} uploads, but the account may hold "
            f"{inputs.choices.upload_limit} at a time",
            case.place,
            f"{fewer}, or raise --upload-limit if the platform allows more",
        )
    ]


def _upload_count(case: Case, value: Value, inputs: PlanInputs) -> int:
    """How many uploads a value takes at most."""
    match delivery_of(value, inputs.facts.sockets[value.socket]):
        case AsUpload():
            return 1
        case AsUploads():
            files = inputs.facts.values.get((case.name, value.socket))
            return files.files if files is not None else 0
        case _:
            return 0
