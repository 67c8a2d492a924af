"""Files that items hold: downloaded to compare what is in them, and not kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.digests import json_digest

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_LARGEST_JSON: Final = 16 * 2**20
"""Bytes; larger files are not compared as JSON."""


class FileSeen(Struct, frozen=True):
    """What a file on the platform holds."""

    sha256: str
    """In hex."""
    json: str | None = None
    """Digest of the value, if the file holds JSON."""


def read_file(client: Client, address: str) -> FileSeen | None:
    """What a file holds; None if the platform does not give it."""
    content = _Content()

    def begin(_: int, __: Mapping[str, str]) -> _Content:
        nonlocal content
        content = _Content()
        return content

    answer = client.download(address, begin)
    return content.seen() if answer.ok else None


class _Content:
    """Hashes the pieces of a file, and keeps them as long as they may be JSON."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._kept: bytearray | None = bytearray()

    def __call__(self, piece: bytes) -> None:
        self._digest.update(piece)
        if self._kept is not None:
            self._kept += piece
            if len(self._kept) > _LARGEST_JSON:
                self._kept = None

    def seen(self) -> FileSeen:
        return FileSeen(self._digest.hexdigest(), self._json())

    def _json(self) -> str | None:
        try:
            return json_digest(json.loads(self._kept)) if self._kept else None
        except (ValueError, RecursionError):
            return None
