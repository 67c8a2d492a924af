"""Requests to one platform and its storage.

The token goes to the platform's own host only: every address is built from the one that the user
gave, redirects are not followed, and storage gets requests without the token. No answer is trusted
to be small, to be JSON, or to come from the platform (hospital proxies answer with HTML pages).
"""

from __future__ import annotations

import json as json_module
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from manifest_uploader import __version__
from manifest_uploader.digests import Json
from manifest_uploader.errors import PlatformRefused, TokenRefused
from manifest_uploader.platform.address import (
    Patience,
    Platform,
    is_loopback,
    is_loopback_name,
    is_safe_address,
)
from manifest_uploader.platform.lists import read_pages
from manifest_uploader.platform.responses import (
    PAGE,
    Interrupted,
    Response,
    detail_of,
)
from manifest_uploader.platform.retries import (
    Retries,
    Trouble,
    trouble_of_answer,
    trouble_of_failure,
)
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.platform.transport import (
    Begin,
    Broken,
    Proxies,
    Receive,
    Reply,
    Request,
    Slices,
    Transport,
    environment_proxies,
    trusting_context,
)
from manifest_uploader.system.daemons import Daemons, wait_for

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LONGEST_CONNECT_S: Final = 30.0
_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
    "User-Agent": f"manifest-uploader/{__version__}",
}
_AHEAD: Final = 8
"""Most requests that are sent ahead at a time."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Client:
    """Requests to one platform and its storage, from any thread.

    Each thread has its own transport (two if there is a proxy, because connections to this machine
    are direct), and all share one SSL context. Measured with 32 threads, this takes half the CPU of
    one shared transport.
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
        self._patience = patience or Patience()
        self._stopping = stopping
        self._retries = Retries(
            self._patience,
            meter=self.meter,
            stopping=lambda: self._is_closed or self._stopping(),
        )
        self._lock = threading.Lock()
        self._is_closed = False
        self._context: ssl.SSLContext | None = None
        self._proxies: Proxies | None = None
        self._transports: list[Transport] = []
        self._of_thread = threading.local()
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
        headers = {**_HEADERS, **self._authorization()}
        body = b"" if json is None else json_module.dumps(json, allow_nan=False).encode()
        if body:
            headers["Content-Type"] = "application/json"
        if body or method != "GET":
            headers["Content-Length"] = str(len(body))
        query = f"?{urlencode(params)}" if params else ""
        request = Request(method, f"{self.platform.url}{path}{query}", headers, body)
        answer = self._retries.run(lambda: self._call_once(request, path), repeat=repeat)
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

    def put_part(self, url: str, *, length: int, body: Callable[[], Slices]) -> Response:
        """PUT one part of `length` bytes to storage, without the token.

        The answer 200 has the ETag; 403 (expired), 404 (no such upload) and other refusals have
        storage's XML. Timeouts, 5xx and SlowDown are retried.

        Raises:
            PlatformRefused: the address is neither https nor on this machine.
            PlatformUnreachable, Interrupted: as for `call`.

        """
        if not is_safe_address(url):
            raise _unsafe_storage("nothing was sent there")
        return self._retries.run(
            lambda: self._put_once(url, length=length, body=body()), repeat=True
        )

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
        return self._retries.run(lambda: self._download_once(url, begin, start()), repeat=True)

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
        if self._is_proxied(self.platform.url) and not proxy_bypass_environment(host):
            return False  # behind a proxy, names are often not known here, after a long wait
        return is_loopback(host)

    def close(self) -> None:
        """Close every thread's connections; waiting threads wake up and raise."""
        with self._lock:
            self._is_closed = True
            transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()
        self._background.shutdown()

    def _authorization(self) -> dict[str, str]:
        """The header that shows the token; none if there is no token."""
        token = self.platform.token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _call_once(self, request: Request, path: str) -> Response:
        started = time.monotonic()
        reply = self._exchange(request)
        took = time.monotonic() - started
        _log.debug("%s %s -> %d %.3fs", request.method, path, reply.status, took)
        return self._checked(
            Response(reply.status, _parsed(reply), reply.headers), expects_json=True
        )

    def _download_once(self, url: str, begin: Begin, start: int) -> Response:
        span = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {}
        for_storage = {**_HEADERS, **span}
        headers = {**for_storage, **self._authorization()}
        reply = self._exchange(Request("GET", url, headers), self._counted(begin))
        if reply.status in _REDIRECTS:
            stored = _stored_at(url, reply.headers.get("location", ""))
            reply = self._exchange(Request("GET", stored, for_storage), self._counted(begin))
        _log.debug("GET file -> %d", reply.status)
        return self._checked(Response(reply.status, None, reply.headers), expects_json=False)

    def _counted(self, begin: Begin) -> Begin:
        """The same, and the meter is told of every piece."""

        def counting(status: int, headers: Mapping[str, str]) -> Receive:
            receive = begin(status, headers)

            def counted(piece: bytes) -> None:
                self.meter.heard()
                receive(piece)

            return counted

        return counting

    def _put_once(self, url: str, *, length: int, body: Slices) -> Response:
        def counted() -> Slices:
            for piece in body:
                yield piece
                self.meter.count(sent=len(piece))

        started = time.monotonic()
        headers = {**_HEADERS, "Content-Length": str(length)}
        reply = self._exchange(Request("PUT", url, headers, counted()))
        took = time.monotonic() - started
        _log.debug("PUT part of %d bytes -> %d %.3fs", length, reply.status, took)
        text = reply.content[:2000].decode(errors="replace")
        if reply.status == 400 and "RequestTimeout" in text:  # noqa: PLR2004
            raise Trouble("storage waited too long for the data")
        return self._checked(Response(reply.status, None, reply.headers, text), expects_json=False)

    def _exchange(self, request: Request, begin: Begin | None = None) -> Reply:
        try:
            with self.meter.exchange():
                return self._transport(request.url).exchange(request, begin)
        except Broken as broken:
            trouble = trouble_of_failure(broken, stall_s=self._patience.stall_s)
            self.meter.answered(busy=False, trouble=trouble.why)
            raise trouble from None

    def _checked(self, answer: Response, *, expects_json: bool) -> Response:
        trouble = trouble_of_answer(answer, expects_json=expects_json)
        busy = answer.status in {429, 503}
        self.meter.answered(busy=busy, trouble=trouble.why if trouble else None)
        if trouble is not None:
            raise trouble
        return answer

    def _transport(self, url: str) -> Transport:
        """This thread's transport for an address, proxied or direct."""
        of_thread: dict[bool, Transport] = self._of_thread.__dict__.setdefault("transports", {})
        proxied = self._is_proxied(url)
        if proxied not in of_thread:
            of_thread[proxied] = self._new_transport(proxied=proxied)
        return of_thread[proxied]

    def _is_proxied(self, url: str) -> bool:
        """Whether to let httpx choose a proxy; connections to this machine are always direct.

        Plain http only goes to this machine (`is_safe_address`). No name is looked up here, because
        behind a proxy lookups often fail after a long wait.
        """
        if self._proxies is None:
            self._proxies = environment_proxies()
        if not self._proxies:
            return False
        parts = urlsplit(url)
        return parts.scheme == "https" and not is_loopback_name(parts.hostname or "")

    def _new_transport(self, *, proxied: bool) -> Transport:
        with self._lock:
            if self._is_closed:
                raise Interrupted
            self._context = self._context or trusting_context()
            made = Transport(
                self._context,
                connect_s=min(self._patience.stall_s, _LONGEST_CONNECT_S),
                stall_s=self._patience.stall_s,
                proxies=self._proxies if proxied else None,
            )
            self._transports.append(made)
            return made


def _path_of(address: str) -> str:
    """The path of an address, with one slash before it: two would begin the name of a host."""
    try:
        return "/" + urlsplit(address).path.lstrip("/")
    except ValueError:
        raise _unsafe_storage("nothing was asked there") from None


def _stored_at(base: str, address: str) -> str:
    """The address of a file, which may be relative; raises PlatformRefused if it is not safe."""
    try:
        found = urljoin(base, address)
    except ValueError:
        found = ""
    if not is_safe_address(found):
        raise _unsafe_storage("nothing was asked there")
    return found


def _unsafe_storage(safe: str) -> PlatformRefused:
    return PlatformRefused(
        "the platform named an invalid storage address, or one without https",
        hint=f"{safe}; tell the platform's support",
    )


def _parsed(reply: Reply) -> Json:
    if "json" not in reply.headers.get("content-type", ""):
        return None
    try:
        return json_module.loads(reply.content)
    except (ValueError, RecursionError):
        return None
