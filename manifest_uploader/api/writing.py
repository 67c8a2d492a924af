"""Writes a manifest as YAML that is short and readable.

Invariant: every reader of YAML, the manifest's own included, reads each text as it was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import yaml
from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.api.building import Case, File, Files, Image, SameAs, Value
from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.text import quoted

_ENDLESS: Final = 2**31 - 1
"""Columns of a line: none is folded."""
_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?[0-9]+\Z")
"""A number that is one in JSON and in YAML 1.2, and a text in YAML 1.1."""
_NUMBERLIKE: Final = re.compile(r"[-+.0-9][-+.,:_0-9a-fA-FoOxX]*\Z")
"""What some reader or another may take for a number, such as `08` and `0o7`."""
_LETTERS: Final = re.compile(r"[yYnN]\Z")


class Head(Struct, frozen=True):
    """The part of a manifest before the cases."""

    kind: str
    slug: str
    root: str | None = None
    identifiable: str | tuple[str, ...] | None = None
    """`allowed`, or DICOM keywords that may stay."""
    import_check: bool = False


def manifest_text(head: Head, cases: Sequence[Case], path: str) -> str:
    """The text of a manifest with these cases; `path` names it in messages.

    Raises:
        ManifestInvalid: it would not be a manifest, with every problem.
        UsageError: YAML cannot express a value.

    """
    text = _written(head, cases)
    try:
        parse(text, path)
    except ManifestInvalid as invalid:
        lines = text.splitlines()
        first = [number for number, line in enumerate(lines, 1) if line.startswith("- name:")]
        starts = list(zip(first, (one.name for one in cases), strict=True))
        problems = tuple(_about_case(one, starts) for one in invalid.problems)
        raise ManifestInvalid(problems) from None
    return text


def _written(head: Head, cases: Sequence[Case]) -> str:
    document = {**_head(head), "cases": [_case(one) for one in cases]}
    text: str = yaml.dump(
        document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_ENDLESS
    )
    return text


def _head(head: Head) -> dict[str, Any]:
    found: dict[str, Any] = {"version": 1, "target": {"kind": head.kind, "slug": head.slug}}
    if head.root is not None:
        found["root"] = head.root
    if isinstance(head.identifiable, tuple):
        found["identifiable"] = _InlineList(head.identifiable)
    elif head.identifiable is not None:
        found["identifiable"] = head.identifiable
    if head.import_check:
        found["import-check"] = "required"
    return found


def _case(one: Case) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name}
    if one.title is not None:
        found["title"] = one.title
    if one.order is not None:
        found["order"] = one.order
    found["sockets"] = {
        slug: _source(written, f"{one.name}/{slug}") for slug, written in one.sockets.items()
    }
    return found


def _source(written: object, where: str) -> Any:
    match written:
        case Files(paths=paths):
            return _Inline(files=paths[0] if len(paths) == 1 else _InlineList(paths))
        case File(path=path):
            return _Inline(file=path)
        case Image(pk=pk):
            return _Inline(image=pk)
        case SameAs(other=other):
            return _Inline({"same-as": other})
        case Value(value=value):
            found = _json(value, where)
            return _Inline(value=found) if isinstance(found, list | dict) else found
    raise AssertionError(f"{written!r} is not a source")


def _json(value: object, where: str) -> Any:
    """A value that YAML can express, lists and mappings on one line."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case list() | tuple():
            return _InlineList(_json(one, where) for one in value)
        case dict():
            return _Inline({str(key): _json(one, where) for key, one in value.items()})
    raise UsageError(
        f"{where}: {value!r} cannot be a value",
        hint="a value is a number, text, true or false, a list or a mapping; "
        "Column('…', str) makes text",
    )


def _about_case(problem: Problem, starts: Sequence[tuple[int, str]]) -> Problem:
    """The problem with its case instead of a place in a text that nobody has seen."""
    line = problem.place.line if problem.place else 0
    names = [name for start, name in starts if start <= line]
    about = f"case {quoted(names[-1])}: " if names else ""
    return replace(problem, message=about + problem.message, place=None, first_line=None)


# ── YAML ────────────────────────────────────────────────────────────────────────────────────


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes texts plain where every reader takes them for texts, in YAML 1.1, 1.2 and JSON."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write everything out."""
        return True


class _Inline(dict[str, Any]):
    """A mapping that is written on one line."""


class _InlineList(list[Any]):
    """A list that is written on one line."""


def _represent_float(dumper: Any, number: float) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


def _represent_text(dumper: Any, text: str) -> Any:
    # in single quotes a line end would become an empty line
    style = '"' if "\n" in text or "\r" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_inline(dumper: Any, found: _Inline) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", found.items(), flow_style=True)


def _represent_list(dumper: Any, found: _InlineList) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", found, flow_style=True)


_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Inline, _represent_inline)
_Dumper.add_representer(_InlineList, _represent_list)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", _NUMBERLIKE, list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", _LETTERS, list("yYnN"))
