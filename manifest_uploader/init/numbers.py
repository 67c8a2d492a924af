"""Pairs keys of a table with cases by their numbers: spreadsheets turn 007 into 7, and 1 into 1.0.

Invariant: nobody is paired by a number that two cases, or two keys, have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_RUN: Final = re.compile("[0-9]+")
_WHOLE: Final = re.compile("([0-9]+)[.,]0+")


def paired_by_number(keys: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """The key of each name that has the same number: `7` or `7.0` for `007` and `patient-007`.

    A key with letters fits only a name with the same letters.
    """
    by_number: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        if (number := number_in(name)) is not None:
            by_number.setdefault(number, []).append(name)
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(keys):
        number = number_in(key)
        fitting = [
            name
            for name in ([] if number is None else by_number.get(number, []))
            if _letters(key) in ("", _letters(name))
        ]
        if len(fitting) == 1:
            found.setdefault(fitting[0], []).append(key)
    return {name: keys[0] for name, keys in found.items() if len(keys) == 1}


def number_in(text: str) -> int | None:
    """The number in a text, if there is exactly one; 7 for `7.0`."""
    whole = _WHOLE.fullmatch(text)
    runs = _RUN.findall(whole[1] if whole else text)
    return int(runs[0]) if len(runs) == 1 and len(runs[0]) < 20 else None  # noqa: PLR2004


def _letters(text: str) -> str:
    return "".join(one for one in text.casefold() if one.isalpha())


def shown_pairs(pairs: Mapping[str, str]) -> str:
    """`7 to 007, 8 to 008 …`: up to two pairs."""
    shown = ", ".join(f"{key} to {name}" for name, key in list(pairs.items())[:2])
    return shown + " …" * (len(pairs) > 2)  # noqa: PLR2004
