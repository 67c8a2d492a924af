"""One entry of the manifest's cases as a Case, or what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import KeysView
from typing import Final

from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Value
from manifest_uploader.manifest.problems import Problems
from manifest_uploader.manifest.yaml_reader import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    described,
    to_json,
)
from manifest_uploader.text import UNPRINTABLE, did_you_mean, most_like, quoted

NAME_LENGTH: Final = 100
TITLE_LENGTH: Final = 255
ORDER_MOST: Final = 2**31 - 1
VALUE_BYTES: Final = 15 * 2**20
"""Grand Challenge: a request of 15 MiB is accepted, one of 17 MiB is not."""

KEYS: Final = dict.fromkeys(("name", "title", "order", "sockets")).keys()
SOURCES: Final = dict.fromkeys(("files", "file", "value", "image")).keys()

# Nearly all names, titles and paths are of these signs only: one look instead of six.
_ORDINARY: Final = re.compile(r"\w(?:[\w .,()+-]*[\w.,()+-])?")
_ORDINARY_PATH: Final = re.compile(r"\w[\w ./*()+,-]+")
_SLUG: Final = re.compile(r"[a-z0-9_-]+")
_TAG: Final = re.compile(r"<[A-Za-z/!?]")
_TEMPORARY: Final = re.compile(r"uploading-[0-9a-f]{12}")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_IMAGE: Final = re.compile(
    r"(?:https?://\S+/)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/?",
    re.IGNORECASE,
)
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL's jsonb cannot hold them."""


# ── the case ────────────────────────────────────────────────────────────────────────────────


def read_case(node: Node, problems: Problems) -> Case | None:
    """The case that a node describes, as far as it does; problems are noted on the way."""
    if not isinstance(node, Mapping):
        hint = "a case is a mapping: '- name: patient-001', 'sockets:' below it"
        problems.add(f"a case cannot be {described(node)}", node, hint)
        return None
    check_keys(node, KEYS, problems)
    name = _name(node, problems)
    title, title_at = _title(node, name, problems)
    order = _order(node.get("order"), problems)
    values = _values(node, problems)
    if name is None:
        return None
    place = problems.place(name)
    title_place = place if title_at is name else problems.place(title_at)
    return Case(name.text, title, order, values, place, title_place)


def check_keys(node: Mapping, known: KeysView[str], problems: Problems) -> None:
    """Note every key that is not known."""
    if node.entries.keys() <= known:
        return
    for text, (key, _) in node.entries.items():
        if text not in known:
            hint = did_you_mean(text, known) or f"the keys here are {', '.join(known)}"
            problems.add(f"unknown key {quoted(text)}", key, hint)


def is_empty(node: Node) -> bool:
    """Whether nothing is written where a value should be, or null."""
    return isinstance(node, Scalar) and node.value is None


def lacks(node: Mapping, key: str, known: KeysView[str]) -> bool:
    """Whether a key is missing, and no other problem says so already: none is a misspelt one."""
    if key in node.entries or not node.whole:
        return False
    return all(text in known or most_like(text, known) != key for text in node.entries)


def text_of(node: Node, what: str, problems: Problems) -> str | None:
    """The text of a scalar, a number's as it is written; else None and a problem."""
    if isinstance(node, Scalar):
        if node.value is None:
            hint = 'write a text, or "" for none' if what == "title" else "write a text"
            problems.add(f"{what} is empty", node, hint)
            return None
        if not isinstance(node.value, bool):
            return node.text
        hint = f"write '{node.text}' in quotes if it is meant as text"
    else:
        hint = "write one text"
    problems.add(f"{what} is a text, not {described(node)}", node, hint)
    return None


def _name(case: Mapping, problems: Problems) -> Scalar | None:
    node = case.get("name")
    if node is None:
        if lacks(case, "name", KEYS):
            problems.add("a case without a name", case, "give it one: 'name: patient-001'")
        return None
    text = text_of(node, "name", problems)
    wrong = None if text is None or _is_ordinary(text) else _wrong_name(text)
    if wrong:
        problems.add(wrong[0], node, wrong[1])
    return node if isinstance(node, Scalar) else None


def _is_ordinary(text: str) -> bool:
    """Whether a name or title is surely right."""
    return len(text) <= NAME_LENGTH and text[:1] != "u" and _ORDINARY.fullmatch(text) is not None


def _wrong_name(text: str) -> tuple[str, str] | None:
    if not text:
        return "name is empty", "a name is what the case is called everywhere"
    if UNPRINTABLE.search(text):
        return f"name {quoted(text)} has a character that does not print", "leave it out"
    if "/" in text or ":" in text:
        hint = f"write {quoted(re.sub('[/:]+', '-', text))}; a title may have them"
        return f"name {quoted(text)} has '/' or ':' in it", hint
    if text != text.strip():
        return f"name {quoted(text)} begins or ends with a blank", f"write {quoted(text.strip())}"
    if len(text) > NAME_LENGTH:
        hint = "put the long text in the title"
        return f"name {quoted(text)} is longer than {NAME_LENGTH} characters", hint
    return None


def _title(case: Mapping, name: Scalar | None, problems: Problems) -> tuple[str, Node]:
    """The title as readers see it, and where it stands: the name is the title by default."""
    node = case.get("title")
    what = "title" if node else "name"
    at = node or name or case
    text = text_of(node, what, problems) if node else name.text if name else None
    title = (text or "").strip()
    wrong = None if _is_ordinary(title) else _wrong_title(title, what)
    if wrong:
        problems.add(wrong[0], at, wrong[1])
    return title, at


def _wrong_title(title: str, what: str) -> tuple[str, str] | None:
    if len(title) > TITLE_LENGTH:
        message = f"title {quoted(title)} has {len(title)} characters"
        return message, f"the platform takes at most {TITLE_LENGTH}"
    if UNPRINTABLE.search(title) and what == "title":
        return f"title {quoted(title)} has a character that does not print", "leave it out"
    if _TAG.search(title):
        return _altered(title, what, "an HTML tag", "leave the '<' out, or a blank after it")
    if "&" in title and _has_entity(title):
        return _altered(title, what, "an HTML entity", "write the character itself")
    if title.startswith("uploading-") and _TEMPORARY.match(title):
        hint = "titles like this are given while a case is uploaded; take another"
        return f"{what} {quoted(title)} is reserved", hint
    return None


def _altered(title: str, what: str, thing: str, hint: str) -> tuple[str, str]:
    where = "" if what == "title" else "; or give the case a title"
    return f"{what} {quoted(title)} has {thing}, which the platform alters", hint + where


def _has_entity(title: str) -> bool:
    import html  # noqa: PLC0415  # its table of 2,231 names is rarely needed

    return html.unescape(title) != title


def _order(node: Node | None, problems: Problems) -> int | None:
    if node is None:
        return None
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        hint = "write a number without quotes, or leave order out"
        problems.add(f"order is a whole number, not {described(node)}", node, hint)
        return None
    if not 1 <= value <= ORDER_MOST:
        hint = f"it goes from 1 to {ORDER_MOST}; without order, one is given when the item is made"
        problems.add(f"order {described(node)} is out of range", node, hint)
        return None
    return int(value)


# ── its values ──────────────────────────────────────────────────────────────────────────────


def _values(case: Mapping, problems: Problems) -> tuple[Value, ...]:
    node = case.get("sockets")
    hint = "name at least one: 'sockets:', and below it 'ct-image:' with 'files: …'"
    if node is None:
        if lacks(case, "sockets", KEYS):
            problems.add("a case without sockets", case, hint)
        return ()
    if not isinstance(node, Mapping):
        problems.add(f"sockets is a mapping, not {described(node)}", node, hint)
        return ()
    if not node.entries and node.whole:
        problems.add("a case without sockets", node, hint)
    values = [_value(key, inner, problems) for key, inner in node.entries.values()]
    found = tuple(value for value in values if value is not None)
    _check_size(case, found, problems)
    return found


def _check_size(case: Mapping, values: tuple[Value, ...], problems: Problems) -> None:
    size = sum(_size(value.value) for value in values if type(value) is JsonValue)
    if size > VALUE_BYTES:
        hint = "keep large values in JSON files, and name them with 'file:'"
        problems.add("the values of this case are larger than 15 MiB as JSON", case, hint)


def _size(value: object) -> int:
    """Bytes of the value as JSON, as it travels; of a bare number about."""
    if isinstance(value, int | float):
        return 10
    return len(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    )


def _value(key: Scalar, node: Node, problems: Problems) -> Value | None:
    socket = key.text
    if not _SLUG.fullmatch(socket):
        like = re.sub("[^a-z0-9_-]+", "-", socket.lower()).strip("-")
        hint = f"write {quoted(like)}?" if like else "write its slug, as the platform shows it"
        problems.add(f"{quoted(socket)} is not the slug of a socket", key, hint)
    if isinstance(node, Mapping):
        return _sourced(key, node, problems)
    if isinstance(node, Sequence):
        hint = "put a list of files under 'files:', a JSON list under 'value:'"
        problems.add(f"socket {quoted(socket)} cannot be a bare list", node, hint)
        return None
    return _json(key, node, problems)


def _json(key: Scalar, node: Node, problems: Problems) -> JsonValue | None:
    value = node.value if isinstance(node, Scalar) else to_json(node)
    if value is None:
        hint = "the platform cannot store null; leave the socket out"
        problems.add(f"socket {quoted(key.text)} has no value", node, hint)
        return None
    if isinstance(value, str | dict | list):
        _check_storable(node, problems)
    return JsonValue(key.text, value, problems.place(node), problems.place(key))


def _check_storable(node: Node, problems: Problems) -> None:
    match node:
        case Scalar(value=str()):
            if _UNSTORABLE.search(node.text):
                hint = "leave the NUL or lone surrogate out"
                problems.add(f"the platform cannot store {quoted(node.text)}", node, hint)
        case Mapping():
            for key, inner in node.entries.values():
                _check_storable(
                    Scalar(key.text, key.text, key.plain, key.line, key.column), problems
                )
                _check_storable(inner, problems)
        case Sequence():
            for inner in node.items:
                _check_storable(inner, problems)


def _sourced(slot: Scalar, node: Mapping, problems: Problems) -> Value | None:
    """The value of a mapping with exactly one of `files`, `file`, `value` and `image`."""
    socket = slot.text
    known = [key for key in node.entries if key in SOURCES]
    if len(known) == len(node.entries) == 1:
        return _from_source(slot, known[0], node.entries[known[0]][1], problems)
    if not known and not any(did_you_mean(key, SOURCES) for key in node.entries):
        hint = "put a JSON value under 'value:', files under 'files:' or 'file:'"
        problems.add(f"socket {quoted(socket)} names no files, file, value or image", node, hint)
        return None
    for text, (key, inner) in node.entries.items():
        if text not in SOURCES:
            _unknown_source(key, inner, problems)
    for extra in known[1:]:
        hint = "keep one of them"
        message = f"socket {quoted(socket)} has both '{known[0]}' and '{extra}'"
        problems.add(message, node.entries[extra][0], hint)
    return _from_source(slot, known[0], node.entries[known[0]][1], problems) if known else None


def _unknown_source(key: Scalar, value: Node, problems: Problems) -> None:
    if is_empty(value):
        message = f"{quoted(key.text)} is taken for a key without a value"
        hint = 'put a name with a comma in quotes, and several names in a list: files: ["a", "b"]'
        problems.add(message, key, hint)
        return
    hint = did_you_mean(key.text, SOURCES) or f"the keys here are {', '.join(SOURCES)}"
    problems.add(f"unknown key {quoted(key.text)}", key, hint)


def _from_source(key: Scalar, source: str, node: Node, problems: Problems) -> Value | None:
    if source == "value":
        return _json(key, node, problems)
    if source == "image":
        return _image(key, node, problems)
    return _files(key, node, source == "file", problems)


def _image(key: Scalar, node: Node, problems: Problems) -> ImageValue | None:
    text = node.value if isinstance(node, Scalar) else None
    found = _IMAGE.fullmatch(text) if isinstance(text, str) else None
    if found:
        return ImageValue(key.text, found[1].lower(), problems.place(node), problems.place(key))
    hint = "write its pk, as in 6cae04d9-f29e-43bf-8b4f-414a1712c245, or an address that ends in it"
    problems.add(f"{described(node)} is not an image of the platform", node, hint)
    return None


def _files(key: Scalar, node: Node, single: bool, problems: Problems) -> FileValue | None:  # noqa: FBT001
    if isinstance(node, Sequence):
        found = _path_list(node, problems) if not single else _no_list(node, problems)
    else:
        path = read_path(node, "file" if single else "files", problems)
        found = {} if path is None else {path: node}
    if not found:
        return None
    places = tuple(problems.place(one) for one in found.values())
    several = places if len(places) > 1 else ()
    return FileValue(key.text, tuple(found), single, places[0], problems.place(key), several)


def _no_list(node: Sequence, problems: Problems) -> dict[str, Node]:
    hint = "write 'files:' for several, and put a name that has [ ] in it in quotes"
    problems.add("file is exactly one file, not a list", node, hint)
    return {}


def _path_list(node: Sequence, problems: Problems) -> dict[str, Node]:
    if not node.items:
        problems.add("files is an empty list", node, "name at least one file")
    seen: dict[str, Node] = {}
    for item in node.items:
        path = read_path(item, "a file", problems)
        if path is not None and path in seen:
            hint = f"the first is on line {seen[path].line}: keep one of them"
            problems.add(f"file {quoted(path)} comes twice", item, hint)
        elif path is not None:
            seen[path] = item
    return seen


# ── paths ───────────────────────────────────────────────────────────────────────────────────


def read_path(node: Node, what: str, problems: Problems) -> str | None:
    """The relative path that a node holds; None with a problem noted where it holds none."""
    text = node.value if isinstance(node, Scalar) else None
    if is_empty(node):
        text = ""
    if not isinstance(text, str):
        hint = "write a path with '/'; put a name that looks like a number or a list in quotes"
        problems.add(f"{what} is a path, not {described(node)}", node, hint)
        return None
    wrong = _wrong_path(text, what)
    if wrong:
        problems.add(wrong[0], node, wrong[1])
        return None
    return text


def _wrong_path(text: str, what: str) -> tuple[str, str] | None:
    if ".." not in text and _ORDINARY_PATH.fullmatch(text):
        return None
    return _unreadable_path(text, what) or _foreign_path(text, what)


def _unreadable_path(text: str, what: str) -> tuple[str, str] | None:
    if not text.strip():
        return f"{what} is empty", "write a path with '/', such as 'patient-001/ct/*.dcm'"
    if UNPRINTABLE.search(text):
        hint = "a backslash in double quotes begins an escape (\\t is a tab): write paths with '/'"
        return f"path {quoted(text)} has a character that does not print", hint
    return None


def _foreign_path(text: str, what: str) -> tuple[str, str] | None:
    if _ADDRESS.match(text):
        hint = "name local files; an image of the platform goes under 'image:'"
        return f"{quoted(text)} is an address, not a local path", hint
    elsewhere = "--root DIR names a folder elsewhere"
    if text.startswith(("/", "\\")) or _DRIVE.match(text):
        of = f"the manifest's folder; {elsewhere}" if what == "root" else f"the root; {elsewhere}"
        return f"path {quoted(text)} is absolute", f"write it with '/', relative to {of}"
    if "\\" in text:
        hint = f"write it with '/': {quoted(text.replace(chr(92), '/'))}"
        return f"path {quoted(text)} has backslashes", hint
    if _leaves(text):
        of, hint = ("the manifest's folder", elsewhere) if what == "root" else ("the root", "")
        return f"path {quoted(text)} leads out of {of}", hint or "write it without '..'"
    return None


def _leaves(text: str) -> bool:
    """Whether some reading of the path is above its start; `**` may stand for no folder at all."""
    if ".." not in text:
        return False
    depth = 0
    for part in text.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".", "**") else 1
        if depth < 0:
            return True
    return False
