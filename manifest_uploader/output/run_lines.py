"""What a run will do, how far it is, how it ended, and where each case stands, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Final

from manifest_uploader.engine.activity import Doing, Stage
from manifest_uploader.engine.causes import explained, failure_text
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.output.formatting import cases_words, counted, size_words, time_words
from manifest_uploader.plan.jobs import LEAST_CREDITS, MONTHLY_CREDITS
from manifest_uploader.plan.steps import Action, CasePlan, Plan, total_size
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Event, Failed, ImportFailed, Unsure
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import Block, block

STOPPING: Final = "stopping after current uploads; press Ctrl-C again to stop now"
SILENCE_S: Final = 3.0
"""Longest time in which a person sees nothing."""
_CASES_EXPLAINED: Final = 20
"""Cases whose failure a summary explains, for each way to end."""
_CASES_NAMED: Final = 3
"""Cases that one line names."""


# ── failures ────────────────────────────────────────────────────────────────────────────────


def trouble_line(event: Event) -> str | None:
    """What went wrong with a step; None if the event tells of no trouble."""
    match event:
        case Failed(words=words) if words:
            return f"{event.step}: {words}"
        case ImportFailed():
            return f"{event.step}: not imported: {explained(event.failure)}"
        case Unsure():
            return f"{event.step}: not sure: {event.why}"
    return None


def failures_text(case: CaseEnd | CaseStanding | CasePlan) -> str | None:
    """Why a case failed or is unfinished; None if there is nothing to say about it."""
    text = "; ".join(dict.fromkeys(map(failure_text, case.failures))) or None
    return text or (case.reason if isinstance(case, CasePlan) else None)


# ── before a run ────────────────────────────────────────────────────────────────────────────


_ACTION_COUNTS: Final = {
    Action.CREATE: "{} to make",
    Action.CONTINUE: "{} to go on with",
    Action.UPDATE: "{} to update",
    Action.WAIT: "{} to wait for",
    Action.NOTHING: "{} need{} nothing",
}
_LEFT_ALONE_COUNTS: Final = {
    Standing.GONE: "{} deleted on the platform",
    Standing.FAILED: "{} failed before and did not change",
}
_FIXED_COUNT: Final = "{} changed, which cannot be sent"


def looking_line(looking: Looking) -> str:
    """How far the look into the local files is."""
    values, files = counted(looking.values, "value"), counted(looking.files, "file")
    if looking.hashing is None:
        return f"looking into files: {values}, {files}"
    name, size = looking.hashing
    return f"looking into files: {values}, {files}; hashing '{name}' ({size_words(size)})"


def importing_line(images: int) -> str:
    """How far the platform's importer is with the images."""
    return f"asking the platform's importer: {counted(images, 'image')}"


def doing_line(doing: Doing) -> str:
    """What a command does before it sends anything."""
    if doing.trouble:
        return trouble_words(doing.trouble)
    silence = f"waiting for the platform to answer ({time_words(doing.silent_s)})"
    is_silent = doing.silent_s >= SILENCE_S
    if doing.stage is Stage.PLATFORM and (found := doing.listing) is not None:
        line = f"listing {found.what}: {found.read:,} of {found.total:,}"
        return f"{line}; {silence}" if is_silent else line
    if is_silent:
        return silence
    return _stage_line(doing)


def _stage_line(doing: Doing) -> str:
    if doing.stage is Stage.DOWNLOADS and (some := doing.downloading) is not None:
        return f"fetching files: {some.files:,} of {some.total:,}, {size_words(some.size)}"
    if doing.stage is Stage.IMPORTER:
        return importing_line(doing.images)
    if doing.stage is Stage.FILES:
        return looking_line(doing.looking or Looking(0, 0))
    return _STAGES[doing.stage]


_STAGES: Final = {
    Stage.MANIFEST: "reading the manifest",
    Stage.PLATFORM: "looking at the platform",
    Stage.PLAN: "planning",
    Stage.DOWNLOADS: "fetching files",
}


def trouble_words(trouble: str) -> str:
    """Why a request is being repeated."""
    return f"trouble: {trouble}; trying again"


def begin_line(plan: Plan, target: Target) -> str:
    """What a run is about to do, in one line."""
    counts: Counter[str] = Counter()
    for case in plan.cases:
        words = _ACTION_COUNTS[case.action]
        if case.action is Action.NOTHING:
            words = _LEFT_ALONE_COUNTS.get(case.standing, words)
        if case.fixed:
            words = _FIXED_COUNT
        counts[words] += 1
    parts = [
        words.format(counts[words], "s" * (counts[words] == 1))
        for words in (*_ACTION_COUNTS.values(), *_LEFT_ALONE_COUNTS.values(), _FIXED_COUNT)
        if counts[words]
    ]
    size = total_size(plan)
    # how much of an upload that was begun is there is known once its parts are listed
    most = "at most " if any(one.row for case in plan.cases for one in case.uploads) else ""
    sent = f"; {most}{size_words(size)} to send" if size else ""
    noun = type_of(target.kind).noun
    counted_cases = f"{cases_words(len(plan.cases))}: {', '.join(parts)}"
    return f"{noun} {target.slug}: {counted_cases}{sent}{jobs_words(plan)}"


def job_count(plan: Plan) -> int:
    """How many algorithm jobs are to be started."""
    return sum(case.create is not None and case.create.job for case in plan.cases)


def jobs_words(plan: Plan) -> str:
    """How many jobs are to be started, and what they cost at least; "" for other targets."""
    jobs = job_count(plan)
    if not jobs:
        return ""
    cost = f"{jobs * LEAST_CREDITS:,} of the {MONTHLY_CREDITS:,} credits of a month"
    return f"; {counted(jobs, 'job')} to start, for at least {cost}"


# ── during a run ────────────────────────────────────────────────────────────────────────────


def live_lines(progress: Progress, width: int, pause: str | None = None) -> list[str]:
    """How far a run is, as a bar for a terminal of this width and the lines below it.

    `pause` is the line about a pause, if there is one.
    """
    cases, *more = _progress_parts(progress, is_paused=pause is not None)
    lines = [f"{bar(share_done(progress), width)} {cases}"]
    if more:
        lines.append(", ".join(more))
    if pause:
        lines.append(pause)
    if progress.trouble:
        lines.append(trouble_words(progress.trouble))
    if progress.stopping:
        lines.append(STOPPING)
    return lines


def bar(share: float, width: int) -> str:
    """`[####----]`: a share from 0 to 1, with room for 40 characters of text beside it."""
    cells = max(10, min(40, width - 40))
    filled = round(cells * share)
    return f"[{'#' * filled}{'-' * (cells - filled)}]"


def share_done(progress: Progress) -> float:
    """How much is done, from 0 to 1; all bytes count as much as all cases."""
    ended = progress.ended / progress.cases if progress.cases else 1.0
    if not progress.total_bytes:
        return ended
    return (ended + min(1.0, progress.sent_bytes / progress.total_bytes)) / 2


def progress_line(progress: Progress, *, is_paused: bool = False) -> str:
    """How far a run is, in one line."""
    return ", ".join(_progress_parts(progress, is_paused=is_paused))


def _progress_parts(progress: Progress, *, is_paused: bool) -> list[str]:
    """First the cases; then what there is to say of bytes, speed, time left and imports."""
    parts = [f"{progress.ended} of {cases_words(progress.cases)} finished"]
    if progress.total_bytes:
        parts += _bytes_parts(progress, is_paused=is_paused)
    if not progress.is_sending and not progress.stopping:
        parts.append("nothing to send now")
    if progress.waiting:
        parts.append(f"{progress.waiting} importing")
    if progress.doubted:
        jobs = counted(progress.doubted, "job")
        parts.append(f"looking for {jobs} whose start was not answered")
    if progress.silent_s >= SILENCE_S:
        parts.append(f"waiting for an answer ({time_words(progress.silent_s)})")
    if progress.eased:
        parts.append("slower: the platform is busy")
    return parts


def _bytes_parts(progress: Progress, *, is_paused: bool) -> list[str]:
    """Bytes, and while they are being sent their speed; the time that a pause takes is unknown."""
    shown, speed = min(progress.sent_bytes, progress.total_bytes), progress.speed
    parts = [f"{size_words(shown)} of {size_words(progress.total_bytes)}"]
    if not speed or not progress.is_sending:
        return parts
    parts.append(f"{size_words(round(speed))}/s")
    left_s = (progress.total_bytes - shown) / speed
    return [*parts, f"{time_words(left_s)} left"] if left_s > 1 and not is_paused else parts


def pause_line(why: str | None, since_s: float, *, jobs: bool = False) -> str:
    """Why no new upload, or no new job, starts, and since when; or that they go on."""
    if why is None:
        return "jobs are started again" if jobs else "uploads go on"
    if jobs:
        return (
            f"no new job since {time_words(since_s)}: {why} "
            "(the next one starts by itself once another one has ended)"
        )
    return (
        f"uploads pause since {time_words(since_s)}: {why} "
        "(what is sent is filled and imported meanwhile; it goes on by itself)"
    )


# ── after a run ─────────────────────────────────────────────────────────────────────────────


_UNFINISHED: Final = {
    End.FAILED: "failed",
    End.UNSURE: "not sure",
    End.WAITING: "still being imported",
    End.PENDING: "not finished",
}


def summary_lines(summary: Summary) -> Block:
    """What failed and why, what is on the platform, and what to do next."""
    by_end: dict[End, list[CaseEnd]] = {end: [] for end in End}
    for one in summary.ends:
        by_end[one.end].append(one)
    lines = [
        line
        for end, words in _UNFINISHED.items()
        for line in _end_lines(by_end[end], _end_words(end, words, summary), summary.pages)
    ]
    if summary.leftovers:
        found = [f"{name} ({item})" for name, item in summary.leftovers]
        noun = "an item without its title" if len(found) == 1 else "items without their titles"
        lines.append(f"left over: {noun}, which the next run fills: {_shortened(found)}")
    lines += [
        f"a request that took effect late made an empty item, which belongs to no case; "
        f"delete it at {page}"
        for page in summary.late_items
    ]
    if summary.lasting:
        count = counted(len(summary.lasting), "difference")
        them = "it" if len(summary.lasting) == 1 else "them"
        lines.append(f"no run can put {count} right; 'verify' names {them}")
    lines += [f"note: {note}" for note in summary.notes]
    done = by_end[End.DONE]
    total = cases_words(len(summary.ends))
    count = f"all {total}" if len(done) == len(summary.ends) else f"{len(done)} of {total}"
    unchanged = sum(one.unchanged for one in done)
    detail = f" ({unchanged} needed nothing)" if unchanged else ""
    if summary.changed:
        detail += f"; {cases_words(summary.changed)} changed there since, see above"
    lines.append(f"{count} done and seen on the platform{detail}; {_traffic_text(summary)}")
    next_step = _next_step(by_end, jobs=summary.jobs)
    return block(*lines, *([f"next: {next_step}"] if next_step else []))


def _end_words(end: End, words: str, summary: Summary) -> str:
    return "still running" if end is End.WAITING and summary.jobs else words


def _end_lines(ends: list[CaseEnd], words: str, pages: Mapping[str, str]) -> list[str]:
    """A line for each case that has an explanation, and one that names all others."""
    explained_cases = [one for one in ends if failures_text(one)][:_CASES_EXPLAINED]
    lines = [
        f"{words}: {one.case}: {failures_text(one)}"
        + (f" ({pages[one.case]})" if one.case in pages else "")
        for one in explained_cases
    ]
    explained_names = {one.case for one in explained_cases}
    others = [one.case for one in ends if one.case not in explained_names]
    return [*lines, f"{words}: {_shortened(others)}"] if others else lines


def _shortened(names: Collection[str]) -> str:
    """`patient-1, patient-2, patient-3 and 36 more`."""
    shown = ", ".join(islice(names, _CASES_NAMED))
    more = len(names) - _CASES_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _traffic_text(summary: Summary) -> str:
    traffic = summary.traffic
    noun = "retry" if traffic.retries == 1 else "retries"
    retries = f", {traffic.retries} {noun}" if traffic.retries else ""
    return (
        f"sent {size_words(traffic.bytes_sent)} in {counted(summary.uploads, 'upload')}, "
        f"{counted(traffic.requests, 'request')}{retries}, {time_words(summary.elapsed_s)}"
    )


def _next_step(by_end: Mapping[End, list[CaseEnd]], *, jobs: bool) -> str | None:
    """What to do next; None after a run that left nothing to do."""
    if any(one.gone for one in by_end[End.FAILED]):
        return "run the same command with --recreate to make deleted ones anew"
    if by_end[End.FAILED] or by_end[End.UNSURE]:
        if jobs:
            return (
                "mend what failed and run the same command; a job that failed is started again "
                "only with --retry-failed, and costs credits again"
            )
        return (
            "mend what failed and run the same command; only what is new or changed is sent "
            "(--retry-failed sends failed imports again unchanged)"
        )
    if by_end[End.WAITING] or by_end[End.PENDING]:
        return "run the same command; it goes on where this run ended"
    return None


# ── status ──────────────────────────────────────────────────────────────────────────────────


def words_of(standing: Standing) -> str:
    """Where a case stands, for people."""
    return "importing" if standing is Standing.FILLED else standing.value


def stand_line(stand: CaseStanding) -> str:
    """Where one case stands."""
    words = failures_text(stand)
    item = f" ({stand.item})" if stand.item else ""
    doubt = f"; adopted, content not checked: {', '.join(stand.unchecked)}"
    said = (f": {words}" if words else "") + (doubt if stand.unchecked else "")
    return f"{stand.case}: {words_of(stand.standing)}{said}{item}"


def status_line(counts: Mapping[Standing, int]) -> str:
    """How many cases there are, and how many of them stand where."""
    parts = ", ".join(f"{count} {words_of(standing)}" for standing, count in counts.items())
    return f"{cases_words(sum(counts.values()))}: {parts}"
