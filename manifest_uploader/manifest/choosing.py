"""Which cases are left out, and which names were probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from manifest_uploader.manifest.nodes import Scalar
from manifest_uploader.text import composed, most_like

_NUMBER: Final = re.compile("[0-9]+")


class Exclusion:
    """The cases that a manifest excludes, by name or glob."""

    def __init__(self, nodes: Sequence[Scalar]) -> None:
        self._nodes = {composed(node.text.strip()): node for node in nodes}
        self._globs = [text for text in self._nodes if re.search(r"[*?[]", text)]
        self._used: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a case is left out."""
        found = [glob for glob in self._globs if fnmatchcase(name, glob)]
        if name in self._nodes:
            found.append(name)
        self._used.update(found)
        return bool(found)

    def without_case(self) -> Iterator[Scalar]:
        """Yield what excludes no case."""
        return (node for text, node in self._nodes.items() if text not in self._used)


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant: similar, with the same numbers."""
    numbers = _numbers(name)
    return most_like(name, [one for one in names if _numbers(one) == numbers])


def _numbers(text: str) -> list[int]:
    return [int(one) for one in _NUMBER.findall(text)]
