"""Requests as data, with placeholders for what is known only when they are sent."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue


class UploadPk(Struct, frozen=True):
    """Placeholder for the pk of the case's upload for a socket."""

    socket: str


class UploadPks(Struct, frozen=True):
    """Placeholder for the addresses of all uploads of a value that is sent file by file."""

    socket: str


class TicketPk(Struct, frozen=True):
    """Placeholder for the pk of the upload session of the case's upload for a socket."""

    socket: str


class ImagePk(Struct, frozen=True):
    """Placeholder for the pk of the image of another value, which this socket gets, too."""

    socket: str


class Address(Struct, frozen=True):
    """Placeholder for the API address of an object."""

    collection: str
    """Its name in the API's paths: `uploads`, `cases/images`, `archives` …"""
    pk: str | UploadPk | TicketPk | ImagePk


class Contents(Struct, frozen=True):
    """Placeholder for the JSON value that a local file holds when the request is sent."""

    value: FileValue
    digest: str
    """Of the value when the plan was made; the step fails if the value has changed since."""
    loose: str | None = None
    """Its loose digest; None: unknown."""


class Call(Struct, frozen=True):
    """A request to the API."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    """Path below the API address; `{pk}` stands for the item's pk."""
    json: Json = None
    """May hold `Address` and `Contents`."""
    pk: str | None = None
    """The item's pk; None: the item does not exist yet, or the path needs none."""
