"""How a run ended, as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.output.failure_lines import failure_groups
from manifest_uploader.output.formatting import (
    cases_words,
    counted,
    next_line,
    note_line,
    size_words,
    time_words,
)
from manifest_uploader.text import Block, Tone, block, line, some_of

_UNFINISHED: Final = {
    End.FAILED: ("Failed", Tone.BAD),
    End.UNSURE: ("Unconfirmed", Tone.WARNING),
    End.WAITING: ("Still importing", Tone.WARNING),
    End.PENDING: ("Not finished", Tone.WARNING),
}


def summary_lines(summary: Summary) -> Block:
    """What failed and why, what is on the platform, and what to do next."""
    by_end: dict[End, list[CaseEnd]] = {end: [] for end in End}
    for one in summary.ends:
        by_end[one.end].append(one)
    lines: list[Block] = []
    for end, (words, tone) in _UNFINISHED.items():
        is_running = end is End.WAITING and summary.jobs
        lines += _end_lines(by_end[end], "Still running" if is_running else words, tone)
    lines += _left_lines(summary)
    lines += map(note_line, summary.notes)
    lines.append(_finished_line(summary, by_end))
    following = _next_step(by_end, stopped=summary.stopped, jobs=summary.jobs)
    if following is not None:
        lines.append(next_line(following))
    return block(*lines)


def _end_lines(ends: Sequence[CaseEnd], words: str, tone: Tone) -> list[Block]:
    """A heading, the reasons with their cases, and the cases without a reason."""
    if not ends:
        return []
    silent = [one.case for one in ends if not one.failures]
    names = f": {some_of(silent)}" if len(silent) == len(ends) else ""
    found = [line((f"{words}: ", tone), cases_words(len(ends)), names)]
    found += failure_groups(ends, tone)
    if silent and not names:
        found.append(line(f"  the platform gives no reason: {some_of(silent)}"))
    return found


def _left_lines(summary: Summary) -> list[Block]:
    """What is on the platform and should not be, or not so."""
    found = []
    if summary.leftovers:
        names = some_of([name for name, _ in summary.leftovers])
        one = len(summary.leftovers) == 1
        what = "1 item is" if one else f"{len(summary.leftovers):,} items are"
        goes = "completes it" if one else "completes them"
        found.append(line(f"{what} incomplete; the next run {goes}: {names}"))
    found += [
        line(
            "a request that took effect late made an empty item, which belongs to no case; "
            f"delete it at {page}"
        )
        for page in summary.late_items
    ]
    if summary.lasting:
        count = counted(len(summary.lasting), "difference")
        them = "it" if len(summary.lasting) == 1 else "them"
        found.append(line(f"no run can put {count} right; 'uploader verify' names {them}"))
    return found


def _finished_line(summary: Summary, by_end: Mapping[End, Sequence[CaseEnd]]) -> Block:
    done, total = by_end[End.DONE], len(summary.ends)
    is_all = len(done) == total
    first = "" if total == 1 and is_all else "all " if is_all else f"{len(done):,} of "
    noun, how = ("job", "succeeded") if summary.jobs else ("case", "uploaded and verified")
    unchanged = sum(one.unchanged for one in done)
    detail = f" ({unchanged:,} up to date)" if unchanged else ""
    if summary.changed:
        detail += f"; {cases_words(summary.changed)} changed there since, see above"
    word = "Stopped:" if summary.stopped else "Finished:"
    tone = Tone.GOOD if is_all and not summary.changed else Tone.STRONG
    said = f" {first}{counted(total, noun)} {how}{detail}; {_traffic_text(summary)}"
    return line((word, tone), said)


def _traffic_text(summary: Summary) -> str:
    traffic = summary.traffic
    noun = "retry" if traffic.retries == 1 else "retries"
    retries = f", {traffic.retries:,} {noun}" if traffic.retries else ""
    return (
        f"sent {size_words(traffic.bytes_sent)} in {counted(summary.uploads, 'upload')}, "
        f"{counted(traffic.requests, 'request')}{retries}, {time_words(summary.elapsed_s)}"
    )


def _next_step(by_end: Mapping[End, Sequence[CaseEnd]], *, stopped: bool, jobs: bool) -> str | None:
    """What to do next; None if nothing is left to do, or whoever stops a run says so."""
    if any(one.gone for one in by_end[End.FAILED]):
        return "run the same command with --recreate to recreate what was deleted"
    if (by_end[End.FAILED] or by_end[End.UNSURE]) and jobs:
        return (
            "fix what failed and run the same command; a job that failed is started again only "
            "with --retry-failed, and costs credits again"
        )
    if by_end[End.FAILED] or by_end[End.UNSURE]:
        return (
            "fix what failed and run the same command; only what is new or changed is sent "
            "(--retry-failed sends failed imports again unchanged)"
        )
    if not stopped and (by_end[End.WAITING] or by_end[End.PENDING]):
        return "run the same command; it continues where this run ended"
    return None
