"""How every command goes on: finds the platform, and gathers the facts.

Nothing is sent before everything that can be checked is right. All problems with the text, the
files and the platform are reported together, in the order of the manifest.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.engine.activity import Stage
from manifest_uploader.engine.hindsight import guesses, with_lost_images
from manifest_uploader.engine.listing import Listing
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import UNWATCHED, Reading, Watching
from manifest_uploader.engine.recovery import recover
from manifest_uploader.engine.results import CaseEnd
from manifest_uploader.engine.set_keys import with_key
from manifest_uploader.engine.target import find_target, refuse_for_jobs
from manifest_uploader.errors import CannotGoOn
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.manifest.mixed_values import mixed_values
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import without_collector
from manifest_uploader.manifest.problems import ManifestInvalid, Problem, in_file_order
from manifest_uploader.plan.checks import misfits
from manifest_uploader.plan.differences import Shown, changed_by_others, compare, restore_of
from manifest_uploader.plan.inputs import Facts, PlanInputs, renamed_cases
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import Event
from manifest_uploader.state.file import Binding, sandbox_platform
from manifest_uploader.state.history import EMPTY, History, fold
from manifest_uploader.state.ledger import Ledger

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_SOON_S = 10.0
"""How long to ask the platform about a manifest that is known to be invalid."""


# ── the platform ────────────────────────────────────────────────────────────────────────────


class Session(Struct):
    """What a command works with once the platform is found."""

    reading: Reading
    root: Root
    client: Client
    target: Target
    binding: Binding
    is_new: bool
    """There is no state file yet."""
    ledger: Ledger
    listing: Listing
    """What the target held before anything was sent."""

    @property
    def manifest(self) -> Manifest:
        """The chosen cases."""
        return self.reading.manifest

    def item_url(self, pk: str) -> str:
        """The page of an item of the target."""
        return type_of(self.target.kind).item_url(self.client.platform.url, self.target, pk)

    def with_item(self, end: CaseEnd) -> CaseEnd:
        """The end of a case with its item, if the platform has one."""
        past = self.ledger.history.cases.get(end.case, EMPTY)
        if past.item is None or past.gone:
            return end
        return replace(end, item=past.item, url=self.item_url(past.item))


def open_session(
    options: Options, reading: Reading, client: Client, watching: Watching = UNWATCHED
) -> Session:
    """Find the files' root and the target, and read what earlier runs did.

    Args:
        options: of the command.
        reading: the manifest.
        client: connects to the platform.
        watching: is told how far the look at the files of an invalid manifest is.

    Raises:
        ManifestInvalid: with every problem there is.
        CannotGoOn: the platform cannot be used, or the state file belongs to another target.
        Interrupted: the command is being stopped.

    """
    watching.activity.stage, watching.activity.meter = Stage.PLATFORM, client.meter
    refuse_for_jobs(options, reading.manifest)
    if reading.problems:
        raise _all_problems(options, reading, client, watching)
    try:
        root = _root(options, reading)
        return open_state(options, reading, client, root=root)
    except ManifestInvalid:
        raise _all_problems(options, reading, client, watching) from None


def open_state(options: Options, reading: Reading, client: Client, *, root: Root) -> Session:
    """Find the target, and read what earlier runs did.

    Raises:
        ManifestInvalid: there is no such target.
        CannotGoOn: the platform cannot be used, or the state file belongs to another target.

    """
    name = client.ahead(lambda: _platform_name(options, client))
    target = find_target(reading.manifest, client)
    binding = Binding(name(), target.kind, target.slug, target.pk)
    stored = state_file.stream(options.state)
    state_file.check(stored, binding, options.state)
    with without_collector():
        ledger = Ledger(stored.events)
    is_new, listing = stored.binding is None, Listing(client, target)
    return Session(reading, root, client, target, binding, is_new, ledger, listing)


def _root(options: Options, reading: Reading) -> Root:
    root = find_root(reading.manifest, root=options.root, follow_links=options.follow_links)
    if options.workers is not None:
        options.workers.begin(root.path)
    return root


def _platform_name(options: Options, client: Client) -> str:
    """The platform's name in a state file; for sandboxes without the port, which changes."""
    if options.sandbox_id is not None:
        return sandbox_platform(options.sandbox_id)
    if not client.is_local:
        return client.platform.binding
    answer = client.get("gcapi/")
    found = answer.fields.get("sandbox_id")
    return sandbox_platform(str(found)) if found else client.platform.binding


def recover_session(session: Session) -> list[Event]:
    """Find out and record the outcomes of steps that are unknown, as far as a look shows them.

    This includes cases that left the manifest, because they may be there under a new name.
    """
    history = session.ledger.history
    chosen = [case.name for case in session.manifest.cases]
    left = [name for name in history.cases if name not in session.reading.names]
    names, client, target = [*chosen, *left], session.client, session.target
    found = list(recover(history, names, client, target, session.listing))
    return session.ledger.record(found)


def gather(options: Options, session: Session, watching: Watching = UNWATCHED) -> PlanInputs:
    """Gather and check everything that can be known before planning.

    Args:
        options: of the command.
        session: the platform, and what earlier runs did.
        watching: is told how far this is.

    Raises:
        ManifestInvalid: with every problem.
        Interrupted: the command is being stopped.

    """
    history = session.ledger.history
    with without_collector():
        facts = _survey(
            options,
            session.manifest,
            history,
            root=session.root,
            client=session.client,
            target=session.target,
            listing=session.listing,
            watching=watching,
        )
    facts = _with_imports(options, session.manifest, facts, session.root, watching)
    facts = with_key(options, session.manifest, facts)
    inputs = _plan_inputs(options, session.reading, facts, history, session.target)
    warnings = (
        *session.reading.remarks,
        *guesses(options, session.manifest.cases, facts),
        *facts.warnings,
    )
    facts = replace(facts, warnings=warnings)
    inputs = replace(inputs, facts=facts)
    refuse((*facts.problems, *misfits(inputs)), facts.warnings)
    compared = _compared(options, session, inputs) if options.verify else _noticed(session, inputs)
    return with_lost_images(session.client, compared)


def _noticed(session: Session, inputs: PlanInputs) -> PlanInputs:
    """The inputs with what others changed in our items, if the items were listed anyway."""
    if not inputs.facts.listed:
        return inputs
    found = compare(
        inputs.manifest,
        inputs.history,
        Shown(inputs.facts.listed),
        renamed=inputs.renamed,
        url_of=session.item_url,
    ).differences
    changed = changed_by_others(found, inputs.manifest, inputs.history, renamed=inputs.renamed)
    return replace(inputs, facts=replace(inputs.facts, listed={}, changed=changed))


def _compared(options: Options, session: Session, inputs: PlanInputs) -> PlanInputs:
    """The inputs with the differences between the target and what it should hold."""
    from manifest_uploader.engine.verification import (  # noqa: PLC0415 - late: few ask for it
        compared,
    )

    items = inputs.facts.listed
    found = compared(session, items, content=options.content)
    facts = replace(
        inputs.facts,
        listed={},
        differences=found.differences,
        unread=found.unread,
        restore=restore_of(found.differences),
    )
    return replace(inputs, facts=facts)


def _survey(
    options: Options,
    manifest: Manifest,
    history: History,
    *,
    root: Root,
    client: Client | None = None,
    target: Target | None = None,
    listing: Listing | None = None,
    watching: Watching = UNWATCHED,
) -> Facts:
    """All facts that planning needs; without a client and target only the local ones."""
    if (workers := options.workers) is not None:
        watching.activity.count_workers = lambda: len(workers.loads())
    from manifest_uploader.engine.survey import (  # noqa: PLC0415 - late: 0.1 s, not for `status`
        Scope,
        survey,
    )

    scope = Scope(
        checksum=options.checksum and target is not None,
        adopt=options.choices.adopt and target is not None,
        verify=options.verify and target is not None,
        quick=options.quick,
        looks=options.looks,
        workers=options.workers,
    )
    return survey(
        manifest,
        history,
        root=root,
        scope=scope,
        client=client,
        target=target,
        listing=listing,
        tell=watching.look,
        stopping=watching.stopping,
        activity=watching.activity,
    )


def _with_imports(
    options: Options, manifest: Manifest, facts: Facts, root: Root, watching: Watching
) -> Facts:
    """The facts with what the platform's importer says, if it is asked or has to have been."""
    if not options.import_check and not manifest.import_check:
        return facts
    from manifest_uploader.engine.import_check import (  # noqa: PLC0415 - late: few ask for it
        ImportCheck,
        verdict_cache,
    )

    cache = verdict_cache(options.verdicts)
    with closing(ImportCheck(manifest, facts, root, cache=cache)) as check:
        if not options.import_check:
            return replace(facts, problems=(*facts.problems, *check.missing()))
        watching.activity.stage = Stage.IMPORTER
        found = check.ask(watching.judged, options.workers, watching.stopping)
    return replace(
        facts,
        problems=(*facts.problems, *found.problems),
        warnings=(*facts.warnings, *found.warnings),
        imported=found.images,
    )


def _plan_inputs(
    options: Options, reading: Reading, facts: Facts, history: History, target: Target
) -> PlanInputs:
    renamed = renamed_cases(reading.manifest, history, reading.names)
    return PlanInputs(
        reading.manifest,
        facts,
        history,
        options.choices,
        target,
        reading.whole,
        reading.names,
        renamed,
    )


def temporary_title() -> str:
    """A new title that no other item has."""
    return f"uploading-{secrets.token_hex(6)}"


# ── problems ────────────────────────────────────────────────────────────────────────────────


def refuse(problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
    """Raise ManifestInvalid if there is any problem."""
    if problems:
        raise ManifestInvalid(in_file_order(problems), warnings=in_file_order(warnings))


def local_facts(options: Options, reading: Reading, watching: Watching = UNWATCHED) -> Facts:
    """What the manifest and its files show without asking the platform; with all problems."""
    try:
        root = _root(options, reading)
    except ManifestInvalid as invalid:
        return Facts(values={}, problems=(*reading.problems, *invalid.problems))
    facts = _survey(options, reading.manifest, History(), root=root, watching=watching)
    if options.import_check:
        facts = _with_imports(options, reading.manifest, facts, root, watching)
    manifest = reading.manifest
    mixed = mixed_values(manifest.cases) if manifest.short is not None else []  # out of a table
    return replace(
        facts,
        problems=(*reading.problems, *facts.problems),
        warnings=(*reading.remarks, *mixed, *facts.warnings),
    )


def _all_problems(
    options: Options, reading: Reading, client: Client, watching: Watching
) -> ManifestInvalid:
    """Every problem, including those that the platform shows if it answers soon."""
    patience = options.patience
    soon = client.with_patience(
        replace(
            patience,
            stall_s=min(patience.stall_s, _SOON_S),
            give_up_s=min(patience.give_up_s, _SOON_S),
        )
    )
    try:
        problems = _platform_problems(options, reading, soon, watching)
    except ManifestInvalid as invalid:
        problems = (*local_facts(options, reading, watching).problems, *invalid.problems)
    except CannotGoOn:
        problems = local_facts(options, reading, watching).problems
    finally:
        soon.close()
    return ManifestInvalid(in_file_order((*reading.problems, *problems)), warnings=reading.remarks)


def _platform_problems(
    options: Options, reading: Reading, client: Client, watching: Watching
) -> tuple[Problem, ...]:
    if not reading.manifest.slug:
        return local_facts(options, reading, watching).problems
    target = find_target(reading.manifest, client)
    history = fold(state_file.stream(options.state).events)
    manifest = reading.manifest
    roots = _roots(options, reading)
    facts = _survey(
        replace(options, checksum=False),
        manifest if roots else replace(manifest, cases=()),
        history,
        root=roots[0] if roots else Root(Path(), follow_links=False),
        client=client,
        target=target,
        watching=watching,
    )
    inputs = _plan_inputs(options, reading, facts, history, target)
    local = () if roots else local_facts(options, reading, watching).problems
    return (*local, *facts.problems, *misfits(inputs))


def _roots(options: Options, reading: Reading) -> tuple[Root, ...]:
    try:
        return (_root(options, reading),)
    except ManifestInvalid:
        return ()
