"""What the readers of several formats share: making flaws, and rules of the importer."""

from __future__ import annotations

from typing import Final

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Flaw, FlawKind, ImageHeader

MOST_PIXELS: Final = 178_956_970
"""Pillow, which reads PNG and JPEG for the importer, takes a larger picture for an attack."""

_CHANNELS: Final = (1, 3, 4)
_DIMENSIONS: Final = (2, 3, 4)


class WrongHeaderError(Exception):
    """The header is one that the importer cannot read; the flaw says why."""

    def __init__(self, kind: FlawKind, about: str) -> None:
        super().__init__(about)
        self.flaw = Flaw(kind, about=about)


def cut(expected: int, found: int) -> Flaw:
    """A flaw of a file that must have so many bytes, and has so many."""
    return Flaw(FlawKind.CUT, expected=expected, found=found)


def unreadable(about: str) -> Flaw:
    """A flaw of a file, part of which cannot be read."""
    return Flaw(FlawKind.UNREADABLE, about=about)


def unsupported(*abouts: str) -> tuple[Flaw, ...]:
    """A flaw for each thing that the importer does not read."""
    return tuple(Flaw(FlawKind.UNSUPPORTED, about=about) for about in abouts)


def image_flaws(image: ImageHeader) -> tuple[Flaw, ...]:
    """What the importer does not read of images that SimpleITK reads for it.

    Source: panimg 0.18, `image_builders/metaio_utils.py` and `models.py`.
    """
    dimensions = () if image.dimensions in _DIMENSIONS else unsupported(About.DIMENSIONS)
    channels = () if image.channels in _CHANNELS else unsupported(About.CHANNELS)
    return dimensions + channels


def is_singular(numbers: list[float], size: int) -> bool:
    """Whether the rows of a square matrix, given one after another, span less than the space."""
    rows = [numbers[place : place + size] for place in range(0, size * size, size)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if rows[pivot][column] == 0:
            return True
        rows[pivot], rows[column] = rows[column], rows[pivot]
        for row in rows[column + 1 :]:
            factor = row[column] / rows[column][column]
            for place in range(column, size):
                row[place] -= factor * rows[column][place]
    return False
