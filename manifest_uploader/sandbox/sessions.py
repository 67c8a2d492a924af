"""Upload sessions: the platform's records of image imports, which can wait for a fill.

A session that is created without a target waits ("Queued") until a value names it. That value
consumes it in the transaction of its request: from then on it is "Re-Queued" and cannot be named
again. Its status, message and images tell what became of the import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, not_found, refuse
from manifest_uploader.sandbox.fields import FieldInvalid, missing_object, not_a_list, read_link
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.sockets import Socket
from manifest_uploader.sandbox.store import Store, is_pk, new_pk
from manifest_uploader.sandbox.targets import TargetKind

_MOST_FILES = 100


def list_sessions(site: Site, request: Request) -> Answer:
    """Return a page of the user's upload sessions."""
    count = site.store.number("SELECT COUNT(*) FROM sessions WHERE user = ?", request.user)
    rows = site.store.rows(
        "SELECT * FROM sessions WHERE user = ? ORDER BY seq LIMIT ? OFFSET ?",
        *(request.user, request.limit, request.offset),
    )
    return as_json(200, request.page_of(count, _as_json(site, request, rows)))


def get_session(site: Site, request: Request, pk: str) -> Answer:
    """Return one upload session."""
    if not is_pk(pk):
        raise not_found()
    row = site.store.row("SELECT * FROM sessions WHERE pk = ? AND user = ?", pk, request.user)
    if row is None:
        raise not_found("RawImageUploadSession")
    return as_json(200, _as_json(site, request, [row])[0])


def create_session(site: Site, request: Request) -> Answer:
    """Create a session that waits; with an item and a socket, import into it at once."""
    if not site.options.upload_sessions:
        words = 'Method "POST" not allowed.'
        raise refuse(405, {"detail": words}, ("Allow", "GET, HEAD, OPTIONS"))
    fields = _read(site, request)
    _check_uploads(site.store, fields["uploads"])
    items = [fields[name] for name in ("display_set", "archive_item") if name in fields]
    socket: Socket | None = fields.get("interface")
    if items and socket is None:
        words = "An interface needs to be defined to upload to "
        name = "an archive item." if "archive_item" in fields else "a display_set."
        raise invalid(non_field_errors=[words + name])
    if socket is not None and not items:
        words = "An interface can only be defined for archive, archive item or display set uploads."
        raise invalid(non_field_errors=[words])
    pk = add_session(site, request, fields["uploads"])
    site.store.after_commit(site.expect_images)
    answer = get_session(site, request, pk)
    if socket is not None:
        for item in items:
            start_import(site, request, item, socket, session=pk)
    return replace(answer, status=201)


def add_session(site: Site, request: Request, uploads: Sequence[str]) -> str:
    """Create a waiting session of the user; return its pk."""
    pk = new_pk()
    site.store.run(
        "INSERT INTO sessions (pk, user, status, uploads) VALUES (?, ?, 'Queued', ?)",
        *(pk, request.user, json.dumps(uploads)),
    )
    return pk


def waiting_session(site: Site, request: Request, link: Any) -> str:
    """Return the pk of the user's waiting session to which a link refers.

    Raises:
        FieldInvalid: there is none, or an earlier request has consumed it.

    """
    pk = read_link(link, f"{API}cases/upload-sessions/")
    query = "SELECT 1 FROM sessions WHERE pk = ? AND user = ? AND (status = 'Queued' OR ?)"
    if site.store.row(query, pk, request.user, request.is_double) is None:
        raise missing_object()
    return pk


def start_import(
    site: Site,
    request: Request,
    item: str,
    socket: Socket,
    *,
    session: str | None = None,
    upload: str | None = None,
    uploads: Sequence[str] = (),
    name: str | None = None,
) -> None:
    """Queue an import into an item's socket; its session no longer waits.

    It is of one of these: the images of a session, the upload of a file, or the uploads of a DICOM
    image set, which gets a name. A session that another copy of the request has consumed is not
    imported again.
    """
    if session is not None and request.is_double:
        return
    if session is not None:
        site.store.run("UPDATE sessions SET status = 'Re-Queued' WHERE pk = ?", session)
    job = site.store.run(
        "INSERT INTO jobs (user, item, socket, session, upload, slices, name, doom)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(request.user, item, socket.pk, session, upload),
        *(json.dumps(uploads) if uploads else None, name, request.import_failure),
    )
    site.enqueue(job, images=session is not None)


def _read(site: Site, request: Request) -> dict[str, Any]:
    """Return the request's fields, or answer 400 with the errors of all fields."""
    readers: dict[str, Callable[[Any], Any]] = {
        "user_uploads": _check_pks,
        "uploads": lambda links: _read_uploads(site, request, links),
        "interface": lambda slug: _read_socket(site, slug),
        "display_set": lambda pk: _read_item(site, request, "reader-study", pk),
        "archive_item": lambda pk: _read_item(site, request, "archive", pk),
    }
    found: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, read in readers.items():
        try:
            if name in request.data:
                found[name] = read(request.data[name])
        except FieldInvalid as error:
            errors[name] = error.words
    if "uploads" not in request.data:
        errors["uploads"] = ["This field is required."]
    if errors:
        raise invalid(**errors)
    found.pop("user_uploads", None)
    return {name: value for name, value in found.items() if value is not None}


def _check_pks(pks: Any) -> None:
    for pk in pks or ():
        if not is_pk(str(pk)):
            raise FieldInvalid(f"“{pk}” is not a valid UUID.")


def _read_uploads(site: Site, request: Request, links: Any) -> list[str]:
    """Return the pks of the user's uploads, all of which must be completed."""
    if not isinstance(links, list):
        raise not_a_list(links)
    pks = [site.linked_upload(request, link) for link in links]
    query = (
        "SELECT 1 FROM uploads WHERE status != 'Completed'"
        " AND pk IN (SELECT value FROM json_each(?))"
    )
    if site.store.row(query, json.dumps(pks)) is not None:
        raise missing_object()
    return pks


def _read_socket(site: Site, slug: Any) -> Socket:
    socket = site.sockets.by_slug.get(str(slug))
    if socket is None or socket.super_kind != "Image":
        raise FieldInvalid(f"Object with slug={slug} does not exist.")
    return socket


def _read_item(site: Site, request: Request, kind: TargetKind, pk: Any) -> str:
    if not is_pk(str(pk)):
        raise FieldInvalid(f"“{pk}” is not a valid UUID.")
    query = (
        "SELECT i.pk FROM items i JOIN targets t ON t.pk = i.target"
        " WHERE i.pk = ? AND t.kind = ? AND ?"
    )
    row = site.store.row(query, str(pk), kind, may_edit(request))
    if row is None:
        raise FieldInvalid(f'Invalid pk "{pk}" - object does not exist.')
    return str(row["pk"])


def _check_uploads(store: Store, pks: list[str]) -> None:
    if len(pks) > _MOST_FILES:
        words = (
            f"Too many files uploaded. A maximum of {_MOST_FILES} files may be uploaded per "
            "session."
        )
        raise invalid(non_field_errors=[words])
    query = (
        "SELECT COUNT(DISTINCT filename) FROM uploads WHERE pk IN (SELECT value FROM json_each(?))"
    )
    if store.number(query, json.dumps(pks)) < len(pks):
        raise invalid(non_field_errors=["Filenames must be unique"])


def _as_json(site: Site, request: Request, rows: list[Row]) -> list[dict[str, Any]]:
    """Return sessions as the API presents them: without uploads whose rows are gone."""
    named = {row["pk"]: json.loads(row["uploads"]) for row in rows}
    query = "SELECT pk FROM uploads WHERE pk IN (SELECT value FROM json_each(?))"
    every = [pk for pks in named.values() for pk in pks]
    left = {row["pk"] for row in site.store.rows(query, json.dumps(every))} if every else set()
    return [
        _session_json(request, row, [pk for pk in named[row["pk"]] if pk in left]) for row in rows
    ]


def _session_json(request: Request, row: Row, uploads: list[str]) -> dict[str, Any]:
    images = json.loads(row["images"])
    return {
        "pk": row["pk"],
        "creator": row["user"],
        "status": row["status"],
        "error_message": row["message"],
        "image_set": [request.url(f"cases/images/{pk}/") for pk in images],
        "api_url": request.url(f"cases/upload-sessions/{row['pk']}/"),
        "user_uploads": uploads,
        "uploads": [request.url(f"uploads/{pk}/") for pk in uploads],
    }
