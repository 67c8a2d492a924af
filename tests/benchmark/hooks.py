"""A platform in trouble: 503 to every tenth request for a while."""

from __future__ import annotations

import threading
import time

from manifest_uploader.sandbox import Fault, Seen


class Trouble:
    """`Trouble("BEGIN/LENGTH/EVERY")`, in seconds since the first request."""

    def __init__(self, text: str) -> None:
        begin, length, every = text.split("/")
        self._begin, self._length, self._every = float(begin), float(length), int(every)
        self._lock = threading.Lock()
        self._first: float | None = None
        self._count = 0

    def before(self, request: Seen) -> Fault | None:
        with self._lock:
            self._first = self._first or time.monotonic()
            self._count += 1
            since = time.monotonic() - self._first - self._begin
            if 0 <= since < self._length and self._count % self._every == 0:
                return Fault.answer(503, (("Retry-After", "1"),), b"busy", "text/plain")
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None
