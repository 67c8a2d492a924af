"""The sandbox's HTTP/1.1 server on a loopback port, with a thread for each connection."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn
from urllib.parse import unquote

from manifest_uploader.sandbox.answers import Answer, too_large
from manifest_uploader.sandbox.faults import Counter, Fault, Seen
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.routes import Routes
from manifest_uploader.sandbox.storage import SLICE, Storage, StorageRequest, expired

_MAX_BODY = 16 * 1024**2
_STORAGE = "/grand-challenge-"
_STORAGE_KINDS = {"PUT": "part", "GET": "stored"}
_WITHIN = ("lose_part", "fail_import", "fail_job", "twice")
"""The faults that neither end a request nor change its answer."""
_HALF_ANSWER = Answer(200, b"{" + b" " * 200, "application/json")


@dataclass
class ServerContext:
    """What the server's threads share."""

    routes: Routes
    storage: Storage
    options: SandboxOptions
    scheme: str
    storage_port: int
    counter: Counter = field(default_factory=Counter)
    counting: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def see(self, method: str, path: str) -> Seen:
        """Count a request."""
        at_storage = path.startswith(_STORAGE)
        kind = _STORAGE_KINDS.get(method, "other") if at_storage else ""
        kind = kind or self.routes.kind_of(method, path)
        with self.counting:
            return self.counter.see(method, path, kind)


class ConnectionDropped(Exception):
    """Ends a connection immediately."""


class Server(ThreadingHTTPServer):
    """Accepts connections; the TLS handshake takes place in the connection's thread.

    A server of the API takes parts, too. Downloads are from another server, which is storage alone.
    """

    timeout = 0.5
    """Longest wait for a connection, in seconds, until it looks whether it is to stop."""
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    # On Windows, it would let two servers share a port.
    allow_reuse_address = os.name != "nt"

    context: ServerContext
    """To be set before it serves."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, *, is_storage: bool) -> None:
        """Listen on a loopback port, 0 for any."""
        self.is_storage = is_storage
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._opening = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Bind without looking up this machine's host name."""
        socket_ = self.socket
        if self.allow_reuse_address:
            socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        socket_.bind(self.server_address)
        self.server_address = socket_.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection until it ends."""
        if self._tls is not None:
            request.settimeout(30)
            request = self._tls.wrap_socket(request, server_side=True)
            request.settimeout(None)
        with self._opening:
            self._open.add(request)
        try:
            Handler(request, client_address, self)
        finally:
            with self._opening:
                self._open.discard(request)
            request.close()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; with TLS, its socket is already closed."""
        if request.fileno() != -1:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected."""

    def close_connections(self) -> None:
        """Drop every connection."""
        with self._opening:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Handler(BaseHTTPRequestHandler):
    """Serves the requests of one connection."""

    protocol_version = "HTTP/1.1"
    rbufsize = 65536
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Serve requests until the connection ends."""
        self._free_at = 0.0
        try:
            super().handle()
        except (ConnectionDropped, OSError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        """Flush the output; the client may have disconnected."""
        try:
            super().finish()
        except OSError:
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Tell a client that waits for a 100 answer to send its body."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def serve(self) -> None:
        """Answer one request, with the faults that the hook asks for."""
        context = self.server.context
        path, _, query = self.path.partition("?")
        seen = context.see(self.command, path)
        hook = context.options.hook
        vars(self).pop("_unread", None)  # of the previous request
        fault = hook.before(seen) if hook else None
        answer = self._fail_before(fault)
        acted = answer is None
        if answer is None:
            answer = self._act(unquote(path), query, fault)
        else:
            self._drain()
        if context.options.latency_ms:
            context.closing.wait(context.options.latency_ms / 1000)
        if hook and acted:
            answer = self._fail_after(hook.after(seen, answer.status), answer)
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def _act(self, path: str, query: str, fault: Fault | None) -> Answer:
        if self._is_for_storage():
            return self._store(path, query, fault)
        size = self._length() or 0
        if size > _MAX_BODY:
            self._drain()
            return too_large()
        body = self.rfile.read(size) if size else b""
        self._unread = 0
        context = self.server.context
        import_failure = fault.message if fault and fault.kind == "fail_import" else None
        host = self._host()
        name = host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host
        request = Request(
            *(self.command, path, query),
            headers={key.title(): value for key, value in self.headers.items()},
            body=body,
            base=f"{context.scheme}://{host}",
            storage=f"{context.scheme}://{name}:{context.storage_port}",
            import_failure=import_failure,
            job_fails=bool(fault and fault.kind == "fail_job"),
        )
        if fault and fault.kind == "late":
            self._act_late(request, fault)
        answer = context.routes.answer(request)
        if fault and fault.kind == "twice":
            context.routes.answer(replace(request, is_double=True))
        return answer

    def _act_late(self, request: Request, fault: Fault) -> NoReturn:
        """Let the client go, and act later; not once the sandbox ends."""
        context = self.server.context
        self._reset()
        self.wfile.close()  # the last that keeps the socket open
        until = time.monotonic() + fault.seconds
        while not context.closing.is_set() and (left := until - time.monotonic()) > 0:
            if fault.held is None:
                context.closing.wait(left)
            elif fault.held.wait(0.05):
                break
        if not context.closing.is_set():
            context.routes.answer(request)
        if fault.held is not None:
            fault.held.note_acted()
        raise ConnectionDropped

    def _is_for_storage(self) -> bool:
        return self.server.is_storage or self.path.startswith(_STORAGE)

    def _store(self, path: str, query: str, fault: Fault | None) -> Answer:
        size = self._length()
        request = StorageRequest(
            method=self.command,
            path=path,
            query_text=query,
            host=self._host(),
            has_authorization="Authorization" in self.headers,
            size=size,
            range=self.headers.get("Range", ""),
        )
        loss = fault.message if fault and fault.kind == "lose_part" else None
        self._unread = size or 0
        self._free_at = max(self._free_at, time.monotonic())
        answer = self.server.context.storage.answer(request, self._receive, loss)
        self._drain()
        return answer

    def _host(self) -> str:
        return self.headers.get("Host") or f"127.0.0.1:{self.server.server_port}"

    def _length(self) -> int | None:
        """Return the body's length; None if it is unknown."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            if self.headers.get("Transfer-Encoding"):
                self.close_connection = True
                return None
            self._unread = 0
            return 0 if self.command != "PUT" or not self._is_for_storage() else None
        self._unread = int(length)
        return self._unread

    def _receive(self, buffer: memoryview) -> int:
        """Read from the body into a buffer, no faster than the connection's limit.

        Delays on this machine are made up for: on a real connection, bytes arrive meanwhile.
        """
        count = self.rfile.readinto(buffer) or 0
        self._unread -= count
        mbit = self.server.context.options.connection_mbit
        if mbit:
            self._free_at += count * 8 / (mbit * 1e6)
            self.server.context.closing.wait(max(0.0, self._free_at - time.monotonic()))
        return count

    def _drain(self) -> None:
        """Read the rest of the body, so that the client reads the answer."""
        if not hasattr(self, "_unread"):
            self._length()
        buffer = memoryview(bytearray(SLICE))
        while self._unread > 0:
            count = self.rfile.readinto(buffer[: self._unread])
            if not count:
                raise ConnectionDropped
            self._unread -= count
        del self._unread

    def _fail_before(self, fault: Fault | None) -> Answer | None:
        """Cause a fault instead of acting; return its answer, or None to act normally."""
        if fault is None or fault.kind in _WITHIN:
            return None
        if fault.kind == "late" and not self._is_for_storage():
            return None
        if fault.kind == "truncate":
            self._drain()
        return self._fail(fault, None)

    def _fail_after(self, fault: Fault | None, answer: Answer) -> Answer:
        if fault is None or fault.kind in _WITHIN:
            return answer
        return self._fail(fault, answer) or answer

    def _fail(self, fault: Fault, answer: Answer | None) -> Answer | None:
        """Cause a fault: end the connection, return another answer, or wait."""
        if fault.kind == "answer":
            return Answer(fault.status, fault.body, fault.content_type, fault.headers)
        if fault.kind == "expire":
            return expired()
        if fault.kind == "truncate":
            self._send_half(answer or _HALF_ANSWER)
        if fault.kind in ("delay", "stall"):
            self.server.context.closing.wait(fault.seconds)
        if fault.kind == "delay":
            return answer
        self._reset()
        raise ConnectionDropped

    def _reset(self) -> None:
        """End the connection with a TCP reset."""
        form = "hh" if os.name == "nt" else "ii"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(form, 1, 0))
        self.rfile.close()
        self.connection.close()

    def _send_half(self, answer: Answer) -> None:
        whole = self._head(answer) + answer.body
        self.wfile.write(whole[: len(whole) - max(1, len(answer.body) // 2)])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        raise ConnectionDropped

    def _send(self, answer: Answer) -> None:
        body = b"" if self.command == "HEAD" else answer.body
        self.wfile.write(self._head(answer) + body)
        self.wfile.flush()

    def _head(self, answer: Answer) -> bytes:
        reason = HTTPStatus(answer.status).phrase if answer.status in _STATUSES else "Unknown"
        lines = [
            f"HTTP/1.1 {answer.status} {reason}",
            "Server: sandbox",
            f"Date: {self.date_time_string()}",
            f"Content-Length: {len(answer.body)}",
        ]
        if answer.content_type:
            lines.append(f"Content-Type: {answer.content_type}")
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


_STATUSES = frozenset(status.value for status in HTTPStatus)


def serve_in_thread(server: Server, context: ServerContext) -> Callable[[], None]:
    """Serve in a new thread; return a function that stops it."""
    server.context = context
    thread = threading.Thread(target=_serve, args=(server,), name="sandbox", daemon=True)
    thread.start()

    def stop() -> None:
        context.closing.set()
        with contextlib.suppress(OSError):  # a connection ends its wait for one
            socket.create_connection(("127.0.0.1", server.server_port), server.timeout).close()
        thread.join()
        server.close_connections()
        server.server_close()

    return stop


def _serve(server: Server) -> None:
    while not server.context.closing.is_set():
        server.handle_request()
