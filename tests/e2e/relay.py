"""Passes connections on from one address to another: python -m tests.e2e.relay FROM TO."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from tests.platform.servers import pass_on


def serve(client: socket.socket, there: tuple[str, int]) -> None:
    """Pass one connection on, both ways, until it ends."""
    with client, contextlib.suppress(OSError), socket.create_connection(there) as server:
        back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
        back.start()
        pass_on(client, server)
        back.join()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    here, there = map(_address, sys.argv[1:])
    with socket.create_server(here) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=serve, args=(client, there), daemon=True).start()


if __name__ == "__main__":
    main()
