"""Recognizes texts that were meant as JSON numbers or booleans."""

from __future__ import annotations

import re
from typing import Final


def looks_like(text: str) -> str | None:
    """Return what to write if a text was meant as a number or boolean: `write 0.5`.

    This is for sockets that want one: `.5`, `+1`, `007` and `yes` are text in a manifest, and so is
    anything in quotes.
    """
    word = text.strip()
    if word in ("true", "false"):
        return f"write {word} without quotes"
    for meant, words in (("true", _YES), ("false", _NO)):
        if word.lower() in words:
            return f"write {meant}"
    number = _meant_number(word)
    if number is None:
        return None
    return f"write {number} without quotes" if number == word else f"write {number}"


_YES: Final = ("true", "yes", "on", "y")
_NO: Final = ("false", "no", "off", "n")
_LOOSE: Final = re.compile(r"([+-]?)([0-9][0-9_']*)?(?:[.,]([0-9]*))?((?:[eE][+-]?[0-9]+)?)")
_BASED: Final = re.compile(r"0x[0-9a-f]{1,16}|0o[0-7]{1,20}|0b[01]{1,64}", re.IGNORECASE)


def _meant_number(word: str) -> str | None:
    """Return the JSON number that a text spells differently."""
    if _BASED.fullmatch(word):
        return str(int(word, 0))
    found = _LOOSE.fullmatch(word) if len(word) <= 100 else None  # noqa: PLR2004
    if found is None or not (found[2] or found[3]):
        return None
    sign = "-" if found[1] == "-" else ""
    whole = re.sub("[_']", "", found[2] or "0").lstrip("0") or "0"
    fraction = f".{found[3]}" if found[3] else ""
    return f"{sign}{whole}{fraction}{found[4]}"
