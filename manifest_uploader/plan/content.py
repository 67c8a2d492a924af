"""Judges what the files of a value are against what its socket takes. Pure.

The platform's importer drops what it cannot read, and imports what is cut short half empty; both
would be done for the platform. So everything that a look shows is judged before anything is sent.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from manifest_uploader.files.looks import FlawKind, Format
from manifest_uploader.manifest.model import FileValue, Identifiable
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.content_words import (
    Finding,
    empty_table,
    extras_finding,
    flaw_finding,
    more_flaws,
    names_finding,
    no_dicom,
    no_image,
    pages_finding,
    segmentation_finding,
    several_images,
    stray_finding,
    wrong_format,
)
from manifest_uploader.plan.delivery import takes_image
from manifest_uploader.plan.series_findings import SeriesKind
from manifest_uploader.plan.series_words import series_findings
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.model import Socket
from manifest_uploader.platform.sockets import DICOM_SET, SEGMENTATION

_FILE_ENDINGS: Final = (".pdf", ".csv", ".tsv", ".txt", ".json", ".mp4", ".obj", ".zip")
"""Of files that are for no image socket, as far as can be told without asking the platform."""
_FORMATS: Final = {
    "PDF file": frozenset({Format.PDF}),
    "ZIP file": frozenset({Format.ZIP}),
    "CSV file": frozenset({Format.TEXT}),
    "OBJ file": frozenset({Format.TEXT}),
    "Thumbnail jpg": frozenset({Format.JPEG}),
    "Thumbnail png": frozenset({Format.PNG}),
    "MP4 file": frozenset({Format.OTHER}),
}
"""What the platform does not check itself, and a reader's browser then cannot show."""


BURNED_IN: Final = "BurnedInAnnotation"
"""The keyword that lets files of image sets through whose pixels may show names."""


class Content(Struct, frozen=True):
    """What is wrong with the content of a value's files."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Remedy(Struct, frozen=True):
    """How to de-identify the files below the root."""

    command: str
    """For this system's shell."""
    then: str
    """How to make the copies the root."""


class Question(Struct, frozen=True):
    """What is asked about the files of a value."""

    case: str
    value: FileValue
    socket: Socket | None
    """None: the platform was not asked."""
    folder: str
    """The folder of the files below the root; empty for the root itself."""
    remedy: Remedy
    identifiable: Identifiable


def judge_content(question: Question, look: ValueLook) -> Content:
    """What has to be mended before anything is sent, and what should be known."""
    problems, warnings = _Findings(question), _Findings(question)
    if is_set(question.value, question.socket):  # it is de-identified while it is sent
        _judge_set(question, look, problems, warnings)
        wrong = problems.found()
        return Content(wrong, () if wrong else warnings.found())
    problems.add(names_finding(question, look))
    if is_image(question.value, question.socket, files=look.files):
        _judge_image(question, look, problems, warnings)
    else:
        _judge_file(question, look, problems, warnings)
    wrong = problems.found()
    return Content(wrong, () if wrong else warnings.found())  # a warning may follow from a problem


class _Findings:
    """Collects problems of one value."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._found: list[Problem] = []

    def add(self, *findings: Finding | None) -> None:
        value = self._question.value
        where = f"{self._question.case}/{value.socket}"
        self._found += [
            Problem(f"{where}: {one[0]}", value.place, one[1])
            for one in findings
            if one is not None
        ]

    def found(self) -> tuple[Problem, ...]:
        return tuple(self._found)


def is_set(value: FileValue, socket: Socket | None) -> bool:
    """Whether a value is for a DICOM image set; without the platform, whether it says so."""
    return value.image_name is not None if socket is None else socket.kind == DICOM_SET


def is_image(value: FileValue, socket: Socket | None, *, files: int) -> bool:
    """Whether a value is for an image socket; without the platform, what its files look like."""
    if socket is not None:
        return takes_image(socket)
    return files > 1 or not value.paths[0].lower().endswith(_FILE_ENDINGS)


# ── images ──────────────────────────────────────────────────────────────────────────────────


def _judge_image(
    question: Question, look: ValueLook, problems: _Findings, warnings: _Findings
) -> None:
    problems.add(*(flaw_finding(one) for one in look.flaws), more_flaws(look))
    problems.add(*series_findings(look.series_problems))
    warnings.add(*series_findings(look.series_remarks))
    if look.is_quick:
        return
    if not look.images and look.series is None:
        problems.add(None if look.flaws else no_image(question, look))
    elif look.images > 1:
        problems.add(several_images(look))
    elif not look.flaws:
        warnings.add(extras_finding(look), pages_finding(look))
        if question.socket is not None and question.socket.kind == SEGMENTATION:
            problems.add(*map(segmentation_finding, look.segmentation), stray_finding(look))


def _judge_set(
    question: Question, look: ValueLook, problems: _Findings, warnings: _Findings
) -> None:
    """Of a DICOM image set; whom its files name does not matter, for their copies name nobody."""
    verdict = look.image_set
    if verdict is None:
        problems.add(*(flaw_finding(one) for one in look.flaws), more_flaws(look))
        problems.add(None if look.flaws else no_dicom(look))
        return
    allowed = question.identifiable
    may_show = allowed.everything or BURNED_IN in allowed.keywords
    for one in series_findings(
        one for one in verdict.problems if one.kind is not SeriesKind.BURNED_IN or not may_show
    ):
        problems.add(one)
    warnings.add(*series_findings(verdict.warnings))


# ── files ───────────────────────────────────────────────────────────────────────────────────


def _judge_file(
    question: Question, look: ValueLook, problems: _Findings, warnings: _Findings
) -> None:
    """Of a file for a file socket, its content is not judged, except that it is one."""
    wanted = _FORMATS.get(question.socket.kind) if question.socket is not None else None
    for one in look.flaws:
        match one.flaw.kind:
            case FlawKind.EMPTY if _is_table(question):
                warnings.add(empty_table(one.file))
            case FlawKind.LOCKED if question.identifiable.everything:
                pass
            case FlawKind.EMPTY | FlawKind.POINTER | FlawKind.LOCKED:
                problems.add(flaw_finding(one))
            case _:
                pass
    if question.socket is None or wanted is None or look.flaws:
        return
    seen = look.formats[0]
    if seen.format not in wanted:
        problems.add(wrong_format(question.socket, seen))


def _is_table(question: Question) -> bool:
    if question.socket is not None:
        return question.socket.kind == "CSV file"
    return question.value.paths[0].lower().endswith((".csv", ".tsv"))
