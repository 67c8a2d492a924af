"""What the files of one value are, taken together: small enough to remember for every value."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from manifest_uploader.files.formats.segmentation import (
    SegmentationFlaw,
    SegmentationFlawKind,
    segmentation_flaws,
)
from manifest_uploader.files.formats.slides import is_slide
from manifest_uploader.files.formats.system_files import is_system_file
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format
from manifest_uploader.plan.series import judge_folders
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind, SeriesVerdict
from manifest_uploader.plan.set_series import judge_set

_KEPT: Final = 5
"""Flaws, and names of files, that are kept; of more there is only the count."""
_EIGHT: Final = 8
_IMAGES: Final = frozenset(
    (
        Format.METAIMAGE,
        Format.NIFTI,
        Format.NIFTI2,
        Format.ANALYZE,
        Format.NRRD,
        Format.TIFF,
        Format.OCT,
        Format.PNG,
        Format.JPEG,
    )
)
"""Formats of which each file is an image of its own."""
_OF_ONE_FILE: Final = frozenset({SeriesKind.LEFT_OUT, SeriesKind.REFUSED})


class Member(Struct, frozen=True):
    """A file inside an archive."""

    archive: str
    """The name of the archive's file."""
    name: str
    """Its name inside; `/` separates folders."""
    look: FileLook

    @property
    def shown(self) -> str:
        """How messages name it."""
        return f"{self.archive}/{self.name}"


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


class Strays(Struct, frozen=True, omit_defaults=True):
    """The voxel values of a segmentation that its socket does not name."""

    allowed: tuple[int, ...]
    """What was looked for, in order."""
    found: tuple[int, ...] | None
    """What else was found, in order; None: the format does not show it without its image."""
    volumes: bool = False
    """They are the numbers of the volumes of a 4D image, from 1 on, and no voxel values."""


class FormatSeen(Struct, frozen=True):
    """A format that some of the files have."""

    format: Format
    files: int
    first: str
    """The name of the first of them."""


class ValueLook(Struct, frozen=True, omit_defaults=True):
    """What the files of one value are, taken together."""

    files: int
    looked: int
    """How many of them were looked into; all, or one with `--quick`."""
    formats: tuple[FormatSeen, ...] = ()
    """In the order of the first file of each."""
    flaws: tuple[FileFlaw, ...] = ()
    """The first few; those that the series tells are not among them."""
    more_flaws: int = 0
    """How many more there are."""
    names: tuple[NamedIn, ...] = ()
    counted: int = 0
    """The files among which `names` counts, with those inside archives."""
    series: SeriesVerdict | None = None
    """Of the DICOM files, with those in ZIP archives."""
    image_set: SeriesVerdict | None = None
    """What there is to say of the files as a DICOM image set; None if none of them is DICOM."""
    images: int = 0
    """How many files are images of their own: not DICOM, and not another one's data.

    Beside DICOM files, the series tells of them.
    """
    pages: int = 1
    """Of the only image, a TIFF: its pages as large as the first."""
    extras: tuple[str, ...] = ()
    """Files that are no part of the images, and that the importer leaves out.

    Beside DICOM files in the same folder, the series tells of them.
    """
    packed: tuple[str, ...] = ()
    """Archives that the platform does not unpack: of any kind but ZIP."""
    segmentation: tuple[SegmentationFlaw, ...] = ()
    """Why the only image cannot be a segmentation."""
    strays: Strays | None = None

    @property
    def is_quick(self) -> bool:
        """Whether only one of several files was looked into."""
        return self.looked < self.files

    @property
    def left_out(self) -> tuple[str, ...]:
        """Files that are no part of the image, and that the importer leaves out."""
        notes = self.series.notes if self.series is not None else ()
        return (*self.extras, *(file for note in notes for file in note.files))

    @property
    def series_problems(self) -> tuple[SeriesFinding, ...]:
        """What is wrong with the series; of a quick look, only the flaws of the file it saw."""
        problems = self.series.problems if self.series is not None else ()
        if self.is_quick:
            return tuple(one for one in problems if one.kind in _OF_ONE_FILE)
        return problems

    @property
    def series_remarks(self) -> tuple[SeriesFinding, ...]:
        """What should be known of the series; a quick look shows nothing of it."""
        if self.series is None or self.is_quick:
            return ()
        return (*self.series.warnings, *self.series.notes)

    @property
    def slices(self) -> int | None:
        """Slices, of all time points, that the image has to have on the platform; None: unknown."""
        if self.series is None or self.series.slices is None or self.is_quick:
            return None
        return self.series.slices * self.series.timepoints


def summarize(
    looks: Sequence[tuple[str, FileLook]],
    members: Sequence[Member],
    *,
    files: int,
    names: Collection[str] | None = None,
    data_flaws: Iterable[FileFlaw] = (),
    strays: Strays | None = None,
) -> ValueLook:
    """What the files of a value are, taken together.

    Args:
        looks: what looks into its files showed, by their names inside the upload.
        members: what is inside those that are archives.
        files: how many files the value has.
        names: those of all its files, if not all were looked into.
        data_flaws: what is wrong with separate files that hold voxels.
        strays: voxel values that its socket does not name.

    """
    slides = [name for name, _ in looks if is_slide(name)]
    unpacked = _unpacked(looks, members)
    seen = [*looks, *unpacked]
    series = _series(seen)
    data = {look.data_file for _, look in looks if look.data_file is not None}
    pictures = [(name, look) for name, look in seen if look.format in _IMAGES and name not in data]
    images = len(slides) if slides else len(pictures)
    known = names if names is not None else {name for name, _ in looks}
    own = [*_flaws(looks, unpacked, data, known), *data_flaws]
    flaws = [one for one in own if series is None or one.flaw.kind is FlawKind.LOCKED]
    single = _no_archives([*looks, *((one.shown, one.look) for one in members)])
    return ValueLook(
        files,
        len(looks),
        formats=_formats(looks),
        flaws=tuple(flaws[:_KEPT]),
        more_flaws=max(0, len(flaws) - _KEPT),
        names=_names(single),
        counted=len(single),
        series=series,
        image_set=judge_set(looks) if any(one.dicom for _, one in looks) else None,
        images=images if series is None else 0,
        pages=_pages(pictures),
        extras=() if slides else _extras(seen, data),
        packed=tuple(name for name, look in seen if _stays_packed(look)),
        segmentation=() if slides else _segmentation_flaws(pictures, seen),
        strays=strays,
    )


def _unpacked(
    looks: Sequence[tuple[str, FileLook]], members: Sequence[Member]
) -> list[tuple[str, FileLook]]:
    """The members that the platform unpacks: in ZIP archives only, and not what systems add."""
    packed = {name for name, look in looks if _stays_packed(look)}
    found: list[tuple[str, FileLook]] = []
    inner: str | None = None
    for one in members:
        if one.archive in packed or (inner is not None and one.shown.startswith(inner)):
            continue
        inner = f"{one.shown}/" if _stays_packed(one.look) else None
        if not is_system_file(one.name):
            found.append((one.shown, one.look))
    return found


def _stays_packed(look: FileLook) -> bool:
    """Whether a file is an archive that the platform does not unpack."""
    return look.members > 0 and look.format is not Format.ZIP


def _pages(pictures: Sequence[tuple[str, FileLook]]) -> int:
    """The pages of the only image."""
    image = pictures[0][1].image if len(pictures) == 1 else None
    return image.pages if image is not None else 1


def _no_archives(looks: Sequence[tuple[str, FileLook]]) -> list[tuple[str, FileLook]]:
    """The files that are no archives."""
    return [(name, look) for name, look in looks if not look.members]


def _segmentation_flaws(
    pictures: Sequence[tuple[str, FileLook]], looks: Sequence[tuple[str, FileLook]]
) -> tuple[SegmentationFlaw, ...]:
    """Why the only image cannot be a segmentation."""
    if len(pictures) == 1:
        return segmentation_flaws(pictures[0][1])
    for _, look in looks if not pictures else ():
        if look.dicom is not None and (look.dicom.bits != _EIGHT or look.dicom.scaled):
            about = "floats" if look.dicom.scaled else f"of {look.dicom.bits} bits"
            return (SegmentationFlaw(SegmentationFlawKind.VOXELS, about=about),)
    return ()


def _series(looks: Sequence[tuple[str, FileLook]]) -> SeriesVerdict | None:
    """What comes of DICOM files; None if there are none."""
    if not any(look.format is Format.DICOM for _, look in looks):
        return None
    return judge_folders(looks)


def _flaws(
    looks: Sequence[tuple[str, FileLook]],
    inside: Sequence[tuple[str, FileLook]],
    data: Collection[str],
    names: Collection[str],
) -> Iterator[FileFlaw]:
    for name, look in chain(looks, inside):
        if name in data:
            continue  # judged with its header
        yield from (FileFlaw(name, flaw) for flaw in look.flaws)
        if look.format is Format.METAIMAGE and look.data_file and look.data_file not in names:
            yield FileFlaw(name, Flaw(FlawKind.NO_DATA, about=look.data_file))


def _formats(looks: Sequence[tuple[str, FileLook]]) -> tuple[FormatSeen, ...]:
    counts: dict[Format, int] = {}
    first: dict[Format, str] = {}
    for name, look in looks:
        counts[look.format] = counts.get(look.format, 0) + 1
        first.setdefault(look.format, name)
    return tuple(FormatSeen(one, count, first[one]) for one, count in counts.items())


def _names(looks: Sequence[tuple[str, FileLook]]) -> tuple[NamedIn, ...]:
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for name, look in looks:
        for keyword in look.names:
            counts[keyword] = counts.get(keyword, 0) + 1
            first.setdefault(keyword, name)
    return tuple(NamedIn(one, count, first[one]) for one, count in sorted(counts.items()))


def _extras(looks: Sequence[tuple[str, FileLook]], data: Collection[str]) -> tuple[str, ...]:
    series = {posixpath.dirname(name) for name, look in looks if look.format is Format.DICOM}
    return tuple(
        name
        for name, look in looks
        if look.format not in _IMAGES
        and look.format is not Format.ZIP
        and name not in data
        and posixpath.dirname(name) not in series
    )
