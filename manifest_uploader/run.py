"""The commands, each a straight line of calls."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from manifest_uploader import history as past_of
from manifest_uploader import lock, state
from manifest_uploader.confirm import Watcher
from manifest_uploader.connection import Connection, Meter, Patience, Platform
from manifest_uploader.errors import ManifestInvalid, UsageError
from manifest_uploader.execute import Agenda, Policy, execute
from manifest_uploader.files import Root, find_root
from manifest_uploader.manifest import parse
from manifest_uploader.model import (
    CaseEnd,
    Create,
    Done,
    End,
    Event,
    Facts,
    Fill,
    History,
    Manifest,
    Opened,
    Plan,
    Problem,
    Record,
    Standing,
    Started,
    Summary,
    Target,
    Traffic,
    Upload,
)
from manifest_uploader.plan import Choices, in_file_order, make_plan, select
from manifest_uploader.pools import Threads
from manifest_uploader.receipts import Receipts
from manifest_uploader.settle import settle
from manifest_uploader.state import Binding
from manifest_uploader.survey import Scope, find_target, survey
from manifest_uploader.upload import Tools
from manifest_uploader.worker import Worker

_BUFFERED_PARTS: Final = 6
"""Parts of bundles in memory, all uploads together: 48 MiB."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asked for, command line and environment together."""

    manifest: str
    state: Path
    platform: Platform | None = None
    """None: look at nothing but the manifest and its files."""
    sandbox_id: str | None = None
    root: str | None = None
    follow_links: bool = False
    only: tuple[str, ...] = ()
    first: int | None = None
    jobs: int = 8
    checksum: bool = False
    choices: Choices = field(default_factory=Choices)
    policy: Policy = field(default_factory=Policy)
    patience: Patience = field(default_factory=Patience)
    refused_after_s: float = 1800.0
    take_over: bool = False
    receipts: Path | None = None
    command: str = "uploader run MANIFEST --take-over"
    """What to type to break another run's lock."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is, for display only."""

    cases: int
    ended: int
    waiting: int
    """Cases filled and not yet seen."""
    total_bytes: int
    traffic: Traffic
    elapsed_s: float
    paused: str | None = None
    paused_s: float = 0.0
    trouble: str | None = None
    eased: bool = False
    stopping: bool = False


class Observer(Protocol):
    """Is told what happens, after it was written down; tells nothing back."""

    def begins(self, plan: Plan, target: Target) -> None:
        """A run begins to act on a plan."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def case_ended(self, end: CaseEnd) -> None:
        """A case has ended, for this run."""

    def tick(self, progress: Progress) -> None:
        """Twice a second at least."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def ends(self, summary: Summary) -> None:
        """The run has ended."""


# ── what all commands begin with ────────────────────────────────────────────────────────────


def read_manifest(options: Options) -> tuple[Manifest, frozenset[str]]:
    """The chosen part of the manifest, and the names of all its cases.

    Raises:
        ManifestInvalid: with every problem of its text.
        UsageError: there is no such file, or no such case.

    """
    whole = parse(_text(options.manifest), options.manifest)
    names = frozenset(case.name for case in whole.cases)
    return select(whole, only=options.only, first=options.first), names


def _text(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no file '{path}'", hint="is its name spelt right?") from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}") from None


@dataclass(slots=True)
class _Desk:
    """What a command works with once the platform is known."""

    manifest: Manifest
    names: frozenset[str]
    root: Root
    connection: Connection
    target: Target
    binding: Binding
    history: History


def _look(options: Options, connection: Connection) -> _Desk:
    manifest, names = read_manifest(options)
    root = find_root(manifest, root=options.root, follow_links=options.follow_links)
    target = find_target(manifest, connection)
    name = _platform_name(options, connection)
    binding = Binding(name, target.kind, target.slug, target.pk)
    stored = state.read(options.state)
    state.check(stored, binding, options.state)
    history = past_of.fold(stored.records)
    return _Desk(manifest, names, root, connection, target, binding, history)


def _platform_name(options: Options, connection: Connection) -> str:
    """By what a state file knows the platform: never by a port, which changes."""
    if options.sandbox_id is not None:
        return f"sandbox {options.sandbox_id}"
    if not connection.is_local:
        return connection.platform.binding
    answer = connection.get("gcapi/")
    found = answer.json.get("sandbox_id") if isinstance(answer.json, dict) else None
    return f"sandbox {found}" if found else connection.platform.binding


def _planned(options: Options, desk: _Desk, tick: Callable[[int], None]) -> tuple[Facts, Plan]:
    scope = Scope(checksum=options.checksum, adopt=options.choices.adopt, tick=tick)
    facts = survey(
        desk.manifest,
        desk.history,
        root=desk.root,
        scope=scope,
        connection=desk.connection,
        target=desk.target,
    )
    plan = make_plan(
        desk.manifest,
        facts,
        desk.history,
        options.choices,
        temporary=temporary_title,
        names=desk.names,
    )
    return facts, plan


def temporary_title() -> str:
    """A title that only we can have."""
    return f"uploading-{secrets.token_hex(6)}"


def _settled(desk: _Desk) -> Iterator[Event]:
    """Settle, and let the desk's history know."""
    cases, sessions = dict(desk.history.cases), dict(desk.history.sessions)
    chosen = [case.name for case in desk.manifest.cases]
    for event in settle(desk.history, chosen, desk.connection, desk.target):
        past_of.advance(cases, sessions, Record(time.time(), event))
        yield event
    desk.history = History(cases, sessions)


# ── validate, plan, status ──────────────────────────────────────────────────────────────────


def validate(options: Options) -> Manifest:
    """Find everything that is wrong; nothing is changed.

    Raises:
        ManifestInvalid: with every problem.

    """
    if options.platform is None:
        manifest, _ = read_manifest(options)
        root = find_root(manifest, root=options.root, follow_links=options.follow_links)
        facts = survey(manifest, History(), root=root, scope=Scope())
        _raise(facts.problems)
        return manifest
    plan(options)
    return read_manifest(options)[0]


def plan(options: Options) -> tuple[Plan, Facts]:
    """What a run would do now; nothing is changed and nothing is written."""
    assert options.platform is not None
    with closing(Connection(options.platform, patience=options.patience)) as connection:
        desk = _look(options, connection)
        for _ in _settled(desk):
            pass
        facts, plan = _planned(options, desk, lambda _: None)
        return plan, facts


def _raise(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise ManifestInvalid(in_file_order(problems))


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one case stands, by the state file alone."""

    case: str
    title: str
    standing: Standing
    item: str | None
    words: str | None


def status(options: Options) -> Iterator[Stand]:
    """Where each case stands, from the state file alone."""
    manifest, _ = read_manifest(options)
    history = past_of.fold(state.read(options.state).records)
    for case in manifest.cases:
        past = history.cases.get(case.name, past_of.EMPTY)
        failed = [
            f"{slug}: {socket.words}" for slug, socket in past.sockets.items() if socket.words
        ]
        words = "; ".join(failed) or past.words
        yield Stand(case.name, case.title, past_of.standing(past), past.item, words)


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def run(options: Options, observers: Sequence[Observer], stop: threading.Event) -> Summary:
    """Do it all, and see it done.

    Raises:
        ManifestInvalid: nothing was sent.
        CannotGoOn: the same command goes on once the cause is mended.

    """
    assert options.platform is not None
    started = time.monotonic()
    read_manifest(options)
    with lock.held(options.state, take_over=options.take_over, command=options.command):
        meter = Meter()
        threads = Threads(options.jobs, stop=stop, pressure=meter.take_pressure)
        connection = Connection(
            options.platform,
            patience=options.patience,
            meter=meter,
            stopping=lambda: threads.stopping,
        )
        with closing(connection):
            desk = _look(options, connection)
            with _writing(options, desk) as writer:
                log = _Log(writer, desk, observers)
                log.follow(list(_settled(desk)))
                facts, plan = _planned(options, desk, lambda _: None)
                for observer in observers:
                    observer.begins(plan, desk.target)
                agenda = _agenda(options, plan, facts)
                tools = _Acting(options, desk, facts, plan, threads, meter, log)
                tools.act(agenda, started)
                return _summary(agenda, log, plan, meter.traffic(), time.monotonic() - started)


@contextmanager
def _writing(options: Options, desk: _Desk) -> Iterator[state.Writer]:
    writer = state.Writer(options.state)
    with closing(writer):
        writer.bind(state.read(options.state), desk.binding.platform, desk.target)
        yield writer


class _Log:
    """Writes events down, then tells those who watch."""

    def __init__(self, writer: state.Writer, desk: _Desk, observers: Sequence[Observer]) -> None:
        self._writer, self._observers = writer, observers
        self.cases = dict(desk.history.cases)
        self.sessions = dict(desk.history.sessions)
        self.uploads = 0

    def follow(self, events: Iterable[Event]) -> None:
        """Write down first; durably what is about to be sent and must not be sent twice."""
        events = list(events)
        self._writer.record(events, durable=any(_is_weighty(event) for event in events))
        now = time.time()
        for event in events:
            past_of.advance(self.cases, self.sessions, Record(now, event))
            self.uploads += isinstance(event, Done) and event.socket is not None
            for observer in self._observers:
                observer.event(event)
        self._writer.tick()

    def tick(self, progress: Progress, ended: Iterable[CaseEnd], notes: Iterable[str]) -> None:
        """Tell how far it is."""
        for observer in self._observers:
            for end in ended:
                observer.case_ended(end)
            for note in notes:
                observer.note(note)
            observer.tick(progress)


def _is_weighty(event: Event) -> bool:
    return isinstance(event, Started) and event.step.endswith((":create", ":fill"))


def _agenda(options: Options, plan: Plan, facts: Facts) -> Agenda:
    policy = replace(options.policy, window=max(options.policy.window, 4 * options.jobs))
    return Agenda(plan, policy, sockets=facts.sockets, clock=time.monotonic, now=time.time)


class _Acting:
    """Everything that acting on a plan needs."""

    def __init__(
        self,
        options: Options,
        desk: _Desk,
        facts: Facts,
        plan: Plan,
        threads: Threads,
        meter: Meter,
        log: _Log,
    ) -> None:
        self._options, self._desk, self._threads = options, desk, threads
        self._facts, self._plan, self._meter, self._log = facts, plan, meter, log
        self._notes: list[str] = []
        self._said: set[str] = set()

    def act(self, agenda: Agenda, started: float) -> None:
        """Follow the plan to its end."""
        jobs = self._options.jobs
        with ThreadPoolExecutor(jobs, "part") as senders, self._receipts() as receipts:
            watcher = self._watcher()
            if self._fills_images() and (noticed := watcher.baseline()) is not None:
                self._log.follow([noticed])
            worker = Worker(
                self._desk.target,
                self._desk.root,
                self._tools(senders),
                watcher,
                room=threading.BoundedSemaphore(max(2, min(_BUFFERED_PARTS, jobs))),
                receive=receipts.add,
            )
            self._threads.start(worker.perform)
            try:
                for events in execute(agenda, self._threads):
                    self._log.follow(events)
                    self._tick(agenda, started)
            finally:
                self._threads.close()

    def _tools(self, senders: ThreadPoolExecutor) -> Tools:
        return Tools(
            self._desk.connection,
            senders,
            self._options.jobs,
            self._threads.emit,
            self._warn,
            lambda: self._threads.stopping,
        )

    def _watcher(self) -> Watcher:
        return Watcher(
            self._desk.connection,
            self._desk.target,
            sessions=self._desk.history.sessions,
            refused_after_s=self._options.refused_after_s,
            target_size=self._facts.items,
        )

    @contextmanager
    def _receipts(self) -> Iterator[Receipts]:
        with closing(Receipts(self._options.receipts)) as receipts:
            yield receipts

    def _fills_images(self) -> bool:
        return any(case.uploads for case in self._plan.cases)

    def _warn(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._notes.append(text)

    def _tick(self, agenda: Agenda, started: float) -> None:
        now = time.monotonic()
        paused = agenda.paused
        ended = agenda.take_ended()
        notes, self._notes = self._notes, []
        progress = Progress(
            len(self._plan.cases),
            agenda.ended,
            agenda.waiting,
            sum_bytes(self._plan),
            self._meter.traffic(),
            now - started,
            paused=paused[0] if paused else None,
            paused_s=now - paused[1] if paused else 0.0,
            trouble=self._meter.trouble,
            eased=self._threads.eased,
            stopping=self._threads.stopping,
        )
        self._log.tick(progress, ended, notes)


def sum_bytes(plan: Plan) -> int:
    """The bytes of all files that the plan sends."""
    return sum(upload.size for case in plan.cases for upload in case.uploads)


def _summary(agenda: Agenda, log: _Log, plan: Plan, traffic: Traffic, elapsed_s: float) -> Summary:
    leftovers = tuple(
        (name, past.item)
        for name, past in log.cases.items()
        if past.item is not None and past.title is None and not past.gone
    )
    stuck = agenda.stuck_words()
    notes = (*plan.notes, *agenda.notes, *((stuck,) if stuck else ()))
    return Summary(agenda.ends(), log.uploads, traffic, elapsed_s, leftovers, notes)


__all__ = ["Create", "End", "Fill", "Opened", "Upload", "plan", "run", "status", "validate"]
