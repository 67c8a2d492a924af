"""One HTTP exchange with its retries; the only module that imports httpx and tenacity.

The token goes to the platform's own host only: every address is built from the one the person
gave, no redirect is followed, and storage gets requests without it. An answer is never trusted
to be small, to be JSON, or to be the platform's at all (hospital proxies answer with pages).
"""

from __future__ import annotations

import contextlib
import json as json_module
import logging
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import CookieJar
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

# httpx's own command line would take rich, click and pygments with it, where they are installed:
# 90 ms of 140. Without it, httpx does as it does where they are not.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx
import tenacity

from manifest_uploader import __version__
from manifest_uploader.access import Patience, Platform, is_loopback, is_safe_address
from manifest_uploader.answers import (
    PAGE,
    Answer,
    AnswerLost,
    Interrupted,
    first_words,
    results_of,
)
from manifest_uploader.errors import (
    PlatformRefused,
    PlatformUnreachable,
    TokenRefused,
    UsageError,
)
from manifest_uploader.model import Json
from manifest_uploader.traffic import Meter

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LARGEST_ANSWER: Final = 64 * 2**20
_HARD_ERRORS: Final = 6
"""Tries of a request that is answered 500: unlike 503, waiting longer seldom mends it."""
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_RETRY_AFTER_S: Final = 600.0
_KEEP_ALIVE_S: Final = 50.0
_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
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
        answer: Answer | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.acted = acted
        """The server may have acted on the request."""
        self.after_s = after_s
        """What the server asked us to wait, in seconds."""
        self.answer = answer
        """A hard error: after some tries it is the answer."""


class _NoCookies(CookieJar):
    """Keeps none: the token says who asks, and nobody else shall be taken for us."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Look at nothing."""


class _Line:
    """One thread's connections, kept alive; what is on this machine needs no proxy.

    Without a proxy the requests go to httpx's transport: the client above it, which would choose
    a proxy, keep cookies and follow redirects, takes a quarter of what a small request costs.
    """

    def __init__(self, context: ssl.SSLContext, *, proxied: bool) -> None:
        limits = httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S)
        self.is_closed = False
        self.send: Callable[[httpx.Request], httpx.Response]
        if proxied and getproxies().keys() - {"no"}:
            client = httpx.Client(verify=context, limits=limits, cookies=_NoCookies())
            self.send = partial(client.send, stream=True, follow_redirects=False)
            self._close = client.close
        else:
            transport = httpx.HTTPTransport(verify=context, limits=limits)
            self.send = transport.handle_request
            self._close = transport.close

    def close(self) -> None:
        """Close the connections."""
        self.is_closed = True
        self._close()


class Connection:
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
        stall = self._patience.stall_s
        timeout = httpx.Timeout(stall, connect=min(stall, 30.0), pool=None)
        self._extensions = {"timeout": timeout.as_dict()}
        self._context: ssl.SSLContext | None = None
        self._local = threading.local()
        self._lines: list[_Line] = []
        self._lock = threading.Lock()
        self._own_hosts: dict[str, bool] = {}

    # -- for callers --

    def get(self, path: str, **params: str | int) -> Answer:
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
    ) -> Answer:
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
        body = None if json is None else json_module.dumps(json, allow_nan=False).encode()

        def exchange() -> Answer:
            headers = {"Authorization": f"Bearer {self.platform.token}"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            return self._api(method, path, content=body, params=params or None, headers=headers)

        answer = self._retrying(exchange, repeat=repeat)
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

    def put_part(
        self, url: str, *, length: int, body: Callable[[], Iterator[bytes | memoryview]]
    ) -> Answer:
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

    def with_patience(self, patience: Patience) -> Connection:
        """Another connection to the same platform, with other patience."""
        return Connection(
            self.platform, patience=patience, meter=self.meter, stopping=self._stopping
        )

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

    def _retrying(self, exchange: Callable[[], Answer], *, repeat: bool) -> Answer:
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

    def _give_up(self, trouble: _Trouble, *, repeat: bool) -> Answer:
        if trouble.acted and not repeat:
            raise AnswerLost(trouble.why) from None
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

    def _api(self, method: str, path: str, **request: Any) -> Answer:
        started = time.monotonic()
        with self._watched(), self._stream(method, self.platform.url + path, **request) as got:
            content = _read(got)
            answer = Answer(got.status_code, _parsed(got, content), got.headers)
        _log.debug("%s %s -> %d %.3fs", method, path, answer.status, time.monotonic() - started)
        return self._judged(answer, expects_json=True)

    def _put(
        self, url: str, *, length: int, body: Callable[[], Iterator[bytes | memoryview]]
    ) -> Answer:
        started = time.monotonic()
        headers = {"Content-Length": str(length)}
        content = self._counted(body())
        with self._watched(), self._stream("PUT", url, content=content, headers=headers) as got:
            text = _read(got)[:2000].decode(errors="replace")
            answer = Answer(got.status_code, None, got.headers, text)
        took = time.monotonic() - started
        _log.debug("PUT part of %d bytes -> %d %.3fs", length, answer.status, took)
        if answer.status == 400 and "RequestTimeout" in text:  # noqa: PLR2004
            raise _Trouble("storage waited too long for the data")
        return self._judged(answer, expects_json=False)

    def _counted(self, slices: Iterator[bytes | memoryview]) -> Iterator[bytes]:
        for piece in slices:
            yield piece  # type: ignore[misc]  # a memoryview does for the socket, uncopied
            self.meter.count(sent=len(piece))

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Say in our own words what went wrong on the line; httpx's may hold a proxy's password."""
        self.meter.count(requests=1)
        try:
            yield
        except httpx.RequestError as error:
            trouble = _explained(error, self._patience)
            self.meter.answered(busy=False, trouble=trouble.why)
            raise trouble from None

    def _judged(self, answer: Answer, *, expects_json: bool) -> Answer:
        busy = answer.status in {429, 503}
        trouble = _status_trouble(answer, expects_json=expects_json)
        self.meter.answered(busy=busy, trouble=trouble.why if trouble else None)
        if trouble is not None:
            raise trouble
        return answer

    @contextlib.contextmanager
    def _stream(
        self, method: str, url: str, *, headers: Mapping[str, str], **request: Any
    ) -> Iterator[httpx.Response]:
        line = self._line(urlsplit(url).hostname or "")
        built = httpx.Request(
            method, url, headers={**_HEADERS, **headers}, extensions=self._extensions, **request
        )
        response = line.send(built)
        try:
            yield response
        finally:
            response.close()

    # -- lines --

    def _line(self, host: str) -> _Line:
        """This thread's line to a host."""
        proxied = not self._is_own(host)
        kept: dict[bool, _Line] = self._local.__dict__.setdefault("lines", {})
        if proxied not in kept or kept[proxied].is_closed:
            kept[proxied] = self._new_line(proxied=proxied)
        return kept[proxied]

    def _is_own(self, host: str) -> bool:
        if host not in self._own_hosts:
            self._own_hosts[host] = is_loopback(host)
        return self._own_hosts[host]

    def _new_line(self, *, proxied: bool) -> _Line:
        with self._lock:
            self._context = self._context or _ssl_context()
            try:
                line = _Line(self._context, proxied=proxied)
            except (ValueError, ImportError, httpx.InvalidURL):
                raise UsageError(
                    "the proxy's address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used",
                    hint="give it as http://proxy.example.org:3128",
                ) from None
            self._lines.append(line)
            return line

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


def _read(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise PlatformRefused("the platform's answer is larger than any it should give")
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(response: httpx.Response, content: bytes) -> Json:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return json_module.loads(content)
    except (ValueError, RecursionError):
        return None


def _status_trouble(answer: Answer, *, expects_json: bool) -> _Trouble | None:
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


def _explained(error: httpx.RequestError, patience: Patience) -> _Trouble:
    cause = _root_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise PlatformUnreachable(
            f"the certificate is not trusted: {cause.verify_message}",
            hint="hospital proxies have their own CA: point SSL_CERT_FILE to it",
        ) from None
    match error:
        case httpx.ProxyError() if "407" in str(error):
            raise PlatformUnreachable(
                "the proxy wants a user name and password (407)",
                hint="put them into HTTPS_PROXY: http://user:password@proxy.example.org:3128",
            ) from None
        case httpx.ConnectTimeout() | httpx.ConnectError() | httpx.ProxyError():
            return _Trouble(f"no connection ({_reason(cause)})", acted=False)
        case httpx.TimeoutException():
            return _Trouble(f"no byte for {patience.stall_s:g} s")
        case _:
            return _Trouble(f"the connection broke ({_reason(cause)})")


def _root_cause(error: BaseException) -> BaseException:
    seen = error
    while (deeper := seen.__cause__ or seen.__context__) is not None:
        seen = deeper
    return seen


_REASONS: Final[tuple[tuple[type[OSError], str], ...]] = (
    (socket.gaierror, "the name is not known: is the network up?"),
    (ssl.SSLError, "no TLS: is it https there?"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (TimeoutError, "no answer"),
)


def _reason(cause: BaseException) -> str:
    if not isinstance(cause, OSError):
        return "cut off"
    known = next((words for kind, words in _REASONS if isinstance(cause, kind)), None)
    return known or (os.strerror(cause.errno) if cause.errno else "network error")


def _ssl_context() -> ssl.SSLContext:
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
