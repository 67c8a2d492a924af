"""Uploads as imports find them, and how an import ends early."""

from __future__ import annotations

import re
import secrets
from sqlite3 import Row

from manifest_uploader.sandbox.store import Store
from manifest_uploader.sandbox.unpacking import Upload

UNEXPECTED = "An unexpected error occurred"


class ImportFailed(Exception):
    """Says why an import failed, in the platform's words."""


class ObjectGone(Exception):
    """Says that an upload or item no longer exists, for example because another job used it."""


def completed_upload(store: Store, pk: str) -> Row:
    """Return the row of an upload; raise ObjectGone or ImportFailed if it cannot be imported."""
    row = store.row("SELECT * FROM uploads WHERE pk = ?", pk)
    if row is None:
        raise ObjectGone
    if row["status"] != "Completed" or row["filename"] == "..":
        raise ImportFailed(UNEXPECTED)
    return row


def read_upload(store: Store, row: Row) -> Upload:
    """Return where the bytes of an upload are."""
    query = "SELECT file FROM parts WHERE upload = ? ORDER BY number"
    parts = [store.parts / row["pk"] / part["file"] for part in store.rows(query, row["pk"])]
    return Upload(row["filename"], tuple(parts))


def keep_bytes(store: Store, upload: Upload) -> None:
    """Store an upload's bytes under their SHA-256."""
    path = store.kept / upload.measure()[1]
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    upload.copy_to(partial)
    partial.replace(path)


def stored_name(filename: str) -> str:
    """Return a file's name as the platform stores it: Django's get_valid_filename."""
    name = re.sub(r"[^-\w.]", "", filename.strip().replace(" ", "_"))
    if name in ("", ".", ".."):
        raise ImportFailed(UNEXPECTED)
    return name
