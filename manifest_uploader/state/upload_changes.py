"""What uploads change in the history of a case; only the fold calls this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Done, Opened

if TYPE_CHECKING:
    from manifest_uploader.state.history import CaseHistory, UploadHistory


def noted(past: CaseHistory, event: Opened | Done, upload: UploadHistory) -> None:
    """An upload for a socket, or for one of its files, was opened or completed."""
    socket, number = event.socket or "", event.step.number
    if number is None:
        past.uploads[socket] = upload
    else:
        past.file_uploads[socket, number] = upload


def dropped(past: CaseHistory, socket: str) -> None:
    """A fill has used the uploads for a socket, or none will."""
    past.uploads.pop(socket, None)
    if past.file_uploads:
        kept = {at: one for at, one in past.file_uploads.items() if at[0] != socket}
        past.file_uploads = kept


def sha256_of(past: CaseHistory, entry: Entry) -> str | None:
    """The SHA-256 of the upload that an entry names, perhaps for the second time."""
    upload, before = past.uploads.get(entry.socket), past.sockets.get(entry.socket)
    if upload is not None and upload.row.pk == entry.upload:
        return upload.sha256
    if before is not None and entry.upload is not None and before.entry.upload == entry.upload:
        return before.sha256
    return None
