"""Tells a person, or a JSON reader, what happens: observers of events, and printers of plans."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import IO, Any, Final

from manifest_uploader.engine.causes import failure_text, failure_text
from manifest_uploader.engine.progress import Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.errors import OutputLost, UploaderError
from manifest_uploader.files.parts import part_count, part_size
from manifest_uploader.manifest.problems import Problem, format_problem
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Action, CasePlan, Plan
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import (
    CaseEvent,
    Event,
    Failed,
    Failure,
    ImportFailed,
    Noticed,
    Paused,
    Unsure,
    event_json,
)
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import Block, block, lines_of, printable, with_hint

STOPPING: Final = "stopping: what is under way ends; once more stops at once"
_LINE_EVERY_S: Final = 30.0
_MANY: Final = 20
"""Cases that a summary names one by one."""
_FEW: Final = 3
"""Cases that a line names."""
_KIB: Final = 1024


def say(text: str, stream: IO[str] | None = None) -> None:
    """Print a line, or a block of them, whatever the terminal can show: no control character.

    What standard error does not take is lost: no run ends for that.
    """
    clean = block(text) + "\n"
    if stream is sys.stdout:
        write_out(clean)
        return
    out = stream or sys.stderr
    try:
        _write(out, clean)
    except OSError:
        silence(out)


def say_json(obj: Mapping[str, Any]) -> None:
    """One JSON line on standard output, at once."""
    write_out(json.dumps(obj, ensure_ascii=True) + "\n")


def write_out(text: str) -> None:
    """Write to standard output, at once.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputLost: it cannot be written.

    """
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        raise OutputLost(
            f"standard output cannot be written: {error.strerror}",
            hint="make room where it leads to; the same command goes on",
        ) from None


def _write(out: IO[str], text: str) -> None:
    try:
        out.write(text)
    except UnicodeEncodeError:
        encoding = getattr(out, "encoding", None) or "ascii"
        out.write(text.encode(encoding, "replace").decode(encoding))
    out.flush()


def silence(stream: IO[str]) -> None:
    """Let what a stream still holds lead nowhere, so that the end of the process is quiet."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


# ── problems and errors ─────────────────────────────────────────────────────────────────────


def problem_lines(problems: Iterable[Problem]) -> Block:
    """Every problem, and how many there are."""
    found = [format_problem(problem) for problem in problems]
    return block(*found, f"{counted(len(found), 'problem')}; nothing was sent")


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as `validate --json` gives it."""
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": problem.message,
        "hint": problem.hint,
    }


def error_lines(error: UploaderError) -> Block:
    """What ended a command, and what to do."""
    return with_hint(f"uploader: {error.message}", error.hint)


# ── a run, for a JSON reader ────────────────────────────────────────────────────────────────


class JsonLines:
    """Events as JSON lines on standard output."""

    def begins(self, plan: Plan, target: Target) -> None:
        """Nothing: the events speak."""

    def event(self, event: Event) -> None:
        """One line; none for what is no news of a case, or only says that nothing happened."""
        if isinstance(event, Noticed) or (isinstance(event, Failed) and not event.words):
            return
        say_json({"event": "", "case": "", "socket": None, "step": ""} | event_json(event))

    def case_ended(self, end: CaseEnd) -> None:
        """Nothing: the events speak."""

    def tick(self, progress: Progress) -> None:
        """Nothing: byte counts are display."""

    def note(self, text: str) -> None:
        """Nothing: notes are for people."""

    def ends(self, summary: Summary) -> None:
        """The last line."""
        say_json(summary_json(summary))


def summary_json(summary: Summary) -> dict[str, Any]:
    """The last line of `run --json`."""
    counts = {end.value: 0 for end in End}
    for one in summary.ends:
        counts[one.end.value] += 1
    unchanged = sum(one.unchanged for one in summary.ends)
    return {
        "event": "summary",
        "cases": {"total": len(summary.ends), **counts, "unchanged": unchanged},
        "uploads": summary.uploads,
        "bytes_sent": summary.traffic.bytes_sent,
        "requests": summary.traffic.requests,
        "retries": summary.traffic.retries,
        "elapsed_s": round(summary.elapsed_s, 3),
    }


# ── a run, for people ───────────────────────────────────────────────────────────────────────


class Lines:
    """Plain lines: one a case, and where it is every 30 s at most."""

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._last = time.monotonic()
        self._paused: str | None = None
        self._trouble: str | None = None
        self.progress: Progress | None = None

    def begins(self, plan: Plan, target: Target) -> None:
        """What is about to be done."""
        if not self._quiet:
            self.say(begin_line(plan, target))

    def event(self, event: Event) -> None:
        """Only what goes wrong, unless verbose."""
        match event:
            case Failed(words=words) if words:
                self.say(f"{event.step}: {words}")
            case ImportFailed():
                failure = Failure(event.socket, event.words, event.source)
                self.say(f"{event.step}: not imported: {explained(failure)}")
            case Unsure():
                self.say(f"{event.step}: not sure: {event.why}")
            case CaseEvent() if self._verbose:
                self.say(f"{event.step}: {type(event).__name__.lower()}")

    def case_ended(self, end: CaseEnd) -> None:
        """One line a case that something was done for."""
        if self._quiet or end.unchanged:
            return
        if end.end is End.DONE:
            self.say(f"{end.case}: done")

    def tick(self, progress: Progress) -> None:
        """A line when something changes, and every 30 s."""
        self.progress = progress
        if progress.paused != self._paused:
            self._paused = progress.paused
            self.say(pause_line(progress))
        if progress.trouble != self._trouble and (progress.trouble or self._trouble):
            self._tell_trouble(progress)
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(progress_line(progress))

    def _tell_trouble(self, progress: Progress) -> None:
        if time.monotonic() - self._last >= _LINE_EVERY_S / 3 or self._verbose:
            self._last = time.monotonic()
            self._trouble = progress.trouble
            if progress.trouble:
                self.say(f"trouble: {progress.trouble}; trying again")

    def note(self, text: str) -> None:
        """A line."""
        self.say(text)

    def ends(self, summary: Summary) -> None:
        """What is on the platform, what failed, and what to type next."""
        self.say(summary_lines(summary))

    @property
    def tells_stopping(self) -> bool:
        """Whether what is shown says by itself that the run is being stopped."""
        return False

    def say(self, text: str) -> None:
        """Print for a person."""
        say(text)


class Live(Lines):
    """The same on a terminal, with a line that stays at the bottom and moves."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        from rich.console import Console  # noqa: PLC0415 - late: 135 ms
        from rich.live import Live as RichLive  # noqa: PLC0415

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = RichLive(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self.say("looking at the manifest, its files and the platform …")

    def begins(self, plan: Plan, target: Target) -> None:
        """What is about to be done, and the line."""
        super().begins(plan, target)
        self._live.start()

    def tick(self, progress: Progress) -> None:
        """Move the line."""
        from rich.text import Text  # noqa: PLC0415

        self.progress = progress
        shown = "\n".join(live_lines(progress, self._console.width))
        self._live.update(Text(shown), refresh=True)

    @property
    def tells_stopping(self) -> bool:
        """Whether the line moves already: then it says so."""
        return self.progress is not None

    def say(self, text: str) -> None:
        """Print above the line."""
        for line in lines_of(text):
            self._console.print(line)

    def ends(self, summary: Summary) -> None:
        """Take the line away, then the summary."""
        self.stop()
        super().ends(summary)

    def stop(self) -> None:
        """Take the line away."""
        self._live.stop()


# ── words ───────────────────────────────────────────────────────────────────────────────────


def begin_line(plan: Plan, target: Target) -> str:
    """What a run is about to do, in one line."""
    counts = Counter(_intent(case) for case in plan.cases)
    parts = [words.format(counts[words], "s" * (counts[words] == 1)) for words in _INTENTS
             if counts[words]]  # fmt: skip
    size = sum(upload.size for case in plan.cases for upload in case.uploads)
    sent = f"; {size_words(size)} to send" if size else ""
    noun = type_of(target.kind).noun
    return f"{noun} {target.slug}: {cases_words(len(plan.cases))}: {', '.join(parts)}{sent}"


_VERBS: Final = {
    Action.CREATE: "{} to make",
    Action.CONTINUE: "{} to go on with",
    Action.UPDATE: "{} to update",
    Action.WAIT: "{} to wait for",
    Action.NOTHING: "{} need{} nothing",
}
_LEFT_ALONE: Final = {
    Standing.GONE: "{} deleted on the platform",
    Standing.FAILED: "{} failed before and did not change",
}
_INTENTS: Final = (*_VERBS.values(), *_LEFT_ALONE.values())


def _intent(case: CasePlan) -> str:
    left_alone = _LEFT_ALONE.get(case.standing) if case.action is Action.NOTHING else None
    return left_alone or _VERBS[case.action]


def live_lines(progress: Progress, width: int) -> list[str]:
    """What moves at the bottom of a terminal."""
    cells = max(10, min(40, width - 40))
    full = round(share_done(progress) * cells)
    cases, *more = progress_parts(progress)
    lines = [f"[{'#' * full}{'-' * (cells - full)}] {cases}"]
    if more:
        lines.append(", ".join(more))
    if progress.paused:
        lines.append(pause_line(progress))
    if progress.trouble:
        lines.append(f"trouble: {progress.trouble}; trying again")
    if progress.stopping:
        lines.append(STOPPING)
    return [printable(line) for line in lines]


def share_done(progress: Progress) -> float:
    """How much of the run lies behind, 0 to 1: the bytes sent count as much as the cases ended."""
    ended = progress.ended / progress.cases if progress.cases else 1.0
    if not progress.total_bytes:
        return ended
    return (ended + min(1.0, progress.traffic.bytes_sent / progress.total_bytes)) / 2


def progress_line(progress: Progress) -> str:
    """Cases, bytes, speed, time left, and what is waited for, in one line."""
    return ", ".join(progress_parts(progress))


def progress_parts(progress: Progress) -> list[str]:
    """First the cases; then, if there is any to tell, bytes, speed, time left, and the rest."""
    sent = progress.traffic.bytes_sent
    speed = sent / progress.elapsed_s if progress.elapsed_s else 0.0
    parts = [f"{progress.ended} of {cases_words(progress.cases)} finished"]
    if progress.total_bytes:
        shown = min(sent, progress.total_bytes)
        parts.append(f"{size_words(shown)} of {size_words(progress.total_bytes)}")
        parts.append(f"{size_words(round(speed))}/s")
        left = (progress.total_bytes - shown) / speed if speed else 0.0
        if left > 1:
            parts.append(f"{time_words(left)} left")
    if progress.waiting:
        parts.append(f"{progress.waiting} being imported")
    if progress.eased:
        parts.append("slower: the platform is busy")
    return parts


def pause_line(progress: Progress) -> str:
    """Why nothing new is uploaded, and since when."""
    if progress.paused is None:
        return "uploads go on"
    return (
        f"uploads pause since {time_words(progress.paused_s)}: {progress.paused} "
        "(what is sent is filled and imported meanwhile; it goes on by itself)"
    )


def summary_lines(summary: Summary) -> Block:
    """What is on the platform, what failed and why, and what to type next."""
    by_end: dict[End, list[CaseEnd]] = {end: [] for end in End}
    for one in summary.ends:
        by_end[one.end].append(one)
    done = by_end[End.DONE]
    unchanged = sum(one.unchanged for one in done)
    lines = []
    for end, words in _SECTIONS.items():
        lines += _section(by_end[end], words)
    lines += _leftovers(summary)
    lines += [f"note: {note}" for note in summary.notes]
    whole = f"{len(done)} of {cases_words(len(summary.ends))} done and seen on the platform"
    if len(done) == len(summary.ends):
        whole = f"all {cases_words(len(done))} done and seen on the platform"
    detail = f" ({unchanged} needed nothing)" if unchanged else ""
    lines.append(whole + detail + traffic_words(summary))
    return block(*lines, *_next_step(by_end))


_SECTIONS: Final = {
    End.FAILED: "failed",
    End.UNSURE: "not sure",
    End.WAITING: "still being imported",
    End.PENDING: "not finished",
}


def _section(ends: list[CaseEnd], words: str) -> list[str]:
    """A line for each case that there is something to say about, and one for all others."""
    told = {one.case: one for one in islice((one for one in ends if one.failures), _MANY)}
    lines = [f"{words}: {name}: {failures_text(one.failures)}" for name, one in told.items()]
    others = [one.case for one in ends if one.case not in told]
    return [*lines, f"{words}: {_names(others)}"] if others else lines


def failures_text(failures: Iterable[Failure]) -> str:
    """All failures of a case in one line, each once."""
    return "; ".join(dict.fromkeys(map(failure_text, failures)))


def _names(names: Collection[str]) -> str:
    """`patient-1, patient-2, patient-3 and 36 more`."""
    shown = ", ".join(islice(names, _FEW))
    more = len(names) - _FEW
    return f"{shown} and {more} more" if more > 0 else shown


def _leftovers(summary: Summary) -> list[str]:
    """Items that still bear the title under which they were made."""
    found = [f"{name} ({item})" for name, item in summary.leftovers]
    if not found:
        return []
    noun = "an item without its title" if len(found) == 1 else "items without their titles"
    return [f"left over: {noun}, which the next run fills: {_names(found)}"]


_MEND: Final = (
    "next: mend what failed and run the same command; only what is new or changed is sent "
    "(--retry-failed sends failed imports again unchanged)"
)


def _next_step(by_end: Mapping[End, list[CaseEnd]]) -> list[str]:
    if any(one.gone for one in by_end[End.FAILED]):
        return ["next: run the same command with --recreate to make deleted ones anew"]
    if by_end[End.FAILED] or by_end[End.UNSURE]:
        return [_MEND]
    if by_end[End.WAITING] or by_end[End.PENDING]:
        return ["next: run the same command; it goes on where this run ended"]
    return []


def traffic_words(summary: Summary) -> str:
    """How much went over the line."""
    traffic = summary.traffic
    again = "retry" if traffic.retries == 1 else "retries"
    retries = f", {traffic.retries} {again}" if traffic.retries else ""
    return (
        f"; sent {size_words(traffic.bytes_sent)} in {counted(summary.uploads, 'upload')}, "
        f"{counted(traffic.requests, 'request')}{retries}, {time_words(summary.elapsed_s)}"
    )


def cases_words(count: int) -> str:
    """`1 case`, `3 cases`."""
    return counted(count, "case")


def counted(count: int, noun: str) -> str:
    """`1 upload`, `3 uploads`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def size_words(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < _KIB:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KIB
    return f"{count:.1f} TiB"


def time_words(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


# ── plan and status ─────────────────────────────────────────────────────────────────────────


def plan_json(case: CasePlan, *, calls: bool) -> dict[str, Any]:
    """One case of `plan --json`."""
    found: dict[str, Any] = {
        "case": case.case,
        "title": case.title,
        "state": case.standing.value,
        "action": case.action.value,
        "item": case.item,
        "uploads": len(case.uploads),
        "bytes": sum(upload.size for upload in case.uploads),
        "requests": request_count(case),
        "sockets": list(case.sockets),
        "names": [upload.name for upload in case.uploads],
        "words": failures_text(case.failures) or case.words,
    }
    return found | ({"calls": call_lines(case)} if calls else {})


def request_count(case: CasePlan) -> int:
    """About how many requests a case takes; waiting for imports not counted."""
    per_upload = [3 + part_count(one.size, part_size(one.size)) for one in case.uploads]
    fill = (1 + case.fill.look_first) if case.fill is not None else 0
    return sum(per_upload) + (case.create is not None) + fill


def call_lines(case: CasePlan) -> list[str]:
    """The very requests that make and fill a case, with holes in angle brackets."""
    calls = [step.call for step in (case.create, case.fill) if step is not None]
    return [f"{call.method} {call.path} {json.dumps(call.json, default=_hole)}" for call in calls]


def _hole(hole: object) -> str:
    return f"<{hole}>"


def plan_lines(plan: Plan, facts: Facts, limit: int) -> Block:
    """What a run would do, for people."""
    lines = [_plan_line(case) for case in plan.cases if case.action is not Action.NOTHING]
    for case in plan.cases:
        words = failures_text(case.failures) or case.words
        if case.action is Action.NOTHING and words:
            lines.append(f"{case.case}: {case.standing}: {words}")
    lines += [f"note: {note}" for note in plan.notes]
    uploads = sum(len(case.uploads) for case in plan.cases)
    requests = sum(request_count(case) for case in plan.cases)
    size = sum(upload.size for case in plan.cases for upload in case.uploads)
    if facts.target is not None:
        lines.append(begin_line(plan, facts.target))
    lines.append(
        f"{counted(uploads, 'upload')}, {size_words(size)}, about {counted(requests, 'request')}; "
        "upload rows: "
        f"{facts.rows_used} of {limit} in use, {uploads} needed (they free themselves as "
        "imports end)"
    )
    return block(*lines, "nothing was sent")


def _plan_line(case: CasePlan) -> str:
    title = f" titled '{case.title}'" if case.title else " without a title"
    parts = [
        f"{upload.socket} ({upload.name}, {size_words(upload.size)})" for upload in case.uploads
    ]
    uploaded = {upload.socket for upload in case.uploads}
    parts += [socket for socket in case.sockets if socket not in uploaded]
    parts += [f"waiting for {wait.socket}" for wait in case.waits]
    return f"{case.case}: {case.action}{title}: {', '.join(parts) or 'title or order'}"


def stand_json(stand: CaseStanding) -> dict[str, Any]:
    """One case of `status --json`."""
    return {
        "case": stand.case,
        "title": stand.title,
        "state": stand.standing.value,
        "action": None,  # only a plan knows
        "item": stand.item,
        "words": failures_text(stand.failures) or None,
    }


def stand_line(stand: CaseStanding) -> str:
    """One case of `status`."""
    words = f": {failures_text(stand.failures)}" if stand.failures else ""
    item = f" ({stand.item})" if stand.item else ""
    return f"{stand.case}: {stand.standing}{words}{item}"


__all__ = ["JsonLines", "Lines", "Live", "Paused", "say", "say_json"]
