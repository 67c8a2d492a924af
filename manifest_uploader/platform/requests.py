"""Requests as data, with holes that are filled when the missing part is known."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue


class UploadPk(Struct, frozen=True):
    """A hole: the pk of the case's upload for a socket."""

    socket: str


class Address(Struct, frozen=True):
    """A hole: the API address of an object."""

    collection: str
    """As in the API's paths: `uploads`, `cases/images`, `archives` …"""
    pk: str | UploadPk


class Contents(Struct, frozen=True):
    """A hole: the JSON value that a local file holds when the request is sent."""

    value: FileValue
    digest: str
    """What the plan was made with; the step fails if the file holds something else by then."""


class Call(Struct, frozen=True):
    """A request to the API."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    """Below the API address; `{pk}` stands for `pk`."""
    json: Json = None
    """May hold `Address` and `Contents`."""
    pk: str | None = None
    """Of the item; None: it does not exist yet, or the path needs none."""
