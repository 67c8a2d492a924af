"""Finds cases by their names, and shortens what a notebook shows of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from manifest_uploader.text import did_you_mean, quoted

_SHOWN: Final = 30
"""Lines of a text that a notebook shows; `print` shows all."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Case = TypeVar("_Case", bound=_Named)


def named(name: str, cases: Sequence[_Case]) -> _Case:
    """The case of this name; raises KeyError."""
    for one in cases:
        if one.name == name:
            return one
    hint = did_you_mean(name, (one.name for one in cases))
    raise KeyError(f"no case is named {quoted(name)}" + (f": {hint}" if hint else ""))


def shortened(text: str) -> str:
    """The first lines and the last one."""
    lines = text.splitlines()
    left = len(lines) - _SHOWN
    if left <= 0:
        return text
    more = f"… {left:,} more lines: print(…) shows all"
    return "\n".join([*lines[: _SHOWN - 1], more, lines[-1]])
