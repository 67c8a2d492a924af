"""Sends parts to presigned URLs; it knows neither the token nor the platform's address."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.address import is_safe_address
from manifest_uploader.platform.connections import HEADERS, Connections
from manifest_uploader.platform.responses import Response
from manifest_uploader.platform.retries import Trouble
from manifest_uploader.platform.transport import Request, Slices

_log = logging.getLogger(__name__)


class Storage:
    """The platform's storage, as far as one needs no token for it."""

    def __init__(self, connections: Connections) -> None:
        self._connections: Final = connections

    def put_part(self, url: str, *, length: int, body: Callable[[], Slices]) -> Response:
        """PUT one part of `length` bytes.

        The answer 200 has the ETag; 403 (expired), 404 (no such upload) and other refusals have
        storage's XML. Timeouts, 5xx and SlowDown are retried.

        Raises:
            PlatformRefused: the address is neither https nor on this machine.
            PlatformUnreachable: there was no answer for `give_up_s`.
            Interrupted: the run is being stopped, or the connections were closed.

        """
        if not is_safe_address(url):
            raise unsafe_storage("nothing was sent there")
        return self._connections.run(
            lambda: self._put_once(url, length=length, body=body()), repeat=True
        )

    def _put_once(self, url: str, *, length: int, body: Slices) -> Response:
        def counted() -> Slices:
            for piece in body:
                yield piece
                self._connections.meter.count(sent=len(piece))

        started = time.monotonic()
        headers = {**HEADERS, "Content-Length": str(length)}
        reply = self._connections.exchange(Request("PUT", url, headers, counted()))
        took = time.monotonic() - started
        _log.debug("PUT part of %d bytes -> %d %.3fs", length, reply.status, took)
        text = reply.content[:2000].decode(errors="replace")
        if reply.status == 400 and "RequestTimeout" in text:  # noqa: PLR2004
            raise Trouble("storage waited too long for the data")
        return self._connections.checked(
            Response(reply.status, None, reply.headers, text), expects_json=False
        )


def unsafe_storage(safe: str) -> PlatformRefused:
    """What to raise for an address of storage that is not safe; `safe` says what was not done."""
    return PlatformRefused(
        "the platform named an invalid storage address, or one without https",
        hint=f"{safe}; tell the platform's support",
    )
