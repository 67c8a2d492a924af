"""Counts requests and bytes, and notes trouble with the platform."""

from __future__ import annotations

import threading

from msgspec import Struct


class Traffic(Struct, frozen=True):
    """The requests and bytes of a run so far."""

    requests: int = 0
    retries: int = 0
    bytes_sent: int = 0
    """Bytes of parts, repetitions included."""


class Meter:
    """Counts requests and bytes; for use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._bytes = 0
        self._good = self._bad = 0
        self.trouble: str | None = None
        """What went wrong with the latest exchange; None if it succeeded."""

    def count(self, *, requests: int = 0, retries: int = 0, sent: int = 0) -> None:
        """Add to the totals; `sent` in bytes of parts."""
        with self._lock:
            self._requests += requests
            self._retries += retries
            self._bytes += sent

    def answered(self, *, busy: bool, trouble: str | None) -> None:
        """Note whether the platform was busy (429 or 503), and what went wrong, if anything."""
        with self._lock:
            self._good += not busy
            self._bad += busy
            self.trouble = trouble

    def take_pressure(self) -> tuple[int, int]:
        """The numbers of (good, busy) answers since the last call."""
        with self._lock:
            found = (self._good, self._bad)
            self._good = self._bad = 0
            return found

    def traffic(self) -> Traffic:
        """The totals so far."""
        with self._lock:
            return Traffic(self._requests, self._retries, self._bytes)
