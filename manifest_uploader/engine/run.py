"""The commands `validate`, `plan`, `status` and `run`, each a sequence of calls."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from manifest_uploader.engine.activity import Doing, Stage
from manifest_uploader.engine.attended import LeftBehind, attended
from manifest_uploader.engine.clocks import Clocks
from manifest_uploader.engine.item_writer import ItemWriter
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.pool import Threads
from manifest_uploader.engine.progress import Looking, Observer
from manifest_uploader.engine.reading import UNWATCHED, Reading, Watching, read_manifest
from manifest_uploader.engine.recovery import assume_not_sent, late_items, repeat_fills
from manifest_uploader.engine.results import Summary
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.engine.second_look import look_again
from manifest_uploader.engine.session import (
    Session,
    gather,
    local_facts,
    open_session,
    recover_session,
    refuse,
    temporary_title,
)
from manifest_uploader.engine.set_keys import key_for
from manifest_uploader.engine.target import with_rights
from manifest_uploader.engine.title_swaps import free_titles, taken_titles
from manifest_uploader.errors import CannotGoOn
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import without_collector
from manifest_uploader.plan.cases import make_plan
from manifest_uploader.plan.inputs import Facts, PlanInputs
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.endpoints import is_row_gone, list_items
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.state import file as state_file
from manifest_uploader.state import lock
from manifest_uploader.state.events import Event, Started
from manifest_uploader.state.history import EMPTY, fold
from manifest_uploader.state.standing import CaseStanding, case_standing

if TYPE_CHECKING:
    from manifest_uploader.engine.execution import Journal
    from manifest_uploader.platform.client import Client

_NOT_LOOKED: Final = (
    "could not look for empty items that late requests may have left; the next run looks again"
)
_LET_LOOK_END_S: Final = 2.0
"""How long a look may take to end once the run is being stopped; nothing depends on it."""


# ── validate, plan, status ──────────────────────────────────────────────────────────────────


def validate(options: Options, watching: Watching = UNWATCHED) -> tuple[Manifest, Facts]:
    """Find everything that is wrong, without changing anything.

    Raises:
        ManifestInvalid: with every problem.
        ExtraMissing: the importer shall be asked, and is not installed.

    """
    if options.import_check:
        from manifest_uploader.files.importer import (  # noqa: PLC0415 - late: few ask for it
            require_importer,
        )

        require_importer()
    reading = read_manifest(options)
    if options.platform is None:
        facts = local_facts(options, reading, watching)
        refuse(facts.problems, facts.warnings)
    else:
        _, facts = _plan(options, reading, watching)
    return reading.manifest, facts


def plan(options: Options, watching: Watching = UNWATCHED) -> tuple[Plan, Facts]:
    """What a run would do now; changes and writes nothing."""
    reading = _read(options)
    found, facts = _plan(options, reading, watching)
    return found, replace(facts, values={})  # the plan has what it needs of them


def _read(options: Options) -> Reading:
    with _gathering():
        return read_manifest(options)


def _plan(options: Options, reading: Reading, watching: Watching) -> tuple[Plan, Facts]:
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    found = Client(options.platform, patience=options.patience, stopping=watching.stopping)
    with closing(found) as client, _gathering():
        session = open_session(options, reading, client, watching)
        recover_session(session)
        session.ledger.record(list(assume_not_sent(session.ledger.history)))
        inputs = gather(options, session, watching)
        session.ledger.record(_lost_imports(options, session, inputs))
        inputs = with_rights(inputs, client)
        facts = replace(inputs.facts, requests=client.meter.traffic().requests)
        return make_plan(inputs, temporary=temporary_title), facts


def _lost_imports(options: Options, session: Session, inputs: PlanInputs) -> list[Event]:
    """What a look shows about old imports, if those that failed are sent again."""
    if not options.choices.retry_failed:
        return []
    from manifest_uploader.engine.imports.lost import find_lost  # noqa: PLC0415 - few need it

    return find_lost(session, inputs, refused_after_s=options.refused_after_s)


@contextmanager
def _gathering() -> Iterator[None]:
    """Keep the garbage collector from scanning what is gathered here, now or later."""
    with without_collector():
        yield
        gc.freeze()


def status(options: Options) -> Iterator[CaseStanding]:
    """Where each case stands, from the state file alone."""
    manifest = read_manifest(options).manifest
    history = fold(state_file.stream(options.state).events)
    is_job = has_jobs(manifest.kind)
    for case in manifest.cases:
        past = history.cases.get(case.name, EMPTY)
        yield case_standing(case.name, case.title, past, is_job=is_job)


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def _watching(observers: Sequence[Observer], stop: threading.Event) -> Watching:
    """Tells all observers how far the look into the files is, until it is to stop."""

    def looking(how_far: Looking) -> None:
        for observer in observers:
            observer.looking(how_far)

    def doing(now: Doing) -> None:
        for observer in observers:
            observer.doing(now)

    return Watching(looking, stopping=stop.is_set, doing=doing)


def _noting(observers: Sequence[Observer]) -> Callable[[str], None]:
    """Tells all observers what is worth a line."""

    def note(text: str) -> None:
        for observer in observers:
            observer.note(text)

    return note


def run(options: Options, observers: Sequence[Observer], stop: threading.Event) -> Summary:
    """Upload everything, and wait until it is seen on the platform.

    Raises:
        ManifestInvalid: with every problem; nothing was sent.
        CannotGoOn: the same command continues once the cause is removed.
        Interrupted: it was stopped before it sent anything.

    """
    from manifest_uploader.engine.conclusion import Took, summarize  # noqa: PLC0415 - as that
    from manifest_uploader.engine.execution import Journal  # noqa: PLC0415 - only a run executes
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    started = time.monotonic()
    watching = _watching(observers, stop)
    attend = partial(attended, attend=watching.attend)
    reading: Reading = attend(lambda: _read(options))
    note = _noting(observers)
    if options.workers is not None and options.workers.dashboard:
        note(f"Dask's dashboard: {options.workers.dashboard}")
    with lock.held(options.state, take_over=options.take_over, command=options.command, note=note):
        meter = Meter()
        threads = Threads(options.jobs, stop=stop, pressure=meter.take_pressure)
        client = Client(
            options.platform,
            patience=options.patience,
            meter=meter,
            stopping=lambda: threads.stopping,
        )
        with closing(client):
            session, recovered, inputs = _look(options, reading, client, watching)
            with closing(session.ledger) as ledger:
                ledger.open(options.state, session.binding, is_new=session.is_new)
                journal = Journal(ledger, observers)
                journal.warn(inputs.facts.warnings)
                journal.tell(recovered)
                watching.activity.stage = Stage.PLATFORM
                attend(lambda: _settle(options, session, inputs, journal))
                watching.activity.stage = Stage.PLAN
                plan = attend(lambda: _planned(inputs))
                journal.begin(plan, session.target)
                key = key_for(options, plan, note)
                schedulers = _execute(
                    options, session, inputs, plan, threads, journal, watching, uid_key=key
                )
                ledger.record(plan.left)
                took = Took(meter.traffic(), time.monotonic() - started, stopped=stop.is_set())
                summary = summarize(schedulers, session, journal, plan, took)
                if took.stopped:
                    return summary
                watching.activity.stage = Stage.PLATFORM
                return attend(lambda: _with_late_items(summary, session))


def _look(
    options: Options, reading: Reading, client: Client, watching: Watching
) -> tuple[Session, list[Event], PlanInputs]:
    """Look at everything before anything is written or sent; raises Interrupted."""

    def look() -> tuple[Session, list[Event], PlanInputs]:
        with _gathering():
            session = open_session(options, reading, client, watching)
            recovered = recover_session(session)
            inputs = with_rights(gather(options, session, watching), client)
            return session, recovered, inputs

    try:
        return attended(
            look,
            attend=watching.attend,
            stopping=watching.stopping,
            let_end_s=_LET_LOOK_END_S,
        )
    except LeftBehind:
        raise Interrupted from None


def _planned(inputs: PlanInputs) -> Plan:
    with _gathering():
        return make_plan(inputs, temporary=temporary_title)


def _settle(options: Options, session: Session, inputs: PlanInputs, journal: Journal) -> None:
    """Settle what earlier runs left open, before the plan is made."""
    _repeat_fills(session, inputs, journal)
    journal.record(_lost_imports(options, session, inputs))
    _free_titles(session, inputs, journal)


def _repeat_fills(session: Session, inputs: PlanInputs, journal: Journal) -> None:
    """Send the fills again that recovery could not settle, and record what happens."""
    writer = ItemWriter(session.client, session.target, session.root)
    names = [inputs.renamed.get(case.name, case.name) for case in session.manifest.cases]
    sockets, history = inputs.facts.sockets, session.ledger.history
    fills = repeat_fills(
        history,
        names,
        sockets,
        session.target,
        send=writer.fill,
        is_gone=lambda upload: is_row_gone(session.client, upload),
    )
    _send(fills, session, journal)


def _free_titles(session: Session, inputs: PlanInputs, journal: Journal) -> None:
    """Give temporary titles to items that bear each other's, and record what happens."""
    send, target = ItemWriter(session.client, session.target, session.root).fill, session.target
    taken = taken_titles(
        inputs.manifest, inputs.history, inputs.facts.differences, renamed=inputs.renamed
    )
    _send(free_titles(taken, target, send=send, temporary=temporary_title), session, journal)


def _send(fills: Iterator[Event], session: Session, journal: Journal) -> None:
    """Send fills one after the other, each once its record is on the disk; record what happens."""
    with suppress(Interrupted):
        for event in fills:
            journal.record([event])
            if isinstance(event, Started):
                session.ledger.sync()
                session.listing.forget()


def _execute(
    options: Options,
    session: Session,
    inputs: PlanInputs,
    plan: Plan,
    threads: Threads,
    journal: Journal,
    watching: Watching,
    *,
    uid_key: str | None,
) -> tuple[Scheduler, Scheduler]:
    """Do what the plan says, then look again; the first scheduler, and the last."""
    from manifest_uploader.engine.execution import Execution  # noqa: PLC0415 - only a run executes

    clocks = Clocks.begin(session.ledger.clock())
    first = _scheduler(options, plan, inputs.facts, clocks)

    def second(first: Scheduler) -> Scheduler | None:
        return attended(
            lambda: _second(options, session, inputs, first, clocks), attend=watching.attend
        )

    execution = Execution(options, session, plan, threads, journal, now=clocks.now, uid_key=uid_key)
    return first, execution.run(first, inputs.facts, then=second)


def _with_late_items(summary: Summary, session: Session) -> Summary:
    """The summary with the pages of items that late requests made."""
    try:
        found = late_items(
            session.ledger.history, lambda: list_items(session.client, session.target)
        )
    except (Interrupted, CannotGoOn):
        return replace(summary, notes=(*summary.notes, _NOT_LOOKED))
    return replace(summary, late_items=tuple(session.item_url(item.pk) for item in found))


def _scheduler(
    options: Options,
    plan: Plan,
    facts: Facts,
    clocks: Clocks,
    *,
    after: Scheduler | None = None,
) -> Scheduler:
    policy = replace(options.policy, window=max(options.policy.window, 4 * options.jobs))
    return Scheduler(
        plan,
        policy,
        sockets=facts.sockets,
        clock=clocks.awake,
        now=clocks.now,
        rows_free=options.choices.upload_limit - facts.rows_used,
        after=after,
    )


def _second(
    options: Options,
    session: Session,
    inputs: PlanInputs,
    first: Scheduler,
    clocks: Clocks,
) -> Scheduler | None:
    """The scheduler for the cases that late duplicates may have changed; None if there are none."""
    held = first.held()
    if not held:
        return None
    inputs = look_again(session, inputs, held)
    plan = make_plan(inputs, temporary=temporary_title)
    return _scheduler(options, plan, inputs.facts, clocks, after=first)
