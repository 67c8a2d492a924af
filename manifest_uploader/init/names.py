"""Makes names and titles that a manifest accepts from those of folders and tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from manifest_uploader.files.case_patterns import Part
from manifest_uploader.init.compose import Entry, Files, Image, JsonSource, OneFile, SameAs, Source
from manifest_uploader.manifest.case_reader import read_case
from manifest_uploader.manifest.form import published_form
from manifest_uploader.manifest.found_case import FoundCase, stem
from manifest_uploader.manifest.model import NAME_LENGTH
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence
from manifest_uploader.manifest.problems import Problems

_ODD: Final = re.compile(r"[^\w .,()+-]+")
_SEPARATORS: Final = re.compile(r"\s*[/:]+\s*")


# ── names ───────────────────────────────────────────────────────────────────────────────────


def raw_name(case: FoundCase, each: tuple[Part, ...]) -> str:
    """A case's name according to its path: the parts that vary between cases, joined by '-'."""
    parts = case.path.split("/")
    if case.is_file:
        parts[-1] = stem(parts[-1])
    if len(parts) == len(each):
        varying = [text for text, part in zip(parts, each, strict=True) if part.varies]
        parts = varying or parts
    return "-".join(parts)


def make_valid(name: str) -> str:
    """The name if a manifest accepts it, else the most similar one that it accepts."""
    if is_valid(name):
        return name
    readable = "".join(one for one in name if unicodedata.category(one) not in _INVISIBLE)
    for candidate in (_SEPARATORS.sub("-", readable), _ODD.sub("-", readable)):
        tidy = " ".join(candidate.split())[:NAME_LENGTH].strip()
        if tidy and is_valid(tidy):
            return tidy
    rest = _ODD.sub("-", readable).strip(" -")[: NAME_LENGTH - 5].strip()
    return f"case-{rest}" if rest and is_valid(f"case-{rest}") else "case"


_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def is_valid(name: str) -> bool:
    """Whether a manifest accepts a name, both as a name and as the default title."""
    shows = all(unicodedata.category(one) not in _INVISIBLE for one in name)
    return shows and not _complaints(Entry(name, sockets=(("x", 1),)))


def make_unique(name: str, taken: Container[str]) -> str:
    """The name, with a number appended if it is taken."""
    if name not in taken:
        return name
    return next(one for one in _numbered(name) if one not in taken)


def _numbered(name: str) -> Iterator[str]:
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: NAME_LENGTH - len(ending)].rstrip() + ending
        number += 1


# ── what a manifest rejects ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a manifest does not accept something."""

    message: str
    hint: str | None


def title_complaint(title: str) -> Complaint | None:
    """Why a manifest does not accept a title; None if it does."""
    return _first_complaint(Entry("x", title, sockets=(("x", 1),)))


def order_complaint(order: int) -> Complaint | None:
    """Why a manifest does not accept an order; None if it does."""
    return _first_complaint(Entry("x", order=order, sockets=(("x", 1),)))


def source_complaint(source: Source) -> Complaint | None:
    """Why a manifest does not accept the source of a value; None if it does."""
    return _first_complaint(Entry("x", sockets=(("x", source),)))


def root_complaint(path: str) -> Complaint | None:
    """Why a manifest does not accept a path as its root; None if it does."""
    problems = Problems("")
    published_form().entry.broken(
        _mapping_node({"root": _text_node(path)}), {"root": path}, problems
    )
    return next((Complaint(one.message, one.hint) for one in problems.in_order()), None)


def _first_complaint(entry: Entry) -> Complaint | None:
    return next(iter(_complaints(entry)), None)


def _complaints(entry: Entry) -> list[Complaint]:
    """What the manifest's own rules find wrong with an entry."""
    problems = Problems("")
    read_case(_entry_node(entry), problems)
    return [Complaint(one.message, one.hint) for one in problems.in_order()]


def _entry_node(entry: Entry) -> Node:
    sockets = _mapping_node({socket: _source_node(source) for socket, source in entry.sockets})
    fields: dict[str, Node] = {"name": _text_node(entry.name), "sockets": sockets}
    if entry.title is not None:
        fields["title"] = _text_node(entry.title)
    if entry.order is not None:
        fields["order"] = Scalar(entry.order, str(entry.order), True, 1, 1)  # noqa: FBT003
    return _mapping_node(fields)


_KEYS: Final = {OneFile: "file", Image: "image", SameAs: "same-as"}


def _source_node(source: Source) -> Node:
    match source:
        case OneFile(text) | Image(text) | SameAs(text):
            return _mapping_node({_KEYS[type(source)]: _text_node(text)})
        case Files(paths):
            return _mapping_node({"files": Sequence([_text_node(path) for path in paths], 1, 1)})
        case str():
            return _text_node(source)
        case JsonSource():
            return _mapping_node({"value": Sequence([], 1, 1)})
        case _:
            return Scalar(source, str(source), True, 1, 1)  # noqa: FBT003


def _text_node(text: str) -> Scalar:
    return Scalar(text, text, False, 1, 1)  # noqa: FBT003


def _mapping_node(entries: dict[str, Node]) -> Mapping:
    return Mapping({key: (_text_node(key), value) for key, value in entries.items()}, 1, 1)
