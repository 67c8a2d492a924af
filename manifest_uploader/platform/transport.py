"""One HTTP exchange without retries. Only this module uses httpx."""

from __future__ import annotations

import os
import ssl
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from http.cookiejar import CookieJar
from typing import Any, Final, TypeAlias
from urllib.request import getproxies

# httpx's own command line imports click, rich and pygments if they are installed, which takes 90 of
# 140 ms. With this entry, httpx behaves as if they were not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpcore
import httpx
from msgspec import Struct

if sys.modules.get("httpx._main") is None:
    del sys.modules["httpx._main"]

from manifest_uploader.errors import PlatformRefused, UsageError
from manifest_uploader.platform.network import Backend, Sockets

KEEP_ALIVE_S: Final = 50.0
"""How long to keep an idle connection; servers and load balancers close theirs after a minute."""
_LARGEST_ANSWER: Final = 64 * 2**20
_PIECE: Final = 64 * 1024
_FILES: Final = frozenset({200, 206})
"""Statuses of answers that hold a file, or the rest of one."""
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS

Slices: TypeAlias = Iterable[bytes | memoryview]
Receive: TypeAlias = Callable[[bytes], object]
"""Is given the pieces of an answer's body, in order."""
Begin: TypeAlias = Callable[[int, Mapping[str, str]], Receive]
"""Is told the status and the headers of an answer with a body of any size."""
Proxies: TypeAlias = Mapping[str, str | None]
"""Proxy addresses by httpx's URL patterns (`https://`, `all://*example.org`); None: no proxy."""


class Request(Struct, frozen=True):
    """What to send; only the Host header is added."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Slices = b""
    """Slices require a Content-Length in `headers`."""

    def __repr__(self) -> str:
        """Show neither the token nor a signed address."""
        return f"Request({self.method})"


class Reply(Struct, frozen=True):
    """A complete answer, with any status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes


class FailureKind(Enum):
    """How an exchange failed."""

    UNREACHABLE = auto()
    """No connection was made, so nothing was sent."""
    PROXY_PASSWORD = auto()
    """The proxy requires a user name and password."""
    SILENT = auto()
    """No byte moved for too long."""
    CUT = auto()
    """The connection ended before the answer did, or the answer is not HTTP."""


class Broken(Exception):
    """There was no answer; `cause` is the system's or the library's error."""

    def __init__(self, kind: FailureKind, cause: BaseException) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.cause = cause


class Transport:
    """The connections of one thread, to any server.

    It follows no redirects and keeps no cookies: only the token identifies the user.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        connect_s: float,
        stall_s: float,
        proxies: Proxies | None = None,
    ) -> None:
        """Prepare the transport without connecting.

        Args:
            context: for TLS, shared by all threads because each context takes 30 ms to make.
            connect_s: the longest wait for a connection, in seconds.
            stall_s: the longest wait for a byte to move, in seconds.
            proxies: proxies by URL pattern; all connections are direct without them.

        Raises:
            UsageError: a proxy's address cannot be used.

        """
        self._context = context
        self._sockets = Sockets()
        self._in_use = threading.Lock()
        waits = {"connect": connect_s, "read": stall_s, "write": stall_s, "pool": None}
        self._extensions = {"timeout": waits}
        direct = _Pool(context, self._sockets)
        if not proxies:
            # httpx's client, which chooses the proxy, adds a quarter to the CPU of a small request
            self._send, self._close = direct.handle_request, direct.close
            return
        client = self._client(direct, proxies)
        self._send = lambda request: client.send(request, stream=True)
        self._close = client.close

    @property
    def is_closed(self) -> bool:
        """Whether it was closed and sends nothing more."""
        return self._sockets.are_closed

    def exchange(self, request: Request, begin: Begin | None = None) -> Reply:
        """Send a request and read the whole answer.

        `begin` is told of an answer of 200 or 206, whose body then may have any size and is not
        part of the reply; what it returns is given the body.

        Raises:
            Broken: there is no answer.
            PlatformRefused: the answer is larger than any expected one.

        Errors of the body's iterator pass through.

        """
        try:
            with self._in_use:
                if self.is_closed:
                    raise Broken(FailureKind.UNREACHABLE, ConnectionAbortedError())
                return self._exchange(request, begin)
        except httpcore.ProxyError as error:
            wants_password = str(error).startswith("407")
            kind = FailureKind.PROXY_PASSWORD if wants_password else FailureKind.UNREACHABLE
            raise Broken(kind, _root_cause(error)) from None
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise Broken(FailureKind.UNREACHABLE, _root_cause(error)) from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Broken(FailureKind.UNREACHABLE, UnicodeError(str(error))) from None
        except httpcore.TimeoutException as error:
            raise Broken(FailureKind.SILENT, _root_cause(error)) from None
        except (
            *(httpcore.NetworkError, httpcore.ProtocolError, zlib.error),
            httpx.RequestError,  # httpx's client also looks at redirects that it does not follow
        ) as error:
            raise Broken(FailureKind.CUT, _root_cause(error)) from None
        finally:
            if self.is_closed:
                self._close()

    def close(self) -> None:
        """End the connections, from any thread; an exchange that waits on one fails at once.

        An exchange that waits for the system's name lookup goes on.
        """
        self._sockets.shut_down()
        if self._in_use.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._in_use.release()

    def _exchange(self, request: Request, begin: Begin | None) -> Reply:
        url = httpx.URL(request.url)
        response = self._send(
            httpx.Request(
                request.method,
                url,
                headers={"Host": url.netloc.decode("ascii"), **request.headers},
                stream=_Body(request.body),
                extensions=self._extensions,
            )
        )
        try:
            content, headers = b"", dict(response.headers.items())
            if begin is None or response.status_code not in _FILES:
                content = _whole(_unpacked(response))
            else:
                receive = begin(response.status_code, headers)
                for piece in _unpacked(response):
                    receive(piece)
            return Reply(response.status_code, headers, content)
        finally:
            response.close()

    def _client(self, direct: _Pool, proxies: Proxies) -> httpx.Client:
        try:
            return httpx.Client(
                transport=direct,
                mounts={
                    pattern: _Pool(self._context, self._sockets, httpx.Proxy(proxy))
                    if proxy
                    else None
                    for pattern, proxy in proxies.items()
                },
                trust_env=False,
                cookies=_NoCookies(),
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            raise UsageError(
                "the proxy's address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used",
                hint="give it as http://proxy.example.org:3128",
            ) from None


def environment_proxies() -> Proxies:
    """The proxies of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or the system's settings."""
    if not getproxies().keys() - {"no"}:
        return {}
    from httpx._utils import get_environment_proxies  # noqa: PLC0415 - late: private, so only if needed

    return get_environment_proxies()


def trusting_context() -> ssl.SSLContext:
    """A TLS context that trusts SSL_CERT_FILE and SSL_CERT_DIR, or the system's certificates.

    Raises:
        UsageError: those files cannot be read.

    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folder:
        import truststore  # noqa: PLC0415 - late: 20 ms, not needed with SSL_CERT_FILE

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except (OSError, ssl.SSLError):
        raise UsageError(
            f"the certificates in '{file or folder}' cannot be read",
            hint="SSL_CERT_FILE has to name a file of PEM certificates",
        ) from None


class _Pool(httpx.BaseTransport):
    """An httpx transport whose connections another thread can end; raises httpcore's errors."""

    def __init__(
        self, context: ssl.SSLContext, sockets: Sockets, proxy: httpx.Proxy | None = None
    ) -> None:
        if proxy is not None and proxy.url.scheme.startswith("socks"):
            import socksio  # type: ignore[import-not-found,unused-ignore]  # noqa: F401, PLC0415 - fails here, not at the first request
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            proxy=_for_httpcore(proxy, context) if proxy else None,
            max_connections=None,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=Backend(sockets),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is not read yet."""
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                _url_for_httpcore(request.url),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_AnswerStream(response)
        )

    def close(self) -> None:
        """Close the connections; only the thread that uses them may call this."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """A request's body; httpx sends memoryviews like bytes."""

    def __init__(self, body: bytes | Slices) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._body, bytes):
            return iter((self._body,) if self._body else ())
        return iter(self._body)  # type: ignore[arg-type]


class _AnswerStream(httpx.SyncByteStream):
    """An answer's body as received, perhaps compressed."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _NoCookies(CookieJar):
    """Keeps no cookies: only the token identifies the user."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Do nothing."""


def _for_httpcore(proxy: httpx.Proxy, context: ssl.SSLContext) -> httpcore.Proxy:
    return httpcore.Proxy(
        _url_for_httpcore(proxy.url),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=context if proxy.url.scheme == "https" else None,
    )


def _url_for_httpcore(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """An answer's bytes, decompressed in small pieces, because a few bytes may expand to many."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        yield from response.iter_raw()
        return
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    for piece in response.iter_raw():
        left = piece
        while left and not unpacker.eof:
            yield unpacker.decompress(left, _PIECE)
            left = unpacker.unconsumed_tail


def _whole(pieces: Iterable[bytes]) -> bytes:
    """All bytes of an answer.

    Raises:
        PlatformRefused: the answer is larger than any should be.

    """
    read: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise PlatformRefused("the platform's answer is larger than any it should give")
        read.append(piece)
    return b"".join(read)


def _root_cause(error: BaseException) -> BaseException:
    """The system's error behind an error, or else the first in its chain."""
    while not isinstance(error, OSError) and (deeper := error.__cause__ or error.__context__):
        error = deeper
    return error
