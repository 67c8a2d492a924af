"""The commands `validate`, `plan`, `status` and `run`, each a sequence of calls."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from manifest_uploader.engine.item_writer import ItemWriter
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.pool import Threads
from manifest_uploader.engine.progress import Looking, Observer
from manifest_uploader.engine.recovery import assume_not_sent, late_items, repeat_fills
from manifest_uploader.engine.results import Summary
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.engine.session import (
    UNWATCHED,
    Reading,
    Session,
    Watching,
    gather,
    local_facts,
    open_session,
    read_manifest,
    recover_session,
    refuse,
    temporary_title,
)
from manifest_uploader.engine.target import check_rights
from manifest_uploader.errors import PlatformUnreachable
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import without_collector
from manifest_uploader.plan.cases import make_plan
from manifest_uploader.plan.inputs import Facts, PlanInputs
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.targets import type_of
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.state import file as state_file
from manifest_uploader.state import lock
from manifest_uploader.state.events import Started
from manifest_uploader.state.history import EMPTY, fold
from manifest_uploader.state.standing import CaseStanding, case_standing
from manifest_uploader.system.clocks import Awake, Steady

if TYPE_CHECKING:
    from manifest_uploader.engine.execution import Journal


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
    with _gathering():
        reading = read_manifest(options)
    found, facts = _plan(options, reading, watching)
    return found, replace(facts, values={})  # the plan has what it needs of them


def _plan(options: Options, reading: Reading, watching: Watching) -> tuple[Plan, Facts]:
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    found = Client(options.platform, patience=options.patience)
    with closing(found) as client, _gathering():
        session = open_session(options, reading, client, watching)
        recover_session(session)
        session.ledger.record(list(assume_not_sent(session.ledger.history)))
        inputs = gather(options, session, watching)
        check_rights(session.target, client)
        return make_plan(inputs, temporary=temporary_title), inputs.facts


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
    for case in manifest.cases:
        yield case_standing(case.name, case.title, history.cases.get(case.name, EMPTY))


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def _watching(observers: Sequence[Observer], stop: threading.Event) -> Watching:
    """Tells all observers how far the look into the files is, until it is to stop."""

    def looking(how_far: Looking) -> None:
        for observer in observers:
            observer.looking(how_far)

    return Watching(looking, stopping=stop.is_set)


def run(options: Options, observers: Sequence[Observer], stop: threading.Event) -> Summary:
    """Upload everything, and wait until it is seen on the platform.

    Raises:
        ManifestInvalid: with every problem; nothing was sent.
        CannotGoOn: the same command continues once the cause is removed.
        Interrupted: it was stopped before it sent anything.

    """
    from manifest_uploader.engine.execution import (  # noqa: PLC0415 - only a run executes
        Execution,
        Journal,
    )
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    started = time.monotonic()
    watching = _watching(observers, stop)
    with _gathering():
        reading = read_manifest(options)

    def note(text: str) -> None:
        for observer in observers:
            observer.note(text)

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
            with _gathering():
                session = open_session(options, reading, client, watching)
                recovered = recover_session(session)
                inputs = gather(options, session, watching)
                check_rights(session.target, client)
            with closing(session.ledger) as ledger:
                ledger.open(options.state, session.binding, is_new=session.is_new)
                journal = Journal(ledger, observers)
                journal.warn(inputs.facts.warnings)
                journal.tell(recovered)
                _repeat_fills(session, inputs, journal)
                with _gathering():
                    plan = make_plan(inputs, temporary=temporary_title)
                journal.begin(plan, session.target)
                awake = Awake()
                now = Steady(ledger.clock(), awake)
                scheduler = _scheduler(options, plan, inputs.facts, awake, now)
                execution = Execution(options, session, plan, threads, journal, started, now)
                execution.run(scheduler, inputs.facts)
                summary = _summary(scheduler, journal, plan, meter, time.monotonic() - started)
                return replace(summary, late_items=_late_items(session))


def _repeat_fills(session: Session, inputs: PlanInputs, journal: Journal) -> None:
    """Send the fills again that recovery could not settle, and record what happens."""
    writer = ItemWriter(session.client, session.target, session.root)
    names = [inputs.renamed.get(case.name, case.name) for case in session.manifest.cases]
    sockets, history = inputs.facts.sockets, session.ledger.history
    with suppress(Interrupted):
        for event in repeat_fills(history, names, sockets, session.target, writer.fill):
            journal.record([event])
            if isinstance(event, Started):
                session.ledger.sync()


def _late_items(session: Session) -> tuple[str, ...]:
    """The pages of items that late requests made; none if the run has to end."""
    url_of, api = type_of(session.target.kind).item_url, session.client.platform.url
    with suppress(Interrupted, PlatformUnreachable):
        found = late_items(session.ledger.history, session.client, session.target)
        return tuple(url_of(api, session.target, pk) for pk in found)
    return ()


def _scheduler(options: Options, plan: Plan, facts: Facts, awake: Awake, now: Steady) -> Scheduler:
    policy = replace(options.policy, window=max(options.policy.window, 4 * options.jobs))
    return Scheduler(
        plan,
        policy,
        sockets=facts.sockets,
        clock=awake,
        now=now,
        rows_free=options.choices.upload_limit - facts.rows_used,
    )


def _summary(
    scheduler: Scheduler, journal: Journal, plan: Plan, meter: Meter, elapsed_s: float
) -> Summary:
    leftovers = tuple(
        (name, past.item)
        for name, past in journal.history.cases.items()
        if past.item is not None and past.title is None and not past.gone
    )
    stuck = scheduler.stuck_reason()
    notes = (*plan.notes, *scheduler.notes, *((stuck,) if stuck else ()))
    ends, traffic = scheduler.ends(), meter.traffic()
    return Summary(ends, journal.uploads, traffic, elapsed_s, leftovers, notes)
