"""Walks over the elements of a DICOM data set, as PS3.5 writes them: forwards and strictly.

It takes a tenth of pydicom's time and sees what pydicom's reading of a header does not: elements
behind the pixels, inside sequences, and in private elements. At anything out of order it stops
with `Unsure`, and pydicom decides, because the platform's importer reads with it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from manifest_uploader.files.dicom.elements import (
    FRAME_GROUPS,
    INTEREST,
    PIXEL_TAGS,
    Elements,
    Pixels,
)
from manifest_uploader.files.dicom.fragments import walk_fragments
from manifest_uploader.files.dicom.patient import PRIVATE
from manifest_uploader.files.dicom.window import Window

UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_BLOCKS: Final = 0x1000
"""Private elements below it say who made those from it on (PS3.5, 7.8.1)."""
_DEEPEST: Final = 40
"""Sequences within sequences; real files have 8."""

_SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
"""The VRs whose lengths have 2 bytes."""
_LONG: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""The VRs whose lengths have 4 bytes, behind 2 empty ones."""
_VISITED: Final = frozenset((b"SQ", b"UN", b"PN"))


def is_short(vr: bytes) -> bool:
    """Whether an element of this VR has a length of 2 bytes."""
    return vr in _SHORT


def is_long(vr: bytes) -> bool:
    """Whether an element of this VR has a length of 4 bytes."""
    return vr in _LONG


class Unsure(Exception):
    """The bytes are not what the standard asks for."""


class Cut(Exception):
    """The file ends within an element of the header."""

    def __init__(self, end: int) -> None:
        self.end = end
        """Where the element would end."""


class Walk:
    """Collects the elements of one data set, and of those inside it."""

    __slots__ = (
        *("_compressed", "_explicit", "_four", "_implicit", "_item"),
        *("elements", "window"),
    )

    def __init__(self, window: Window, elements: Elements, *, compressed: bool = False) -> None:
        endian = "<" if elements.little else ">"
        self.window = window
        self.elements = elements
        self._compressed = compressed
        self._explicit = Struct(endian + "HH2sH").unpack_from
        self._implicit = Struct(endian + "HHI").unpack_from
        self._four = Struct(endian + "I").unpack_from
        self._item = Struct(endian + "HH").pack(_ITEM >> 16, _ITEM & 0xFFFF)

    def data_set(self, at: int, end: int, *, explicit: bool, depth: int = 0) -> int:
        """Walk over a data set that starts at `at`, at most to `end`; return where it ends.

        Raises Cut if the file ends in its header, and Unsure.
        """
        start = self.window.peek(at, 6)
        # Explicit data sets may hold implicit ones: some writers switch inside sequences.
        explicit = explicit and start[4:].isalpha() and start[4:].isupper()
        walk = self._walk_explicit if explicit else self._walk_implicit
        return walk(at, end, depth)

    def _walk_explicit(self, at: int, end: int, depth: int) -> int:
        window, unpack, creators = self.window, self._explicit, self.elements.creators
        while at < end:
            data, offset = window.data, at - window.start
            if offset < 0 or offset + 12 > len(data):
                data, offset = window.move(at), 0
            if at + 8 > window.size:
                return self._end_in_a_tag(at, depth)
            group, element, vr, length = unpack(data, offset)
            tag = group << 16 | element
            at += 8
            if vr not in _SHORT:
                if vr not in _LONG:
                    if tag == _ITEM_END and depth and end == window.size:
                        return at
                    raise Unsure
                (length,) = self._four(data, offset + 8)
                at += 4
            if group & 1 and (element < _BLOCKS or creators):
                self._note_private(tag, vr, at, length)
            if tag in INTEREST or vr in _VISITED or length == UNDEFINED:
                at = self._visit(tag, vr, at, length, end, depth)
            else:
                at += length
        return self._end_of(at, end)

    def file_meta(self, at: int) -> int:
        """Walk over the elements of group 2, which are explicit and little endian (PS3.10, 7.1).

        Returns where the data set starts; raises as `data_set` does.
        """
        window = self.window
        while window.peek(at, 2) == b"\2\0":
            data, offset = window.data, at - window.start
            if offset + 12 > len(data):
                data, offset = window.move(at), 0
            if at + 8 > window.size:
                raise Cut(at + 8)
            _, element, vr, length = self._explicit(data, offset)
            at += 8
            if vr in _LONG:
                (length,) = self._four(data, offset + 8)
                at += 4
            elif vr not in _SHORT:
                raise Unsure
            self.elements.note(2 << 16 | element, vr, self.window.value(at, length), top=True)
            at += length
            if at > window.size:
                raise Cut(at)
        return at

    def _walk_implicit(self, at: int, end: int, depth: int) -> int:
        window, unpack, creators = self.window, self._implicit, self.elements.creators
        item = self._item
        while at < end:
            data, offset = window.data, at - window.start
            if offset < 0 or offset + 12 > len(data):
                data, offset = window.move(at), 0
            if at + 8 > window.size:
                return self._end_in_a_tag(at, depth)
            group, element, length = unpack(data, offset)
            tag = group << 16 | element
            at += 8
            if tag == _ITEM_END:
                if depth and end == window.size:
                    return at
                raise Unsure
            if group & 1 and (element < _BLOCKS or creators):
                self._note_private(tag, b"", at, length)
            if tag in INTEREST or length == UNDEFINED or data[offset + 8 : offset + 12] == item:
                at = self._visit(tag, b"", at, length, end, depth)
            else:
                at += length
        return self._end_of(at, end)

    def _end_in_a_tag(self, at: int, depth: int) -> int:
        """The end of a file whose last few bytes are no element."""
        if depth or self.elements.pixels is None:
            raise Cut(at + 8)
        return self.window.size

    def _end_of(self, at: int, end: int) -> int:
        """The end of a data set whose last element ends at `at`."""
        if at > end:
            if end < self.window.size:
                raise Unsure
            if self.elements.pixels is None:
                raise Cut(at)
        return at

    def _visit(self, tag: int, vr: bytes, at: int, length: int, end: int, depth: int) -> int:
        """Note an element that matters; return where it ends."""
        if not depth and tag in PIXEL_TAGS:
            return self._note_pixels(tag, at, length)
        if length == UNDEFINED:
            if vr in (b"SQ", b"UN", b"") and tag not in PIXEL_TAGS:
                return self.sequence(tag, at, None, explicit=vr != b"", depth=depth)
            pixels, at = walk_fragments(self.window, tag, at, None)
            if not pixels.ended:
                raise Cut(at)
            return at
        if tag in INTEREST or vr == b"PN":
            self.elements.note(tag, vr, self.window.value(at, length), top=not depth)
        if vr == b"SQ" or (vr in (b"UN", b"") and self.is_item(at)):
            # Of a sequence that the file's end cuts, what is there may name a patient.
            there = min(at + length, end)
            self.sequence(tag, at, there, explicit=vr != b"", depth=depth)
        return at + length

    def _note_private(self, tag: int, vr: bytes, at: int, length: int) -> None:
        """Note a private element if its creator is known to keep a patient's name there."""
        if tag & 0xFFFF < _BLOCKS:
            self.elements.note_creator(tag, self.window.value(at, min(length, 64)))
        elif vr != b"PN" and self.elements.keeps_people(tag):
            self.elements.identity.note(PRIVATE, self.window.value(at, length))

    def sequence(self, tag: int, at: int, end: int | None, *, explicit: bool, depth: int) -> int:
        """Walk over a sequence's items; `end` is None if a delimiter ends it.

        Raises as `data_set` does.
        """
        if depth == _DEEPEST:
            raise Unsure
        count = 0
        while end is None or at < end:
            kind, length = self._item_at(at)
            at += 8
            if kind == _SEQUENCE_END and end is None:
                break
            if kind != _ITEM:
                raise Unsure
            count += 1
            last = self.window.size if length == UNDEFINED else at + length
            at = self.data_set(at, last, explicit=explicit, depth=depth + 1)
        if end is not None and at > end >= self.window.size:
            raise Cut(at)
        if end is not None and at != end:
            raise Unsure
        if tag == FRAME_GROUPS and not depth:
            self.elements.frame_groups = count
        return at

    def is_item(self, at: int) -> bool:
        """Whether a value that starts at `at` seems to be a sequence."""
        return self.window.glance(at, 4) == self._item

    def _item_at(self, at: int) -> tuple[int, int]:
        if at + 8 > self.window.size:
            raise Cut(at + 8)
        group, element, length = self._implicit(self.window.peek(at, 8))
        return group << 16 | element, length

    # ── pixels ────────────────────────────────────────────────────────────────────────────

    def _note_pixels(self, tag: int, at: int, length: int) -> int:
        """Note where the pixels are; return where they end, which may be behind the file's end."""
        if length == UNDEFINED or self._compressed:
            end = None if length == UNDEFINED else at + length
            self.elements.pixels, at = walk_fragments(self.window, tag, at, end)
            return at
        self.elements.pixels = Pixels(tag, length, max(0, min(length, self.window.size - at)))
        return at + length
