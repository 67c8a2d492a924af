"""What was noticed and has to be told by name: nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from manifest_uploader.text import printable

SHOWN: Final = 20
"""Names under one sentence, unless all are asked for."""


class Told:
    """Sentences, each with the names that it is about, in the order in which they came up."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, sentence: str, *names: str) -> None:
        """Note something about some names; without names the sentence says it all."""
        self._names.setdefault(sentence, []).extend(names)

    def lines(self, *, everything: bool) -> Iterator[str]:
        """What to print: a sentence, its names below it."""
        for sentence, names in self._names.items():
            count = f" ({len(names)})" if len(names) > SHOWN else ""
            yield f"- {_one_line(sentence)}{count}{':' if names else ''}"
            shown = names if everything else names[:SHOWN]
            yield from (f"    {_one_line(name)}" for name in shown)
            if len(names) > len(shown):
                yield f"    and {len(names) - len(shown)} more; --verbose names them all"


def _one_line(name: str) -> str:
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in printable(name))
