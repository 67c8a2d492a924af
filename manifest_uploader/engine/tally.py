"""Counts the bytes that uploads still have to send, and how fast they go; for display only."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from manifest_uploader.state.steps import StepId

_WINDOW_S: Final = 15.0
"""The speed is that of the latest seconds."""
_SAMPLE_EVERY_S: Final = 0.25
_STILL_S: Final = 3.0
"""After so long without a byte there is no speed."""


class Tally:
    """What a run has brought to storage, and what was there before; for use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[StepId, int] = {}
        self._spared: dict[StepId, int] = {}
        self._total_sent = self._total_spared = 0

    @property
    def sent(self) -> int:
        """Bytes that this run sent; of parts that were sent again, only those of the last try."""
        return self._total_sent

    @property
    def spared(self) -> int:
        """Bytes that storage holds from earlier runs, which this one does not send."""
        return self._total_spared

    def held(self, step: StepId) -> int:
        """Bytes of an upload that storage holds."""
        return self._sent.get(step, 0) + self._spared.get(step, 0)

    def add(self, step: StepId, size: int) -> None:
        """Note bytes that were sent; a negative size takes them back."""
        with self._lock:
            self._set(step, self._sent.get(step, 0) + size, self._spared.get(step, 0))

    def holds(self, step: StepId, size: int) -> None:
        """Note how many bytes of an upload storage holds, before more are sent."""
        with self._lock:
            sent = min(size, self._sent.get(step, 0))
            self._set(step, sent, size - sent)

    def forget(self, step: StepId) -> None:
        """Note that an upload begins anew."""
        with self._lock:
            self._set(step, 0, 0)

    def _set(self, step: StepId, sent: int, spared: int) -> None:
        self._total_sent += sent - self._sent.get(step, 0)
        self._total_spared += spared - self._spared.get(step, 0)
        self._sent[step], self._spared[step] = sent, spared


class Tries:
    """Counts the bytes of one part, which may be sent several times."""

    def __init__(self, add: Callable[[int], None]) -> None:
        """Count; `add` is told how many more bytes were sent, or fewer than 0."""
        self._add = add
        self._counted = 0

    def counted(self, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        """The pieces of the next try, counted as they are taken."""
        self.take_back()
        for piece in pieces:
            yield piece
            self._counted += len(piece)
            self._add(len(piece))

    def take_back(self) -> None:
        """Note that the last try failed."""
        self._add(-self._counted)
        self._counted = 0


class Pace:
    """How fast bytes are sent; times by a monotonic clock."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self._moved_at = 0.0

    def note(self, sent: int, now: float) -> None:
        """Note how many bytes were sent in all."""
        if self._samples and sent != self._samples[-1][1]:
            self._moved_at = now
        if self._samples and now - self._samples[-1][0] < _SAMPLE_EVERY_S:
            return
        self._samples.append((now, sent))
        while now - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()

    def speed(self, now: float) -> float | None:
        """Bytes a second; None if nothing is being sent, or that is not known yet."""
        if len(self._samples) < 2 or now - self._moved_at >= _STILL_S:  # noqa: PLR2004
            return None
        (began, before), (ended, sent) = self._samples[0], self._samples[-1]
        return (sent - before) / (ended - began) if sent > before else None
