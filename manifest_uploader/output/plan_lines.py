"""What a run would do, or is about to do, as text for people."""

from __future__ import annotations

from collections import Counter
from typing import Final

from manifest_uploader.output.failure_lines import failures_text
from manifest_uploader.output.formatting import cases_words, counted, size_words
from manifest_uploader.output.status_lines import TONES
from manifest_uploader.output.verify_lines import changed_lines, difference_lines
from manifest_uploader.plan.estimate import total_requests
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Action, CasePlan, Plan, total_size
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import Block, Tone, block, line

_ACTIONS: Final = {
    Action.CREATE: ("{:,} new", Tone.STRONG),
    Action.CONTINUE: ("{:,} to resume", Tone.STRONG),
    Action.UPDATE: ("{:,} changed", Tone.STRONG),
    Action.WAIT: ("{:,} importing", Tone.WARNING),
    Action.NOTHING: ("{:,} up to date", Tone.GOOD),
}
_LEFT_ALONE: Final = {
    Standing.DELETED: ("{:,} deleted on the platform", Tone.BAD),
    Standing.FAILED: ("{:,} failed before and did not change", Tone.BAD),
    Standing.UNCONFIRMED: ("{:,} unconfirmed", Tone.WARNING),
}


def begin_line(plan: Plan, target: Target) -> Block:
    """What a run is about to do, in one line."""
    counts: Counter[tuple[str, Tone]] = Counter()
    for case in plan.cases:
        kind = _ACTIONS[case.action]
        if case.action is Action.NOTHING:
            kind = _LEFT_ALONE.get(case.standing, kind)
        counts[kind] += 1
    pieces: list[Block] = []
    for words, tone in (*_ACTIONS.values(), *_LEFT_ALONE.values()):
        if found := counts[words, tone]:
            pieces += [*([line(", ")] if pieces else []), line((words.format(found), tone))]
    size = total_size(plan)
    # how much of an upload that was begun is there is known once its parts are listed
    most = "at most " if any(one.row for case in plan.cases for one in case.uploads) else ""
    sent = f"; {most}{size_words(size)} to send" if size else ""
    noun = type_of(target.kind).noun
    return line(f"{noun} {target.slug}: {cases_words(len(plan.cases))}: ", *pieces, sent)


def plan_lines(plan: Plan, facts: Facts, limit: int) -> Block:
    """What a run would do: its cases, its requests, and the upload slots it needs."""
    lines: list[str] = []
    if facts.target is not None and plan.differences:
        lines.append(difference_lines(plan.differences, facts.target))
    lines += [_case_line(case) for case in plan.cases if case.action is not Action.NOTHING]
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
    lines += [line(("note:", Tone.QUIET), f" {note}") for note in plan.notes]
    if facts.target is not None:
        lines.append(begin_line(plan, facts.target))
    return block(*lines, *_cost_lines(plan, facts, limit), line(("nothing was sent", Tone.QUIET)))


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
            f"{counted(saved, 'upload')} ({size}) saved: these cases use images of other cases"
        )
    return found


def changes_title(case: CasePlan) -> bool:
    """Whether an item that readers see already gets another title."""
    fill = case.fill
    return case.action is Action.UPDATE and fill is not None and fill.title is not None


_VERBS: Final = {
    Action.CREATE: ("new", Tone.STRONG),
    Action.CONTINUE: ("resume", Tone.STRONG),
    Action.UPDATE: ("update", Tone.STRONG),
    Action.WAIT: ("importing", Tone.WARNING),
    Action.NOTHING: ("up to date", Tone.GOOD),
}


def _case_line(case: CasePlan) -> Block:
    title = f", titled '{case.title}'" if case.title else ", without a title"
    parts = ["title"] if changes_title(case) else []
    parts += [
        f"{upload.socket} ({upload.name}, {size_words(upload.size)})" for upload in case.uploads
    ]
    uploaded = {upload.socket for upload in case.uploads} | {one.into for one in case.shared}
    parts += [f"{one.into} (the image of {one.case}/{one.socket})" for one in case.shared]
    parts += [socket for socket in case.sockets if socket not in uploaded]
    parts += [f"waiting for {wait.socket}" for wait in case.waits]
    if case.item is not None and case.fill is not None and case.fill.order is not None:
        parts.append(f"order number {case.fill.order}")
    return line(f"{case.case}: ", _VERBS[case.action], f"{title}: {', '.join(parts) or 'title'}")
