"""What every command begins with: the manifest read, the platform found, the facts gathered.

Nothing is sent before everything that can be known is known to be right: what is wrong with the
text, the files and the platform is told together, in the order of the file.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader import history as past_of
from manifest_uploader import state
from manifest_uploader.access import Patience, Platform
from manifest_uploader.agenda import Policy
from manifest_uploader.desk import Choices, Desk, renamed_cases
from manifest_uploader.errors import CannotGoOn, ManifestInvalid, UsageError
from manifest_uploader.files import Root, find_root
from manifest_uploader.fit import in_file_order, misfits
from manifest_uploader.lookups import Session, failed_sessions
from manifest_uploader.manifest import parse, without_collector
from manifest_uploader.model import Event, Facts, History, Manifest, Problem, Record, Target
from manifest_uploader.plan import select
from manifest_uploader.settle import presumed, settle
from manifest_uploader.state import Binding
from manifest_uploader.survey import Scope, check_rights, find_target, survey

if TYPE_CHECKING:  # it costs 0.1 s of CPU, which commands without a network save
    from manifest_uploader.connection import Connection

_SOON_S = 10.0
"""How long to ask the platform about a manifest that is wrong anyway."""


class Options(Struct, frozen=True):
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


class Reading(Struct, frozen=True):
    """What the text of a manifest says, as far as it can be read."""

    manifest: Manifest
    """The chosen cases; with problems, what of them could be read."""
    names: frozenset[str]
    """Of all cases."""
    problems: tuple[Problem, ...] = ()


def read_manifest(options: Options) -> Reading:
    """Read the manifest.

    Raises:
        ManifestInvalid: nothing of its text can be used.
        UsageError: there is no such file, or no such case.

    """
    problems: tuple[Problem, ...] = ()
    try:
        whole = parse(_text(options.manifest), options.manifest)
    except ManifestInvalid as invalid:
        if invalid.rest is None:
            raise
        whole, problems = invalid.rest, invalid.problems
    names = frozenset(case.name for case in whole.cases)
    if problems:
        return Reading(whole, names, problems)
    return Reading(select(whole, only=options.only, first=options.first), names)


def _text(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no file '{path}'", hint="is its name spelt right?") from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}") from None


# ── the platform ────────────────────────────────────────────────────────────────────────────


class Bench(Struct):
    """What a command works with once the platform is known."""

    reading: Reading
    root: Root
    connection: Connection
    target: Target
    binding: Binding
    stored: state.Stream
    history: History
    failed_before: Callable[[], Iterable[Session]] | None = None
    """Brings the sessions that failed before, where something may have to be sent."""

    @property
    def manifest(self) -> Manifest:
        """The chosen cases."""
        return self.reading.manifest


def open_bench(options: Options, reading: Reading, connection: Connection) -> Bench:
    """Find the files' root and the target, and read what earlier runs did.

    Raises:
        ManifestInvalid: with every problem there is.
        CannotGoOn: the platform cannot be used, or the state belongs elsewhere.

    """
    if reading.problems:
        raise _everything(options, reading, connection)
    try:
        root = _root(options, reading)
        name = connection.ahead(lambda: _platform_name(options, connection))
        target = find_target(reading.manifest, connection)
    except ManifestInvalid:
        raise _everything(options, reading, connection) from None
    binding = Binding(name(), target.kind, target.slug, target.pk)
    stored = state.stream(options.state)
    state.check(stored, binding, options.state)
    with without_collector():
        history = past_of.fold(stored.records)
    return Bench(reading, root, connection, target, binding, stored, history)


def _root(options: Options, reading: Reading) -> Root:
    return find_root(reading.manifest, root=options.root, follow_links=options.follow_links)


def _platform_name(options: Options, connection: Connection) -> str:
    """By what a state file knows the platform: never by a port, which changes."""
    if options.sandbox_id is not None:
        return f"sandbox {options.sandbox_id}"
    if not connection.is_local:
        return connection.platform.binding
    answer = connection.get("gcapi/")
    found = answer.json.get("sandbox_id") if isinstance(answer.json, dict) else None
    return f"sandbox {found}" if found else connection.platform.binding


def settled(bench: Bench) -> list[Event]:
    """What became of steps whose end nobody saw; the bench's history knows it too.

    Cases that left the manifest are among them: one of its cases may be such a one, renamed.
    """
    chosen = [case.name for case in bench.manifest.cases]
    left = [name for name in bench.history.cases if name not in bench.reading.names]
    events = list(settle(bench.history, [*chosen, *left], bench.connection, bench.target))
    _fold(bench, events)
    return events


def presume(bench: Bench) -> None:
    """Let the bench's history take what looking cannot settle for not sent."""
    _fold(bench, presumed(bench.history))


def _fold(bench: Bench, events: Iterable[Event]) -> None:
    folding = past_of.Folding(bench.history)
    for event in events:
        folding.take(Record(time.time(), event))
    bench.history = folding.history


def gather(options: Options, bench: Bench) -> Desk:
    """All that can be known before a plan is made, and that nothing of it is wrong.

    Raises:
        ManifestInvalid: with every problem.

    """
    with without_collector():
        desk = _desk(options, bench)
    refuse((*desk.facts.problems, *misfits(desk)))
    return desk


def ask_leave(bench: Bench, desk: Desk) -> None:
    """Ask whether this user may edit the target, and at the same time what failed before.

    Raises:
        CannotGoOn: this user may not.

    """
    if any(facts.content is None for facts in desk.facts.values.values()):
        bench.failed_before = bench.connection.ahead(
            lambda: tuple(failed_sessions(bench.connection))
        )
    check_rights(bench.target, bench.connection)


def _desk(options: Options, bench: Bench) -> Desk:
    scope = Scope(checksum=options.checksum, adopt=options.choices.adopt)
    facts = survey(
        bench.manifest,
        bench.history,
        root=bench.root,
        scope=scope,
        connection=bench.connection,
        target=bench.target,
    )
    return _desk_of(options, bench.reading, facts, bench.history, bench.target)


def _desk_of(
    options: Options, reading: Reading, facts: Facts, history: History, target: Target
) -> Desk:
    renamed = renamed_cases(reading.manifest, history, reading.names)
    return Desk(reading.manifest, facts, history, options.choices, target, reading.names, renamed)


def temporary_title() -> str:
    """A title that only we can have."""
    return f"uploading-{secrets.token_hex(6)}"


# ── problems ────────────────────────────────────────────────────────────────────────────────


def refuse(problems: tuple[Problem, ...]) -> None:
    """Raise ManifestInvalid if there is any problem."""
    if problems:
        raise ManifestInvalid(in_file_order(problems))


def local_problems(options: Options, reading: Reading) -> tuple[Problem, ...]:
    """What is wrong with the manifest and its files, without asking the platform."""
    try:
        root = _root(options, reading)
    except ManifestInvalid as invalid:
        return (*reading.problems, *invalid.problems)
    facts = survey(reading.manifest, History(), root=root, scope=Scope())
    return (*reading.problems, *facts.problems)


def _everything(options: Options, reading: Reading, connection: Connection) -> ManifestInvalid:
    """Every problem there is, with the platform's help where it can be had soon."""
    local = local_problems(options, reading)
    soon = connection.with_patience(_soon(options.patience))
    try:
        problems = _platform_problems(options, reading, soon)
    except ManifestInvalid as invalid:
        problems = (*local, *invalid.problems)
    except CannotGoOn:
        problems = local
    finally:
        soon.close()
    return ManifestInvalid(in_file_order((*reading.problems, *problems)))


def _soon(patience: Patience) -> Patience:
    stall_s, give_up_s = min(patience.stall_s, _SOON_S), min(patience.give_up_s, _SOON_S)
    return replace(patience, stall_s=stall_s, give_up_s=give_up_s)


def _platform_problems(
    options: Options, reading: Reading, connection: Connection
) -> tuple[Problem, ...]:
    if not reading.manifest.slug:
        return local_problems(options, reading)
    target = find_target(reading.manifest, connection)
    history = past_of.fold(state.stream(options.state).records)
    manifest = reading.manifest
    roots = _roots(options, reading)
    facts = survey(
        manifest if roots else replace(manifest, cases=()),
        history,
        root=roots[0] if roots else Root(Path(), follow_links=False),
        scope=Scope(adopt=options.choices.adopt),
        connection=connection,
        target=target,
    )
    desk = _desk_of(options, reading, facts, history, target)
    local = () if roots else local_problems(options, reading)
    return (*local, *facts.problems, *misfits(desk))


def _roots(options: Options, reading: Reading) -> tuple[Root, ...]:
    try:
        return (_root(options, reading),)
    except ManifestInvalid:
        return ()
