"""Sums up what a run came to."""

from __future__ import annotations

from msgspec import Struct

from manifest_uploader.engine.execution import Journal
from manifest_uploader.engine.results import Summary
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.engine.session import Session
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.platform.traffic import Traffic


class Took(Struct, frozen=True):
    """What a run took."""

    traffic: Traffic
    elapsed_s: float
    stopped: bool
    """It was stopped before everything was done."""


def summarize(
    schedulers: tuple[Scheduler, Scheduler],
    session: Session,
    journal: Journal,
    plan: Plan,
    took: Took,
) -> Summary:
    """The result of a run, from its schedulers and what is on record."""
    leftovers = tuple(
        (name, past.item)
        for name, past in journal.history.cases.items()
        if past.item is not None and past.title is None and not past.gone
    )
    # a run that was stopped did not wait until nothing became free
    stuck = () if took.stopped else tuple(one.stuck_reason() for one in schedulers)
    told = (note for one in schedulers for note in one.notes)
    ends = {end.case: end for one in schedulers for end in one.ends()}
    return Summary(
        tuple(session.with_item(ends[case.case]) for case in plan.cases if case.case in ends),
        journal.uploads,
        took.traffic,
        took.elapsed_s,
        leftovers,
        (*plan.notes, *dict.fromkeys(told), *dict.fromkeys(filter(None, stuck))),
        stopped=took.stopped,
        jobs=has_jobs(session.target.kind),
        lasting=tuple(one for one in plan.differences if one.lasts),
        changed=len({one.case for one in plan.changed}),
    )
