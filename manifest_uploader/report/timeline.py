"""What happened when: the records of a state file, counted in bins of time."""

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
"""Longer silences are left out of the plots: a run of three evenings is not mostly nights."""
_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400),
)
"""Of a bin, in seconds."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A piece of time; a silence that is left out has no length."""

    start: float
    """Seconds since 1970."""
    end: float

    @property
    def silence(self) -> bool:
        """Nothing happened here for long."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """Numbers a bin; None in a silence, and where there is nothing to tell."""

    bins: tuple[Bin, ...] = ()
    done: tuple[int | None, ...] = ()
    """Cases that stand as done at the bin's end."""
    failed: tuple[int | None, ...] = ()
    """Cases that stand as failed or gone at the bin's end."""
    throughput: tuple[float | None, ...] = ()
    """Bytes a second, of uploads that were completed."""
    pauses: tuple[int | None, ...] = ()
    """Steps that waited for room on the platform."""
    repeats: tuple[int | None, ...] = ()
    """Steps that were begun again before they were done."""
    failures: tuple[int | None, ...] = ()
    """Steps and imports that failed."""
    import_median_s: tuple[float | None, ...] = ()
    """Of uploads confirmed in the bin: seconds from filled to confirmed."""
    import_longest_s: tuple[float | None, ...] = ()


def make_timeline(records: Sequence[AnyEvent]) -> Timeline:
    """The timeline of a state file's records."""
    if not records:
        return Timeline()
    bins = _bins(sorted(record.time for record in records))
    ruler = _Ruler(bins)
    tally = _Tally(ruler)
    for record in sorted(records, key=lambda one: one.time):
        tally.add(record)
    return tally.timeline()


# ── bins ────────────────────────────────────────────────────────────────────────────────────


def _bins(times: Sequence[float]) -> tuple[Bin, ...]:
    """Bins of one width over the times at which something happened."""
    stretches = _stretches(times)
    active = sum(end - start for start, end in stretches)
    room = _MOST_BINS - 2 * len(stretches)
    days = -(-active // (room * _WIDTHS[-1]))
    width = next((one for one in _WIDTHS if active / one <= room), days * _WIDTHS[-1])
    found: list[Bin] = []
    for start, end in stretches:
        if found:
            found.append(Bin(found[-1].end, found[-1].end))
        begin = start // width * width
        count = int((end - begin) // width) + 1
        found += [Bin(begin + n * width, begin + (n + 1) * width) for n in range(count)]
    return tuple(found)


def _stretches(times: Sequence[float]) -> list[tuple[float, float]]:
    """Where something happened, without the long silences between."""
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


class _Ruler:
    """Finds the bin of a time."""

    def __init__(self, bins: tuple[Bin, ...]) -> None:
        self.bins = bins
        self._real = [number for number, one in enumerate(bins) if not one.silence]
        self._starts = [bins[number].start for number in self._real]

    def at(self, time: float) -> int:
        """The bin in which a time lies, or the last before it."""
        return self._real[max(0, bisect_right(self._starts, time) - 1)]

    def spread(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The bins that a span of time covers, with the share of it that each takes."""
        first, last = self.at(start), self.at(end)
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
    """Counts record after record, in the order of time."""

    def __init__(self, ruler: _Ruler) -> None:
        self._ruler = ruler
        count = len(ruler.bins)
        self._folding = Folding()
        self._cases = self._folding.history.cases
        self._standings: dict[str, Standing] = {}
        self._counts: Counter[Standing] = Counter()
        self._ended: dict[int, tuple[int, int]] = {}
        """Bin → (done, failed) at its end."""
        self._bytes = [0.0] * count
        self._pauses, self._repeats, self._failures = [0] * count, [0] * count, [0] * count
        self._imports: dict[int, list[float]] = {}
        self._begun: dict[StepId, AnyEvent] = {}
        """Step → how it was last begun; done steps are out."""

    def add(self, record: AnyEvent) -> None:
        """Count one record."""
        here = self._ruler.at(record.time)
        self._count(record, here)
        self._stand(record, here)

    def _count(self, record: AnyEvent, here: int) -> None:
        match record:
            case Paused():
                self._pauses[here] += 1
            case Started() | Opened() as event:
                self._repeats[here] += _is_repeated(self._begun.get(event.step), event)
                self._begun[event.step] = record
            case Done() as event:
                self._done(record.time, event)
            case Failed(words=words) | ImportFailed(words=words) if words:
                self._failures[here] += 1
            case Confirmed() as event:
                self._confirmed(record.time, event, here)

    def _done(self, time: float, event: Done) -> None:
        begun = self._begun.pop(event.step, None)
        start = time if begun is None else begun.time
        if event.size:
            for number, share in self._ruler.spread(start, time):
                self._bytes[number] += share * event.size

    def _confirmed(self, time: float, event: Confirmed, here: int) -> None:
        past = self._cases.get(event.case, EMPTY)
        held = past.sockets.get(event.socket)
        if held is not None and held.entry.upload is not None and held.standing == "waiting":
            self._imports.setdefault(here, []).append(max(0.0, time - held.since))

    def _stand(self, record: AnyEvent, here: int) -> None:
        """Keep how many cases are done and failed."""
        self._folding.add(record)
        if isinstance(record, Renamed):
            self._set(record.was, Standing.NEW)
        if not isinstance(record, Noticed):
            past = self._cases.get(record.case, EMPTY)
            self._set(record.case, standing_of(past))
            failed = self._counts[Standing.FAILED] + self._counts[Standing.GONE]
            self._ended[here] = (self._counts[Standing.DONE], failed)

    def _set(self, case: str, standing: Standing) -> None:
        self._counts[self._standings.get(case, Standing.NEW)] -= 1
        self._counts[standing] += 1
        self._standings[case] = standing

    def timeline(self) -> Timeline:
        """All that was counted."""
        bins = self._ruler.bins
        done, failed = self._ends()
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

    def _ends(self) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        known, found = (0, 0), []
        for number, one in enumerate(self._ruler.bins):
            known = self._ended.get(number, known)
            found.append((None, None) if one.silence else known)
        return tuple(done for done, _ in found), tuple(failed for _, failed in found)

    def _import_s(self, measure: Callable[[list[float]], float]) -> tuple[float | None, ...]:
        return tuple(
            measure(self._imports[number]) if number in self._imports else None
            for number in range(len(self._ruler.bins))
        )


def _is_repeated(before: AnyEvent | None, event: Started | Opened) -> bool:
    """A step is begun again; older states tell the beginning of an upload beside its row."""
    if before is None:
        return False
    return not (isinstance(event, Opened) and isinstance(before, Started))


def _unless_silent(bins: Sequence[Bin], counts: Sequence[_T]) -> tuple[_T | None, ...]:
    return tuple(None if one.silence else count for one, count in zip(bins, counts, strict=True))
