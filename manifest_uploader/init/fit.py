"""Tells which sockets of the platform fit what a folder or a table has, by kind and by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final

from msgspec import Struct

from manifest_uploader.init.slugs import ascii_of
from manifest_uploader.manifest.model import JsonValue
from manifest_uploader.manifest.problems import Place
from manifest_uploader.manifest.tables import Cell
from manifest_uploader.plan.delivery import takes_image
from manifest_uploader.platform.model import Socket
from manifest_uploader.platform.sockets import DICOM_SET, SEGMENTATION, misfit, takes_json

_GENERIC: Final = frozenset(
    {"image", "segmentation", "file", "value", "score", "series", "of", "the", "and", "mm"}
)
"""Words that many sockets share and that count less."""
_SAME: Final = {
    **dict.fromkeys(("seg", "mask", "label", "labelmap", "segm"), "segmentation"),
    **dict.fromkeys(("img", "images", "scan", "volume"), "image"),
    **dict.fromkeys(("mri", "mrt"), "mr"),
    **dict.fromkeys(("pet",), "pt"),
}
_GENERIC_WEIGHT: Final = 0.4
_LIKE: Final = 0.8
"""The similarity of two words from which they count as forms of one, as airway and airways."""
_LEAST: Final = 0.3
"""The fit that is proposed where a study uses few sockets."""
_LEAST_OF_ALL: Final = 0.6
"""The fit that is proposed among all sockets of the platform."""
_FILE_KINDS: Final = {
    ".pdf": ("PDF file",),
    ".csv": ("CSV file",),
    ".zip": ("ZIP file",),
    ".mp4": ("MP4 file",),
    ".obj": ("OBJ file",),
    ".png": ("Thumbnail png",),
    ".jpg": ("Thumbnail jpg",),
    ".jpeg": ("Thumbnail jpg",),
}
_PLACE: Final = Place("", 1, 1)


class Wanted(Struct, frozen=True):
    """What looks for a socket."""

    names: tuple[str, ...]
    """What it is called, in any spelling."""
    ending: str = ""
    """Of its files, as in `.pdf`."""
    is_dicom: bool = False
    values: tuple[Cell, ...] | None = None
    """Of a column; None for files."""


def ranked(wanted: Wanted, sockets: Iterable[Socket]) -> list[Socket]:
    """The sockets that may take it, those that fit best first."""
    found = [(_fit(wanted, one), one) for one in sockets if _may_take(one, wanted)]
    return [one for _, one in sorted(found, key=lambda pair: (-pair[0], pair[1].slug))]


def best(wanted: Wanted, sockets: Sequence[Socket], *, of_target: bool) -> Socket | None:
    """The socket to propose; None if none fits well.

    `of_target`: the sockets are those that the target uses, so that the only one that may take it
    is proposed whatever its name.
    """
    found = ranked(wanted, sockets)
    least = _LEAST if of_target else _LEAST_OF_ALL
    likely = [one for one in found if similarity(wanted.names, one) >= least]
    if likely:
        return likely[0]
    if not of_target:
        return None
    usual = [one for one in found if _kind_bonus(wanted, one) > 0] or found
    return usual[0] if len(usual) == 1 else None


def similarity(names: Iterable[str], socket: Socket) -> float:
    """How much the most similar name is like the socket's slug or title: from 0 to 1."""
    theirs = [words for text in (socket.slug, socket.title) if (words := _words(text))]
    ours = [words for name in names if (words := _words(name))]
    return max((_likeness(one, other) for one in ours for other in theirs), default=0.0)


def _fit(wanted: Wanted, socket: Socket) -> float:
    return similarity(wanted.names, socket) + _kind_bonus(wanted, socket)


def _kind_bonus(wanted: Wanted, socket: Socket) -> float:
    """More for the kind that such a value usually has."""
    if wanted.values is not None:
        return 0.1 if socket.kind in _usual_kinds(wanted.values) else 0.0
    if socket.kind in _FILE_KINDS.get(wanted.ending, ()):
        return 0.1
    wants_segmentation = any("segmentation" in _words(name) for name in wanted.names)
    usual = SEGMENTATION if wants_segmentation and not wanted.is_dicom else "Image"
    return 0.1 if socket.kind == usual else 0.0


def _usual_kinds(values: Sequence[Cell]) -> tuple[str, ...]:
    types = {type(value) for value in values}
    if types == {bool}:
        return ("Bool",)
    if types <= {int, float}:
        return ("Float",) if float in types else ("Integer", "Float")
    return ("String", "Choice")


def _may_take(socket: Socket, wanted: Wanted) -> bool:
    """Whether the kind of a socket allows it."""
    if wanted.values is not None:
        return takes_json(socket) and not any(
            misfit(JsonValue(socket.slug, value, _PLACE), socket) for value in wanted.values[:100]
        )
    is_image = takes_image(socket)
    if wanted.is_dicom:
        return is_image and socket.kind != SEGMENTATION
    if wanted.ending == ".json":
        return takes_json(socket)
    if wanted.ending in _FILE_KINDS and socket.kind in _FILE_KINDS[wanted.ending]:
        return True
    if wanted.ending in (".pdf", ".csv", ".tsv", ".mp4", ".obj", ".stl"):
        return False
    return is_image and socket.kind != DICOM_SET


# ── words ───────────────────────────────────────────────────────────────────────────────────


def _words(text: str) -> tuple[str, ...]:
    """The words of a name, as `ct` and `image` of `CT_img`."""
    found = re.findall("[a-z]+|[0-9]+", ascii_of(text).lower())
    return tuple(dict.fromkeys(_SAME.get(word, word) for word in found))


def _likeness(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """From 0 to 1: the harmonic mean of the shares of each that are in the other."""
    shares = (_share(ours, theirs), _share(theirs, ours))
    return 2 * shares[0] * shares[1] / (shares[0] + shares[1]) if all(shares) else 0.0


def _share(ours: Sequence[str], theirs: Sequence[str]) -> float:
    is_generic = [word in _GENERIC or len(word) == 1 or word.isdigit() for word in ours]
    weights = [_GENERIC_WEIGHT if generic else 1.0 for generic in is_generic]
    found = [max(_alike(word, other) for other in theirs) for word in ours]
    return sum(map(float.__mul__, weights, found)) / sum(weights)


def _alike(word: str, other: str) -> float:
    if word == other:
        return 1.0
    if word.isdigit() or other.isdigit() or min(len(word), len(other)) < 4:  # noqa: PLR2004
        return 0.0
    ratio = SequenceMatcher(None, word, other).ratio()
    return ratio if ratio >= _LIKE else 0.0
