"""A platform in trouble: 503 to every tenth request for a while."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from manifest_uploader.sandbox import Fault, Seen


class Trouble:
    """`Trouble("BEGIN/LENGTH/EVERY/FILE")`: seconds since the first request; notes their times."""

    def __init__(self, text: str) -> None:
        begin, length, every, path = text.split("/", 3)
        self._begin, self._length, self._every = float(begin), float(length), int(every)
        self._notes = Path(path).open("w", buffering=1)  # noqa: SIM115 - as long as the sandbox
        self._lock = threading.Lock()
        self._first: float | None = None
        self._count = 0

    def before(self, request: Seen) -> Fault | None:
        with self._lock:
            now = time.time()
            self._first = self._first or now
            self._count += 1
            self._notes.write(f"{now}\n")
            since = now - self._first - self._begin
            if 0 <= since < self._length and self._count % self._every == 0:
                return Fault.answer(503, (("Retry-After", "1"),), b"busy", "text/plain")
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None
