"""Decides what the importer's verdict on an image means for its socket, and says it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from msgspec import Struct

from manifest_uploader.files.import_verdict import Failure, Reason, Verdict
from manifest_uploader.platform.sockets import SEGMENTATION
from manifest_uploader.system.extras import install_command
from manifest_uploader.text import some_names

DISPLACEMENT_FIELD: Final = "Displacement field"
_FIELD_DEPTH: Final = 3
"""A displacement field is four-dimensional, with the three directions as its first dimension."""
_SHOWN_VALUES: Final = 8


class Misgiving(StrEnum):
    """What is wrong with an image."""

    NOT_IMPORTED = "not-imported"
    """No image comes out; `files`, `reasons`."""
    FAILED = "failed"
    """The importer ends without a verdict; `failure`."""
    UNJUDGED = "unjudged"
    """The importer cannot judge it on this machine; `failure`."""
    SEVERAL_IMAGES = "several-images"
    """`found` images come out; `files` became the further ones."""
    DROPPED = "dropped"
    """`files` are part of the image, and the importer leaves them out; `reasons`."""
    LEFT_OUT = "left-out"
    """`files` are no part of the image, and the importer leaves them out."""
    SLICES = "slices"
    """The image has `found` slices instead of `expected`."""
    NO_SEGMENTS = "no-segments"
    """The voxels of a segmentation are not 8-bit integers of one channel."""
    STRAY_VALUES = "stray-values"
    """A segmentation has voxel `values` other than those `allowed`."""
    NO_FIELD = "no-field"
    """A displacement field has not three values for each voxel of a volume."""


class ImportProblem(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with an image, or that should be told."""

    kind: Misgiving
    files: tuple[str, ...] = ()
    found: int = 0
    expected: int = 0
    values: tuple[int, ...] = ()
    allowed: tuple[int, ...] = ()
    reasons: tuple[Reason, ...] = ()
    failure: Failure | None = None

    @property
    def is_note(self) -> bool:
        """The image may be sent; this is only told."""
        return self.kind in {Misgiving.LEFT_OUT, Misgiving.UNJUDGED}


def verdict_problems(
    verdict: Verdict,
    *,
    kind: str,
    segments: Collection[int] | None = None,
    slices: int | None = None,
    extras: Collection[str] = (),
) -> tuple[ImportProblem, ...]:
    """What is wrong with an image, most important first; empty if the platform will take it.

    Args:
        verdict: Of the image's files.
        kind: Of the socket, as the platform calls it: `Image`, `Segmentation`, `Heat Map` …
        segments: The voxel values of the socket's `overlay_segments`; None or empty: any. The
            platform (`components/models.py`) always allows 0 beside them.
        slices: How many slices the files hold, over all times; None if that is not known.
        extras: Names of files that are no part of the image, such as a note among slices.
    """
    if verdict.failure in {Failure.NO_ROOM, Failure.NO_LIBRARY}:
        return (ImportProblem(Misgiving.UNJUDGED, failure=verdict.failure),)
    if verdict.failure is not None:
        return (ImportProblem(Misgiving.FAILED, failure=verdict.failure),)
    if not verdict.images:
        files, reasons = verdict.dropped, verdict.reasons
        return (ImportProblem(Misgiving.NOT_IMPORTED, files=files, reasons=reasons),)
    dropped = _dropped(verdict, extras)
    if verdict.images > 1:
        several = ImportProblem(Misgiving.SEVERAL_IMAGES, files=verdict.apart, found=verdict.images)
        return (several, *dropped)
    found = verdict.depth or 1
    found *= verdict.timepoints or 1
    if slices is not None and found != slices:
        dropped = (ImportProblem(Misgiving.SLICES, found=found, expected=slices), *dropped)
    return (*dropped, *_unfit(verdict, kind, frozenset(segments or ())))


def _dropped(verdict: Verdict, extras: Collection[str]) -> tuple[ImportProblem, ...]:
    parts = tuple(name for name in verdict.dropped if name not in extras)
    others = tuple(name for name in verdict.dropped if name in extras)
    problems = []
    if parts:
        problems.append(ImportProblem(Misgiving.DROPPED, files=parts, reasons=verdict.reasons))
    if others:
        problems.append(ImportProblem(Misgiving.LEFT_OUT, files=others))
    return tuple(problems)


def _unfit(verdict: Verdict, kind: str, segments: frozenset[int]) -> tuple[ImportProblem, ...]:
    """What the platform refuses once the image is imported."""
    if kind == DISPLACEMENT_FIELD:
        is_field = verdict.timepoints == _FIELD_DEPTH and verdict.channels == 1
        return () if is_field else (ImportProblem(Misgiving.NO_FIELD),)
    if kind != SEGMENTATION or not segments:
        return ()
    if verdict.segments is None:
        return (ImportProblem(Misgiving.NO_SEGMENTS),)
    stray = tuple(value for value in verdict.segments if value not in segments)
    if not stray:
        return ()
    return (ImportProblem(Misgiving.STRAY_VALUES, values=stray, allowed=tuple(sorted(segments))),)


# ── words ───────────────────────────────────────────────────────────────────────────────────

_SAME: Final = "the platform has the same importer and would refuse them, so fix or replace them"
_BY_REASON: Final = {
    Reason.DICOM_PIXELS: "the slices differ in size or lack attributes, or their pixels are cut "
    "off or compressed in an unknown way: export the series again",
    Reason.TIMEPOINTS: "a series over time needs the same number of slices at each time: "
    "look for missing slices",
    Reason.DATA_FILE: "the header names a data file that is not among the files: list both, "
    "under the name that 'ElementDataFile' has",
    Reason.METAIMAGE_DATA: "the header is fine, but the data is cut off or damaged: copy or "
    "export it again",
    Reason.DETACHED_NRRD: "convert it to one file, .nrrd or .mha",
    Reason.CHANNELS: "at most 4 channels are read: use the 4th dimension for more",
    Reason.RESOLUTION: "set the resolution of the TIFF image, and its unit: inch or centimeter",
    Reason.COLORS: "save the TIFF image in gray, RGB or YCbCr",
}
_BY_FAILURE: Final = {
    Failure.UNEXPECTED: ("the importer fails on these files", _SAME),
    Failure.CRASHED: (
        "the importer crashed on these files",
        "that is often a lack of memory, here as on the platform; otherwise the files are damaged",
    ),
    Failure.MEMORY: (
        "the importer ran out of memory on these files",
        "close other programs and try again; the platform gives an import 8 GB",
    ),
    Failure.BAD_ARCHIVE: (
        "an archive cannot be unpacked",
        "pack it again without a password, or unpack it and name its files",
    ),
    Failure.UNREADABLE: ("a file is missing or cannot be read", "check that it is still there"),
    Failure.NO_ROOM: (
        "the importer was not asked: the temporary folder is too small for these files",
        "set the environment's TMPDIR to a folder with more room",
    ),
    Failure.NO_LIBRARY: (
        "the importer cannot judge this slide here: libvips or OpenSlide is not installed",
        f"the platform has both, so the slide may be fine; or: {install_command('importer')}",
    ),
}


_BY_KIND: Final = {
    Misgiving.NOT_IMPORTED: ("the importer cannot read {files}", _SAME),
    Misgiving.SEVERAL_IMAGES: (
        "the importer makes {found} images from these files: {files} separate from the others",
        "a socket takes one image: name the files of one series, of one size",
    ),
    Misgiving.DROPPED: (
        "the importer leaves out {files}",
        "the image would lack what they hold: fix them, or take them out of 'files'",
    ),
    Misgiving.LEFT_OUT: ("the importer leaves out {files}, which is not part of the image", None),
    Misgiving.SLICES: (
        "the importer makes an image of {found} slices from {expected} slices",
        "look for duplicate slices, or slices of another series",
    ),
    Misgiving.NO_SEGMENTS: (
        "the importer finds no segments: the voxels are not 8-bit integers of one channel",
        "save the segmentation with voxels of type uint8",
    ),
    Misgiving.STRAY_VALUES: (
        "the segmentation has voxels of {values}, and the socket takes {allowed}",
        "change the voxels, or the socket's overlay segments",
    ),
    Misgiving.NO_FIELD: (
        "a displacement field has three values for each voxel, in a 4th dimension",
        "save it as a four-dimensional image of one channel",
    ),
}


def sentence(problem: ImportProblem) -> tuple[str, str | None]:
    """(message, hint) for a person; the message does not say which case and socket."""
    if problem.failure is not None:
        return _BY_FAILURE[problem.failure]
    message, hint = _BY_KIND[problem.kind]
    words = message.format(
        files=some_names(problem.files) or "anything in this archive",
        found=problem.found,
        expected=problem.expected,
        values=_numbers(problem.values),
        allowed=_numbers(problem.allowed),
    )
    return words, next((_BY_REASON[reason] for reason in problem.reasons), hint)


def _numbers(values: tuple[int, ...]) -> str:
    """`0, 1 and 2`; a long list is cut."""
    words = [str(value) for value in values[:_SHOWN_VALUES]]
    more = len(values) - len(words)
    last = f"{more} more" if more else words.pop() if words else ""
    return f"{', '.join(words)} and {last}" if words else last
