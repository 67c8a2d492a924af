"""Know whole-slide images by their names, as the importer does."""

from __future__ import annotations

import posixpath
from typing import Final

_SLIDES: Final = frozenset(
    (".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".isyntax"),
)
"""Source: panimg 0.18, `image_builders/tiff.py`; read with libvips, openslide or pyisyntax."""


def is_slide(name: str) -> bool:
    """Whether the importer hands a file of that name to a reader of slides, whatever is in it."""
    return posixpath.splitext(name)[1].lower() in _SLIDES
