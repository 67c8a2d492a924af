"""Finds names and columns in a description that nothing stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from manifest_uploader.manifest.nodes import Mapping, Node, Scalar
from manifest_uploader.manifest.problems import Problems
from manifest_uploader.manifest.short_form import ShortForm
from manifest_uploader.manifest.templates import names_in, texts_in
from manifest_uploader.text import composed, did_you_mean, quoted

_PART: Final = re.compile(r"\{(\w+)\}")
OWN_NAMES: Final = ("name", "file")
"""Every case has them: its folder's or file's name, without and with the ending."""


def part_names(each: str) -> list[str]:
    """Return the names of the named parts of a pattern."""
    return _PART.findall(each)


def check_template(short: ShortForm, columns: tuple[str, ...], problems: Problems) -> None:
    """Report each name and column that is not known."""
    parts = part_names(short.each)
    known = list(dict.fromkeys((*parts, *filter(None, columns), *OWN_NAMES)))
    for node in _columns(short.case):
        _check_column(node, short, columns, problems)
    for node in _texts(short.case):
        for name in names_in(node.text):
            if name not in known:
                hint = did_you_mean(name, known) or f"known names: {', '.join(known)}"
                what = f"{quoted(name)} is neither a name in 'each' nor a column of a table"
                problems.add(what, node, hint)
            elif columns.count(name) > 1 and name not in parts:
                problems.add(f"the table has several columns {quoted(name)}", node, "rename one")


def _check_column(
    node: Node, short: ShortForm, columns: tuple[str, ...], problems: Problems
) -> None:
    name = composed(node.text.strip()) if isinstance(node, Scalar) else ""
    if short.table is None:
        hint = "write 'table: scores.csv' above 'case:'"
        problems.add(f"{quoted(name)} is a column of a table, but there is no table", node, hint)
    elif (count := columns.count(name)) != 1:
        named = [one for one in columns if one]
        hint = did_you_mean(name, named) or f"its columns are {', '.join(map(quoted, named))}"
        many = f"{count or 'no'} column{'s' * (count > 1)}"
        problems.add(f"the table has {many} {quoted(name)}", node, "rename one" if count else hint)


def _columns(case: Mapping) -> Iterator[Node]:
    """Yield every column that the description names."""
    sockets = case.get("sockets")
    values = (
        [value for _, value in sockets.entries.values()] if isinstance(sockets, Mapping) else []
    )
    for node in (case.get("title"), case.get("order"), *values):
        if isinstance(node, Mapping) and "column" in node.entries:
            yield node.entries["column"][1]


def _texts(case: Mapping) -> Iterator[Scalar]:
    """Yield every text in which names may stand."""
    for key, (_, node) in case.entries.items():
        if key != "sockets":
            yield from [] if isinstance(node, Mapping) else texts_in(node)
        elif isinstance(node, Mapping):
            for _, value in node.entries.values():
                if not (isinstance(value, Mapping) and "column" in value.entries):
                    yield from texts_in(value)
