"""What a run would do, or is about to do, as text for people."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from manifest_uploader.output.failure_lines import failures_text
from manifest_uploader.output.formatting import (
    cases_words,
    counted,
    next_line,
    note_line,
    size_words,
)
from manifest_uploader.output.status_lines import TONES
from manifest_uploader.output.verify_lines import changed_lines, difference_lines
from manifest_uploader.plan.estimate import total_requests
from manifest_uploader.plan.inputs import Facts, UidKey
from manifest_uploader.plan.jobs import LEAST_CREDITS, MONTHLY_CREDITS
from manifest_uploader.plan.steps import Action, CasePlan, ImageSet, Plan, total_size
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import Block, Tone, block, line


class _Words(NamedTuple):
    """What an action is called."""

    of_many: str
    """After the number of its cases."""
    of_one: str
    """After the name of a case."""
    tone: Tone


_ACTIONS: Final = {
    Action.CREATE: _Words("new", "new", Tone.STRONG),
    Action.CONTINUE: _Words("to resume", "resume", Tone.STRONG),
    Action.UPDATE: _Words("changed", "update", Tone.STRONG),
    Action.WAIT: _Words("importing", "importing", Tone.WARNING),
    Action.NOTHING: _Words("up to date", "up to date", Tone.GOOD),
}
_OF_JOBS: Final = _ACTIONS | {Action.WAIT: _Words("running", "running", Tone.WARNING)}
"""The same of cases that are jobs, which are not imported."""
_LEFT_ALONE: Final = {
    Standing.DELETED: ("deleted on the platform", Tone.BAD),
    Standing.FAILED: ("failed before and did not change", Tone.BAD),
    Standing.UNCONFIRMED: ("unconfirmed", Tone.WARNING),
}
_FIXED: Final = ("changed but cannot be sent", Tone.BAD)


def begin_line(plan: Plan, target: Target) -> Block:
    """What a run is about to do, in one line."""
    counts: Counter[tuple[str, Tone]] = Counter()
    actions = _OF_JOBS if has_jobs(target.kind) else _ACTIONS
    kinds = {action: (words.of_many, words.tone) for action, words in actions.items()}
    for case in plan.cases:
        kind = kinds[case.action]
        if case.action is Action.NOTHING:
            kind = _LEFT_ALONE.get(case.standing, kind)
        counts[_FIXED if case.fixed else kind] += 1
    pieces: list[Block] = []
    for words, tone in (*kinds.values(), *_LEFT_ALONE.values(), _FIXED):
        if found := counts[words, tone]:
            pieces += [
                *([line(", ")] if pieces else []),
                line((f"{found:,} {words}", tone)),
            ]
    size = total_size(plan)
    # how much of an upload that was begun is there is known once its parts are listed
    most = "at most " if any(one.row for case in plan.cases for one in case.uploads) else ""
    sent = f"; {most}{size_words(size)} to send" if size else ""
    noun = type_of(target.kind).noun
    cases = cases_words(len(plan.cases))
    return line(f"{noun} {target.slug}: {cases}: ", *pieces, sent, jobs_words(plan))


def job_count(plan: Plan) -> int:
    """How many algorithm jobs are to be started."""
    return sum(case.create is not None and case.create.job for case in plan.cases)


def jobs_words(plan: Plan) -> str:
    """How many jobs are to be started, and what they cost at least; "" for other targets."""
    jobs = job_count(plan)
    if not jobs:
        return ""
    cost = f"{jobs * LEAST_CREDITS:,} of your {MONTHLY_CREDITS:,} credits per month"
    return f"; {counted(jobs, 'job')} to start, for at least {cost}"


def plan_lines(plan: Plan, facts: Facts, limit: int, run: str | None = None) -> Block:
    """What a run would do: its cases, its requests, and the upload slots it needs.

    `run` is the command that does it, for the last line; None: no command is named.
    """
    lines: list[str] = []
    if facts.target is not None and plan.differences:
        lines.append(difference_lines(plan.differences, facts.target))
    are_jobs = facts.target is not None and has_jobs(facts.target.kind)
    lines += [
        _case_line(case, is_job=are_jobs)
        for case in plan.cases
        if case.action is not Action.NOTHING
    ]
    lines += [
        line(
            f"{case.case}: ",
            (case.standing.value, TONES[case.standing]),
            f": {failures_text(case)}",
        )
        for case in plan.cases
        if case.action is Action.NOTHING and failures_text(case)
    ]
    if facts.target is not None:
        lines += changed_lines(plan.changed, facts.target)
    lines += map(note_line, plan.notes)
    if plan.no_start is not None and jobs_words(plan):
        words = f"no job can be started now: {plan.no_start}"
        lines.append(note_line(words, Tone.WARNING))
    if facts.target is not None:
        lines.append(begin_line(plan, facts.target))
    if facts.uid_key is not None and any(case.sets for case in plan.cases):
        lines.append(_key_words(facts.uid_key))
    lines += [*_cost_lines(plan, facts, limit), line(("nothing was sent", Tone.QUIET))]
    if run is not None and (following := _next_step(plan, run)) is not None:
        lines.append(next_line(following))
    return block(*lines)


def _next_step(plan: Plan, run: str) -> str | None:
    """What to do next; None if a run would change nothing."""
    if plan.differences or any(case.action is not Action.NOTHING for case in plan.cases):
        return f"to go ahead: {run}"
    standings = {case.standing for case in plan.cases}
    if Standing.DELETED in standings:
        return f"to recreate what was deleted: {run} --recreate"
    if Standing.FAILED in standings:
        return f"fix what failed, or send it again unchanged: {run} --retry-failed"
    return None


def _cost_lines(plan: Plan, facts: Facts, limit: int) -> list[str]:
    """Uploads, requests and upload slots, and what is saved."""
    uploads = sum(len(case.uploads) for case in plan.cases)
    requests = total_requests(plan, facts.requests)
    slow = " (more if imports take long)" if uploads else ""
    size = size_words(total_size(plan))
    found = [f"{counted(uploads, 'upload')}, {size}, about {counted(requests, 'request')}{slow}"]
    if uploads:
        used = f", {facts.rows_used:,} in use" if facts.rows_used else ""
        found.append(
            f"{uploads:,} of your {limit:,} upload slots needed{used}; "
            "slots free up as imports finish"
        )
    if saved := sum(len(case.shared) for case in plan.cases):
        size = size_words(sum(case.spared for case in plan.cases))
        found.append(
            f"{counted(saved, 'upload')}, {size} saved, because an image that is used several "
            "times is sent once"
        )
    return found


def changes_title(case: CasePlan) -> bool:
    """Whether an item that readers see already gets another title."""
    fill = case.fill
    return case.action is Action.UPDATE and fill is not None and fill.title is not None


def _key_words(key: UidKey) -> str:
    """Where the key for the new UIDs of image sets is."""
    is_there = "is" if key.made_by is not None else "will be"
    return (
        "DICOM image sets are de-identified here, while they are sent; the key for their new UIDs "
        f"{is_there} in '{key.file}', beside the state file"
    )


def _case_line(case: CasePlan, *, is_job: bool) -> Block:
    title = f", titled '{case.title}'" if case.title else ", without a title"
    title = ", a job" if is_job else title
    parts = ["title"] if changes_title(case) else []
    parts += [
        f"{upload.socket} ({upload.name}, {size_words(upload.size)})"
        for upload in case.uploads
        if upload.file is None
    ]
    parts += map(_set_words, case.sets)
    uploaded = {upload.socket for upload in case.uploads} | {one.into for one in case.shared}
    parts += [f"{one.into} (the image of {one.case}/{one.socket})" for one in case.shared]
    parts += [socket for socket in case.sockets if socket not in uploaded]
    parts += [f"waiting for {'its end' if wait.job else wait.socket}" for wait in case.waits]
    if case.item is not None and case.fill is not None and case.fill.order is not None:
        parts.append(f"order number {case.fill.order}")
    words = (_OF_JOBS if is_job else _ACTIONS)[case.action]
    said = (words.of_one, words.tone)
    return line(f"{case.case}: ", said, f"{title}: {', '.join(parts) or 'title'}")


def _set_words(one: ImageSet) -> str:
    """An image set with the files that are still to be sent."""
    left = f"{len(one.uploads):,} of " if one.complete else ""
    size = size_words(sum(upload.size for upload in one.uploads))
    files = counted(len(one.names), "file")
    return f"{one.socket} ('{one.image_name}': {left}{files}, {size}, de-identified)"
