"""What is wrong with a series of slices, in sentences: what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from manifest_uploader.plan.content_words import flaw_finding
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind
from manifest_uploader.plan.value_look import FileFlaw
from manifest_uploader.text import some_names

Finding: TypeAlias = tuple[str, str | None]
"""A message and a hint."""

_AGAIN: Final = "export the series again"
_ONE_SERIES: Final = (
    "name the files of one series: give the others a socket, or a case, of their own"
)


def series_findings(found: Iterable[SeriesFinding]) -> Iterator[Finding]:
    """A sentence, and what to do about it, for each finding.

    Of a file that cannot be read, only the first reason is said.
    """
    told: set[str] = set()
    for one in found:
        if one.flaw is None:
            yield _finding(one)
        elif not told.issuperset(one.files):
            told.update(one.files)
            message, hint = flaw_finding(FileFlaw(one.files[0], one.flaw))
            others = f"; also {some_names(one.files[1:])}" if len(one.files) > 1 else ""
            yield message + others, hint


def _finding(one: SeriesFinding) -> Finding:
    message, hint = _FOLDERS if one.about == "folder" else _WORDS[one.kind]
    counts = {"found": one.found or 0, "expected": one.expected or 0, "count": len(one.files)}
    words = message.format(
        files=some_names(one.files) + _more(one),
        others=some_names(one.others),
        first=_quoted(one.files, 0),
        second=_quoted(one.files, 1),
        other=_quoted(one.others, 0),
        about=one.about or "series",
        missing=f"{one.missing} slice is" if one.missing == 1 else f"{one.missing} slices are",
        step=_mm(one.step_mm),
        usual=_mm(one.usual_mm),
        **counts,
    )
    return words, hint


_FOLDERS: Final = (
    "these files are {found} images, one for each folder of the archive: {files}",
    _ONE_SERIES,
)
_WORDS: Final[dict[SeriesKind, Finding]] = {
    SeriesKind.LEFT_OUT: (
        "the platform leaves out {files} of the slices",
        "copy or export it again",
    ),
    SeriesKind.REFUSED: (
        "the platform cannot read {files}, and refuses the series with it",
        _AGAIN,
    ),
    SeriesKind.NO_IMAGE: ("no file contains an image: {files}", "name the image files"),
    SeriesKind.SEVERAL_IMAGES: (
        "these files are {found} images, of more than one {about}: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.DUPLICATE: (
        "{files}: the same slice as {others} (equal SOPInstanceUID)",
        "name each slice once",
    ),
    SeriesKind.SIZES: (
        "slices of different sizes: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.BITS: (
        "slices with different numbers of bits: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.ORIENTATIONS: (
        "slices in different planes, such as a scout: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.NO_POSITION: ("{files}: no position, which the other slices have", _ONE_SERIES),
    SeriesKind.SAME_POSITIONS: (
        "{found} slices at {expected} positions: more than one acquisition ({files} …)",
        _ONE_SERIES,
    ),
    SeriesKind.VIEWS: (
        "pictures from different sides: {files} unlike the others",
        "give each picture a socket of its own",
    ),
    SeriesKind.NO_NUMBER: (
        "{files}: no InstanceNumber, by which the platform orders slices",
        _AGAIN,
    ),
    SeriesKind.SAME_NUMBER: (
        "{files}: the same InstanceNumber as {others}, by which the platform orders slices",
        "is it one series? if so, export it again",
    ),
    SeriesKind.ORDER: (
        "the slices are not numbered in the order of their positions (InstanceNumber; {files})",
        "is it one series? if so, export it again",
    ),
    SeriesKind.MULTIFRAME: (
        "{count} files hold many frames each ({files}); the platform takes only the first of them",
        "name one of them, or convert them into one image",
    ),
    SeriesKind.UNEQUAL_TIMES: (
        "the time points have from {found} to {expected} slices: {files} …",
        "look for slices that are missing",
    ),
    SeriesKind.NO_TIMES: (
        "{files}: a series over time needs ContentTime and Exposure in its slices",
        "convert it into a 4D image, .mha or .nii.gz",
    ),
    SeriesKind.NOT_DICOM: (
        "a DICOM image set consists of DICOM files, and {files} is not ({about})",
        "name DICOM files alone; unpack archives",
    ),
    SeriesKind.SOP_CLASS: (
        "the platform takes no image set of such files (SOP class {about}): {files}",
        "it takes CT Image, MR Image and VL Whole Slide Microscopy Image",
    ),
    SeriesKind.DISAGREE: (
        "files with different {about}: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.SPACING: (
        "slices with different pixel spacing: {files} unlike the others",
        _ONE_SERIES,
    ),
    SeriesKind.BURNED_IN: (
        "the pixels may show the patient's name (BurnedInAnnotation): {files}",
        "look at them; if there is no name, write  identifiable: [BurnedInAnnotation]  at the top",
    ),
    SeriesKind.GAP: (
        "{missing} probably missing between {first} and {second}: {step} mm, not {usual} mm",
        "look for the missing slices; the image is sent as it is",
    ),
    SeriesKind.UNEVEN: (
        "the slices are not evenly spaced: {step} mm between {first} and {second}, not {usual} mm",
        "are slices missing, or series mixed? the image is sent as it is",
    ),
    SeriesKind.ONE_POSITION: (
        "all {count} slices are at one position; the platform stacks them",
        "is it a series over time? the image is sent as it is",
    ),
    SeriesKind.PROJECTIONS: (
        "{count} pictures become one image, as if they were slices",
        "if they are single pictures, give each a socket of its own",
    ),
    SeriesKind.UNPLACED: (
        "all {count} slices lack their position in space; the platform puts them 1 mm apart",
        "measurements along the stack will be wrong unless that is right",
    ),
    SeriesKind.IGNORED: ("the platform leaves out {files}: not part of the image", None),
}


def _more(one: SeriesFinding) -> str:
    """How many files there are beside those that are kept."""
    if one.kind not in _OF_SETS or one.found is None or one.found <= len(one.files):
        return ""
    return f" and {one.found - len(one.files):,} more"


_OF_SETS: Final = frozenset(
    {
        *(SeriesKind.NOT_DICOM, SeriesKind.SOP_CLASS, SeriesKind.DISAGREE),
        *(SeriesKind.SPACING, SeriesKind.BURNED_IN),
    }
)


def _quoted(files: tuple[str, ...], at: int) -> str:
    return f"'{files[at]}'" if at < len(files) else ""


def _mm(length: float | None) -> str:
    return f"{length:.4g}" if length is not None else "?"
