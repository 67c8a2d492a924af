"""The main program of a worker process; `crew` starts it and describes it."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, NoReturn

from manifest_uploader.system import disk

_MOST_MEMORY: Final = 2**30
"""Bytes; a worker that holds more after an answer ends, and gives the memory back."""


def main() -> None:
    """Load the task that the first line names, then answer one line at a time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    requests, replies = _own_streams()
    logging.disable(logging.CRITICAL)
    hello = json.loads(requests.readline() or b"{}")
    scratch = hello.get("scratch")
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting, scratch), daemon=True).start()
    try:
        _work(hello, waiting, replies)
    finally:
        _leave(scratch)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of reach of libraries: what they print goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    return requests, replies


def _read(requests: BinaryIO, waiting: SimpleQueue[bytes], scratch: str | None) -> None:
    """Hand requests over; the end of the stream is the end of the parent, and of this process."""
    try:
        for line in requests:
            waiting.put(line)
    finally:
        _leave(scratch)


def _leave(scratch: str | None) -> NoReturn:
    """End at once, whatever the other thread does, with the temporary files removed."""
    if scratch is not None:
        disk.remove_tree(scratch)
    os._exit(0)


def _work(hello: dict[str, Any], waiting: SimpleQueue[bytes], replies: BinaryIO) -> None:
    """Answer until the parent ends; a broken pipe is an OSError and ends this, too."""
    try:
        module, _, function = hello["task"].partition(":")
        answer = getattr(import_module(module), function)(hello["setup"], hello["scratch"])
    except Exception as error:  # noqa: BLE001 - a broken installation raises anything
        _reply(replies, {"bug": described(error)})
        return
    _reply(replies, {"ready": True})
    while True:
        try:
            reply = {"answer": answer(json.loads(waiting.get()))}
        except Exception as error:  # noqa: BLE001 - told to the parent, which raises it
            reply = {"bug": described(error)}
        _reply(replies, {**reply, "last": _holds_much_memory()})


def _reply(replies: BinaryIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


def described(error: Exception) -> str:
    """Type and place of an exception; its text may quote a patient."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"


def _holds_much_memory() -> bool:
    import psutil  # noqa: PLC0415  late: `main` must ignore Ctrl-C first

    return bool(psutil.Process().memory_info().rss > _MOST_MEMORY)
