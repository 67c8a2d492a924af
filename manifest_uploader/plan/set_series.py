"""Decides whether DICOM files make an image set that the platform takes.

It refuses a set for little, and never says why: a file of another kind, or one of seven attributes
that differs. What it does not notice is looked for here, too: slices that are missing, cut short,
there twice or of another size. The files are judged as they are, for once they are de-identified
all patients look alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from manifest_uploader.files.looks import (
    AGREEING,
    WHOLE_SLIDE,
    DicomHeader,
    FileLook,
    FlawKind,
    Format,
)
from manifest_uploader.plan.series import Looks, flaws_of
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind, SeriesVerdict
from manifest_uploader.plan.stack import Slices, copies, stack_findings

_ACCEPTED: Final = frozenset(
    {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", WHOLE_SLIDE}
)
"""SOP classes: CT Image, MR Image, VL Whole Slide Microscopy Image."""
_OTHERS: Final = {
    f"1.2.840.10008.5.1.4.1.1.{end}": name
    for end, name in {
        "1": "Computed Radiography Image",
        "1.1": "Digital X-Ray Image",
        "1.2": "Digital Mammography X-Ray Image",
        "2.1": "Enhanced CT Image",
        "4.1": "Enhanced MR Image",
        "6.1": "Ultrasound Image",
        "7": "Secondary Capture Image",
        "12.1": "X-Ray Angiographic Image",
        "13.1.3": "Breast Tomosynthesis Image",
        "20": "Nuclear Medicine Image",
        "66.4": "Segmentation",
        "128": "Positron Emission Tomography Image",
        "481.1": "RT Image",
        "481.3": "RT Structure Set",
    }.items()
}
"""Other SOP classes that are often met (DICOM PS3.6), without the word Storage."""
_DAMAGE: Final = frozenset(
    {
        *(FlawKind.EMPTY, FlawKind.POINTER, FlawKind.CUT, FlawKind.UNREADABLE),
        FlawKind.NO_PIXELS,
    }
)
_REMARKS: Final = frozenset(
    {
        *(SeriesKind.GAP, SeriesKind.UNEVEN, SeriesKind.NO_POSITION),
        *(SeriesKind.ORIENTATIONS, SeriesKind.SAME_POSITIONS),
    }
)
"""Of what there is to say of a stack: the platform takes them, and perhaps they are meant."""


def judge_set(files: Looks) -> SeriesVerdict:
    """What there is to say of the files of an image set."""
    damaged = [(name, _damage(look)) for name, look in files if _damage(look).flaws]
    sound = [(name, look) for name, look in files if not _damage(look).flaws]
    slices = [(name, look.dicom) for name, look in sound if look.dicom is not None]
    strange = [one for one in slices if one[1].sop_class not in _ACCEPTED]
    usual = [one for one in slices if one[1].sop_class in _ACCEPTED]
    found = _findings(usual)
    return SeriesVerdict(
        (
            *flaws_of(SeriesKind.REFUSED, damaged),
            *_not_dicom(sound),
            *_strange(strange),
            *_disagreements(slices),
            *(one for one in found if one.kind not in _REMARKS),
        ),
        tuple(one for one in found if one.kind in _REMARKS),
        images=1,
        slices=len(files),
    )


def _damage(look: FileLook) -> FileLook:
    """The look with those flaws alone that make a file useless for a set."""
    return replace(look, flaws=tuple(flaw for flaw in look.flaws if flaw.kind in _DAMAGE))


def _not_dicom(files: Looks) -> Iterator[SeriesFinding]:
    by_format: dict[Format, list[str]] = defaultdict(list)
    for name, look in files:
        if look.dicom is None:
            by_format[look.format].append(name)
    for kind, names in by_format.items():
        yield _some(SeriesKind.NOT_DICOM, names, about=kind.value)


def _strange(slices: Slices) -> Iterator[SeriesFinding]:
    """The files of kinds that the platform takes in no image set."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for name, header in slices:
        by_class[header.sop_class].append(name)
    for sop_class, names in by_class.items():
        yield _some(SeriesKind.SOP_CLASS, names, about=_OTHERS.get(sop_class, sop_class) or "none")


def _disagreements(slices: Slices) -> Iterator[SeriesFinding]:
    """The attributes that must be the same in all files; where one lacks it, it is not compared."""
    by_files: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for at, keyword in enumerate(AGREEING):
        values = [(name, header.agreeing[at]) for name, header in slices if header.agreeing]
        counts = Counter(value for _, value in values if value is not None)
        if len(counts) > 1:
            [(usual, _)] = counts.most_common(1)
            odd = (name for name, value in values if value not in {None, usual})
            by_files[tuple(odd)].append(keyword)
    for files, keywords in by_files.items():
        yield _some(SeriesKind.DISAGREE, files, about=", ".join(keywords))


def _findings(slices: Slices) -> list[SeriesFinding]:
    """What there is to say of slices of one image, each of a kind that is accepted."""
    found = copies(slices)
    copied = {name for one in found for name in one.files}
    single = [(name, header) for name, header in slices if name not in copied]
    burned = [name for name, header in slices if header.burned_in]
    if burned:
        found.append(_some(SeriesKind.BURNED_IN, burned))
    if len(single) < 2 or any(one.sop_class == WHOLE_SLIDE for _, one in single):  # noqa: PLR2004
        return found
    stacked = stack_findings(single)
    return [
        *found,
        *(one for one in stacked if one.kind in {SeriesKind.SIZES, *_REMARKS}),
        *_spacings(single),
    ]


def _spacings(slices: Sequence[tuple[str, DicomHeader]]) -> Iterator[SeriesFinding]:
    counts = Counter(header.spacing for _, header in slices)
    if len(counts) > 1:
        [(usual, _)] = counts.most_common(1)
        odd = [name for name, header in slices if header.spacing != usual]
        yield _some(SeriesKind.SPACING, odd)


def _some(kind: SeriesKind, names: Sequence[str], *, about: str = "") -> SeriesFinding:
    """A finding about files, of which the first few are kept."""
    return SeriesFinding(kind, tuple(names[:_KEPT]), about=about, found=len(names))


_KEPT: Final = 3
