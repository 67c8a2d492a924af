"""Decides what the platform's importer makes of DICOM files that are meant to be one image.

The importer (panimg 0.18, `image_builders/dicom.py`) groups files by study, series (or StackID) and
SOP class, orders each group by InstanceNumber and stacks it. It drops what it cannot group, in
silence, and stacks whatever fits. So two rules meet here: what it refuses, and what it would turn
into an image that nobody meant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.files.looks import (
    BIG_ENDIAN_PIXELS,
    SINGLE_FRAME_COLOUR,
    WHOLE_SLIDE,
    DicomHeader,
    FileLook,
    Flaw,
    FlawKind,
    Format,
)
from manifest_uploader.plan.series_findings import (
    WARNINGS,
    SeriesFinding,
    SeriesKind,
    SeriesVerdict,
)
from manifest_uploader.plan.stack import Slices, copies, stack_findings, times_of

Looks = Sequence[tuple[str, FileLook]]
"""Files by the names that messages use, and what they are."""

_DROPPING: Final = frozenset({FlawKind.NO_MARK, FlawKind.NO_CLASS, FlawKind.UNREADABLE})
"""With these, the importer leaves a file out and takes the others."""
_REASONS: Final = _DROPPING | {FlawKind.CUT}
_IMAGES: Final = frozenset(
    {Format.METAIMAGE, Format.NIFTI, Format.NRRD, Format.TIFF, Format.PNG, Format.JPEG}
)
"""Formats of which the importer makes an image, also beside slices."""
_OF_FIRST: Final = frozenset(
    {"PixelSpacing", "ImageOrientationPatient", "WindowCenter", "SpacingBetweenSlices"}
)
"""Attributes that the importer reads in the first slice alone."""
_SLICE_SPACING: Final = "SpacingBetweenSlices"
"""It reads this one where positions tell nothing."""
_DICOM_ENDINGS: Final = (".dcm", ".dicom", ".ima")
_PACKED: Final = re.compile(r"\.(gz|bz2|xz|zip)$")
_NUMBERS: Final = re.compile(r"[0-9.]+")

_Slice = tuple[str, FileLook, DicomHeader]
_Group = Sequence[_Slice]


class _Sorted(Struct, frozen=True):
    """DICOM files by what the importer does with them."""

    dropped: Looks
    """It leaves them out."""
    imageless: Looks
    """They hold no pixels: reports, plans, a DICOMDIR."""
    groups: Sequence[_Group]
    """It makes an image of each; the largest comes first."""


def judge_series(files: Looks) -> SeriesVerdict:
    """What the importer makes of files that are meant to be one image and lie in one folder.

    The DICOM files' own flaws are among the problems; whom they name is not told. Of files without
    a DICOM file among them, only `images` is told.
    """
    foreign = [(name, look) for name, look in files if look.dicom is None]
    others = [name for name, look in foreign if look.format in _IMAGES and not look.flaws]
    if len(foreign) == len(files):
        return SeriesVerdict(images=len(others))
    sorted_out = _sort_out(files)
    lost, ignored = _foreign(foreign, [name for name, look in files if look.dicom is not None])
    problems = [*flaws_of(SeriesKind.LEFT_OUT, sorted_out.dropped), *lost]
    names = [name for name, _ in sorted_out.imageless]
    if not sorted_out.groups:
        problems += [SeriesFinding(SeriesKind.NO_IMAGE, tuple(names))] if names else []
        return SeriesVerdict(tuple(problems), notes=_notes(ignored), images=len(others))
    main = [(name, header) for name, _, header in sorted_out.groups[0]]
    problems += _several_images(sorted_out.groups, others)
    found = _findings(main, whole=not problems)
    times = max(1, len(times_of(main)))
    return SeriesVerdict(
        (
            *problems,
            *flaws_of(SeriesKind.REFUSED, _refusals(sorted_out.groups[0])),
            *(one for one in found if one.kind not in WARNINGS),
        ),
        tuple(one for one in found if one.kind in WARNINGS),
        _notes([*names, *ignored]),
        images=len(sorted_out.groups) + len(others),
        slices=_depth(main, times),
        timepoints=times,
    )


def judge_folders(members: Looks) -> SeriesVerdict:
    """What the importer makes of an archive's members: an image of each folder's files."""
    folders = defaultdict(list)
    for name, look in members:
        folders[name.rpartition("/")[0]].append((name, look))
    verdicts = {folder: judge_series(files) for folder, files in folders.items()}
    filled = sorted(folder for folder, verdict in verdicts.items() if verdict.images)
    found = SeriesVerdict(
        tuple(one for verdict in verdicts.values() for one in verdict.problems),
        tuple(one for verdict in verdicts.values() for one in verdict.warnings),
        tuple(one for verdict in verdicts.values() for one in verdict.notes),
        images=sum(verdict.images for verdict in verdicts.values()),
    )
    if len(filled) == 1:
        only = verdicts[filled[0]]
        return replace(found, slices=only.slices, timepoints=only.timepoints)
    several = SeriesFinding(
        SeriesKind.SEVERAL_IMAGES, tuple(filled), about="folder", found=found.images
    )
    return replace(found, problems=(several, *found.problems)) if filled else found


def _sort_out(files: Looks) -> _Sorted:
    dropped, imageless = [], []
    groups: dict[tuple[str, str, str], list[_Slice]] = defaultdict(list)
    for name, look in files:
        if (header := look.dicom) is None:
            continue
        kinds = {flaw.kind for flaw in look.flaws}
        if FlawKind.NO_PIXELS in kinds:
            imageless.append((name, look, header))
        elif kinds & _DROPPING or (FlawKind.CUT in kinds and not all(_key(header))):
            reasons = tuple(flaw for flaw in look.flaws if flaw.kind in _REASONS)
            dropped.append((name, replace(look, flaws=reasons)))
        else:
            groups[_key(header)].append((name, look, header))
    for one in imageless:
        # The importer takes it for one of the slices, and then refuses them all.
        if _key(one[2]) in groups:
            groups[_key(one[2])].append(one)
    return _Sorted(
        dropped,
        [(name, look) for name, look, header in imageless if _key(header) not in groups],
        sorted(groups.values(), key=len, reverse=True),
    )


def _key(header: DicomHeader) -> tuple[str, str, str]:
    """What the importer groups by."""
    return header.study, header.stack or header.series, header.sop_class


def _several_images(groups: Sequence[_Group], others: Sequence[str]) -> list[SeriesFinding]:
    """The files outside the largest group, by what makes them another image."""
    images = len(groups) + len(others)
    by_reason: dict[str, list[str]] = defaultdict(list)
    usual = groups[0][0][2]
    for group in groups[1:]:
        by_reason[_difference(group[0][2], usual)] += [name for name, *_ in group]
    if others:
        by_reason["format"] += others
    return [
        SeriesFinding(SeriesKind.SEVERAL_IMAGES, tuple(names), about=about, found=images)
        for about, names in by_reason.items()
    ]


def _difference(header: DicomHeader, usual: DicomHeader) -> str:
    if header.study != usual.study:
        return "study"
    if _key(header)[1] != _key(usual)[1]:
        return "stack" if header.stack and header.series == usual.series else "series"
    return "SOP class"


def _findings(slices: Slices, *, whole: bool) -> list[SeriesFinding]:
    """What there is to say of the files of one image, beyond their own flaws.

    Unless they are `whole`, gaps are where the files are that the importer leaves out.
    """
    found = copies(slices)
    copied = set(found[0].files) if found else set()
    single = [(name, header) for name, header in slices if name not in copied]
    if len(single) == 1 or single[0][1].sop_class == WHOLE_SLIDE:
        return found
    many = tuple(name for name, header in single if header.frames > 1)
    if many:
        return [*found, SeriesFinding(SeriesKind.MULTIFRAME, many)]
    stacked = stack_findings(single)
    return [*found, *(one for one in stacked if whole or one.kind is not SeriesKind.GAP)]


def _depth(slices: Slices, times: int) -> int | None:
    if slices[0][1].sop_class == WHOLE_SLIDE:
        return None
    return sum(header.frames for _, header in slices) // times


# ── flaws ─────────────────────────────────────────────────────────────────────────────────────


def flaws_of(kind: SeriesKind, files: Looks) -> list[SeriesFinding]:
    """The flaws of files, those of one kind together; a single file's with its numbers."""
    by_flaw = defaultdict(list)
    for name, look in files:
        for flaw in look.flaws:
            by_flaw[flaw.kind, flaw.about].append((name, flaw))
    return [
        SeriesFinding(
            kind,
            tuple(name for name, _ in found),
            flaw=found[0][1] if len(found) == 1 else Flaw(flaw_kind, about=about),
        )
        for (flaw_kind, about), found in by_flaw.items()
    ]


def _refusals(group: _Group) -> Looks:
    """The files of one image with those of their flaws that make the importer refuse it."""
    if not any(look.flaws for _, look, _ in group):
        return []
    headers = [header for _, _, header in group]
    harmless = _harmless(headers)
    numbers = [header.number for header in headers]
    first = None if None in numbers else min(number for number in numbers if number is not None)
    return [
        (name, _spared(look, harmless | (_OF_FIRST if header.number != first else frozenset())))
        for name, look, header in group
    ]


def _harmless(headers: Sequence[DicomHeader]) -> frozenset[str]:
    """What the importer does not mind in these files, although it minds it in one alone."""
    timed = len({header.temporal for header in headers} - {None}) > 1
    placed = len({header.position for header in headers} - {None}) > 1
    found = {
        SINGLE_FRAME_COLOUR: timed,
        BIG_ENDIAN_PIXELS: any(header.scaled for header in headers),
        _SLICE_SPACING: placed,
    }
    return frozenset(about for about, harmless in found.items() if harmless)


def _spared(look: FileLook, harmless: AbstractSet[str]) -> FileLook:
    return replace(look, flaws=tuple(flaw for flaw in look.flaws if flaw.about not in harmless))


# ── files that are no DICOM ───────────────────────────────────────────────────────────────────


def _foreign(files: Looks, slices: Sequence[str]) -> tuple[list[SeriesFinding], list[str]]:
    """Of files beside slices: those that should be slices, and those that are left out rightly."""
    patterns = {_pattern(name) for name in slices}
    lost, ignored = [], []
    for name, look in files:
        if look.format in _IMAGES and not look.flaws:
            continue
        if _is_like_a_slice(name, patterns):
            lost.append((name, look))
        elif look.format is not Format.ZIP:  # it is unpacked into a folder of its own
            ignored.append(name)
    flawed = [(name, look) for name, look in lost if look.flaws]
    by_format = defaultdict(list)
    for name, look in lost:
        if not look.flaws:
            by_format[look.format.value].append(name)
    found = flaws_of(SeriesKind.LEFT_OUT, flawed)
    found += [
        SeriesFinding(SeriesKind.LEFT_OUT, tuple(names), about=about)
        for about, names in by_format.items()
    ]
    return found, ignored


def _is_like_a_slice(name: str, patterns: AbstractSet[str]) -> bool:
    """Whether a file is named as slices are: `IM0004.dcm`, or like the slices around it."""
    base = name.rpartition("/")[2].lower()
    if base.startswith("."):  # what macOS leaves in archives: ._IM0004.dcm
        return False
    base = _PACKED.sub("", base)
    return base.endswith(_DICOM_ENDINGS) or _pattern(base) in patterns


def _pattern(name: str) -> str:
    """A file's name with its numbers left open."""
    return _NUMBERS.sub("#", name.rpartition("/")[2].lower())


def _notes(ignored: Sequence[str]) -> tuple[SeriesFinding, ...]:
    return (SeriesFinding(SeriesKind.IGNORED, tuple(ignored)),) if ignored else ()
