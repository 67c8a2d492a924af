"""Reads one entry of the manifest's cases as a Case."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.manifest.form import published_form
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Value
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence, as_written, to_json
from manifest_uploader.manifest.problems import Problems
from manifest_uploader.manifest.wording import Path

VALUE_BYTES: Final = 15 * 2**20
"""Grand Challenge: a request of 15 MiB is accepted, one of 17 MiB is not."""

_SOURCES: Final = frozenset({"files", "file", "value", "image", "same-as"})
_ABOUT_FILES: Final = frozenset({"files", "file", "same-as"})
_PK: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/?$)", re.IGNORECASE)


def read_case(node: Node, problems: Problems) -> Case | None:
    """Return the case that a node describes, without the values that break a rule.

    Each broken rule is reported. None is returned for this case has no name.
    """
    form = published_form().case
    if not isinstance(node, Mapping):
        form.broken(node, to_json(node), problems)
        return None
    data = case_data(node)
    broken = form.broken(node, data, problems)
    name = node.get("name")
    if not isinstance(name, Scalar):
        return None
    title = node.get("title") or name
    values = _values(node, data.get("sockets"), broken, problems)
    place = problems.place(name)
    return Case(
        name=name.text,
        title=text_of(title).strip(),
        order=None if ("order",) in broken else _whole_number(data.get("order")),
        values=values,
        place=place,
        title_place=place if title is name else problems.place(title),
    )


def _whole_number(value: Json) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def case_data(case: Mapping) -> dict[str, Json]:
    """Return the case as its schema judges it: with names as written, and titles trimmed."""
    data = {key: to_json(value) for key, (_, value) in case.entries.items()}
    if type(data.get("name")) in (int, float):
        data["name"] = as_written(case.entries["name"][1])
    if "title" in data:
        title = as_written(case.entries["title"][1])
        data["title"] = title.strip() if isinstance(title, str) else title
    return data


def text_of(node: Node | None) -> str:
    """Return the text of a scalar, as written; "" for what has none."""
    text = None if node is None else as_written(node)
    return text if isinstance(text, str) else ""


# ── its values ──────────────────────────────────────────────────────────────────────────────


def _values(
    case: Mapping, data: Json, broken: frozenset[Path], problems: Problems
) -> tuple[Value, ...]:
    sockets = case.get("sockets")
    if not isinstance(sockets, Mapping):
        return ()
    found = []
    for key, node in sockets.entries.values():
        value = _value(key, node, data[key.text], broken, problems)
        if value is not None:
            found.append(value)
    sizes = [_size(value.value) for value in found if type(value) is JsonValue]
    if sum(sizes) > VALUE_BYTES:
        hint = "keep large values in JSON files, and name them with 'file:'"
        problems.add("the values of this case are larger than 15 MiB as JSON", case, hint)
    return tuple(found)


def _size(value: Json) -> int:
    """Return the bytes of the value as JSON, as it is sent; an estimate for a bare number."""
    if isinstance(value, int | float):
        return 10
    return len(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    )


def _value(
    key: Scalar, node: Node, data: Json, broken: frozenset[Path], problems: Problems
) -> Value | None:
    """Return the value of a socket, from the first of its keys if it has several."""
    path: Path = ("sockets", key.text)
    source, name = "value", None
    if isinstance(node, Mapping):
        name = text_of(node.get("name")).strip() or None
        source = next((one for one in node.entries if one in _SOURCES), "")
        if not source:
            return None
        path, data, node = (*path, source), data[source], node.entries[source][1]
    elif isinstance(node, Sequence):
        return None
    if source in _ABOUT_FILES:
        found = _files(key, node, path, broken, problems)
        return found and replace(found, image_name=name) if name is not None else found
    if data is None or (broken and any(one[: len(path)] == path for one in broken)):
        return None
    if source == "value":
        return JsonValue(key.text, data, problems.place(node), problems.place(key))
    pk = _PK.search(text_of(node))
    return pk and ImageValue(key.text, pk[0].lower(), problems.place(node), problems.place(key))


def _files(
    key: Scalar, node: Node, path: Path, broken: frozenset[Path], problems: Problems
) -> FileValue | None:
    single = path[-1] != "files"
    at = problems.place(key)
    if isinstance(node, Scalar):
        if path in broken or not isinstance(node.value, str):
            return None
        place = problems.place(node)
        if path[-1] == "same-as":  # it gets its paths once all cases are known
            same_as = "/".join(part.strip() for part in node.value.split("/"))
            return FileValue(key.text, (), single, place, at, same_as=same_as)
        return FileValue(key.text, (node.value,), single, place, at)
    if isinstance(node, Mapping) or single:
        return None
    places = {
        item.value: problems.place(item)
        for index, item in enumerate(node.items)
        if isinstance(item, Scalar) and isinstance(item.value, str) and (*path, index) not in broken
    }
    if not places:
        return None
    first, *others = places.values()
    several = (first, *others) if others else ()
    return FileValue(key.text, tuple(places), single, first, at, several)
