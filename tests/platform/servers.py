"""Small real servers on loopback that answer by a script, and remember what they were asked."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What a server answers, and how well it manages to."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: bool = False
    """Only half of the body comes, then the connection ends."""
    reset: bool = False
    """Nothing comes but a reset."""
    silent: bool = False
    """Nothing comes until the server ends."""
    closes: bool = False
    """The connection ends behind the answer, without notice."""


def reply(status: int = 200, body: Any = None, **headers: str) -> Reply:
    """A JSON answer; headers with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps({} if body is None else body).encode()
    return Reply(status, content, {"Content-Type": "application/json", **named})


def page(status: int = 200) -> Reply:
    """A page of HTML."""
    return Reply(status, b"<html><b>Secret Proxy</b></html>", {"Content-Type": "text/html"})


def xml(status: int, code: str) -> Reply:
    """What storage says."""
    body = f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode()
    return Reply(status, body, {"Content-Type": "application/xml"})


@dataclass(frozen=True)
class Asked:
    """A request that a server got."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Scripted:
    """Answers each request with the next reply; the last one answers all that follow."""

    def __init__(self, replies: tuple[Reply, ...], host: str) -> None:
        self.asked: list[Asked] = []
        self._replies = replies
        self._turn = threading.Lock()
        self.ending = threading.Event()
        self.host = host
        self.server = ThreadingHTTPServer((host, 0), _handler(self))
        self.server.daemon_threads = True
        self.server.block_on_close = False

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def next(self, asked: Asked) -> Reply:
        with self._turn:
            self.asked.append(asked)
            return self._replies[min(len(self.asked), len(self._replies)) - 1]


@contextlib.contextmanager
def scripted(*replies: Reply, host: str = "127.0.0.1") -> Iterator[Scripted]:
    """A server for the length of a `with`."""
    script = Scripted(replies or (reply(),), host)
    thread = threading.Thread(
        target=script.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield script
    finally:
        script.ending.set()
        script.server.shutdown()
        script.server.server_close()
        thread.join()


class Proxy:
    """Passes requests on to servers on this machine, and ends connections as they do."""

    def __init__(self) -> None:
        self.url = ""
        self.targets: list[str] = []
        """Where each connection was to go, as `host:port`."""

    def serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            first = client.recv(65536)
            asked = re.match(rb"CONNECT (\S+)|[A-Z]+ http://([^/ ]+)", first)
            assert asked is not None
            self.targets.append((asked[1] or asked[2]).decode())
            port = int(self.targets[-1].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as server:
                if asked[1]:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(_for_server(first))
                back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
                back.start()
                pass_on(client, server, bytes if asked[1] else _for_server)
                back.join()


def _for_server(piece: bytes) -> bytes:
    return re.sub(rb"^([A-Z]+ )http://[^/ ]+", rb"\1", piece)


def pass_on(
    source: socket.socket,
    sink: socket.socket,
    change: Callable[[bytes], bytes] = bytes,
) -> None:
    """Pass on what comes, and its end."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(change(piece))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def accepting(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server whose connections `serve` gets, each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextlib.contextmanager
def forwarding() -> Iterator[Proxy]:
    """A proxy for the length of a `with`."""
    proxy = Proxy()
    with accepting(proxy.serve) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = script.next(Asked(self.command, self.path, headers, body))
            if told.silent:
                script.ending.wait(30)
            if told.reset or told.silent:
                self.drop()
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body[: len(told.body) // 2] if told.cut else told.body)
            self.close_connection = told.cut or told.closes

        do_GET = do_POST = do_PUT = do_PATCH = do_CONNECT = answer  # noqa: N815

        def drop(self) -> None:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
