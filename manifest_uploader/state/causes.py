"""What a failure most likely means, in words for people who do not program."""

from __future__ import annotations

from typing import Final

from manifest_uploader.state.events import ImportFailed

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
    ("An unexpected error occurred", "the platform met an error of its own; try --retry-failed"),
)


def explained(event: ImportFailed) -> str:
    """The platform's words about a failed import, its files, and the likely cause."""
    files = f" (from {event.source})" if event.source else ""
    likely = next((cause for words, cause in _LIKELY if words in event.words), None)
    return event.words + files + (f" — {likely}" if likely else "")
