"""What the user should know about the folder and the table: nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from manifest_uploader.text import printable

SHOWN: Final = 20
"""How many names a notice lists without --verbose."""


class Notices:
    """Sentences in the order in which they were added, each with the names that it is about."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, sentence: str, *names: str) -> None:
        """Add names to a sentence; a sentence without names stands alone."""
        self._names.setdefault(sentence, []).extend(names)

    def headlines(self) -> Iterator[str]:
        """Yield the sentences, each with the number of its names."""
        for sentence, names in self._names.items():
            yield _one_line(sentence) + (f": {len(names)}" if names else "")

    def lines(self, *, everything: bool) -> Iterator[str]:
        """Yield the lines to print: each sentence, then its names."""
        for sentence, names in self._names.items():
            count = f" ({len(names)})" if len(names) > SHOWN else ""
            yield f"- {_one_line(sentence)}{count}{':' if names else ''}"
            shown = names if everything else names[:SHOWN]
            yield from (f"    {_one_line(name)}" for name in shown)
            if len(names) > len(shown):
                yield f"    and {len(names) - len(shown)} more; --verbose names them all"


def _one_line(text: str) -> str:
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}"
        for character in printable(text)
    )
