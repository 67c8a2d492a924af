"""What the files of one value are, taken together: small enough to remember for every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from manifest_uploader.files.looks import FileLook, Flaw, Format, ImageHeader
from manifest_uploader.plan.series import SeriesVerdict, judge_series

_KEPT: Final = 5
"""Flaws that are kept with their files; of more there is only the count."""


class FileFlaw(Struct, frozen=True):
    """What is wrong with one file of a value."""

    file: str
    """Its name inside the upload; of a member of an archive, the archive's name before it."""
    flaw: Flaw


class NamedIn(Struct, frozen=True):
    """A DICOM attribute that identifies a patient, and where."""

    keyword: str
    files: int
    """How many files have it filled."""
    first: str
    """The name of the first of them."""


class Strays(Struct, frozen=True):
    """The voxel values of a segmentation that its socket does not allow."""

    allowed: tuple[int, ...]
    """What was looked for; in order."""
    found: tuple[int, ...] | None
    """What else was found, in order; None: the format does not show it without its image."""


class ValueLook(Struct, frozen=True, omit_defaults=True):
    """What the files of one value are, taken together."""

    files: int
    looked: int
    """How many of them were looked into; all, or one with `--quick`."""
    formats: tuple[tuple[Format, int, str], ...]
    """Each format: how many files have it, and the name of the first; in the order of files."""
    flaws: tuple[FileFlaw, ...] = ()
    """The first few."""
    more_flaws: int = 0
    """How many more there are."""
    names: tuple[NamedIn, ...] = ()
    series: SeriesVerdict | None = None
    """Of DICOM files, also of those in ZIP archives."""
    images: int = 0
    """How many files are images of their own: not DICOM, and not another one's data."""
    image: ImageHeader | None = None
    """Of the only file that is an image of its own."""
    strays: Strays | None = None

    @property
    def is_quick(self) -> bool:
        """Whether only one of several files was looked into."""
        return self.looked < self.files

    @property
    def slices(self) -> int | None:
        """How many slices the image has to have on the platform; None: that is not known."""
        if self.series is None or self.is_quick:
            return None
        return self.series.slices
