"""The kinds of sockets that the platform knows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Family = Literal["image", "json", "file"]


@dataclass(frozen=True)
class Kind:
    """A kind of socket: its name, its short code in messages, and how its values are stored."""

    name: str
    code: str
    family: Family
    ending: str = ".json"
    """The ending of the file in which an algorithm finds a value; empty for images."""


_IMAGES = (
    ("Image", "IMG"),
    ("Segmentation", "SEG"),
    ("Heat Map", "HMAP"),
    ("Displacement field", "DSPF"),
    ("DICOM Image Set", "DCMIS"),
)
_JSON = (
    ("String", "STR"),
    ("Integer", "INT"),
    ("Float", "FLT"),
    ("Bool", "BOOL"),
    ("Anything", "JSON"),
    ("Chart", "CHART"),
    ("Choice", "CHOI"),
    ("Multiple choice", "MCHO"),
    ("2D bounding box", "2DBB"),
    ("Multiple 2D bounding boxes", "M2DB"),
    ("Distance measurement", "DIST"),
    ("Multiple distance measurements", "MDIS"),
    ("Point", "POIN"),
    ("Multiple points", "MPOI"),
    ("Polygon", "POLY"),
    ("Multiple polygons", "MPOL"),
    ("Line", "LINE"),
    ("Multiple lines", "MLIN"),
    ("Angle", "ANGL"),
    ("Multiple angles", "MANG"),
    ("Ellipse", "ELLI"),
    ("Multiple ellipses", "MELL"),
    ("Three-point angle", "3ANG"),
    ("Multiple three-point angles", "M3AN"),
    ("Affine transform registration", "ATRG"),
)
_FILES = (
    ("PDF file", "PDF", ".pdf"),
    ("CSV file", "CSV", ".csv"),
    ("ZIP file", "ZIP", ".zip"),
    ("Thumbnail jpg", "JPEG", ".jpg"),
    ("Thumbnail png", "PNG", ".png"),
    ("OBJ file", "OBJ", ".obj"),
    ("MP4 file", "MP4", ".mp4"),
    ("SQREG file", "SQREG", ".sqreg"),
    ("Newick tree-format file", "NEWCK", ".newick"),
    ("BIOM format", "BIOM", ".biom"),
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            *(Kind(name, code, "image", "") for name, code in _IMAGES),
            *(Kind(name, code, "json") for name, code in _JSON),
            *(Kind(name, code, "file", ending) for name, code, ending in _FILES),
        )
    }
)
"""All kinds by name."""


def suggest_kind(name: str) -> str | None:
    """Return the most similar name of a kind, or None."""
    names = {known.casefold(): known for known in KINDS}
    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.5)
    return names[close[0]] if close else None
