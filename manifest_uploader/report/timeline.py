"""Counts the events of a state file in bins of time."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from manifest_uploader.state.events import (
    AnyEvent,
    Confirmed,
    Done,
    Failed,
    ImportFailed,
    Noticed,
    Opened,
    Paused,
    Renamed,
    Started,
)
from manifest_uploader.state.history import EMPTY, Folding
from manifest_uploader.state.standing import Standing, standing_of
from manifest_uploader.state.steps import StepId

_T = TypeVar("_T")
_MOST_BINS: Final = 48
_MOST_STRETCHES: Final = 8
_QUIET_S: Final = 900.0
"""Longer silences are left out of the plots; else those of a run over days would show nights."""
_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400),
)
"""Possible widths of a bin, in seconds."""


@dataclass(frozen=True, slots=True)
class Bin:
    """An interval of time; a silence that is left out has no length."""

    start: float
    """Seconds since 1970."""
    end: float

    @property
    def silence(self) -> bool:
        """Whether it stands for a long time in which nothing happened."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """Numbers for each bin; None for a silence, and if there is nothing to measure."""

    bins: tuple[Bin, ...] = ()
    done: tuple[int | None, ...] = ()
    """Cases that are done at the end of the bin."""
    failed: tuple[int | None, ...] = ()
    """Cases that are failed or deleted at the end of the bin."""
    throughput: tuple[float | None, ...] = ()
    """Bytes per second of completed uploads."""
    pauses: tuple[int | None, ...] = ()
    """Steps that waited because the platform had reached a limit."""
    repeats: tuple[int | None, ...] = ()
    """Steps that started again before they were done."""
    failures: tuple[int | None, ...] = ()
    """Steps and imports that failed."""
    import_median_s: tuple[float | None, ...] = ()
    """For uploads confirmed in the bin, seconds from the fill to the confirmation."""
    import_longest_s: tuple[float | None, ...] = ()


def make_timeline(events: Sequence[AnyEvent]) -> Timeline:
    """The timeline of a state file's events."""
    if not events:
        return Timeline()
    bins = _bins(sorted(event.time for event in events))
    finder = _BinFinder(bins)
    tally = _Tally(finder)
    for event in sorted(events, key=lambda one: one.time):
        tally.add(event)
    return tally.timeline()


# ── bins ────────────────────────────────────────────────────────────────────────────────────


def _bins(times: Sequence[float]) -> tuple[Bin, ...]:
    """Bins of equal width that cover all times, with a bin of no length for each silence."""
    stretches = _stretches(times)
    active = sum(end - start for start, end in stretches)
    room = _MOST_BINS - 2 * len(stretches)
    days = -(-active // (room * _WIDTHS[-1]))
    width = next((one for one in _WIDTHS if active / one <= room), days * _WIDTHS[-1])
    found: list[Bin] = []
    for start, end in stretches:
        if found:
            found.append(Bin(found[-1].end, found[-1].end))
        first = start // width * width
        count = int((end - first) // width) + 1
        found += [Bin(first + n * width, first + (n + 1) * width) for n in range(count)]
    return tuple(found)


def _stretches(times: Sequence[float]) -> list[tuple[float, float]]:
    """The (start, end) of each stretch of times without a long silence."""
    quiet_s = _QUIET_S
    while True:
        found = [(times[0], times[0])]
        for time in times:
            if time - found[-1][1] > quiet_s:
                found.append((time, time))
            found[-1] = (found[-1][0], time)
        if len(found) <= _MOST_STRETCHES:
            return found
        quiet_s *= 2


class _BinFinder:
    """Finds the bin of a time."""

    def __init__(self, bins: tuple[Bin, ...]) -> None:
        self.bins = bins
        self._real = [number for number, one in enumerate(bins) if not one.silence]
        self._starts = [bins[number].start for number in self._real]

    def find(self, time: float) -> int:
        """The number of the bin that contains a time, or of the last one before it."""
        return self._real[max(0, bisect_right(self._starts, time) - 1)]

    def spread(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The numbers of the bins that an interval covers, with each bin's share of it."""
        first, last = self.find(start), self.find(end)
        parts = {
            number: min(end, self.bins[number].end) - max(start, self.bins[number].start)
            for number in range(first, last + 1)
            if not self.bins[number].silence
        }
        whole = sum(part for part in parts.values() if part > 0)
        if whole <= 0:
            yield last, 1.0
            return
        yield from ((number, part / whole) for number, part in parts.items() if part > 0)


# ── counting ────────────────────────────────────────────────────────────────────────────────


class _Tally:
    """Counts events, which must come in chronological order."""

    def __init__(self, finder: _BinFinder) -> None:
        self._finder = finder
        count = len(finder.bins)
        self._folding = Folding()
        self._cases = self._folding.history.cases
        self._states: dict[str, Standing] = {}
        self._counts: Counter[Standing] = Counter()
        self._totals: dict[int, tuple[int, int]] = {}
        """Bin → cases (done, failed) at its end; bins without a change are missing."""
        self._bytes = [0.0] * count
        self._pauses, self._repeats, self._failures = [0] * count, [0] * count, [0] * count
        self._imports: dict[int, list[float]] = {}
        self._started: dict[StepId, AnyEvent] = {}
        """Step → the event of its last start, until it is done."""

    def add(self, event: AnyEvent) -> None:
        """Count one event."""
        number = self._finder.find(event.time)
        self._count(event, number)
        self._update_states(event, number)

    def _count(self, event: AnyEvent, number: int) -> None:
        match event:
            case Paused():
                self._pauses[number] += 1
            case Started() | Opened():
                self._repeats[number] += _is_repeat(self._started.get(event.step), event)
                self._started[event.step] = event
            case Done():
                self._done(event.time, event)
            case Failed(words=words) | ImportFailed(words=words) if words:
                self._failures[number] += 1
            case Confirmed():
                self._confirmed(event.time, event, number)

    def _done(self, time: float, event: Done) -> None:
        started = self._started.pop(event.step, None)
        start = time if started is None else started.time
        if event.size:
            for number, share in self._finder.spread(start, time):
                self._bytes[number] += share * event.size

    def _confirmed(self, time: float, event: Confirmed, number: int) -> None:
        history = self._cases.get(event.case, EMPTY)
        filled = history.sockets.get(event.socket)
        if filled is not None and filled.entry.upload is not None and filled.standing == "waiting":
            self._imports.setdefault(number, []).append(max(0.0, time - filled.since))

    def _update_states(self, event: AnyEvent, number: int) -> None:
        """Update how many cases are done and failed."""
        self._folding.add(event)
        if isinstance(event, Renamed):
            self._set_state(event.was, Standing.NEW)
        if not isinstance(event, Noticed):
            history = self._cases.get(event.case, EMPTY)
            self._set_state(event.case, standing_of(history))
            failed = self._counts[Standing.FAILED] + self._counts[Standing.DELETED]
            self._totals[number] = (self._counts[Standing.DONE], failed)

    def _set_state(self, case: str, state: Standing) -> None:
        self._counts[self._states.get(case, Standing.NEW)] -= 1
        self._counts[state] += 1
        self._states[case] = state

    def timeline(self) -> Timeline:
        """The timeline of all events counted so far."""
        bins = self._finder.bins
        done, failed = self._done_and_failed()
        return Timeline(
            bins,
            done=done,
            failed=failed,
            throughput=tuple(
                None if one.silence else sent / (one.end - one.start)
                for one, sent in zip(bins, self._bytes, strict=True)
            ),
            pauses=_unless_silent(bins, self._pauses),
            repeats=_unless_silent(bins, self._repeats),
            failures=_unless_silent(bins, self._failures),
            import_median_s=self._import_s(statistics.median),
            import_longest_s=self._import_s(max),
        )

    def _done_and_failed(self) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        known, found = (0, 0), []
        for number, one in enumerate(self._finder.bins):
            known = self._totals.get(number, known)
            found.append((None, None) if one.silence else known)
        return tuple(done for done, _ in found), tuple(failed for _, failed in found)

    def _import_s(self, measure: Callable[[list[float]], float]) -> tuple[float | None, ...]:
        return tuple(
            measure(self._imports[number]) if number in self._imports else None
            for number in range(len(self._finder.bins))
        )


def _is_repeat(before: AnyEvent | None, event: Started | Opened) -> bool:
    """Whether a step started before; old state files record both start and row of an upload."""
    if before is None:
        return False
    return not (isinstance(event, Opened) and isinstance(before, Started))


def _unless_silent(bins: Sequence[Bin], counts: Sequence[_T]) -> tuple[_T | None, ...]:
    return tuple(None if one.silence else count for one, count in zip(bins, counts, strict=True))
