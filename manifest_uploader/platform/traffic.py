"""Counts requests and bytes, and notes trouble with the platform and what is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct


class Traffic(Struct, frozen=True):
    """The requests and bytes of a run so far."""

    requests: int = 0
    retries: int = 0
    bytes_sent: int = 0
    """Bytes of parts, repetitions included."""


class Listing(Struct, frozen=True):
    """How far the reading of a list is."""

    what: str
    """What it lists, in the plural."""
    read: int
    total: int


class Meter:
    """Counts requests and bytes; for use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._bytes = 0
        self._good = self._bad = 0
        self.trouble: str | None = None
        """What went wrong with the latest exchange; None if it succeeded."""
        self._listings: dict[str, Listing] = {}
        """By what they list: the lists that are being read."""
        self._under_way = 0
        self._heard_at = 0.0
        """When the latest byte moved or answer came, or the only request began."""

    def count(self, *, requests: int = 0, retries: int = 0, sent: int = 0) -> None:
        """Add to the totals; `sent` in bytes of parts."""
        with self._lock:
            self._requests += requests
            self._retries += retries
            self._bytes += sent
            if sent:
                self._heard_at = time.monotonic()

    def heard(self) -> None:
        """Note that a byte of an answer came."""
        with self._lock:
            self._heard_at = time.monotonic()

    def answered(self, *, busy: bool, trouble: str | None) -> None:
        """Note whether the platform was busy (429 or 503), and what went wrong, if anything."""
        with self._lock:
            self._good += not busy
            self._bad += busy
            self.trouble = trouble
            self._heard_at = time.monotonic()

    def add(
        self,
        requests: int,
        retries: int,
        sent: int,
        *,
        good: int,
        busy: int,
        trouble: str | None,
    ) -> None:
        """Add what a worker's meter counted."""
        self.count(requests=requests, retries=retries, sent=sent)
        with self._lock:
            self._good += good
            self._bad += busy
            if good or busy or trouble:
                self.trouble = trouble
                self._heard_at = time.monotonic()

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """Count a request, and note that it is under way within the `with` statement."""
        with self._lock:
            self._requests += 1
            if not self._under_way:
                self._heard_at = time.monotonic()
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    @contextmanager
    def listing_of(self, what: str) -> Iterator[Callable[[int, object], None]]:
        """Note that a list is read within the `with` statement; yields what notes how far it is."""

        def note(read: int, total: object) -> None:
            if isinstance(total, int) and total > read:
                with self._lock:
                    self._listings[what] = Listing(what, read, total)

        try:
            yield note
        finally:
            with self._lock:
                self._listings.pop(what, None)

    @property
    def listing(self) -> Listing | None:
        """The list that is being read, the one with most left if there are several."""
        with self._lock:
            found = self._listings.values()
            return max(found, key=lambda one: one.total - one.read, default=None)

    def silent_s(self) -> float:
        """How long requests have been under way without an answer and without a byte sent."""
        with self._lock:
            return time.monotonic() - self._heard_at if self._under_way else 0.0

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
