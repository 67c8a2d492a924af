"""Decodes the attributes of a DICOM header that count."""

from __future__ import annotations

import struct
from math import isfinite
from typing import Final

from manifest_uploader.files.dicom import elements as tags
from manifest_uploader.files.dicom.elements import WANTED, Elements

_LAYOUTS: Final = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d"}

Triple = tuple[float, float, float]
Directions = tuple[float, float, float, float, float, float]


class Values:
    """The attributes of a file, decoded once each."""

    def __init__(self, found: Elements) -> None:
        self._found = found
        self._endian = "<" if found.little else ">"
        self._decoded: dict[int, tuple[float, ...]] = {}
        self.unusable: list[str] = []
        """Keywords of the attributes that hold something else than they should."""

    def any_of_data_set(self) -> bool:
        """Whether anything was found behind the file's own header, group 2."""
        return (
            self._found.identity.was_asked
            or bool(self._found.pixels)
            or any(
                tag >> 16 > 2  # noqa: PLR2004
                for tag in self._found.values
            )
        )

    def has(self, tag: int) -> bool:
        """Whether an attribute is there, be it empty."""
        return tag in self._found.values

    def text(self, tag: int) -> str:
        """An attribute as text; empty if it is missing."""
        return self._found.text(tag)

    def numbers(self, tag: int) -> tuple[float, ...] | None:
        """An attribute's numbers; None if it is missing or holds none."""
        raw = self._found.values.get(tag)
        return self._numbers(tag, raw) or None

    def number(self, tag: int, default: float | None = None) -> float | None:
        """An attribute's only number; `default` if it is missing, None if it is none."""
        if tag not in self._found.values:
            return default
        numbers = self._numbers(tag, self._found.values[tag], 1)
        return numbers[0] if numbers else None

    def whole(self, tag: int, default: int | None = None) -> int | None:
        """An attribute's only whole number; as `number` otherwise."""
        number = self.number(tag, default)
        if number is None or number % 1:
            return None
        return int(number)

    def triple(self, tag: int) -> Triple | None:
        """Three numbers at the top level; None if there are not three."""
        numbers = self._numbers(tag, self._found.values.get(tag), 3)
        return (numbers[0], numbers[1], numbers[2]) if numbers else None

    def first(self, tag: int, count: int) -> tuple[float, ...] | None:
        """The `count` numbers of the first such attribute at any depth."""
        return self._numbers(tag, self._found.first.get(tag), count) or None

    def orientation(self) -> Directions | None:
        """The directions of rows and columns; None if they are missing or parallel."""
        numbers = self.first(tags.ORIENTATION, 6)
        if numbers is None:
            return None
        a, b, c, d, e, f = numbers
        if abs(b * f - c * e) + abs(c * d - a * f) + abs(a * e - b * d) < 1e-9:  # noqa: PLR2004
            self._refuse(tags.ORIENTATION)
            return None
        return (a, b, c, d, e, f)

    def unusable_of(self, *asked: int) -> list[str]:
        """The keywords of those among the attributes that are unusable."""
        return [WANTED[tag][0] for tag in asked if WANTED[tag][0] in self.unusable]

    def _numbers(
        self, tag: int, raw: tuple[bytes, bytes] | None, count: int | None = None
    ) -> tuple[float, ...]:
        if raw is None:
            return ()
        numbers = self._decoded.get(tag)
        if numbers is None:
            numbers = self._decoded[tag] = self._decode(tag, *raw)
        if numbers and count in (None, len(numbers)):
            return numbers
        self._refuse(tag)
        return ()

    def _decode(self, tag: int, vr: bytes, value: bytes) -> tuple[float, ...]:
        layout = _LAYOUTS.get(WANTED[tag][1] if vr in (b"", b"UN") else vr)
        try:
            if layout is not None:
                count = len(value) // struct.calcsize(layout)
                return struct.unpack(f"{self._endian}{count}{layout}", value)
            text = value.decode("latin-1").strip(" \0")
            numbers = tuple(float(part) for part in text.split("\\")) if text else ()
        except (ValueError, struct.error):
            return ()
        return numbers if all(map(isfinite, numbers)) else ()

    def _refuse(self, tag: int) -> None:
        self.unusable.append(WANTED[tag][0])
