"""What a manifest says of many cases at once: `each`, `table`, `key`, `case`, `exclude`."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping

from msgspec import Struct

from manifest_uploader.manifest.case_reader import text_of
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence
from manifest_uploader.text import composed


class TableFile(Struct, frozen=True):
    """Where the table is, and how it is written."""

    path: str
    at: Node
    separator: str | None = None
    decimal_comma: bool = False
    encoding: str | None = None
    sheet: str | None = None


class ShortForm(Struct, frozen=True):
    """One description for many cases; all its nodes break no rule of the schema."""

    each: str
    """The pattern of the cases' folders or files, with accents composed."""
    each_at: Node
    case: Mapping
    """The template."""
    table: TableFile | None = None
    keys: tuple[str, ...] = ()
    """The table's columns that name a case; empty for the first column."""
    keys_at: Node | None = None
    exclude: tuple[Scalar, ...] = ()
    exceptions: AnyMapping[str, Mapping] = {}
    """What is different for one case, by its name."""


def read_short_form(head: Mapping, exceptions: AnyMapping[str, Mapping]) -> ShortForm | None:
    """Return the short form of a manifest whose keys break no rule; None if it has none."""
    each, case = head.get("each"), head.get("case")
    if not isinstance(each, Scalar) or not isinstance(case, Mapping):
        return None
    key = head.get("key")
    return ShortForm(
        each=composed(each.text),
        each_at=each,
        case=case,
        table=_table_file(head.get("table")),
        keys=tuple(composed(one.text.strip()) for one in _scalars(key)),
        keys_at=key,
        exclude=_scalars(head.get("exclude")),
        exceptions=exceptions,
    )


def _scalars(node: Node | None) -> tuple[Scalar, ...]:
    """Return the scalars of a list, or the only one."""
    items = node.items if isinstance(node, Sequence) else [node]
    return tuple(item for item in items if isinstance(item, Scalar))


def _table_file(node: Node | None) -> TableFile | None:
    if not isinstance(node, Mapping):
        return None if node is None else TableFile(text_of(node), node)
    texts = {key: text_of(value) for key, (_, value) in node.entries.items()}
    return TableFile(
        path=texts["file"],
        at=node.entries["file"][1],
        separator=texts.get("separator"),
        decimal_comma=texts.get("decimal") == ",",
        encoding=texts.get("encoding"),
        sheet=texts.get("sheet"),
    )
