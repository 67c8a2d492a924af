"""Texts with names in braces: `Patient {number}`; `{{` is a brace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence
from manifest_uploader.text import composed

_BRACES: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_MAGIC: Final = re.compile(r"[*?[]")


@lru_cache(maxsize=1024)
def _pieces(text: str) -> tuple[str, ...]:
    """Return the text in pieces; every second one is the name in a pair of braces."""
    pieces, end = [""], 0
    for match in _BRACES.finditer(text):
        pieces[-1] += text[end : match.start()]
        if match[1] is None:
            pieces[-1] += match[0][0]
        else:
            pieces += [composed(match[1].strip()), ""]
        end = match.end()
    pieces[-1] += text[end:]
    return tuple(pieces)


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in braces."""
    return _pieces(text)[1::2]


def fill(text: str, meaning: Callable[[str], str]) -> str:
    """Return the text with each name replaced by what it stands for."""
    pieces = list(_pieces(text))
    pieces[1::2] = map(meaning, pieces[1::2])
    return "".join(pieces)


def fill_glob(text: str, meaning: Callable[[str], str]) -> str:
    """Return the path or glob with each name replaced; what a name stands for is no glob."""
    if not _MAGIC.search(text):
        return fill(text, meaning)
    return fill(text, lambda name: _MAGIC.sub(r"[\g<0>]", meaning(name)))


def texts_in(node: Node) -> Iterator[Scalar]:
    """Yield every text in the values of a node."""
    match node:
        case Scalar(value=str()):
            yield node
        case Mapping():
            for _, value in node.entries.values():
                yield from texts_in(value)
        case Sequence():
            for item in node.items:
                yield from texts_in(item)


def filled(node: Node, meaning: Callable[[str], str]) -> Node:
    """Return the node with all its texts filled in; what has no names stays the same."""
    match node:
        case Scalar(value=str()) if "{" in node.text or "}" in node.text:
            return text_at(fill(node.text, meaning), node)
        case Mapping():
            entries = {
                name: (key, filled(value, meaning)) for name, (key, value) in node.entries.items()
            }
            return Mapping(entries, node.line, node.column)
        case Sequence():
            return Sequence([filled(item, meaning) for item in node.items], node.line, node.column)
        case _:
            return node


def text_at(text: str, at: Node) -> Scalar:
    """Return a text that stands where another node does."""
    return Scalar(text, text, False, at.line, at.column)  # noqa: FBT003


def join(folder: str, path: str) -> str:
    """Return a path that is relative to a folder as one that is relative to the root."""
    while path.startswith(("./", "../")):
        up, _, rest = path.partition("/")
        if up == ".." and not folder:
            break
        folder = folder.rpartition("/")[0] if up == ".." else folder
        path = rest
    if path in ("", "."):
        return folder or "."
    return f"{folder}/{path}" if folder else path
