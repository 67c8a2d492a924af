"""The values of an item: checks the list of a fill and applies it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from sqlite3 import Row
from typing import Any
from urllib.parse import quote

from manifest_uploader.sandbox.answers import Unhandled
from manifest_uploader.sandbox.fields import (
    FieldInvalid,
    missing_object,
    not_a_list,
    read_link,
    read_text,
)
from manifest_uploader.sandbox.images import find_image, socket_complaint
from manifest_uploader.sandbox.requests import API, Request, is_storable
from manifest_uploader.sandbox.sessions import add_session, start_import, waiting_session
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import Socket

_SOURCES = (
    "['image', 'value', 'file', 'user_upload', 'upload_session', ('image_name', 'user_uploads')]"
)
_LONGEST_NAME = 255
MEDIA = "/media/components/componentinterfacevalue/"


@dataclass(frozen=True)
class Entry:
    """A valid entry of a fill's list."""

    socket: Socket
    value: Any = None
    image: str | None = None
    upload: str | None = None
    uploads: tuple[str, ...] = ()
    image_name: str | None = None
    session: str | None = None


class EntryInvalid(Exception):
    """Holds the platform's errors about one entry."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        """Keep the errors, which are grouped by field."""
        super().__init__(str(errors))
        self.errors = errors


def read_values(site: Site, request: Request, values: Any) -> tuple[Entry, ...]:
    """Return the entries of a fill; raise FieldInvalid or ValuesInvalid with all errors."""
    if values is None:
        raise FieldInvalid("This field may not be null.")
    if not isinstance(values, list):
        raise ValuesInvalid({"non_field_errors": not_a_list(values).words})
    entries: list[Entry] = []
    errors: list[dict[str, list[str]]] = []
    for value in values:
        try:
            entries.append(_read_entry(site, request, value))
            errors.append({})
        except EntryInvalid as error:
            errors.append(error.errors)
    if any(errors):
        raise ValuesInvalid(errors)
    return tuple(entries)


class ValuesInvalid(Exception):
    """Holds the platform's errors about a fill's list, entry by entry."""

    def __init__(self, errors: Any) -> None:
        """Keep the errors."""
        super().__init__(str(errors))
        self.errors = errors


def _read_entry(site: Site, request: Request, value: Any) -> Entry:
    if not isinstance(value, dict):
        words = f"Invalid data. Expected a dictionary, but got {type(value).__name__}."
        raise EntryInvalid({"non_field_errors": [words]})
    fields = _read_fields(site, request, value)
    socket = fields.get("interface")
    if socket is None:
        raise _invalid_entry("An interface must be specified")
    _check_sources(fields)
    _check_source_fits(socket, fields)
    if socket.super_kind == "Value":
        _check_json(site, socket, fields["value"])
    if fields.get("image") is not None:
        _check_image(site, socket, fields["image"])
    return Entry(
        socket,
        value=_as_stored(fields.get("value")),
        image=fields.get("image"),
        upload=fields.get("user_upload"),
        uploads=tuple(dict.fromkeys(fields.get("user_uploads") or ())),
        image_name=fields.get("image_name"),
        session=fields.get("upload_session"),
    )


def _read_fields(site: Site, request: Request, value: Mapping[str, Any]) -> dict[str, Any]:
    readers: dict[str, Callable[[Any], Any]] = {
        "interface": lambda slug: _socket(site, slug),
        "value": lambda given: given,
        "image": lambda link: _image(site, request, link),
        "file": _no_file,
        "user_upload": lambda link: site.linked_upload(request, link),
        "upload_session": lambda link: waiting_session(site, request, link),
        "user_uploads": lambda links: _uploads(site, request, links),
        "image_name": lambda name: read_text(name, max_length=4096),
    }
    fields: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name in readers.keys() & value.keys():
        try:
            fields[name] = None if value[name] is None else readers[name](value[name])
        except FieldInvalid as error:
            errors[name] = error.words
    if errors:
        raise EntryInvalid(errors)
    return fields


def _socket(site: Site, slug: Any) -> Socket:
    socket = site.sockets.by_slug.get(str(slug))
    if socket is None:
        raise FieldInvalid(f"Object with slug={slug} does not exist.")
    return socket


def _image(site: Site, request: Request, link: Any) -> str:
    pk = read_link(link, f"{API}cases/images/")
    if find_image(site, request, pk) is None:
        raise missing_object()
    return pk


def _uploads(site: Site, request: Request, links: Any) -> list[str]:
    if not isinstance(links, list):
        raise not_a_list(links)
    return [site.linked_upload(request, link) for link in links]


def _no_file(_value: Any) -> None:
    words = "The submitted data was not a file. Check the encoding type on the form."
    raise FieldInvalid(words)


def _invalid_entry(words: str) -> EntryInvalid:
    return EntryInvalid({"non_field_errors": [words]})


def _check_sources(fields: Mapping[str, Any]) -> None:
    given = {name for name in fields if name != "interface"}
    if not given:
        raise _invalid_entry(f"You must provide at least one of {_SOURCES}.")
    used = {name for name in given if fields[name] is not None}
    sources = {"bundle" if name in ("image_name", "user_uploads") else name for name in used}
    if len(sources) > 1:
        raise _invalid_entry(f"You can only provide one of {_SOURCES} for each socket.")


def _check_source_fits(socket: Socket, fields: Mapping[str, Any]) -> None:
    wanted, fits = _required_sources(socket, fields)
    if not fits:
        raise _invalid_entry(f"{wanted} required for interface kind {socket.code}")


def _required_sources(socket: Socket, fields: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the sources that a socket accepts, as the platform words them, and if one is given."""

    def has(*names: str) -> bool:
        return any(fields.get(name) for name in names)

    if socket.kind == "DICOM Image Set":
        both = has("user_uploads") and has("image_name")
        return "either user_uploads with image_name, or image are", both or has("image")
    if socket.super_kind == "Image":
        wanted = "upload_session, user_uploads or image are"
        return wanted, has("upload_session", "user_uploads", "image")
    if socket.super_kind == "Value":
        return "value is", fields.get("value") is not None
    return "user_upload or file is", has("user_upload")


def _check_json(site: Site, socket: Socket, value: Any) -> None:
    complaint = site.validators.complaint(socket.pk, socket.full_schema, value)
    if complaint is not None:
        raise EntryInvalid({"__all__": [complaint]})


def _check_image(site: Site, socket: Socket, pk: str) -> None:
    row = site.store.row("SELECT facts FROM images WHERE pk = ?", pk)
    complaint = socket_complaint(socket, json.loads(row["facts"])) if row else None
    if complaint is not None:
        raise EntryInvalid({"__all__": [complaint]})


def _as_stored(value: Any) -> Any:
    """Return a value as the database returns it: whole numbers become integers."""
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    if isinstance(value, list):
        return [_as_stored(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_stored(item) for key, item in value.items()}
    return value


def apply_entry(site: Site, request: Request, item: str, entry: Entry) -> None:
    """Set a value of an item, or queue the import that will set it."""
    if entry.socket.super_kind == "Value":
        _apply_json(site, item, entry)
    elif entry.image is not None:
        _apply_image(site, item, entry)
    elif entry.session is not None:
        start_import(site, request, item, entry.socket, session=entry.session)
    elif entry.upload is not None:
        start_import(site, request, item, entry.socket, upload=entry.upload)
    elif entry.socket.kind == "DICOM Image Set":
        _apply_dicom_set(site, request, item, entry)
    elif entry.uploads and entry.image_name is None:
        session = add_session(site, request, entry.uploads)
        start_import(site, request, item, entry.socket, session=session)


def _apply_dicom_set(site: Site, request: Request, item: str, entry: Entry) -> None:
    """Queue the import of a DICOM image set; too long a name is ignored, as on the platform."""
    if entry.image_name and len(entry.image_name) <= _LONGEST_NAME:
        start_import(
            site, request, item, entry.socket, uploads=entry.uploads, name=entry.image_name
        )


def _apply_json(site: Site, item: str, entry: Entry) -> None:
    """Store a value; an equal value changes nothing, but a repeated empty value is removed."""
    if not is_storable(entry.value):
        raise Unhandled("unsupported Unicode escape sequence")
    old = current(site, item, entry.socket.pk)
    # As on the platform, Python decides what is equal: 0 equals False.
    if old is not None and old["json"] is not None and json.loads(old["json"]) == entry.value:
        if entry.value in ("", [], {}):
            site.store.run("DELETE FROM vals WHERE pk = ?", old["pk"])
        return
    set_value(site, item, entry.socket.pk, text=json.dumps(entry.value))


def _apply_image(site: Site, item: str, entry: Entry) -> None:
    old = current(site, item, entry.socket.pk)
    if old is None or old["image"] != entry.image:
        set_value(site, item, entry.socket.pk, image=entry.image)


def current(site: Site, item: str, socket: int) -> Row | None:
    """Return the value of an item's socket, or None."""
    return site.store.row("SELECT * FROM vals WHERE item = ? AND socket = ?", item, socket)


def set_value(
    site: Site,
    item: str,
    socket: int,
    *,
    text: str | None = None,
    image: str | None = None,
    file: str | None = None,
) -> None:
    """Replace the value of an item's socket; the new value has a new pk."""
    site.store.run("DELETE FROM vals WHERE item = ? AND socket = ?", item, socket)
    site.store.run(
        "INSERT INTO vals (item, socket, json, image, file) VALUES (?, ?, ?, ?, ?)",
        *(item, socket, text, image, file),
    )


def keep_only(site: Site, item: str, entries: tuple[Entry, ...]) -> None:
    """Remove the values of sockets that have no entry."""
    named = {entry.socket.pk for entry in entries}
    for row in site.store.rows("SELECT pk, socket FROM vals WHERE item = ?", item):
        if row["socket"] not in named:
            site.store.run("DELETE FROM vals WHERE pk = ?", row["pk"])


def values_of(site: Site, items: list[str]) -> dict[str, list[Row]]:
    """Return the values of several items, by item."""
    marks = ",".join("?" * len(items))
    query = f"SELECT * FROM vals WHERE item IN ({marks}) ORDER BY pk"  # noqa: S608 - only marks
    found: dict[str, list[Row]] = {item: [] for item in items}
    for row in site.store.rows(query, *items):
        found[row["item"]].append(row)
    return found


def values_json(
    site: Site, request: Request, rows: list[Row], *, full: bool
) -> list[dict[str, Any]]:
    """Return values as the API presents them: with full sockets in answers to GET, else slugs."""
    if full:
        rows = sorted(rows, key=lambda row: _rank(site.sockets.by_pk[row["socket"]]))
    return [_value_json(site, request, row, full=full) for row in rows]


def _rank(socket: Socket) -> tuple[int, str]:
    """Return the place of a socket's value among those of an item: by kind, then by slug."""
    if socket.kind == "Chart":
        place = 2
    elif socket.kind.startswith("Thumbnail"):
        place = 1
    else:
        place = {"json": 0, "file": 3, "image": 4}[socket.family]
    return place, socket.slug


def _value_json(site: Site, request: Request, row: Row, *, full: bool) -> dict[str, Any]:
    socket = site.sockets.by_pk[row["socket"]]
    name: Any = site.sockets.json_by_pk[socket.pk] if full else socket.slug
    image = row["image"]
    fields = {
        "interface": name,
        "socket": name,
        "value": None if row["json"] is None else json.loads(row["json"]),
        "file": request.base + file_path(row) if row["file"] else None,
        "image": request.url(f"cases/images/{image}/") if image else None,
        "pk": row["pk"],
    }
    return fields if full else {**fields, "image_name": None}


def file_path(row: Row) -> str:
    """Return the path of a value's file."""
    number = f"{row['pk']:04x}"
    name = quote(json.loads(row["file"])["name"])
    return f"{MEDIA}{number[-4:-2]}/{number[-2:]}/{row['pk']}/{name}"
