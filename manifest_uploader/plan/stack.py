"""Decides whether slices that the importer stacks make the volume that was meant.

The importer orders slices by InstanceNumber, takes one size and one plane for all, and puts them at
equal distances. A 4D image is one with two or more TemporalPositionIndex; the importer cuts the
ordered slices into as many equal pieces.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Final

from manifest_uploader.files.looks import DicomHeader
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind

Slices = Sequence[tuple[str, DicomHeader]]
Directions = tuple[float, float, float, float, float, float]

_RADIOGRAPHS: Final = frozenset({"CR", "DX", "MG", "IO", "PX", "RG"})
_VOLUMES: Final = frozenset({"CT", "MR", "PT", "NM"})
_AXIAL: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""What the importer takes for a missing orientation."""
_SAME_PLANE: Final = 0.02
"""How far direction cosines may differ within one plane: about one degree."""
_ROUNDING_MM: Final = 0.002
_SAME_PLACE: Final = 0.02
"""Part of the usual step within which two slices are at the same position."""
_FINE_MM: Final = 0.05
"""Less is how positions are rounded."""
_SAME_TABLE_MM: Final = 0.5
"""How far a position may move between time points."""
_GAP: Final = 1.5
"""Times the usual step; less is how scanners round."""
_FEW: Final = 0.2
"""Part of the steps that may be gaps; more of them are how the scan was planned."""


def copies(slices: Slices) -> list[SeriesFinding]:
    """The files that are copies of others: they have the same SOPInstanceUID."""
    first: dict[str, str] = {}
    pairs = []
    for name, header in slices:
        if header.instance and first.setdefault(header.instance, name) != name:
            pairs.append((name, first[header.instance]))
    if not pairs:
        return []
    return [
        SeriesFinding(
            SeriesKind.DUPLICATE,
            tuple(name for name, _ in pairs),
            tuple(original for _, original in pairs),
        )
    ]


def stack_findings(slices: Slices) -> list[SeriesFinding]:
    """Problems and warnings of single-frame slices of one image, each slice given once."""
    found = [
        *_odd_ones(SeriesKind.SIZES, slices, lambda one: (one.rows, one.columns, one.samples)),
        *_odd_bits(slices),
        *_without(SeriesKind.NO_NUMBER, slices, lambda one: one.number is not None),
    ]
    placed = [(name, header) for name, header in slices if header.position is not None]
    if not placed:
        found += _projections(slices)
    elif len(placed) < len(slices):
        found += _without(SeriesKind.NO_POSITION, slices, lambda one: one.position is not None)
    elif turned := _turned(slices):
        found += turned
    elif len(times_of(slices)) < 2:  # noqa: PLR2004
        found += _places(slices)
    return [*found, *_times(slices)] if len(times_of(slices)) > 1 else found


def times_of(slices: Slices) -> set[int]:
    """The time points of a 4D image; fewer than two otherwise."""
    return {header.temporal for _, header in slices if header.temporal is not None}


# ── what must be the same in all slices ───────────────────────────────────────────────────────


def _odd_ones(
    kind: SeriesKind, slices: Slices, key: Callable[[DicomHeader], Hashable]
) -> list[SeriesFinding]:
    """The files that differ from most in `key`."""
    counts = Counter(key(header) for _, header in slices)
    if len(counts) < 2:  # noqa: PLR2004
        return []
    [(usual, _)] = counts.most_common(1)
    odd = tuple(name for name, header in slices if key(header) != usual)
    return [SeriesFinding(kind, odd, found=len(counts))]


def _odd_bits(slices: Slices) -> list[SeriesFinding]:
    """The files with other bits; scaled voxels all become floats."""
    if any(header.scaled for _, header in slices):
        return []
    return _odd_ones(SeriesKind.BITS, slices, lambda header: header.bits)


def _without(
    kind: SeriesKind, slices: Slices, has: Callable[[DicomHeader], bool]
) -> list[SeriesFinding]:
    lacking = tuple(name for name, header in slices if not has(header))
    return [SeriesFinding(kind, lacking)] if lacking else []


def _projections(slices: Slices) -> list[SeriesFinding]:
    """Images without positions: several projections are no volume."""
    if views := _odd_ones(SeriesKind.VIEWS, slices, lambda header: header.view):
        return views
    modalities, names = {header.modality for _, header in slices}, tuple(name for name, _ in slices)
    if modalities <= _RADIOGRAPHS:
        return [SeriesFinding(SeriesKind.PROJECTIONS, names)]
    return [SeriesFinding(SeriesKind.UNPLACED, names)] if modalities <= _VOLUMES else []


def _turned(slices: Slices) -> list[SeriesFinding]:
    """The files that lie in another plane than most."""
    planes: list[tuple[Directions, list[str]]] = []
    last = None
    for name, header in slices:
        directions = header.orientation or _AXIAL
        if directions != last:
            last, names = directions, _names_of_plane(planes, directions)
        names.append(name)
    if len(planes) == 1:
        return []
    usual = max((names for _, names in planes), key=len)
    odd = tuple(name for _, names in planes if names is not usual for name in names)
    return [SeriesFinding(SeriesKind.ORIENTATIONS, odd, found=len(planes))]


def _names_of_plane(
    planes: list[tuple[Directions, list[str]]], directions: Directions
) -> list[str]:
    """The names of the files in one plane, which may be a new one."""
    for known, names in planes:
        if max(abs(a - b) for a, b in zip(known, directions, strict=True)) <= _SAME_PLANE:
            return names
    planes.append((directions, []))
    return planes[-1][1]


# ── positions ─────────────────────────────────────────────────────────────────────────────────


def _depths(slices: Slices) -> list[float]:
    """How far each slice lies along the normal of its plane, in mm; a gantry's tilt drops out."""
    a, b, c, d, e, f = slices[0][1].orientation or _AXIAL
    across, along, up = b * f - c * e, c * d - a * f, a * e - b * d
    length = (across**2 + along**2 + up**2) ** 0.5
    positions = (header.position or (0.0, 0.0, 0.0) for _, header in slices)
    return [(x * across + y * along + z * up) / length for x, y, z in positions]


def _places(slices: Slices) -> list[SeriesFinding]:
    placed = sorted(zip(_depths(slices), slices, strict=True), key=lambda one: one[0])
    steps = [after[0] - before[0] for before, after in pairwise(placed)]
    real = sorted(step for step in steps if step > _ROUNDING_MM)
    if not real:
        names = tuple(name for name, _ in slices)
        return [SeriesFinding(SeriesKind.ONE_POSITION, names)] if len(slices) > 1 else []
    usual = real[(len(real) - 1) // 2]
    same = max(_ROUNDING_MM, _SAME_PLACE * usual)
    twice = tuple(placed[n + 1][1][0] for n, step in enumerate(steps) if step <= same)
    if twice:
        distinct = len(slices) - len(twice)
        return [
            SeriesFinding(SeriesKind.SAME_POSITIONS, twice, expected=distinct, found=len(slices))
        ]
    ordered = [one for _, one in placed]
    return [*_disorder(ordered), *_gaps(ordered, steps, usual)]


def _disorder(placed: Slices) -> list[SeriesFinding]:
    """What is wrong with the InstanceNumbers of slices that are ordered by position."""
    numbered = [(name, header.number) for name, header in placed if header.number is not None]
    if len(numbered) < len(placed):
        return []
    first: dict[int, str] = {}
    same = [
        (name, first[number]) for name, number in numbered if first.setdefault(number, name) != name
    ]
    if same:
        names, others = zip(*same, strict=True)
        return [SeriesFinding(SeriesKind.SAME_NUMBER, names, others)]
    rising = numbered[0][1] < numbered[-1][1]
    for (before, low), (after, high) in pairwise(numbered):
        if (low < high) is not rising:
            return [SeriesFinding(SeriesKind.ORDER, (before, after))]
    return []


def _gaps(placed: Slices, steps: Sequence[float], usual: float) -> list[SeriesFinding]:
    """Where slices, ordered by position, are further apart than usual."""
    wide = [at for at, step in enumerate(steps) if step > _GAP * usual + _FINE_MM]
    gaps = [at for at in wide if not _are_neighbours(placed[at][1], placed[at + 1][1])]
    if gaps and len(wide) <= max(1, _FEW * len(steps)):
        return [
            SeriesFinding(
                SeriesKind.GAP,
                (placed[at][0], placed[at + 1][0]),
                missing=max(1, round(steps[at] / usual) - 1),
                step_mm=steps[at],
                usual_mm=usual,
            )
            for at in gaps
        ]
    most = max(steps)
    if most <= _GAP * min(steps) + _FINE_MM:
        return []
    at = steps.index(most)
    names = (placed[at][0], placed[at + 1][0])
    return [SeriesFinding(SeriesKind.UNEVEN, names, step_mm=most, usual_mm=usual)]


def _are_neighbours(one: DicomHeader, other: DicomHeader) -> bool:
    """Whether nothing is missing between two slices, as their InstanceNumbers tell."""
    return (
        one.number is not None and other.number is not None and abs(one.number - other.number) == 1
    )


# ── time ──────────────────────────────────────────────────────────────────────────────────────


def _times(slices: Slices) -> list[SeriesFinding]:
    """What is wrong with a 4D image beyond its slices."""
    by_time = defaultdict(list)
    for name, header in slices:
        by_time[header.temporal].append(name)
    timeless = by_time.pop(None, [])
    counts = [len(names) for names in by_time.values()]
    if timeless or min(counts) < max(counts):
        short = [name for names in by_time.values() if len(names) < max(counts) for name in names]
        return [
            SeriesFinding(
                SeriesKind.UNEQUAL_TIMES,
                tuple(timeless or short),
                expected=max(counts),
                found=min(counts),
            )
        ]
    if any(header.number is None for _, header in slices):
        return []
    pieces = _pieces(slices, counts[0])
    timed = [piece[0] for piece in pieces]
    return [
        *_without(SeriesKind.NO_TIMES, timed, lambda header: header.has_times),
        *_order_of(pieces),
    ]


def _pieces(slices: Slices, length: int) -> list[Slices]:
    """The slices by InstanceNumber in pieces, of which the importer makes time points."""
    ordered = sorted(slices, key=lambda one: one[1].number or 0)
    return [ordered[at : at + length] for at in range(0, len(ordered), length)]


def _order_of(pieces: Sequence[Slices]) -> list[SeriesFinding]:
    """What is wrong within the pieces: each must be one time point, at the same positions."""
    for piece in pieces:
        name, first = piece[0]
        stray = next((one for one, header in piece if header.temporal != first.temporal), None)
        if stray is not None:
            return [SeriesFinding(SeriesKind.ORDER, (name, stray))]
    if any(header.position is None for piece in pieces for _, header in piece):
        return []
    depths = [_depths(piece) for piece in pieces]
    for piece, other in zip(pieces[1:], depths[1:], strict=True):
        for at, (here, there) in enumerate(zip(depths[0], other, strict=True)):
            if abs(here - there) > _SAME_TABLE_MM:
                return [SeriesFinding(SeriesKind.ORDER, (pieces[0][at][0], piece[at][0]))]
    return _places(pieces[0])
