"""The endpoints of display sets and archive items."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sqlite3 import IntegrityError, Row
from typing import Any

from manifest_uploader.sandbox.answers import (
    Answer,
    Unhandled,
    as_json,
    invalid,
    not_found,
    refuse,
)
from manifest_uploader.sandbox.fields import (
    MAX_ORDER,
    FieldInvalid,
    missing_object,
    read_integer,
    read_link,
    read_text,
)
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site, may_edit, user_name
from manifest_uploader.sandbox.store import is_pk, new_pk
from manifest_uploader.sandbox.values import (
    Entry,
    ValuesInvalid,
    apply_entry,
    keep_only,
    read_values,
    values_json,
    values_of,
)

_UNANSWERED = (
    "(SELECT COUNT(DISTINCT a.question) FROM answers a WHERE a.item = i.pk AND a.creator = ?)"
    " < MAX(1, (SELECT COUNT(*) FROM questions q WHERE q.study = i.target))"
)
"""Whether a user has not answered all questions about a display set."""
_UNUSED_FIELDS: dict[str, Any] = {
    "hanging_protocol": None,
    "optional_hanging_protocols": [],
    "view_content": {},
}


@dataclass(frozen=True)
class ItemKind:
    """What differs between display sets and archive items."""

    target_kind: str
    parent: str
    """The field that refers to the target."""
    model: str
    find_parent: Callable[[Site, Request, Any], str]
    has_order: bool


@dataclass(frozen=True)
class ItemFields:
    """The fields of a request to create or fill an item; None for fields that are missing."""

    parent: str | None = None
    title: str | None = None
    position: int | None = None
    values: tuple[Entry, ...] | None = None


class Items:
    """The endpoints of one kind of item."""

    def __init__(self, kind: ItemKind) -> None:
        """Serve items of this kind."""
        self.kind = kind

    def list_items(self, site: Site, request: Request) -> Answer:
        """Return a page of the items that the user may see, in order."""
        target = self._filter(site, request)
        where = "t.kind = ? AND ? AND i.target = COALESCE(?, i.target)"
        values: tuple[Any, ...] = (self.kind.target_kind, may_edit(request), target)
        if self.kind.has_order and request.query.get("unanswered_by_user", "").lower() == "true":
            where += f" AND {_UNANSWERED}"
            values = (*values, request.query.get("user") or user_name(request))
            target = None
        joined = f"FROM items i JOIN targets t ON t.pk = i.target WHERE {where}"
        count = site.store.number(f"SELECT COUNT(*) {joined}", *values)
        rows = site.store.rows(
            f"SELECT i.* {joined} ORDER BY i.position, i.seq LIMIT ? OFFSET ?",
            *(*values, request.limit, request.offset),
        )
        indexes = self._indexes(site, request, rows, target)
        value_rows = values_of(site, [row["pk"] for row in rows])
        results = [
            self._item_json(site, request, row, value_rows[row["pk"]], index, full=True)
            for row, index in zip(rows, indexes, strict=True)
        ]
        return as_json(200, request.page_of(count, results))

    def create(self, site: Site, request: Request) -> Answer:
        """Create an item without values."""
        fields = self._read(site, request, creating=True)
        if fields.values:
            raise refuse(400, ["Values can only be added via update"])
        target = fields.parent or ""
        title = fields.title or ""
        self._check_title(site, target, title, "")
        pk = new_pk()
        self._save(
            site,
            "INSERT INTO items (target, title, position, pk) VALUES (?, ?, ?, ?)",
            *(target, title, fields.position or self._next_position(site, target), pk),
        )
        return as_json(201, self._read_item(site, request, pk, full=False))

    def get(self, site: Site, request: Request, pk: str) -> Answer:
        """Return one item with its values."""
        self._find(site, request, pk)
        return as_json(200, self._read_item(site, request, pk, full=True))

    def fill(self, site: Site, request: Request, pk: str) -> Answer:
        """Set an item's title, order and values, or answer with an error and change nothing."""
        row = self._find(site, request, pk)
        fields = self._read(site, request, creating=False)
        target = fields.parent or row["target"]
        title = row["title"] if fields.title is None else fields.title
        self._check_title(site, target, title, pk)
        if row["answered"]:
            words = "This display set cannot be changed, as answers for it already exist."
            raise refuse(400, [words])
        position = row["position"]
        if fields.position is not None:
            position = fields.position or self._next_position(site, target)
        self._save(
            site,
            "UPDATE items SET target = ?, title = ?, position = ? WHERE pk = ?",
            *(target, title, position, pk),
        )
        self._apply(site, request, pk, fields.values)
        return as_json(200, self._read_item(site, request, pk, full=False))

    def _apply(
        self, site: Site, request: Request, pk: str, values: tuple[Entry, ...] | None
    ) -> None:
        if values is None:
            return
        if request.method == "PUT":
            keep_only(site, pk, values)
        for entry in values:
            apply_entry(site, request, pk, entry)

    def _save(self, site: Site, statement: str, *values: Any) -> None:
        try:
            site.store.run(statement, *values)
        except IntegrityError as error:
            raise Unhandled("IntegrityError") from error

    def _read(self, site: Site, request: Request, *, creating: bool) -> ItemFields:
        """Return the request's fields, or answer 400 with the errors of all fields."""
        readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
            self.kind.parent: ("parent", lambda v: self.kind.find_parent(site, request, v)),
            "title": ("title", lambda value: read_text(value, max_length=255, blank=True)),
            "values": ("values", lambda value: read_values(site, request, value)),
        }
        if self.kind.has_order:
            readers["order"] = ("position", lambda value: read_integer(value, 0, MAX_ORDER))
        found, errors = _read_all(readers, request.data)
        if creating and self.kind.parent not in request.data:
            errors[self.kind.parent] = ["This field is required."]
        if errors:
            raise invalid(**errors)
        return ItemFields(**found)

    def _check_title(self, site: Site, target: str, title: str, pk: str) -> None:
        query = "SELECT 1 FROM items WHERE target = ? AND title = ? AND title != '' AND pk != ?"
        if site.store.row(query, target, title, pk):
            words = f"The fields title, {self.kind.parent} must make a unique set."
            raise invalid(non_field_errors=[words])

    def _next_position(self, site: Site, target: str) -> int:
        if not self.kind.has_order:
            return 0
        query = "SELECT MAX(position) FROM items WHERE target = ?"
        position = (site.store.number(query, target) + 10) // 10 * 10
        if position > MAX_ORDER:
            raise Unhandled("integer out of range")
        return position

    def _find(self, site: Site, request: Request, pk: str) -> Row:
        if not is_pk(pk):
            raise not_found()
        query = (
            "SELECT i.* FROM items i JOIN targets t ON t.pk = i.target WHERE i.pk = ?"
            " AND t.kind = ?"
        )
        row = site.store.row(query, pk, self.kind.target_kind)
        if row is None or not may_edit(request):
            raise not_found(self.kind.model)
        return row

    def _filter(self, site: Site, request: Request) -> str | None:
        """Return the target to which the list is limited, or answer 400."""
        wanted = request.query.get(self.kind.parent)
        if not wanted:
            return None
        if not is_pk(wanted):
            raise invalid(**{self.kind.parent: [f"“{wanted}” is not a valid UUID."]})
        query = "SELECT pk FROM targets WHERE pk = ? AND kind = ? AND ?"
        row = site.store.row(query, wanted, self.kind.target_kind, may_edit(request))
        if row is None:
            words = "Select a valid choice. That choice is not one of the available choices."
            raise invalid(**{self.kind.parent: [words]})
        return str(row["pk"])

    def _indexes(
        self, site: Site, request: Request, rows: list[Row], target: str | None
    ) -> list[int]:
        """Return each item's index among the items of its target."""
        if target is not None:
            return list(range(request.offset, request.offset + len(rows)))
        query = (
            "SELECT pk, ROW_NUMBER() OVER (PARTITION BY target ORDER BY position, seq) - 1 AS n"
            " FROM items"
        )
        indexes = {row["pk"]: row["n"] for row in site.store.rows(query)} if rows else {}
        return [indexes[row["pk"]] for row in rows]

    def _read_item(self, site: Site, request: Request, pk: str, *, full: bool) -> dict[str, Any]:
        row = self._find(site, request, pk)
        index = site.store.number(
            "SELECT COUNT(*) FROM items WHERE target = ? AND (position, seq) < (?, ?)",
            *(row["target"], row["position"], row["seq"]),
        )
        return self._item_json(site, request, row, values_of(site, [pk])[pk], index, full=full)

    def _item_json(
        self,
        site: Site,
        request: Request,
        row: Row,
        value_rows: list[Row],
        index: int,
        *,
        full: bool,
    ) -> dict[str, Any]:
        values = values_json(site, request, value_rows, full=full)
        if not self.kind.has_order:
            archive = request.url(f"archives/{row['target']}/")
            return {
                "pk": row["pk"],
                "title": row["title"],
                "archive": archive,
                "values": values,
                **_UNUSED_FIELDS,
            }
        title = {"title": row["title"]} if site.options.title_in_answers else {}
        return {
            "pk": row["pk"],
            **title,
            "title_safe": make_safe(row["title"]),
            "reader_study": _study(site, request, row["target"], full=full),
            "values": values,
            "order": row["position"],
            "api_url": request.url(f"reader-studies/display-sets/{row['pk']}/"),
            **_UNUSED_FIELDS,
            "description": "",
            "descriptions_map_safe": {},
            "index": index,
        }


def _read_all(
    readers: Mapping[str, tuple[str, Callable[[Any], Any]]], data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name, (attribute, read) in readers.items():
        if name not in data:
            continue
        try:
            found[attribute] = read(data[name])
        except FieldInvalid as error:
            errors[name] = error.words
        except ValuesInvalid as error:
            errors[name] = error.errors
    return found, errors


def _study(site: Site, request: Request, target: str, *, full: bool) -> str:
    """Return a display set's reference to its study: an address in answers to GET, else a slug."""
    if full:
        return request.url(f"reader-studies/{target}/")
    row = site.store.row("SELECT slug FROM targets WHERE pk = ?", target)
    return str(row["slug"]) if row else ""


def make_safe(title: str) -> str:
    """Return a title that is safe in HTML: tags are removed, and the rest is escaped."""
    without_tags = re.sub(r"</?[a-zA-Z!][^>]*>", "", title)
    return html.escape(html.unescape(without_tags), quote=False)


def _find_study(site: Site, request: Request, slug: Any) -> str:
    if slug is None:
        raise FieldInvalid("This field may not be null.")
    query = "SELECT pk FROM targets WHERE kind = 'reader-study' AND slug = ? AND ?"
    row = site.store.row(query, str(slug), may_edit(request))
    if row is None:
        raise FieldInvalid(f"Object with slug={slug} does not exist.")
    return str(row["pk"])


def _find_archive(site: Site, request: Request, link: Any) -> str:
    if link is None:
        raise FieldInvalid("This field may not be null.")
    pk = read_link(link, f"{API}archives/")
    query = "SELECT pk FROM targets WHERE kind = 'archive' AND pk = ? AND ?"
    if site.store.row(query, pk, may_edit(request)) is None:
        raise missing_object()
    return pk


def display_sets() -> Items:
    """Return the endpoints of display sets."""
    return Items(
        ItemKind("reader-study", "reader_study", "DisplaySet", _find_study, has_order=True)
    )


def archive_items() -> Items:
    """Return the endpoints of archive items."""
    return Items(ItemKind("archive", "archive", "ArchiveItem", _find_archive, has_order=False))
