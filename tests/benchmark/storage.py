"""An endpoint that speaks just enough S3 for a transfer manager: `storage.py TLS LATENCY MBIT`.

It takes multipart uploads, hashes each part as storage does, and throws the bytes away.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CERTIFICATES, LATENCY_S, MBIT = Path(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3])
SLICE = 256 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers POST ?uploads, PUT of parts and POST ?uploadId."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    rbufsize = 65536
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self._body()
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "uploads" in query:
            self._answer("<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                         "</InitiateMultipartUploadResult>")  # fmt: skip
        else:
            assert re.search(b"<PartNumber>", body)
            self._answer("<CompleteMultipartUploadResult><ETag>x</ETag>"
                         "</CompleteMultipartUploadResult>")  # fmt: skip

    def do_PUT(self) -> None:
        total = hashlib.md5(usedforsecurity=False)
        self._body(total)
        self._answer("", etag=total.hexdigest())

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _body(self, total: Any = None) -> bytes:
        left = int(self.headers.get("Content-Length", 0))
        kept, started, seen = b"", time.perf_counter(), 0
        while left:
            piece = self.rfile.read(min(SLICE, left))
            if not piece:
                break
            left -= len(piece)
            seen += len(piece)
            if total is not None:
                total.update(piece)
            else:
                kept += piece
            if MBIT:
                ahead = seen * 8 / (MBIT * 1e6) - (time.perf_counter() - started)
                time.sleep(max(0.0, ahead))
        return kept

    def _answer(self, text: str, *, etag: str = "") -> None:
        time.sleep(LATENCY_S)
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """TLS, with its handshake in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 512
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


def main() -> None:
    server = Server(("127.0.0.1", 0), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(CERTIFICATES / "server.pem")
    url = f"https://127.0.0.1:{server.server_address[1]}"
    print(json.dumps({"url": url}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
