"""Decides how a value travels, from the value and its socket."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue, ImageValue, JsonValue, Value
from manifest_uploader.platform.model import Entry, Socket
from manifest_uploader.platform.requests import (
    Address,
    Contents,
    ImagePk,
    TicketPk,
    UploadPk,
    UploadPks,
)
from manifest_uploader.platform.sessions import SESSIONS
from manifest_uploader.platform.sockets import DICOM_SET


class AsJson(Struct, frozen=True):
    """As JSON, inside the request that fills the item."""


class AsReference(Struct, frozen=True):
    """As the address of an image that the platform already has."""


class AsUpload(Struct, frozen=True):
    """As one upload, which the platform imports."""

    image: bool
    """True: the upload may hold several files, DICOM files are checked for patients' names, and a
    failed import leaves a message. False: it holds one file, and a failed import is silent."""
    ticket: bool = False
    """True: an upload session is made for the upload, and the fill names that. Its status tells
    whether the fill took effect and how the import ended."""


class AsUploads(Struct, frozen=True):
    """As one upload for each file, which the platform imports as one DICOM image set.

    Each file is de-identified while it is sent. There are no upload sessions for such sets, and a
    failed import leaves no message and deletes all the uploads.
    """


Delivery: TypeAlias = AsJson | AsReference | AsUpload | AsUploads

_JSON, _REFERENCE = AsJson(), AsReference()
_IMAGE, _FILE = AsUpload(image=True, ticket=True), AsUpload(image=False)
_FILE_BY_FILE = AsUploads()


def delivery_of(value: Value, socket: Socket | None) -> Delivery:
    """How a value travels into its socket; an unknown socket counts as one for images."""
    if isinstance(value, ImageValue):
        return _REFERENCE
    if socket is not None and socket.super_kind == "Value":
        return _JSON
    return upload_into(socket)


def upload_into(socket: Socket | None) -> AsUpload | AsUploads:
    """The kind of upload that a socket takes."""
    if socket is not None and socket.super_kind != "Image":
        return _FILE
    return _FILE_BY_FILE if socket is not None and socket.kind == DICOM_SET else _IMAGE


def takes_image(socket: Socket | None) -> bool:
    """Whether a socket takes an image; an unknown one counts as one that does."""
    delivery = upload_into(socket)
    return isinstance(delivery, AsUploads) or delivery.image


def slot_json(value: Value, socket: Socket, entry: Entry, *, loose: str | None = None) -> Json:
    """The entry for one socket in a request's `values`; `loose` is the digest of a file's value."""
    match delivery_of(value, socket), value:
        case AsReference(), ImageValue(pk=pk):
            return image_slot_json(socket.slug, pk)
        case AsJson(), JsonValue(value=content):
            return {"interface": socket.slug, "value": content}
        case AsJson(), FileValue():
            return {"interface": socket.slug, "value": Contents(value, entry.digest or "", loose)}
        case AsUpload(ticket=True), _:
            return ticket_slot_json(socket.slug, TicketPk(socket.slug))
        case AsUploads(), _:
            return set_slot_json(socket.slug, entry)
        case _:
            return upload_slot_json(socket, entry.upload or UploadPk(socket.slug))


def image_slot_json(slug: str, pk: str | ImagePk) -> Json:
    """The entry in a request's `values` for a socket that gets an existing image."""
    return {"interface": slug, "image": Address("cases/images", pk)}


def ticket_slot_json(slug: str, ticket: str | TicketPk) -> Json:
    """The entry in a request's `values` for a socket that gets the upload of a session."""
    return {"interface": slug, "upload_session": Address(SESSIONS, ticket)}


def set_slot_json(slug: str, entry: Entry) -> Json:
    """The entry in a request's `values` for a socket that gets a DICOM image set."""
    uploads: Json = [Address("uploads", pk) for pk in entry.uploads] or UploadPks(slug)
    return {"interface": slug, "image_name": entry.image_name, "user_uploads": uploads}


def upload_slot_json(socket: Socket, upload: str | UploadPk) -> Json:
    """The entry in a request's `values` for a socket that gets a complete upload."""
    address = Address("uploads", upload)
    if takes_image(socket):
        return {"interface": socket.slug, "user_uploads": [address]}
    return {"interface": socket.slug, "user_upload": address}
