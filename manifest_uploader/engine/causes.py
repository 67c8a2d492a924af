"""Explains what a failure most likely means, for people who do not program."""

from __future__ import annotations

from typing import Final

from manifest_uploader.state.events import Failure

_LIKELY: Final = (
    (
        "could not be imported",
        "is it a whole image in a format that the platform reads (DICOM, MHA, NIfTI, TIFF …)?",
    ),
    (
        "should result in a single image",
        "the files make more than one image: are two series, or other files, among them?",
    ),
    ("Duplicate files", "two of the files have the same name"),
    (
        "segments could not be determined",
        "a segmentation needs whole numbers as voxel values, 64 different ones at most",
    ),
    (
        "valid voxel values for this segmentation",
        "the socket's segments are fixed on the platform: save the segmentation with those values",
    ),
    ("An unexpected error occurred", "the platform had an internal error; try --retry-failed"),
)
_INCOMPLETE: Final = (
    "the image on the platform lacks the others: is each of these files a whole slice of one "
    "series? Fix them, then run again; --retry-failed sends unchanged files once more"
)


def explained(failure: Failure) -> str:
    """The message of a failure; of a failed import, its files and the likely cause too."""
    if not failure.of_import:
        return failure.message
    files = f" (from {failure.source})" if failure.source else ""
    likely = likely_cause(failure)
    return failure.message + files + (f" — {likely}" if likely else "")


def likely_cause(failure: Failure) -> str | None:
    """What a failed import most likely means, and what to do; None if nobody knows."""
    if not failure.of_import:
        return None
    if failure.incomplete:
        return _INCOMPLETE
    return next((cause for part, cause in _LIKELY if part in failure.message), None)


def failure_text(failure: Failure) -> str:
    """The same, preceded by the socket's name if the failure concerns one."""
    text = explained(failure)
    return text if failure.socket is None else f"{failure.socket}: {text}"
