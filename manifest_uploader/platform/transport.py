"""How a request travels: a line of one thread, its connections kept alive.

Straight to a server goes the standard library's client: a small request costs it half of the
CPU that httpx takes, and a GiB of parts 0.5 s less. Behind a proxy, `proxied` does the same
with httpx, which knows how to speak to proxies.
"""

from __future__ import annotations

import selectors
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

from manifest_uploader.errors import PlatformRefused

if TYPE_CHECKING:
    import socket
    import ssl

KEEP_ALIVE_S: Final = 50.0
"""An idle connection is used again for so long: servers and what stands before them end
theirs after a minute."""
_LARGEST_ANSWER: Final = 64 * 2**20
_PIECE: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_TARGET: Final = "%/:=&?~#+!$,;'@()*[]"
"""What stays as it is in an address beside letters, digits and `_.-`."""
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Of one socket; a select, which Windows has, cannot watch handles beyond 1,023 elsewhere."""

Slices: TypeAlias = Iterable[bytes | memoryview]


class Request(Struct, frozen=True):
    """What is sent; nothing is added but the host's name."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Slices = b""
    """Slices are sent as they come; then `headers` say the Content-Length."""

    def __repr__(self) -> str:
        """Neither the token nor a signed address."""
        return f"Request({self.method})"


class Reply(Struct, frozen=True):
    """A whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes


class How(Enum):
    """In what way an exchange broke."""

    UNREACHABLE = auto()
    """There was no connection: nothing was sent."""
    REFUSED_BY_PROXY = auto()
    """The proxy wants a name and a password."""
    SILENT = auto()
    """No byte moved for too long."""
    CUT = auto()
    """The connection ended before the answer did, or the answer is no HTTP."""


class Broken(Exception):
    """There is no answer; `cause` is what the network or the library said."""

    def __init__(self, how: How, cause: BaseException) -> None:
        super().__init__(how.name)
        self.how = how
        self.cause = cause


class Line(Protocol):
    """One thread's way to any server."""

    is_closed: bool

    def exchange(self, request: Request) -> Reply:
        """Send it and read the answer; no redirect is followed, no cookie kept.

        Raises:
            Broken: there is no answer.
            PlatformRefused: the answer is larger than any that is due.
            whatever reading the body raised.

        """
        ...

    def close(self) -> None:
        """Close the connections, from any thread."""
        ...


class _Connection(HTTPConnection):
    """Head and short body are to go together: one packet instead of two, for either side."""

    held: bytes = b""
    """What is to be sent."""
    idle_since: float = 0.0
    """When the last answer was read, by the monotonic clock."""

    def send(self, data: Any) -> None:
        """Hold it."""
        self.held += data

    @property
    def is_alive(self) -> bool:
        """The server has not ended it, as far as anybody can tell, nor is it likely to."""
        if self.sock is None or time.monotonic() - self.idle_since > KEEP_ALIVE_S:
            return False
        return not _has_news(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class DirectLine:
    """A way without a proxy."""

    def __init__(self, context: ssl.SSLContext, *, connect_s: float, stall_s: float) -> None:
        self.is_closed = False
        self._context = context
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._kept: dict[tuple[str, str], _Connection] = {}

    def exchange(self, request: Request) -> Reply:
        """As `Line` says."""
        address = urlsplit(request.url)
        connection = self._connected(address)
        try:
            went_whole = _sent(connection, request, address)
            reply = _received(connection)
        except BaseException:
            connection.close()
            raise
        if not went_whole:
            connection.close()
        connection.idle_since = time.monotonic()
        return reply

    def close(self) -> None:
        """As `Line` says: a thread that still waits on a connection is told by it."""
        self.is_closed = True
        for connection in list(self._kept.values()):
            if (open_socket := connection.sock) is not None:
                open_socket.close()

    def _connected(self, address: SplitResult) -> _Connection:
        server = address.scheme, address.netloc
        if (kept := self._kept.get(server)) is not None:
            if kept.is_alive:
                return kept
            kept.close()
        made = self._kept[server] = self._made(address)
        try:
            made.connect()
        except (OSError, UnicodeError) as error:
            made.close()
            raise Broken(How.UNREACHABLE, error) from None
        made.sock.settimeout(self._stall_s)
        return made

    def _made(self, address: SplitResult) -> _Connection:
        host, port = address.hostname or "", address.port
        if address.scheme == "https":
            return _SecureConnection(host, port, timeout=self._connect_s, context=self._context)
        return _Connection(host, port, timeout=self._connect_s)


def _has_news(idle: socket.socket) -> bool:
    """Something came in though nothing was asked: the end, as a rule."""
    if idle.fileno() < 0:
        return True
    with _Selector() as selector:
        selector.register(idle, selectors.EVENT_READ)
        return bool(selector.select(0))


def _sent(connection: _Connection, request: Request, address: SplitResult) -> bool:
    """Whether all of it went: a server may answer, and end the connection, before it has all."""
    target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
    connection.putrequest(request.method, quote(target, _TARGET), skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    body, slices = (request.body, ()) if isinstance(request.body, bytes) else (b"", request.body)
    connection.held = b""
    connection.endheaders(body or None)
    return all(_passed_on(connection.sock, one) for one in chain((connection.held,), slices))


def _passed_on(line: socket.socket, piece: bytes | memoryview) -> bool:
    try:
        line.sendall(piece)
    except TimeoutError as error:
        raise Broken(How.SILENT, error) from None
    except OSError:
        return False
    return True


def _received(connection: _Connection) -> Reply:
    try:
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, whole(_pieces(response)))
    except TimeoutError as error:
        raise Broken(How.SILENT, error) from None
    except (OSError, ValueError, HTTPException, zlib.error) as error:
        raise Broken(How.CUT, error) from None


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    """The answer's bytes, unpacked.

    Raises:
        IncompleteRead: the connection ended before them, or already in the head. The library
            says so of chunks only.

    """
    is_packed = response.headers.get("content-encoding", "").strip().lower() == "gzip"
    unpacker = zlib.decompressobj(_GZIP) if is_packed else None
    has_end, size = response.chunked or response.length is not None, 0
    while piece := response.read(_PIECE):
        size += len(piece)
        yield from _unpacked(unpacker, piece) if unpacker else (piece,)
    if response.length or not (size or has_end):
        raise IncompleteRead(b"", response.length)


def _unpacked(unpacker: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    """What is in a piece, in steps: a few bytes may stand for a great many."""
    while piece and not unpacker.eof:
        yield unpacker.decompress(piece, _PIECE)
        piece = unpacker.unconsumed_tail


def whole(pieces: Iterable[bytes]) -> bytes:
    """An answer's bytes in one.

    Raises:
        PlatformRefused: they are more than any answer should have.

    """
    read: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise PlatformRefused("the platform's answer is larger than any it should give")
        read.append(piece)
    return b"".join(read)
