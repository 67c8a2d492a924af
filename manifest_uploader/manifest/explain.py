"""Finds the words and the place for each rule of the schema that a manifest breaks.

The words stand beside the rule, in the schema: `errorMessage` and `x-hint`. Of the rules about one
value, only the first that is broken is reported, in the order of the schema.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from jsonschema_rs import ValidationError
from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence, described, is_empty
from manifest_uploader.manifest.problems import Located, Problems
from manifest_uploader.manifest.wording import Path, Words, fill
from manifest_uploader.text import most_like


def explain(
    errors: Iterable[ValidationError], schema: Json, node: Node, problems: Problems
) -> frozenset[Path]:
    """Report the broken rules, and return the paths of the values and keys that break one.

    `schema` and `node` are what the errors come from.
    """
    found = [
        broken for error in errors for broken in _broken_rules(error, _find(error, schema), node)
    ]
    settled: set[tuple[Path, Path]] = set()
    for one in sorted(found, key=lambda one: one.rule.position):
        subject = (one.path, one.rule.scope)
        if subject in settled:
            continue
        if not one.is_about_a_key:
            settled.add(subject)
        message = fill(one.rule.message, one.words) or one.rule.message
        hint = fill(one.rule.hint, one.words)
        problems.add(message, one.at, hint, first_line=one.first_line)
    return frozenset(one.words.path for one in found)


# ── the rule in the schema ──────────────────────────────────────────────────────────────────


class _Rule(Struct, frozen=True):
    """A rule of the schema, with the words that stand beside it."""

    message: str
    hint: str | list[str]
    position: tuple[int, ...]
    """Sorts rules in the order of the schema."""
    scope: Path
    """Leads to the part of the schema that is about the same value."""
    known: tuple[str, ...]
    """The keys or values that are allowed."""


_BY_KEY: Final = ("properties", "patternProperties")
_INTO_ANOTHER_VALUE: Final = ("additionalProperties", "items")


def _find(error: ValidationError, schema: Any) -> _Rule:
    """Follow an error through the schema to the innermost words about its value."""
    definitions = schema["$defs"]
    path: list[Any] = error.evaluation_path
    position: list[int] = []
    scope = 0
    message, known = error.message, ()
    hint: str | list[str] = []
    for index, step in enumerate(["#", *path]):
        if index:
            position.append(step if isinstance(schema, list) else list(schema).index(step))
            schema = schema[step]
        if step == "$ref":
            schema = definitions[schema.rpartition("/")[2]]
        if not isinstance(schema, dict) or step in _BY_KEY:
            continue
        if step in _INTO_ANOTHER_VALUE or (index > 1 and path[index - 2] in _BY_KEY):
            scope = index
            message, hint, known = error.message, [], ()
        message = schema.get("errorMessage", message)
        hint = schema.get("x-hint", hint)
        known = tuple(schema.get("properties") or schema.get("enum") or known)
    return _Rule(message, hint, tuple(position), tuple(path[:scope]), known)


# ── the place in the file ───────────────────────────────────────────────────────────────────


class _Broken(Struct, frozen=True):
    """A broken rule, and where to report it."""

    rule: _Rule
    path: Path
    """Of the value that the rule is about."""
    at: Located
    words: Words
    is_about_a_key: bool = False
    """The rule is about one key of the value: other rules may be reported beside it."""
    first_line: int | None = None
    """The line on which the same item stands first."""


def _broken_rules(error: ValidationError, rule: _Rule, document: Node) -> Iterator[_Broken]:
    """Yield what to report about an error: nothing if it follows from another problem."""
    path, node = _follow(document, error.instance_path)
    if isinstance(node, Mapping):
        yield from _about_a_mapping(error.kind, rule, path, node)
    elif isinstance(node, Sequence) and error.kind.name == "uniqueItems":
        yield from _about_items(rule, path, node)
    else:
        yield _Broken(rule, path, node, _words(node, path, rule))


def _about_a_mapping(kind: Any, rule: _Rule, path: Path, node: Mapping) -> Iterator[_Broken]:
    match kind.name:
        case "required":
            if not _has_an_excuse(node, rule.known, kind.property):
                yield _Broken(rule, path, node, _words(node, path, rule), is_about_a_key=True)
        case "additionalProperties":
            keys_on = Counter(key.line for key, _ in node.entries.values())
            for name in kind.unexpected:
                key, value = _entry(node, name)
                told = rule
                if is_empty(value) and keys_on[key.line] > 1 and _is_a_name(key, rule.known):
                    told = replace(rule, message=_AFTER_A_COMMA[0], hint=_AFTER_A_COMMA[1])
                yield _about_key(told, path, key)
        case "maxProperties":
            known = [key for key, _ in node.entries.values() if key.text in rule.known]
            for key in known[1:]:  # one of those known; others may stand beside it
                yield _about_key(rule, path, key, first=known[0].text)
        case "anyOf" | "minProperties" if _has_an_excuse(node, rule.known):
            return
        case _:
            yield _Broken(rule, path, node, _words(node, path, rule))


def _about_items(rule: _Rule, path: Path, node: Sequence) -> Iterator[_Broken]:
    """Yield every item that stands in the list before."""
    firsts: dict[str, Scalar] = {}
    for index, item in enumerate(node.items):
        if isinstance(item, Scalar) and firsts.setdefault(item.text, item) is not item:
            words = _words(item, (*path, index), rule)
            first = firsts[item.text].line
            yield _Broken(rule, path, item, words, is_about_a_key=True, first_line=first)


def _is_a_name(key: Scalar, known: tuple[str, ...]) -> bool:
    """Return whether an unknown key looks like the rest of a file's name."""
    return "files" in known and most_like(key.text, known) is None


_AFTER_A_COMMA: Final = (
    "{value} is read as a key without a value",
    'put a name with a comma in quotes, and several names in a list: files: ["a", "b"]',
)
"""In `{file: a, b.dcm}`, YAML takes what follows the comma for a key."""


def _about_key(rule: _Rule, path: Path, key: Scalar, *, first: str = "") -> _Broken:
    words = replace(_words(key, (*path, key.text), rule), first=first)
    return _Broken(rule, path, key, words, is_about_a_key=True)


def _words(node: Node, path: Path, rule: _Rule) -> Words:
    text = node.text if isinstance(node, Scalar) else ""
    return Words(described(node), text, path, rule.known)


def _has_an_excuse(node: Mapping, known: tuple[str, ...], key: str | None = None) -> bool:
    """Return whether a refused or misspelt key is why `key` is missing, or any key."""
    if not node.whole:
        return True
    meant = {most_like(name, known) for name in node.entries if name not in known}
    return key in meant if key else bool(meant - {None})


# ── the paths of errors ─────────────────────────────────────────────────────────────────────

_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\x00")
"""A rule that forbids lone surrogates also forbids NUL."""
_EMPTY_KEY: Final = "\ue000"
"""Breaks the rules that an empty key breaks."""
_INTEGER: Final = re.compile(r"\+?[0-9]{1,20}")
"""A key that an error's path holds as an integer: 7 for `007`."""


def as_explainable(data: Json) -> Json:
    """Return data that breaks the same rules, without the texts that errors cannot hold."""
    match data:
        case str():
            return data.translate(_SURROGATES)
        case list():
            return [as_explainable(item) for item in data]
        case dict():
            return {_as_step(key): as_explainable(value) for key, value in data.items()}
        case _:
            return data


def _as_step(key: str) -> str:
    return key.translate(_SURROGATES) or _EMPTY_KEY


def _follow(document: Node, steps: list[str | int]) -> tuple[Path, Node]:
    """Return where an error's path leads: the true path, and the value there."""
    path: list[str | int] = []
    node = document
    for step in steps:
        if isinstance(node, Sequence):
            path.append(step)
            node = node.items[int(step)]
        else:
            assert isinstance(node, Mapping)
            key, node = _entry(node, str(step))
            path.append(key.text)
    return tuple(path), node


def _entry(mapping: Mapping, step: str) -> tuple[Scalar, Node]:
    """Return the key and the value that a step of an error's path leads to."""
    found = mapping.entries.get(step)
    return found or next(
        entry
        for key, entry in mapping.entries.items()
        if _as_step(key) == step or (_INTEGER.fullmatch(key) and str(int(key)) == step)
    )
