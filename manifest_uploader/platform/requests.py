"""Requests as data, with holes that earlier steps fill."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue


class PkOf(Struct, frozen=True):
    """A hole in a request: the pk that an earlier step brings."""

    step: str


class Address(Struct, frozen=True):
    """A hole in a request: the API address of an object."""

    collection: str
    """As in the API's paths: `uploads`, `cases/images`, `archives` …"""
    pk: str | PkOf


class Contents(Struct, frozen=True):
    """A hole in a request: the JSON value that a local file holds when it is sent."""

    value: FileValue
    digest: str
    """What the plan was made with; other content by then is a failure, not a surprise."""


class Call(Struct, frozen=True):
    """A request as data, with holes that earlier steps fill."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    """Below the API address, with `{pk}` where `pk` goes."""
    json: Json = None
    """May hold `Address`, `PkOf` and `Contents`."""
    pk: str | PkOf | None = None
