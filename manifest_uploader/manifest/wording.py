"""Fills in the placeholders of the schema's messages and hints.

| placeholder | stands for |
|---|---|
| `{value}` | the value or key that breaks the rule, as messages show it |
| `{text}` | the same, exactly as written |
| `{key}` | the key that the value stands under |
| `{socket}` | the slug of the socket that the value is for |
| `{length}` | the number of characters, without blanks around them |
| `{first}` | the first key of the mapping that the schema knows |
| `{keys}` | all keys that the mapping may have |
| `{did_you_mean}` | a question that names the allowed key or value most like the one written |
| `{dashed}` | the text with `-` for `/` and `:` |
| `{trimmed}` | the text without blanks around it |
| `{slashed}` | the text with `/` for a backslash |
| `{slug}` | the text as a slug |
| `{page}` | the slug in the address of a page of the platform |
| `{dicom_keyword}` | the DICOM keyword that the text stands for, or is most like |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from manifest_uploader.manifest.keywords import keyword_like
from manifest_uploader.text import did_you_mean, quoted

Path = tuple[str | int, ...]
"""Keys and positions that lead from a document to one of its values."""

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_PAGE: Final = re.compile(
    r"https?://\S+/(?:reader-studies|archives|algorithms)/([A-Za-z0-9_-]+)(?:/\S*)?"
)


class Words(Struct, frozen=True):
    """What a message can say about the value that breaks a rule."""

    value: str
    """As messages show it."""
    text: str
    """As written; "" for a list or a mapping."""
    path: Path
    known: tuple[str, ...] = ()
    """The keys or values that the rule allows."""
    first: str = ""


def fill(templates: str | list[str], words: Words) -> str | None:
    """Return the first template whose placeholders all have a word, filled in."""
    for template in [templates] if isinstance(templates, str) else templates:
        pieces = _PLACEHOLDER.split(template)  # every second one is the name of a placeholder
        found = [_WORDS[name](words) for name in pieces[1::2]]
        filled = [word for word in found if word is not None]
        if len(filled) == len(found):
            pieces[1::2] = filled
            return "".join(pieces)
    return None


def _key(words: Words) -> str | None:
    return next((str(step) for step in reversed(words.path) if isinstance(step, str)), None)


def _socket(words: Words) -> str | None:
    keys = [str(step) for step in words.path]
    return quoted(keys[keys.index("sockets") + 1]) if "sockets" in keys[:-1] else None


def _slug(words: Words) -> str | None:
    slug = re.sub("[^a-z0-9_-]+", "-", words.text.lower()).strip("-")
    return quoted(slug) if slug else None


def _page(words: Words) -> str | None:
    page = _PAGE.fullmatch(words.text)
    return quoted(page[1]) if page else None


_WORDS: Final[dict[str, Callable[[Words], str | None]]] = {
    "value": lambda words: words.value,
    "text": lambda words: words.text,
    "key": _key,
    "socket": _socket,
    "length": lambda words: str(len(words.text.strip())),
    "first": lambda words: quoted(words.first),
    "keys": lambda words: ", ".join(words.known),
    "did_you_mean": lambda words: did_you_mean(words.text, words.known),
    "dashed": lambda words: quoted(re.sub("[/:]+", "-", words.text)),
    "trimmed": lambda words: quoted(words.text.strip()),
    "slashed": lambda words: quoted(words.text.replace("\\", "/")),
    "slug": _slug,
    "page": _page,
    "dicom_keyword": lambda words: keyword_like(words.text),
}
