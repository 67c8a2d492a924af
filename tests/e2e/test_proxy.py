"""A hospital's proxy stands between: everything goes through it, and nothing of it is told."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from manifest_uploader.sandbox.certificates import make_certificates
from tests.e2e.helpers import Box, served
from tests.platform.servers import accepting, pass_on

NAME = "platform.invalid"
"""A host that only the proxy can find."""
SECRET = "hunter2"


@dataclass
class Proxy:
    """Tunnels to one port, for those who know the password."""

    target: int
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The request lines."""
    refused: int = 0

    @property
    def address(self) -> str:
        return f"http://me:{SECRET}@127.0.0.1:{self.port}"

    def serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb", buffering=0) as lines:
            head = [line.decode().strip() for line in iter(lines.readline, b"\r\n")]
            self.asked.append(head[0])
            known = base64.b64encode(f"me:{SECRET}".encode()).decode()
            if f"Proxy-Authorization: Basic {known}" not in head:
                self.refused += 1
                client.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
                back.start()
                pass_on(client, server)
                back.join()


@contextlib.contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    with accepting(proxy.serve) as proxy.port:
        yield proxy


@contextlib.contextmanager
def behind_a_proxy(folder: Path) -> Iterator[tuple[Box, Proxy]]:
    make_certificates(folder / "sandbox" / "tls", NAME)
    with served(folder / "sandbox", tls=True) as sandbox:
        port = int(sandbox.url.split(":")[2].split("/")[0])
        with proxied(port) as proxy:
            yield Box(folder, sandbox), proxy


def given(box: Box, proxy: str) -> dict[str, str]:
    return box.environment(
        GRAND_CHALLENGE_API_URL=f"https://{NAME}/api/v1/",
        HTTPS_PROXY=proxy,
        SSL_CERT_FILE=str(box.folder / "sandbox" / "tls" / "ca.pem"),
    )


def test_everything_goes_through_the_proxy(tmp_path: Path) -> None:
    with behind_a_proxy(tmp_path) as (box, proxy):
        for name in ("one", "two", "three"):
            box.add_usual(name)
        box.save()
        log = tmp_path / "log.txt"
        ran = box.run("--log-file", str(log), env=given(box, proxy.address)).expect(0)

        assert ran.ends["done"] == 3
        box.check()
        assert set(proxy.asked) == {f"CONNECT {NAME}:443 HTTP/1.1"}
        assert proxy.refused == 0
        told = ran.out + ran.err + log.read_text() + box.state.read_text()
        assert SECRET not in told


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    with behind_a_proxy(tmp_path) as (box, proxy):
        box.add_score("one")
        box.save()
        wrong = proxy.address.replace(SECRET, "swordfish")
        ran = box.run(env=given(box, wrong)).expect(3)

        assert "the proxy asks for a user name and password (407)" in ran.err
        assert "swordfish" not in ran.err + ran.out
        assert box.items() == []
