"""How many columns of a terminal a text takes: Chinese and Japanese characters take two."""

from __future__ import annotations

import unicodedata


def width_of(text: str) -> int:
    """The columns that one line of text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, width: int) -> str:
    """The text with blanks up to this width."""
    return text + " " * (width - width_of(text))


def cut(text: str, width: int, sign: str) -> str:
    """The text in at most so many columns; what is left out is in the middle, marked by a sign."""
    if width_of(text) <= width:
        return text
    sign = sign[: max(0, width)]
    left = max(0, width - width_of(sign))
    head = start_of(text, left // 2)
    tail = start_of(text[::-1], left - width_of(head))[::-1]
    return head + sign + tail


def start_of(text: str, width: int) -> str:
    """As much of the text's start as fits."""
    taken = 0
    for number, one in enumerate(text):
        taken += _width(one)
        if taken > width:
            return text[:number]
    return text


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
