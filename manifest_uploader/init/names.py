"""Names and titles that a manifest takes, made from those that folders and tables have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from manifest_uploader.init.compose import Entry, Files, OneFile, Source
from manifest_uploader.init.patterns import Part
from manifest_uploader.init.tree import Found
from manifest_uploader.manifest.case_reader import NAME_LENGTH, read_case, read_path
from manifest_uploader.manifest.problems import Problems
from manifest_uploader.manifest.yaml_reader import Mapping, Node, Scalar, Sequence

_ODD: Final = re.compile(r"[^\w .,()+-]+")
_SEPARATORS: Final = re.compile(r"\s*[/:]+\s*")
_DOUBLE: Final = (".gz", ".bz2", ".zip")


# ── names ───────────────────────────────────────────────────────────────────────────────────


def stem(name: str) -> str:
    """A file's name without its ending: `a` of `a.mha` and of `a.nii.gz`."""
    for packed in _DOUBLE:
        if name.lower().endswith(packed):
            name = name[: -len(packed)]
            break
    head, dot, tail = name.rpartition(".")
    return head if dot and head and " " not in tail else name


def own_name(found: Found) -> str:
    """What `{name}` stands for: the folder's name, or the file's without its ending."""
    last = found.path.rpartition("/")[2]
    return stem(last) if found.is_file else last


def raw_name(found: Found, each: tuple[Part, ...]) -> str:
    """What a case is called by its path: the parts that differ between cases, joined by '-'."""
    parts = found.path.split("/")
    if found.is_file:
        parts[-1] = stem(parts[-1])
    if len(parts) == len(each):
        varying = [text for text, part in zip(parts, each, strict=True) if part.varies]
        parts = varying or parts
    return "-".join(parts)


def made_valid(name: str) -> str:
    """The name itself if a manifest takes it; else the most like it that it takes."""
    if is_valid(name):
        return name
    readable = "".join(one for one in name if unicodedata.category(one) not in _INVISIBLE)
    for milder in (_SEPARATORS.sub("-", readable), _ODD.sub("-", readable)):
        tidy = " ".join(milder.split())[:NAME_LENGTH].strip()
        if tidy and is_valid(tidy):
            return tidy
    rest = _ODD.sub("-", readable).strip(" -")[: NAME_LENGTH - 5].strip()
    return f"case-{rest}" if rest and is_valid(f"case-{rest}") else "case"


_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def is_valid(name: str) -> bool:
    """Whether a manifest takes a name, also as the title that it is by default."""
    shows = all(unicodedata.category(one) not in _INVISIBLE for one in name)
    return shows and not _problems(Entry(name, sockets=(("x", 1),)))


def made_unique(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it if it is taken."""
    if name not in taken:
        return name
    return next(one for one in _numbered(name) if one not in taken)


def _numbered(name: str) -> Iterator[str]:
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: NAME_LENGTH - len(ending)].rstrip() + ending
        number += 1


# ── what a manifest says about an entry ─────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a manifest does not take, and why."""

    message: str
    hint: str | None


def wrong_title(title: str) -> Complaint | None:
    """Why a manifest does not take a title; None if it does."""
    return _first(Entry("x", title, sockets=(("x", 1),)))


def wrong_order(order: int) -> Complaint | None:
    """Why a manifest does not take an order; None if it does."""
    return _first(Entry("x", order=order, sockets=(("x", 1),)))


def wrong_source(source: Source) -> Complaint | None:
    """Why a manifest does not take what a socket is to hold; None if it does."""
    return _first(Entry("x", sockets=(("x", source),)))


def wrong_root(path: str) -> Complaint | None:
    """Why a manifest does not take a path as its root; None if it does."""
    problems = Problems("")
    read_path(_text(path), "root", problems)
    return next((Complaint(one.message, one.hint) for one in problems.in_order()), None)


def _first(entry: Entry) -> Complaint | None:
    return next(iter(_problems(entry)), None)


def _problems(entry: Entry) -> list[Complaint]:
    """What the manifest's own rules say about an entry."""
    problems = Problems("")
    read_case(_node(entry), problems)
    return [Complaint(one.message, one.hint) for one in problems.in_order()]


def _node(entry: Entry) -> Node:
    sockets = _mapping({socket: _source(source) for socket, source in entry.sockets})
    found: dict[str, Node] = {"name": _text(entry.name), "sockets": sockets}
    if entry.title is not None:
        found["title"] = _text(entry.title)
    if entry.order is not None:
        found["order"] = Scalar(entry.order, str(entry.order), True, 1, 1)  # noqa: FBT003
    return _mapping(found)


def _source(source: Source) -> Node:
    match source:
        case OneFile(path):
            return _mapping({"file": _text(path)})
        case Files(paths):
            return _mapping({"files": Sequence([_text(path) for path in paths], 1, 1)})
        case str():
            return _text(source)
        case _:
            return Scalar(source, str(source), True, 1, 1)  # noqa: FBT003


def _text(text: str) -> Scalar:
    return Scalar(text, text, False, 1, 1)  # noqa: FBT003


def _mapping(entries: dict[str, Node]) -> Mapping:
    return Mapping({key: (_text(key), value) for key, value in entries.items()}, 1, 1)
