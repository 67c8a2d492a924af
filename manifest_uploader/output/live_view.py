"""What a terminal shows of a run: one line for all of it, and below it what is under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from manifest_uploader.engine.progress import Importing, Load, Progress, Sending
from manifest_uploader.output.cells import cut, padded, width_of
from manifest_uploader.output.formatting import counted, share_words, size_words, time_words
from manifest_uploader.output.paint import wrapped
from manifest_uploader.text import Block, Piece, Tone, line, printable, rows_of

NO_WORKERS: Final = "waiting for workers to join"
SILENCE_S: Final = 3.0
"""Longest time in which a person sees nothing."""
LONGEST_BAR: Final = 40
SHORTEST_BAR: Final = 8
_GAP: Final = "  "
_SHORTEST_NAME: Final = 8
"""A name that is cut shorter tells nothing."""


class Signs(Struct, frozen=True):
    """The characters that a view is drawn with."""

    full: str
    empty: str
    sending: str
    importing: str
    cut: str


DRAWN: Final = Signs("━", "─", "↑", "○", "…")
TYPED: Final = Signs("#", "-", ">", "~", "...")
"""For terminals that know ASCII alone, and the old ones of Windows."""


class Size(Struct, frozen=True):
    """Of a terminal, in characters."""

    width: int
    height: int


def live_view(
    progress: Progress,
    size: Size,
    *,
    elapsed_s: float,
    notes: Sequence[Block] = (),
    signs: Signs = DRAWN,
) -> list[Block]:
    """The lines at the bottom of a terminal, none longer than it is wide.

    Args:
        progress: how far the run is.
        size: of the terminal.
        elapsed_s: seconds since the run began.
        notes: lines that stay below the others: a pause, trouble.
        signs: what to draw with.

    """
    width = size.width - 1  # some terminals begin a new line after the last column
    head = _head(progress, width, elapsed_s, signs)
    below = [row for note in notes for row in rows_of(wrapped(note, width))]
    room = max(0, min(size.height - len(below) - 3, 10))
    workers = worker_lines(progress, width, room // 2, signs)
    return [head, *_activity(progress, width, room - len(workers), signs), *workers, *below]


# ── the run as a whole ──────────────────────────────────────────────────────────────────────


def _head(progress: Progress, width: int, elapsed_s: float, signs: Signs) -> Block:
    """A bar, and as many of the parts as there is room for, the most important first."""
    parts = _parts(progress, elapsed_s)
    kept = list(parts)
    while len(kept) > 1 and _length(kept) + SHORTEST_BAR + 1 > width:
        kept.remove(max(kept, key=lambda part: part.rank))
    cells = max(SHORTEST_BAR, min(LONGEST_BAR, width - _length(kept) - 1))
    pieces = [
        line(_GAP if number else " ", (part.text, part.tone) if part.tone else part.text)
        for number, part in enumerate(kept)
    ]
    return line(*bar(share_done(progress), cells, signs), *pieces)


def bar(share: float, cells: int, signs: Signs) -> tuple[Piece, Piece]:
    """A bar of so many characters, for a share from 0 to 1."""
    filled = round(cells * share)
    return (signs.full * filled, Tone.GOOD), (signs.empty * (cells - filled), Tone.QUIET)


class _Part(Struct, frozen=True):
    text: str
    rank: int
    """What is least important has the highest."""
    tone: Tone | None = None


def _length(parts: Iterable[_Part]) -> int:
    return sum(len(part.text) + len(_GAP) for part in parts) - len(_GAP)


def _parts(progress: Progress, elapsed_s: float) -> list[_Part]:
    """Cases, bytes, speed, imports, elapsed and remaining time, as far as there is any."""
    found = [_Part(f"{progress.ended:,} of {progress.cases:,} cases", 0)]
    shown = min(progress.sent_bytes, progress.total_bytes)
    if progress.total_bytes:
        found.append(_Part(share_words(shown, progress.total_bytes), 1))
    if progress.speed and progress.is_sending:
        found.append(_Part(f"{size_words(round(progress.speed))}/s", 4))
    if progress.waiting:
        found.append(_Part(f"{progress.waiting:,} {waiting_word(progress)}", 3, Tone.QUIET))
    found.append(_Part(clock_words(elapsed_s), 5, Tone.QUIET))
    if (left_s := _left_s(progress, shown)) is not None:
        found.append(_Part(f"{clock_words(left_s)} left", 2))
    return found


def _left_s(progress: Progress, shown: int) -> float | None:
    """Seconds until all is sent; None if nobody knows, or nothing is left."""
    if not progress.speed or not progress.is_sending or progress.paused or not progress.total_bytes:
        return None
    left_s = (progress.total_bytes - shown) / progress.speed
    return left_s if left_s >= 1 else None


def waiting_word(progress: Progress) -> str:
    """What cases do that were sent: values are imported, jobs run."""
    waits = progress.importing
    return "running" if waits and all(one.is_job for one in waits) else "importing"


def share_done(progress: Progress) -> float:
    """How much is done, from 0 to 1; all bytes count as much as all cases."""
    ended = progress.ended / progress.cases if progress.cases else 1.0
    if not progress.total_bytes:
        return ended
    return (ended + min(1.0, progress.sent_bytes / progress.total_bytes)) / 2


def clock_words(seconds: float) -> str:
    """`0:42`, `1:02:03`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# ── what it does now ────────────────────────────────────────────────────────────────────────


def worker_lines(progress: Progress, width: int, room: int, signs: Signs) -> list[Block]:
    """A line for each worker, as many as there is room for: what it does, and what it has sent."""
    workers = progress.workers
    if workers is None or not room:
        return []
    if not workers:
        return [line("  ", (NO_WORKERS, Tone.WARNING))]
    shown = workers if len(workers) <= room else workers[: room - 1]
    more = workers[len(shown) :]
    names = max(width_of(one.name) for one in shown)
    names = min(names, max(1, width // 3))
    found = [
        line(
            (f"  {padded(cut(printable(one.name), names, signs.cut), names)}", Tone.QUIET),
            (f"  {worker_words(one)}", Tone.QUIET),
        )
        for one in shown
    ]
    if more:
        found.append(line((f"  and {counted(len(more), 'more worker')}", Tone.QUIET)))
    return found


def worker_words(worker: Load) -> str:
    """What a worker does, and what it has sent."""
    does = counted(worker.under_way, "upload") if worker.under_way else "idle"
    return f"{does}, {size_words(worker.sent)} sent"


class _Row(Struct, frozen=True):
    """One value that is under way."""

    sign: str
    tone: Tone
    value: str
    name: str
    state: str


def _activity(progress: Progress, width: int, room: int, signs: Signs) -> list[Block]:
    """A line for each value that is being sent or imported, as many as there is room for."""
    rows = [_sending_row(one, signs) for one in progress.sending[:room]]
    left = room - len(rows)
    waiting = progress.importing
    shown = waiting[: left if len(waiting) <= left else max(0, left - 1)]
    rows += [_importing_row(one, signs) for one in shown]
    found = _table(rows, width, signs)
    more = progress.waiting - len({one.case for one in shown})
    if more > 0 and len(found) < room:
        words = f"{more:,}{' more' if shown else ''} {waiting_word(progress)}"
        found.append(line("  ", (f"{signs.importing} {words}", Tone.QUIET)))
    return found


def _sending_row(one: Sending, signs: Signs) -> _Row:
    name = printable(one.name) if one.uploads == 1 else f"{one.uploads} files"
    value = printable(f"{one.case}/{one.socket}")
    return _Row(signs.sending, Tone.GOOD, value, name, share_words(one.sent, one.size))


def _importing_row(one: Importing, signs: Signs) -> _Row:
    value = printable(one.case if one.is_job else f"{one.case}/{one.socket}")
    state = f"{'running' if one.is_job else 'importing'}, {time_words(one.since_s)}"
    return _Row(signs.importing, Tone.QUIET, value, "", state)


def _table(rows: Sequence[_Row], width: int, signs: Signs) -> list[Block]:
    """Rows in columns; what is too long loses its middle, so that both ends can be read."""
    if not rows:
        return []
    states = max(len(one.state) for one in rows)
    room = max(1, width - 4 - states - len(_GAP))
    longest = max(width_of(one.value) for one in rows)
    names = max(width_of(one.name) for one in rows)
    left = room - min(longest, max(room * 2 // 3, room - len(_GAP) - names)) - len(_GAP)
    names = min(names, left) if left >= min(names, _SHORTEST_NAME) else 0
    values = min(longest, room - (names + len(_GAP) if names else 0))
    found = []
    for one in rows:
        name = _GAP + padded(cut(one.name, names, signs.cut), names) if names else ""
        text = f" {padded(cut(one.value, values, signs.cut), values)}{name}{_GAP}"
        state = (f"{one.state:>{states}}", Tone.QUIET)
        found.append(line("  ", (one.sign, one.tone), text, state))
    return found
