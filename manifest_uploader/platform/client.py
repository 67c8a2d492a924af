"""One HTTP exchange with its retries; the only module that imports tenacity.

The token goes to the platform's own host only: every address is built from the one the person
gave, no redirect is followed, and storage gets requests without it. An answer is never trusted
to be small, to be JSON, or to be the platform's at all (hospital proxies answer with pages).
"""

from __future__ import annotations

import json as json_module
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies

import tenacity

from manifest_uploader import __version__
from manifest_uploader.digests import Json
from manifest_uploader.errors import PlatformRefused, PlatformUnreachable, TokenRefused, UsageError
from manifest_uploader.platform.address import Patience, Platform, is_loopback, is_safe_address
from manifest_uploader.platform.responses import (
    PAGE,
    Interrupted,
    Response,
    ResponseLost,
    first_words,
    results_of,
)
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.platform.transport import (
    Broken,
    DirectLine,
    How,
    Line,
    Reply,
    Request,
    Slices,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_HARD_ERRORS: Final = 6
"""Tries of a request that is answered 500: unlike 503, waiting longer seldom mends it."""
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_RETRY_AFTER_S: Final = 600.0
_LONGEST_CONNECT_S: Final = 30.0
_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
    "User-Agent": f"manifest-uploader/{__version__}",
}
_SLICE_S: Final = 0.5
"""Waits are cut into slices of this, so that Windows hears Ctrl-C."""


# ── one exchange ────────────────────────────────────────────────────────────────────────────


class _Trouble(Exception):
    """An exchange that may be tried again."""

    def __init__(
        self,
        why: str,
        *,
        acted: bool = True,
        after_s: float | None = None,
        answer: Response | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.acted = acted
        """The server may have acted on the request."""
        self.after_s = after_s
        """What the server asked us to wait, in seconds."""
        self.answer = answer
        """A hard error: after some tries it is the answer."""


class Client:
    """Requests to one platform and its storage, from any thread.

    One line a thread (two where proxies go round this machine) and one SSL context for all:
    measured, that halves the CPU of a client shared by 32 threads.
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
        self._repeating = self._retries(repeat=True)
        self._careful = self._retries(repeat=False)
        self._context: ssl.SSLContext | None = None
        self._local = threading.local()
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self._own_hosts: dict[str, bool] = {}

    # -- for callers --

    def get(self, path: str, **params: str | int) -> Response:
        """GET below the API address; tried again until it is answered."""
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
        """One request to the API.

        Args:
            method: GET, POST or PATCH.
            path: below the API address, with its trailing slash.
            json: the body.
            params: the query.
            repeat: the request may be sent again though it may have acted.

        Raises:
            AnswerLost: it may have acted and must not be repeated (only without `repeat`).
            TokenRefused: 401.
            PlatformUnreachable: nothing answered for `give_up_s`.
            Interrupted: the run is being stopped.

        """
        request = self._request(method, path, json, params or {})
        answer = self._retrying(lambda: self._api(request, path), repeat=repeat)
        if answer.status == 401:  # noqa: PLR2004
            raise TokenRefused(
                f"the platform does not accept the token ({first_words(answer.json)})",
                hint="make a new one on your profile page and put it into "
                "GRAND_CHALLENGE_AUTHORIZATION; nothing that was sent is lost",
            )
        return answer

    def pages(self, path: str, **params: str | int) -> Iterator[list[Json]]:
        """The pages of a list; of `next` only whether there is one is used.

        Raises:
            PlatformRefused: the answer is no such list.

        """
        offset = 0
        while True:
            query = {**params, "limit": PAGE} | ({"offset": offset} if offset else {})
            answer = self.call("GET", path, params=query)
            results = results_of(answer, path)
            yield results
            offset += len(results)
            if not answer.json.get("next") or not results:
                return

    def put_part(self, url: str, *, length: int, body: Callable[[], Slices]) -> Response:
        """PUT one part to storage, `length` bytes in slices; never with the token.

        200 carries the ETag; 403 (expired), 404 (no such upload) and other refusals come back
        as answers with storage's XML; timeouts, 5xx and SlowDown are tried again.

        Raises:
            PlatformRefused: the address is neither https nor this machine.
            PlatformUnreachable, Interrupted: as for `call`.

        """
        self._check_storage(url)
        return self._retrying(lambda: self._put(url, length=length, body=body), repeat=True)

    def ahead(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """Begin to ask now, in a thread of its own; to be called for what came of it.

        Only for what changes nothing: nobody may ever call for it.

        Raises:
            whatever `ask` raised: once it is called for.

        """
        future: Future[_T] = Future()

        def answer() -> None:
            try:
                future.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
                future.set_exception(error)

        threading.Thread(target=answer, name="ahead", daemon=True).start()
        return partial(_awaited, future)

    def address(self, collection: str, pk: str) -> str:
        """The API address of an object, for hyperlinks in requests' bodies."""
        return f"{self.platform.url}{collection}/{pk}/"

    def with_patience(self, patience: Patience) -> Client:
        """Another connection to the same platform, with other patience."""
        return Client(self.platform, patience=patience, meter=self.meter, stopping=self._stopping)

    @property
    def is_local(self) -> bool:
        """The platform is on this machine: a sandbox, most likely."""
        return is_loopback(urlsplit(self.platform.url).hostname or "")

    def close(self) -> None:
        """Close every thread's connections."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    # -- retries --

    def _retrying(self, exchange: Callable[[], Response], *, repeat: bool) -> Response:
        try:
            return (self._repeating if repeat else self._careful)(exchange)
        except _Trouble as trouble:
            return self._give_up(trouble, repeat=repeat)

    def _retries(self, *, repeat: bool) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=partial(self._is_worth_it, repeat=repeat),
            wait=self._pause_before_next,
            stop=self._is_enough,
            sleep=self._sleep,
            reraise=True,
        )

    def _is_worth_it(self, state: tenacity.RetryCallState, *, repeat: bool) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, _Trouble) or (error.acted and not repeat):
            return False
        self.meter.count(retries=1)
        _log.info("trying again: %s", error.why)
        return True

    def _give_up(self, trouble: _Trouble, *, repeat: bool) -> Response:
        if trouble.acted and not repeat:
            raise ResponseLost(trouble.why) from None
        if trouble.answer is not None:
            return trouble.answer
        raise PlatformUnreachable(
            f"{trouble.why}; gave up after {self._patience.give_up_s:g} s",
            hint="check the network (and HTTPS_PROXY), then run the same command: it goes on",
        ) from None

    def _pause_before_next(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        growing = tenacity.wait_exponential_jitter(
            multiplier=self._patience.first_pause_s,
            max=_LONGEST_PAUSE_S,
            jitter=self._patience.first_pause_s,
        )(state)
        asked = error.after_s if isinstance(error, _Trouble) else None
        return max(growing, min(asked or 0.0, _LONGEST_RETRY_AFTER_S))

    def _is_enough(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Trouble) and error.answer is not None:
            return state.attempt_number >= _HARD_ERRORS
        return (state.seconds_since_start or 0.0) >= self._patience.give_up_s

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping():
                raise Interrupted
            time.sleep(min(left, _SLICE_S))

    # -- exchanges --

    def _request(
        self, method: str, path: str, json: Json, params: Mapping[str, str | int]
    ) -> Request:
        headers = {**_HEADERS, "Authorization": f"Bearer {self.platform.token}"}
        body = b"" if json is None else json_module.dumps(json, allow_nan=False).encode()
        if body:
            headers["Content-Type"] = "application/json"
        if body or method != "GET":
            headers["Content-Length"] = str(len(body))
        query = f"?{urlencode(params)}" if params else ""
        return Request(method, f"{self.platform.url}{path}{query}", headers, body)

    def _api(self, request: Request, path: str) -> Response:
        started = time.monotonic()
        got = self._exchanged(request)
        took = time.monotonic() - started
        _log.debug("%s %s -> %d %.3fs", request.method, path, got.status, took)
        return self._judged(Response(got.status, _parsed(got), got.headers), expects_json=True)

    def _put(self, url: str, *, length: int, body: Callable[[], Slices]) -> Response:
        started = time.monotonic()
        headers = {**_HEADERS, "Content-Length": str(length)}
        got = self._exchanged(Request("PUT", url, headers, self._counted(body())))
        took = time.monotonic() - started
        _log.debug("PUT part of %d bytes -> %d %.3fs", length, got.status, took)
        text = got.content[:2000].decode(errors="replace")
        if got.status == 400 and "RequestTimeout" in text:  # noqa: PLR2004
            raise _Trouble("storage waited too long for the data")
        return self._judged(Response(got.status, None, got.headers, text), expects_json=False)

    def _counted(self, slices: Slices) -> Slices:
        for piece in slices:
            yield piece
            self.meter.count(sent=len(piece))

    def _exchanged(self, request: Request) -> Reply:
        """Say in our own words what went wrong; a library's may hold a proxy's password."""
        self.meter.count(requests=1)
        try:
            return self._line(urlsplit(request.url).hostname or "").exchange(request)
        except Broken as broken:
            trouble = _explained(broken, self._patience)
            self.meter.answered(busy=False, trouble=trouble.why)
            raise trouble from None

    def _judged(self, answer: Response, *, expects_json: bool) -> Response:
        busy = answer.status in {429, 503}
        trouble = _status_trouble(answer, expects_json=expects_json)
        self.meter.answered(busy=busy, trouble=trouble.why if trouble else None)
        if trouble is not None:
            raise trouble
        return answer

    # -- lines --

    def _line(self, host: str) -> Line:
        """This thread's line to a host."""
        proxied = not self._is_own(host)
        kept: dict[bool, Line] = self._local.__dict__.setdefault("lines", {})
        if proxied not in kept or kept[proxied].is_closed:
            kept[proxied] = self._new_line(proxied=proxied)
        return kept[proxied]

    def _is_own(self, host: str) -> bool:
        if host not in self._own_hosts:
            self._own_hosts[host] = is_loopback(host)
        return self._own_hosts[host]

    def _new_line(self, *, proxied: bool) -> Line:
        with self._lock:
            self._context = self._context or _ssl_context()
            line = self._made_line(proxied=proxied and bool(getproxies().keys() - {"no"}))
            self._lines.append(line)
            return line

    def _made_line(self, *, proxied: bool) -> Line:
        assert self._context is not None
        stall_s = self._patience.stall_s
        waits = {"connect_s": min(stall_s, _LONGEST_CONNECT_S), "stall_s": stall_s}
        if not proxied:
            return DirectLine(self._context, **waits)
        from manifest_uploader.platform.proxied import ProxiedLine  # noqa: PLC0415 - late: 0.1 s of CPU

        return ProxiedLine(self._context, **waits)

    def _check_storage(self, url: str) -> None:
        if not is_safe_address(url):
            raise PlatformRefused(
                "the platform named a storage address that is none, or not https",
                hint="nothing was sent there; tell the platform's support",
            )


def _awaited(future: Future[_T]) -> _T:
    while not wait([future], timeout=_SLICE_S).done:
        pass
    return future.result()


# ── reading answers ─────────────────────────────────────────────────────────────────────────


def _parsed(reply: Reply) -> Json:
    if "json" not in reply.headers.get("content-type", ""):
        return None
    try:
        return json_module.loads(reply.content)
    except (ValueError, RecursionError):
        return None


def _status_trouble(answer: Response, *, expects_json: bool) -> _Trouble | None:
    after_s = retry_after_s(answer.headers.get("retry-after"), now=time.time())
    match answer.status:
        case 429:
            return _Trouble("the platform asks for a pause (429)", acted=False, after_s=after_s)
        case 408 | 502 | 503 | 504:
            return _Trouble(f"the platform is busy ({answer.status})", after_s=after_s)
        case status if status >= 500:  # noqa: PLR2004
            return _Trouble(f"the platform had an internal error ({status})", answer=answer)
        case status if status >= 300 and status < 400:  # noqa: PLR2004
            raise PlatformRefused(
                f"the platform's address redirects elsewhere ({status})",
                hint="the token is not sent there; check --platform (it ends with /api/v1/)",
            )
        case status if status < 300 and expects_json and answer.json is None:  # noqa: PLR2004
            return _Trouble(
                "the answer is not the platform's data (cut short, or a page of a proxy?)",
                answer=None,
            )
        case _:
            return None


def retry_after_s(header: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None for neither."""
    if not header:
        return None
    if re.fullmatch(r"\d{1,9}", seconds := header.strip()):
        return float(seconds)
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.fromtimestamp(now, UTC)).total_seconds())


def _explained(broken: Broken, patience: Patience) -> _Trouble:
    cause = broken.cause
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise PlatformUnreachable(
            f"the certificate is not trusted: {cause.verify_message}",
            hint="hospital proxies have their own CA: point SSL_CERT_FILE to it",
        ) from None
    match broken.how:
        case How.REFUSED_BY_PROXY:
            raise PlatformUnreachable(
                "the proxy wants a user name and password (407)",
                hint="put them into HTTPS_PROXY: http://user:password@proxy.example.org:3128",
            ) from None
        case How.UNREACHABLE:
            return _Trouble(f"no connection ({_reason(cause)})", acted=False)
        case How.SILENT:
            return _Trouble(f"no byte for {patience.stall_s:g} s")
        case How.CUT:
            return _Trouble(f"the connection broke ({_reason(cause)})")


_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (socket.gaierror, "the name is not known: is the network up?"),
    (UnicodeError, "the name cannot be one"),
    (ssl.SSLError, "no TLS: is it https there?"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (TimeoutError, "no answer"),
)


def _reason(cause: BaseException) -> str:
    known = next((words for kind, words in _REASONS if isinstance(cause, kind)), None)
    if known or not isinstance(cause, OSError):
        return known or "cut off"
    return os.strerror(cause.errno) if cause.errno else "network error"


def _ssl_context() -> ssl.SSLContext:
    context = _trusting_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting_context() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        try:
            return ssl.create_default_context(cafile=file or None, capath=folder or None)
        except (OSError, ssl.SSLError):
            raise UsageError(
                f"the certificates in '{file or folder}' cannot be read",
                hint="SSL_CERT_FILE has to name a file of PEM certificates",
            ) from None
    import truststore  # noqa: PLC0415 - late: only https needs it

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
