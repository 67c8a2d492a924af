"""The endpoints of uploads and their rows."""

from __future__ import annotations

import secrets
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import (
    Answer,
    Unhandled,
    as_json,
    invalid,
    not_found,
    refuse,
)
from manifest_uploader.sandbox.fields import FieldInvalid, not_a_list, read_integer, read_text
from manifest_uploader.sandbox.options import SIZE_LIMIT
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.storage import UPLOADS
from manifest_uploader.sandbox.store import Store, discard, new_pk, now, timestamp

_SMALLEST_PART = 5 * 1024**2
_MOST_PARTS = 10000


def upload_json(request: Request, row: Row) -> dict[str, Any]:
    """Return an upload row as the API presents it."""
    return {
        "pk": row["pk"],
        "created": timestamp(row["created"]),
        "filename": row["filename"],
        "key": _key(row),
        "s3_upload_id": row["s3_id"],
        "status": row["status"],
        "api_url": request.url(f"uploads/{row['pk']}/"),
    }


def list_uploads(site: Site, request: Request) -> Answer:
    """Return a page of the user's uploads."""
    count = site.store.number("SELECT COUNT(*) FROM uploads WHERE user = ?", request.user)
    rows = site.store.rows(
        "SELECT * FROM uploads WHERE user = ? ORDER BY seq LIMIT ? OFFSET ?",
        *(request.user, request.limit, request.offset),
    )
    return as_json(200, request.page_of(count, [upload_json(request, row) for row in rows]))


def create_upload(site: Site, request: Request) -> Answer:
    """Create an upload."""
    filename = _filename(request.data)
    count = site.store.number("SELECT COUNT(*) FROM uploads WHERE user = ?", request.user)
    if count > site.options.upload_limit:
        words = "You have created too many uploads. Please try again later."
        raise invalid(non_field_errors=[words])
    pk = new_pk()
    site.store.run(
        "INSERT INTO uploads (pk, user, created, filename, s3_id, status)"
        " VALUES (?, ?, ?, ?, ?, 'Initialized')",
        *(pk, request.user, now(), filename, secrets.token_urlsafe(42).replace("_", "x")),
    )
    return as_json(201, upload_json(request, site.own_upload(request, pk)))


def get_upload(site: Site, request: Request, pk: str) -> Answer:
    """Return one upload of the user."""
    return as_json(200, upload_json(request, site.own_upload(request, pk)))


def presign(site: Site, request: Request, pk: str, s3_id: str) -> Answer:
    """Return signed addresses to which parts can be PUT."""
    row = _opened(site, request, pk, s3_id)
    if "part_numbers" not in request.data:
        raise invalid(non_field_errors=["The `part_numbers` field is required"])
    numbers = _part_numbers(request.data["part_numbers"])
    if row["status"] != "Initialized" or _stored_bytes(site, row) >= _size_limit(site):
        raise refuse(403, {"detail": "Upload limit reached"})
    path = UPLOADS + _key(row)
    signed = {
        str(number): site.signer.sign(
            *("PUT", request.base, path), {"uploadId": s3_id, "partNumber": str(number)}
        )
        for number in numbers
    }
    return as_json(200, {**upload_json(request, row), "presigned_urls": signed})


def list_parts(site: Site, request: Request, pk: str, s3_id: str) -> Answer:
    """Return the stored parts of an incomplete upload."""
    row = _opened(site, request, pk, s3_id)
    _need_initialized(row)
    parts = [
        {
            "ETag": f'"{part["etag"]}"',
            "PartNumber": part["number"],
            "LastModified": timestamp(part["modified"])[:19] + "Z",
            "Size": part["size"],
        }
        for part in _parts(site.store, pk)
    ]
    return as_json(200, {**upload_json(request, row), "parts": parts})


def complete(site: Site, request: Request, pk: str, s3_id: str) -> Answer:
    """Complete an upload from the given parts; discard its other parts."""
    row = _opened(site, request, pk, s3_id)
    if "parts" not in request.data:
        raise invalid(non_field_errors=["The `parts` field is required"])
    _need_initialized(row)
    stored = {part["number"]: part for part in _parts(site.store, pk)}
    chosen = [_chosen(part, stored) for part in _part_list(request.data["parts"])]
    numbers = [part["number"] for part in chosen]
    if numbers != sorted(set(numbers)):
        raise Unhandled("InvalidPartOrder")
    if any(part["size"] < _SMALLEST_PART for part in chosen[:-1]):
        raise Unhandled("EntityTooSmall")
    for number in stored.keys() - set(numbers):
        _drop_part(site.store, stored[number])
    size = sum(part["size"] for part in chosen)
    _finish(site.store, pk, s3_id, "Completed", size)
    return get_upload(site, request, pk)


def abort(site: Site, request: Request, pk: str, s3_id: str) -> Answer:
    """Abort an upload; its row stays."""
    _need_initialized(_opened(site, request, pk, s3_id))
    for part in _parts(site.store, pk):
        _drop_part(site.store, part)
    _finish(site.store, pk, "", "Aborted", 0)
    return get_upload(site, request, pk)


def remove_upload(store: Store, pk: str) -> bool:
    """Remove an upload's row now and its bytes after the commit; return False if it is gone."""
    if not store.change("DELETE FROM uploads WHERE pk = ?", pk):
        return False
    store.run("DELETE FROM parts WHERE upload = ?", pk)
    store.after_commit(lambda: discard(store.parts / pk))
    return True


def clean_up(store: Store, older_than: float) -> None:
    """Remove uploads that were created before a time, as the platform does every hour."""
    for row in store.rows("SELECT pk FROM uploads WHERE created < ?", older_than):
        remove_upload(store, row["pk"])


def _key(row: Row) -> str:
    return f"uploads/{row['user']}/{row['pk']}"


def _filename(data: dict[str, Any]) -> str:
    if "filename" not in data:
        raise invalid(filename=["This field is required."])
    try:
        name = read_text(data["filename"], max_length=128)
    except FieldInvalid as error:
        raise invalid(filename=error.words) from error
    if name == "." or "/" in name:
        raise invalid(filename=[f"{name} is not a valid filename"])
    return name


def _opened(site: Site, request: Request, pk: str, s3_id: str) -> Row:
    row = site.own_upload(request, pk)
    if row["s3_id"] != s3_id:
        raise not_found()
    return row


def _need_initialized(row: Row) -> None:
    if row["status"] != "Initialized":
        raise Unhandled("Upload is not initialized")


def _part_numbers(value: Any) -> list[int]:
    if not isinstance(value, list):
        raise invalid(part_numbers=not_a_list(value).words)
    numbers: list[int] = []
    errors: dict[str, list[str]] = {}
    for place, number in enumerate(value):
        try:
            numbers.append(read_integer(number, 1, _MOST_PARTS))
        except FieldInvalid as error:
            errors[str(place)] = error.words
    if errors:
        raise invalid(part_numbers=errors)
    return numbers


def _stored_bytes(site: Site, row: Row) -> int:
    """Return the size of this upload's parts and of the user's completed uploads, in bytes."""
    return site.store.number(
        "SELECT COALESCE(SUM(size), 0) + (SELECT COALESCE(SUM(size), 0) FROM parts"
        " WHERE upload = ?) FROM uploads WHERE user = ? AND status = 'Completed'",
        *(row["pk"], row["user"]),
    )


def _size_limit(site: Site) -> int:
    limit = site.options.size_limit
    return SIZE_LIMIT if limit is None else limit


def _parts(store: Store, pk: str) -> list[Row]:
    return store.rows("SELECT * FROM parts WHERE upload = ? ORDER BY number", pk)


def _part_list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Unhandled("MalformedXML")
    return value


def _chosen(part: Any, stored: dict[int, Row]) -> Row:
    """Return the stored part with this number and ETag."""
    if not isinstance(part, dict) or not isinstance(part.get("PartNumber"), int):
        raise Unhandled("ParamValidationError")
    row = stored.get(part["PartNumber"])
    if row is None or str(part.get("ETag")).strip('"') != row["etag"]:
        raise Unhandled("InvalidPart")
    return row


def _drop_part(store: Store, part: Row) -> None:
    store.run("DELETE FROM parts WHERE upload = ? AND number = ?", part["upload"], part["number"])
    file = store.parts / part["upload"] / part["file"]
    store.after_commit(lambda: discard(file))


def _finish(store: Store, pk: str, s3_id: str, status: str, size: int) -> None:
    store.run(
        "UPDATE uploads SET s3_id = ?, status = ?, size = ? WHERE pk = ?",
        *(s3_id, status, size, pk),
    )
