"""Requests to one platform and its storage.

The token goes to the platform's own host only: every address is built from the one that the user
gave, redirects are not followed, and storage gets requests without the token. No answer is trusted
to be small, to be JSON, or to come from the platform (hospital proxies answer with HTML pages).
"""

from __future__ import annotations

import json as json_module
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from manifest_uploader.digests import Json
from manifest_uploader.errors import TokenRefused
from manifest_uploader.platform.address import (
    Patience,
    Platform,
    is_loopback,
    is_safe_address,
)
from manifest_uploader.platform.connections import HEADERS, Connections
from manifest_uploader.platform.lists import read_pages
from manifest_uploader.platform.responses import PAGE, Response, detail_of
from manifest_uploader.platform.storage import Storage, unsafe_storage
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.platform.transport import Begin, Receive, Reply, Request
from manifest_uploader.system.daemons import Daemons, wait_for

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_AHEAD: Final = 8
"""Most requests that are sent ahead at a time."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Client:
    """Requests to one platform and its storage, from any thread.

    `storage` sends parts, without the token.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        patience: Patience | None = None,
        meter: Meter | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.platform = platform
        self.meter = meter or Meter()
        self._stopping = stopping
        self._connections = Connections(patience or Patience(), meter=self.meter, stopping=stopping)
        self.storage = Storage(self._connections)
        self._background = Daemons(_AHEAD, "ahead")

    def get(self, path: str, **params: str | int) -> Response:
        """GET a path below the API address; repeated until there is an answer."""
        return self.call("GET", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Json = None,
        params: Mapping[str, str | int] | None = None,
        repeat: bool = True,
    ) -> Response:
        """Send one request to the API.

        Args:
            method: GET, POST or PATCH.
            path: below the API address, with its trailing slash.
            json: the body.
            params: the query.
            repeat: send the request again even if it may have taken effect.

        Raises:
            ResponseLost: the request may have taken effect (only without `repeat`).
            TokenRefused: the platform answered 401.
            PlatformUnreachable: there was no answer for `give_up_s`.
            Interrupted: the run is being stopped, or the client was closed.

        """
        headers = {**HEADERS, **self._authorization()}
        body = b"" if json is None else json_module.dumps(json, allow_nan=False).encode()
        if body:
            headers["Content-Type"] = "application/json"
        if body or method != "GET":
            headers["Content-Length"] = str(len(body))
        query = f"?{urlencode(params)}" if params else ""
        request = Request(method, f"{self.platform.url}{path}{query}", headers, body)
        answer = self._connections.run(lambda: self._call_once(request, path), repeat=repeat)
        if answer.status == 401:  # noqa: PLR2004
            raise TokenRefused(
                f"the platform does not accept the token ({detail_of(answer.json)})",
                hint="create a new one on your profile page and put it in place of the old one; "
                "nothing that was sent is lost (see: uploader help token)",
            )
        return answer

    def pages(
        self,
        path: str,
        what: str = "",
        *,
        expected: int = 0,
        limit: int = PAGE,
        **params: str | int,
    ) -> Iterator[list[Json]]:
        """Yield the pages of a list, some requested at a time, without following its `next`.

        Args:
            path: below the API address.
            what: the word for its entries, in the plural.
            expected: how many entries there are, if that is known; else the first page tells it.
            limit: most entries of a page.
            params: the query.

        `what` is the word for its entries, in the plural.

        Raises:
            PlatformRefused: the answer is not a list.

        """
        return read_pages(self, path, params, what=what, expected=expected, limit=limit)

    def download(
        self, address: str, begin: Begin, *, start: Callable[[], int] = lambda: 0
    ) -> Response:
        """GET a file that the platform keeps in storage; storage gets no token.

        Args:
            address: as the platform gave it; only its path is used, at the platform's own host.
            begin: called in each try, once there is an answer of 200 or 206; returns what is given
                the pieces of the file.
            start: called for each try; the byte of the file to begin with. Then the answer has the
                status 206, or 200 and the whole file if storage does not know ranges.

        Raises:
            PlatformRefused: the platform redirects to an address that is not safe.
            PlatformUnreachable, Interrupted: as for `call`.

        """
        url = _stored_at(self.platform.url, _path_of(address))
        return self._connections.run(lambda: self._download_once(url, begin, start()), repeat=True)

    def ahead(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """Start a request in the background; call the result to wait for its answer.

        Only for requests that change nothing, because the answer may be dropped. Calling the result
        raises what `ask` raised.
        """
        return partial(wait_for, self._background.submit(ask))

    def address(self, collection: str, pk: str) -> str:
        """The API address of an object, for hyperlinks in requests' bodies."""
        return f"{self.platform.url}{collection}/{pk}/"

    def with_patience(self, patience: Patience) -> Client:
        """A client of the same platform with other timeouts."""
        return Client(self.platform, patience=patience, meter=self.meter, stopping=self._stopping)

    @property
    def is_local(self) -> bool:
        """Whether the platform is on this machine, as sandboxes are."""
        host = urlsplit(self.platform.url).hostname or ""
        if self._connections.is_proxied(self.platform.url) and not proxy_bypass_environment(host):
            return False  # behind a proxy, names are often not known here, after a long wait
        return is_loopback(host)

    def close(self) -> None:
        """Close every thread's connections; waiting threads wake up and raise."""
        self._connections.close()
        self._background.shutdown()

    def _authorization(self) -> dict[str, str]:
        """The header that shows the token; none if there is no token."""
        token = self.platform.token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _call_once(self, request: Request, path: str) -> Response:
        started = time.monotonic()
        reply = self._connections.exchange(request)
        took = time.monotonic() - started
        _log.debug("%s %s -> %d %.3fs", request.method, path, reply.status, took)
        return self._connections.checked(
            Response(reply.status, _parsed(reply), reply.headers), expects_json=True
        )

    def _download_once(self, url: str, begin: Begin, start: int) -> Response:
        span = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {}
        for_storage = {**HEADERS, **span}
        headers = {**for_storage, **self._authorization()}
        reply = self._connections.exchange(Request("GET", url, headers), self._counted(begin))
        if reply.status in _REDIRECTS:
            stored = _stored_at(url, reply.headers.get("location", ""))
            reply = self._connections.exchange(
                Request("GET", stored, for_storage), self._counted(begin)
            )
        _log.debug("GET file -> %d", reply.status)
        return self._connections.checked(
            Response(reply.status, None, reply.headers), expects_json=False
        )

    def _counted(self, begin: Begin) -> Begin:
        """The same, and the meter is told of every piece."""

        def counting(status: int, headers: Mapping[str, str]) -> Receive:
            receive = begin(status, headers)

            def counted(piece: bytes) -> None:
                self.meter.heard()
                receive(piece)

            return counted

        return counting


def _path_of(address: str) -> str:
    """The path of an address, with one slash before it: two would begin the name of a host."""
    try:
        return "/" + urlsplit(address).path.lstrip("/")
    except ValueError:
        raise unsafe_storage("nothing was asked there") from None


def _stored_at(base: str, address: str) -> str:
    """The address of a file, which may be relative; raises PlatformRefused if it is not safe."""
    try:
        found = urljoin(base, address)
    except ValueError:
        found = ""
    if not is_safe_address(found):
        raise unsafe_storage("nothing was asked there")
    return found


def _parsed(reply: Reply) -> Json:
    if "json" not in reply.headers.get("content-type", ""):
        return None
    try:
        return json_module.loads(reply.content)
    except (ValueError, RecursionError):
        return None
