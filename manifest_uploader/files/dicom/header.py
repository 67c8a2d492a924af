"""Decides what a reading of a DICOM file means: its header, and what is wrong with it.

The rules are those of the importer (panimg 0.18, `image_builders/dicom.py`) and of pydicom 3, which
decodes the pixels for it.
"""

from __future__ import annotations

from hashlib import blake2b
from math import ceil, isclose
from typing import Final

from msgspec.structs import replace

from manifest_uploader.files.dicom import elements as tags
from manifest_uploader.files.dicom.elements import WANTED, Pixels
from manifest_uploader.files.dicom.reading import Reading, State
from manifest_uploader.files.dicom.syntaxes import BIG_ENDIAN, syntax_flaw
from manifest_uploader.files.dicom.values import Values
from manifest_uploader.files.looks import (
    AGREEING,
    BIG_ENDIAN_PIXELS,
    SINGLE_FRAME_COLOUR,
    WHOLE_SLIDE,
    DicomHeader,
    Flaw,
    FlawKind,
)

_DICOMDIR: Final = "1.2.840.10008.1.3.10"
_GROUPED_BY: Final = (tags.SOP_CLASS, tags.STUDY, tags.SERIES)
_AGREEING: Final = tuple(
    next(tag for tag, (keyword, _) in WANTED.items() if keyword == one) for one in AGREEING
)
_PHOTOMETRICS: Final = frozenset(
    {
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK"),
        *("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"),
        *("YBR_ICT", "YBR_RCT"),
    }
)
"""What pydicom knows."""
_FRAME_GROUPS: Final = "PerFrameFunctionalGroupsSequence"
_HALF_COLOUR: Final = "YBR_FULL_422"
"""With half as many colours as pixels."""
_BITS: Final = frozenset({1, 8, 16, 32, 64})


def judge(reading: Reading) -> tuple[DicomHeader, tuple[Flaw, ...]]:
    """The header of a file, and all that is wrong with it."""
    values = Values(reading.elements)
    header = _header(values)
    if (pixels := reading.elements.pixels) is not None:
        frames = _frames(header, values, pixels)
        header = header if frames == header.frames else replace(header, frames=frames)
    flaws = [] if reading.marked else [Flaw(FlawKind.NO_MARK)]
    if _DICOMDIR in (values.text(tags.MEDIA_CLASS), header.sop_class):
        flaws.append(Flaw(FlawKind.NO_PIXELS, about="DICOMDIR"))
    elif reading.state is State.CUT:
        flaws.append(Flaw(FlawKind.CUT, reading.end, reading.size))
    elif reading.state is State.UNREADABLE or not values.any_of_data_set():
        flaws.append(Flaw(FlawKind.UNREADABLE))
    else:
        missing = (WANTED[tag][0] for tag in _GROUPED_BY if not values.has(tag))
        flaws += [Flaw(FlawKind.NO_CLASS, about=keyword) for keyword in missing]
        flaws += _image_flaws(header, values, reading)
    return header, tuple(flaws)


def _header(values: Values) -> DicomHeader:
    slope, intercept = values.number(tags.SLOPE, 1), values.number(tags.INTERCEPT, 0)
    return DicomHeader(
        sop_class=values.text(tags.SOP_CLASS),
        instance=values.text(tags.INSTANCE),
        study=values.text(tags.STUDY),
        series=values.text(tags.SERIES),
        stack=values.text(tags.STACK),
        modality=values.text(tags.MODALITY),
        rows=values.whole(tags.ROWS) or 0,
        columns=values.whole(tags.COLUMNS) or 0,
        frames=max(1, values.whole(tags.FRAMES) or 1),
        samples=values.whole(tags.SAMPLES) or 1,
        bits=values.whole(tags.BITS) or 0,
        number=values.whole(tags.NUMBER),
        temporal=values.whole(tags.TEMPORAL),
        position=values.triple(tags.POSITION),
        orientation=values.orientation(),
        has_times=values.has(tags.CONTENT_TIME) and values.has(tags.EXPOSURE),
        scaled=not isclose(slope or 1, 1) or bool(intercept),
        view=_view(values),
        spacing=values.first(tags.PIXEL_SPACING, 2),
        agreeing=tuple(_digest(values, tag) for tag in _AGREEING),
        burned_in=values.text(tags.BURNED_IN).upper() == "YES",
    )


def _digest(values: Values, tag: int) -> str | None:
    """A short digest of an attribute, for comparison alone; None if it is missing."""
    if not values.has(tag):
        return None
    text = values.text(tag)
    if tag == tags.SERIES_NUMBER and (number := values.whole(tag)) is not None:
        text = str(number)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _view(values: Values) -> str:
    """What distinguishes two projections of one body part; they have no positions."""
    texts = [values.text(tag) for tag in (tags.VIEW, tags.PATIENT_ORIENTATION, tags.SIDE)]
    return "/".join(texts) if any(texts) else ""


# ── frames and bytes ──────────────────────────────────────────────────────────────────────────


def _frame_length(header: DicomHeader, values: Values) -> float:
    """Bytes of a frame as it is decoded; 0 if the header does not say."""
    length = header.rows * header.columns * header.samples * header.bits / 8
    if header.samples > 1 and values.text(tags.PHOTOMETRIC) == _HALF_COLOUR:
        return length // 3 * 2  # PS3.3, C.7.6.3.1.2
    return length


def _frames(header: DicomHeader, values: Values, pixels: Pixels) -> int:
    """How many frames pydicom decodes: more than NumberOfFrames says, if there are more."""
    if pixels.encapsulated:
        return max(header.frames, pixels.offsets)
    length = _frame_length(header, values)
    if not length or (header.samples > 1 and values.text(tags.PHOTOMETRIC) == _HALF_COLOUR):
        return header.frames
    return max(header.frames, int(pixels.length / length))


def _pixel_flaws(header: DicomHeader, values: Values, pixels: Pixels) -> list[Flaw]:
    if pixels.encapsulated:
        if not pixels.ended or pixels.found < pixels.length:
            return [Flaw(FlawKind.CUT)]
        if pixels.fragments < header.frames:
            return [Flaw(FlawKind.CUT, header.frames, max(0, pixels.fragments), "frames")]
        return [] if pixels.length else [Flaw(FlawKind.CUT)]
    expected = ceil(_frame_length(header, values) * header.frames)
    if not pixels.ended:
        return [Flaw(FlawKind.CUT)]
    return [Flaw(FlawKind.CUT, expected, pixels.found)] if pixels.found < expected else []


# ── what the importer refuses ─────────────────────────────────────────────────────────────────


def _image_flaws(header: DicomHeader, values: Values, reading: Reading) -> list[Flaw]:
    pixels = reading.elements.pixels
    if pixels is None or (not pixels.length and not pixels.encapsulated and pixels.ended):
        return [Flaw(FlawKind.NO_PIXELS)]
    if header.sop_class == WHOLE_SLIDE:
        return [] if pixels.ended and pixels.found >= pixels.length else [Flaw(FlawKind.CUT)]
    wrong = [*_undecodable(header, values, pixels, marked=reading.marked), *_misplaced(values)]
    wrong += _misframed(header, values, reading.elements.frame_groups)
    wrong += _unstorable(header, values)
    found = [Flaw(FlawKind.UNSUPPORTED, about=about) for about in dict.fromkeys(wrong)]
    unknown = WANTED[tags.TRANSFER_SYNTAX][0] in wrong
    return found if unknown else [*found, *_pixel_flaws(header, values, pixels)]


def _undecodable(header: DicomHeader, values: Values, pixels: Pixels, *, marked: bool) -> list[str]:
    """The attributes that pydicom needs for decoding, and that are missing or unusable."""
    syntax = values.text(tags.TRANSFER_SYNTAX)
    wrong = syntax_flaw(syntax) if syntax or marked else None  # without the mark, it is elsewhere
    found = [] if wrong is None else [wrong]
    samples = values.whole(tags.SAMPLES)
    good = {
        tags.ROWS: header.rows > 0,
        tags.COLUMNS: header.columns > 0,
        tags.BITS: header.bits in _BITS,
        tags.SAMPLES: samples in (1, 3),
        tags.PLANAR: samples != 3 or values.whole(tags.PLANAR) in (0, 1),  # noqa: PLR2004
        tags.PHOTOMETRIC: values.text(tags.PHOTOMETRIC) in _PHOTOMETRICS,
    }
    if pixels.tag == tags.PIXELS:
        good[tags.BITS_STORED] = 1 <= (values.whole(tags.BITS_STORED) or 0) <= header.bits
        good[tags.SIGNED] = values.whole(tags.SIGNED) in (0, 1)
    return found + [WANTED[tag][0] for tag, fine in good.items() if not fine]


def _misplaced(values: Values) -> list[str]:
    """The attributes of an image's place and scale that are there, but of no use."""
    # `_header` has read the others.
    spacing = values.first(tags.PIXEL_SPACING, 2)
    if spacing is not None and min(spacing) <= 0:
        values.unusable.append(WANTED[tags.PIXEL_SPACING][0])
    return values.unusable_of(
        tags.SLOPE, tags.INTERCEPT, tags.POSITION, tags.ORIENTATION, tags.PIXEL_SPACING
    )


def _misframed(header: DicomHeader, values: Values, groups: int | None) -> list[str]:
    """The attributes that make the importer expect other frames than there are."""
    if groups is not None:
        # The importer makes a slice of each group, and has pixels for one.
        return [] if groups == 1 or (groups and header.frames > 1) else [_FRAME_GROUPS]
    found = []
    frames = values.whole(tags.FRAMES, 1)
    if frames is None or frames < 0 or (not frames and header.frames == 1):
        found.append(WANTED[tags.FRAMES][0])
    spacing = values.number(tags.SLICE_SPACING, 1)
    if spacing is None or spacing <= 0:
        found.append(WANTED[tags.SLICE_SPACING][0])
    return found


def _unstorable(header: DicomHeader, values: Values) -> list[str]:
    """What the importer's image library cannot store."""
    found = []
    if header.samples == 3 and header.frames == 1:  # noqa: PLR2004
        found.append(SINGLE_FRAME_COLOUR)
    big = values.text(tags.TRANSFER_SYNTAX) == BIG_ENDIAN
    if big and header.bits > 8 and not header.scaled:  # noqa: PLR2004
        found.append(BIG_ENDIAN_PIXELS)
    if header.samples == 1 and values.text(tags.PHOTOMETRIC) == "MONOCHROME1":
        found += _uninvertible(header, values)
    return found


def _uninvertible(header: DicomHeader, values: Values) -> list[str]:
    """The importer inverts the window's centre with the voxels' type."""
    if not values.has(tags.CENTER):
        return []
    centers = values.numbers(tags.CENTER)
    signed = header.scaled or values.whole(tags.SIGNED) == 1
    fine = centers is not None and (signed or min(centers) >= 0)
    return [] if fine else [WANTED[tags.CENTER][0]]
