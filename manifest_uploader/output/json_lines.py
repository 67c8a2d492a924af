"""Problems, plans, standings, events and summaries as JSON lines on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.failure_lines import failures_text
from manifest_uploader.output.plan_lines import changes_title, job_count
from manifest_uploader.output.streams import write_out
from manifest_uploader.output.verify_lines import difference_json
from manifest_uploader.plan.estimate import request_count, total_requests
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.jobs import LEAST_CREDITS
from manifest_uploader.plan.steps import CasePlan, Plan, total_size
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import Event, Failed, Noticed, event_json
from manifest_uploader.state.standing import CaseStanding


def write_json(obj: Mapping[str, Any]) -> None:
    """Write one JSON line to standard output, in ASCII, and flush it.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputLost: it cannot be written.

    """
    write_out(json.dumps(obj, ensure_ascii=True) + "\n")


def problem_json(problem: Problem, *, warning: bool = False) -> dict[str, Any]:
    """One problem, or one warning, of `validate --json`."""
    place = problem.place
    about = {"case": place.case} if place and place.case else {}
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        **about,
        "message": problem.message,
        "hint": problem.advice,
        "severity": "warning" if warning else "problem",
    }


# ── plan and status ─────────────────────────────────────────────────────────────────────────


def plan_json(case: CasePlan, *, calls: bool) -> dict[str, Any]:
    """One case of `plan --json`; `calls` adds the requests that create and fill its item."""
    found: dict[str, Any] = {
        "case": case.case,
        "title": case.title,
        "state": case.standing.value,
        "action": case.action.value,
        "item": case.item,
        "uploads": len(case.uploads),
        "bytes": sum(upload.size for upload in case.uploads),
        "requests": request_count(case),
        "order": _order(case),
        "title_changes": changes_title(case),
        "sockets": list(case.sockets),
        "names": [
            *(upload.name for upload in case.uploads if upload.file is None),
            *(one.image_name for one in case.sets),
        ],
        "shared": {one.into: f"{one.case}/{one.socket}" for one in case.shared},
        "words": failures_text(case),
        "unchecked": list(case.unchecked),
    }
    return found | ({"calls": _call_lines(case)} if calls else {})


def _order(case: CasePlan) -> int | None:
    """The order number that the case's item gets; None if it keeps what it has."""
    if case.fill is not None and case.fill.order is not None:
        return case.fill.order
    return case.create.order if case.create is not None else None


def _call_lines(case: CasePlan) -> list[str]:
    """The requests that create and fill the item; what is not known yet in angle brackets."""
    calls = [step.call for step in (case.create, case.fill) if step is not None]
    return [
        f"{call.method} {call.path} {json.dumps(call.json, default='<{}>'.format)}"
        for call in calls
    ]


def plan_summary_json(plan: Plan, facts: Facts) -> dict[str, Any]:
    """The last line of `plan --json`."""
    counts: dict[str, int] = {}
    for case in plan.cases:
        counts[case.action.value] = counts.get(case.action.value, 0) + 1
    return {
        "event": "summary",
        "cases": {"total": len(plan.cases), **counts},
        "uploads": sum(len(case.uploads) for case in plan.cases),
        "bytes": total_size(plan),
        "uploads_saved": sum(len(case.shared) for case in plan.cases),
        "bytes_saved": sum(case.spared for case in plan.cases),
        "requests": total_requests(plan, facts.requests),
        "rows_used": facts.rows_used,
        "jobs": job_count(plan),
        "credits": job_count(plan) * LEAST_CREDITS,
        "notes": list(plan.notes),
    }


def stand_json(stand: CaseStanding) -> dict[str, Any]:
    """One case of `status --json`."""
    return {
        "case": stand.case,
        "title": stand.title,
        "state": stand.standing.value,
        "action": None,  # only a plan knows
        "item": stand.item,
        "words": failures_text(stand),
        "unchecked": list(stand.unchecked),
    }


def status_summary_json(counts: Mapping[str, int]) -> dict[str, Any]:
    """The last line of `status --json`, from the number of cases in each standing."""
    return {"event": "summary", "cases": {"total": sum(counts.values()), **counts}}


# ── run ─────────────────────────────────────────────────────────────────────────────────────


class JsonLines:
    """Observes a run and writes its events and its summary as JSON lines."""

    def looking(self, looking: Looking) -> None:
        """Write nothing: nothing has happened yet."""

    def doing(self, doing: Doing) -> None:
        """Write nothing: progress is for people."""

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Write nothing: warnings are for people, and `validate --json` has them."""

    def begins(self, plan: Plan, target: Target) -> None:  # noqa: ARG002 - as for every observer
        """Write what differs from what the target should hold, if it was compared."""
        for one in (*plan.differences, *plan.changed):
            write_json(difference_json(one))

    def event(self, event: Event) -> None:
        """Write one line, unless the event is bookkeeping: no case's news, or a repeated step."""
        if isinstance(event, Noticed) or (isinstance(event, Failed) and not event.words):
            return
        fields = {"event": "", "case": "", "socket": None, "step": ""} | event_json(event)
        fields.pop("time", None)
        write_json(fields)

    def case_ended(self, end: CaseEnd) -> None:
        """Write nothing: the case's events say it."""

    def tick(self, progress: Progress) -> None:
        """Write nothing: progress is for people."""

    def note(self, text: str) -> None:
        """Write nothing: notes are for people."""

    def ends(self, summary: Summary) -> None:
        """Write the last line."""
        write_json(summary_json(summary))


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
        **({"changed": summary.changed} if summary.changed else {}),
    }
