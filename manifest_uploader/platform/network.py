"""Network connections that another thread can end, as a backend of httpcore.

httpx is built on httpcore, which opens and uses every connection through a `NetworkBackend`. This
one keeps track of a transport's open sockets, so that closing it wakes threads that wait on them.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol, TypeVar

import httpcore

_T = TypeVar("_T")

_SHORT: Final = 16 * 1024
"""Largest body, in bytes, that is sent together with the request's head."""


class Sockets:
    """The open sockets of one transport."""

    def __init__(self) -> None:
        self.are_closed = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def add(self, one: socket.socket) -> None:
        """Remember an open socket.

        Raises:
            ConnectionAbortedError: the transport is closed; the new socket is closed too.

        """
        with self._lock:
            if not self.are_closed:
                self._open.add(one)
                return
        one.close()
        raise ConnectionAbortedError("the transport is closed")

    def forget(self, one: socket.socket) -> None:
        """Forget a socket that its owner is about to close or has replaced."""
        with self._lock:
            self._open.discard(one)

    def close(self, one: socket.socket) -> None:
        """Forget and close a socket, in this order: its number may be reused at once."""
        self.forget(one)
        one.close()

    def shut_down(self) -> None:
        """End all connections, wake the threads that wait on them, and refuse new ones.

        Each thread closes its own sockets: a file descriptor that is closed while another thread
        waits on it could be reused for a new socket at once.
        """
        with self._lock:
            self.are_closed = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    # SSLSocket.shutdown would drop the TLS state first, and what the owner sends
                    # next would go out unencrypted
                    socket.socket.shutdown(one, socket.SHUT_RDWR)


class Backend(httpcore.NetworkBackend):
    """Opens connections and registers them in `Sockets`."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - never given
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - never given
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a name that answers.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: none answers.
            UnicodeError: the name is not a valid host name.

        """
        failure = OSError("the name has no address")
        with _failing_to_connect():
            for family, kind, protocol, _, address in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            ):
                try:
                    made = socket.socket(family, kind, protocol)
                    self._sockets.add(made)
                except OSError as error:
                    failure = error
                    continue
                try:
                    made.settimeout(timeout)
                    made.connect(address)
                    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError as error:
                    self._sockets.close(made)
                    failure = error
                else:
                    return _Stream(made, self._sockets)
            raise failure


class _Channel(Protocol):
    """Sends and receives bytes: a socket, or TLS inside TLS."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes | memoryview, /) -> int: ...


class _Stream(httpcore.NetworkStream):
    """One connection; it sends a request's head together with a short body.

    That makes one packet instead of two. The first write, and the first after a read, is a head; it
    waits for the next write, which may be empty, or for a read.
    """

    def __init__(
        self, sock: socket.socket, sockets: Sockets, channel: _Channel | None = None
    ) -> None:
        self._socket = sock
        self._sockets = sockets
        self._channel: _Channel = channel or sock
        self._timeout = sock.gettimeout()
        self._head: bytes | None = None
        self._was_read = True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._was_read = True
        try:
            self._use(timeout)
            if self._head is not None:  # nothing follows it: a proxy's greeting, say
                head, self._head = self._head, None
                self._send(head)
            return self._channel.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._was_read:
            self._was_read, self._head = False, buffer
            return
        try:
            self._use(timeout)
            if self._head is not None:
                head, self._head = self._head, None
                if len(buffer) <= _SHORT:
                    self._send(head + buffer)
                    return
                self._send(head)
            if buffer:
                self._send(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._sockets.close(self._socket)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            with _failing_to_connect():
                self._use(timeout)
                if isinstance(self._socket, ssl.SSLSocket):
                    inner = _InnerTls(self._socket, ssl_context, server_hostname)
                    return _Stream(self._socket, self._sockets, inner)
                plain = self._socket
                # register the new socket before the handshake, so that `shut_down` can end it
                self._socket = secured = ssl_context.wrap_socket(
                    plain, server_hostname=server_hostname, do_handshake_on_connect=False
                )
                self._sockets.forget(plain)
                self._sockets.add(secured)
                secured.do_handshake()
                return _Stream(secured, self._sockets)
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "ssl_object":
                return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
            case "socket":
                return self._socket
            case "is_readable":
                return is_readable(self._socket)
            case _:
                return None

    def _use(self, timeout: float | None) -> None:
        """Set the socket's timeout, if it has changed."""
        if timeout != self._timeout:
            self._socket.settimeout(timeout)
            self._timeout = timeout

    def _send(self, data: bytes | memoryview) -> None:
        sent = self._channel.send(data)
        while sent < len(data):
            data = memoryview(data)[sent:]
            sent = self._channel.send(data)


class _InnerTls:
    """TLS inside the TLS connection to a proxy, which Python's sockets do not support."""

    def __init__(
        self, outer: ssl.SSLSocket, context: ssl.SSLContext, server_hostname: str | None
    ) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        self._pump(self._tls.do_handshake)

    def recv(self, size: int, /) -> bytes:
        return self._pump(lambda: self._tls.read(size))

    def send(self, data: bytes | memoryview, /) -> int:
        return self._pump(lambda: self._tls.write(data))

    def _pump(self, step: Callable[[], _T]) -> _T:
        """Repeat a step, moving bytes to and from the outer connection, until it is done."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._outer.sendall(self._outgoing.read())
                if received := self._outer.recv(64 * 1024):
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            else:
                self._outer.sendall(self._outgoing.read())
                return done


@contextlib.contextmanager
def _failing_to_connect() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


def is_readable(sock: socket.socket) -> bool:
    """Whether there is something to read; on an idle connection this is usually its end."""
    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows, where select takes any socket
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
