"""A program `uploader` for shells, whose commands are forked instead of started by interpreters.

The program passes its arguments, folder, environment and open files to a server, which has the
uploader imported and forks: a command costs what it does, and not half a second of imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import forked

_PROGRAM = """\
#!{python} -IS
import json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [b"!"], [0, 1, 2])
asked = dict(arguments=sys.argv[1:], cwd=os.getcwd(), environment=dict(os.environ))
server.sendall(json.dumps(asked).encode())
server.shutdown(socket.SHUT_WR)
answers = server.makefile()
pid = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.kill(pid, number))
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextlib.contextmanager
def program() -> Iterator[str]:
    """Serve until the end of the `with` statement; the text of the program."""
    with tempfile.TemporaryDirectory(prefix="shim-") as folder:
        address = str(Path(folder) / "s")
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen()
        process = forked.process(_serve, server)
        try:
            yield _PROGRAM.format(python=sys.executable, address=address)
        finally:
            process.kill()
            process.join()
            server.close()


def _serve(server: socket.socket) -> None:
    while True:
        client, _ = server.accept()
        if os.fork() == 0:
            _end_as(_attend, client)
        client.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _attend(client: socket.socket) -> int:
    """Run the command that a program asks for, and tell it the exit code."""
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    with client.makefile("rb") as asked:
        given = json.loads(asked.read())
    pid = os.fork()
    if pid == 0:
        client.close()
        _end_as(_run, files, **given)
    client.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


def _run(files: list[int], *, arguments: list[str], **of_process: Any) -> int:
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace")
    warnings.simplefilter("error")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    forked.enter(**of_process)
    try:
        forked.command(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
    return 0


def _end_as(work: Callable[..., int], *given: Any, **more: Any) -> None:
    """End this process with the exit code that `work` returns."""
    code = 70
    try:
        code = work(*given, **more)
    except BaseException:  # noqa: BLE001  # the rest of the program is another process's
        traceback.print_exc()
    finally:
        os._exit(code)
