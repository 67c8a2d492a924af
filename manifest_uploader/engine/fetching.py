"""Brings results back from the platform: the answers of readers, and the files of items.

It changes nothing there. Outputs of algorithm jobs are to be more `WantedFile`s of their cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from manifest_uploader.engine.activity import Activity, Stage
from manifest_uploader.engine.downloads import Downloads
from manifest_uploader.engine.fetch_folder import Folder, Put, lost, opened
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import UNWATCHED, Reading, Watching, read_manifest
from manifest_uploader.engine.session import Session, open_state, recover_session, refuse
from manifest_uploader.engine.survey import all_items
from manifest_uploader.errors import UsageError
from manifest_uploader.files.root import Root
from manifest_uploader.plan.answer_rows import AnswerRow, join_answers
from manifest_uploader.plan.fetched import CaseFiles, FetchedFile, choose_files, images_wanted
from manifest_uploader.plan.inputs import renamed_cases
from manifest_uploader.platform.answers import list_answers, questions_of
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.image_files import image_files
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.history import EMPTY


class Wanted(Struct, frozen=True):
    """What to fetch, and where to."""

    folder: Path
    items: bool = False
    """The files and images of items, too."""
    force: bool = False
    """Replace files that differ."""


class Fetched(Struct, frozen=True):
    """What came of `fetch`."""

    target: Target
    cases: int
    absent: tuple[str, ...]
    """The cases that have no item on the platform."""
    answers: tuple[AnswerRow, ...] | None = None
    """None: the target has no answers."""
    files: tuple[FetchedFile, ...] | None = None
    """None: they were not asked for."""
    has_state: bool = True
    """There is a state file, which tells which items are the cases'."""
    is_rehearsal: bool = False
    """The platform is a sandbox of this command."""


class Told(Struct, frozen=True):
    """Who is told what, and who makes the tables."""

    tables: Callable[[Fetched], Mapping[str, bytes]]
    """Name → content."""
    file: Callable[[FetchedFile], None] = lambda _: None
    """Is told of each file as soon as it, and all before it, are there."""


def fetch(
    options: Options, wanted: Wanted, told: Told, watching: Watching = UNWATCHED
) -> tuple[Fetched, dict[str, Put]]:
    """Fetch results into a folder; what came of it, and what became of each table.

    Args:
        options: of the command.
        wanted: what to fetch, and where to.
        told: makes the tables, and is told of files.
        watching: stops it, and is told what it does.

    Raises:
        ManifestInvalid: the manifest cannot be read.
        UsageError: there is nothing to fetch, or the folder cannot be used.
        CannotGoOn: the platform or the disk cannot be used, or the state file belongs to another
            target.

    """
    assert options.platform is not None
    reading = read_manifest(options)
    refuse(reading.problems)
    _check(reading, wanted)
    found = Client(options.platform, patience=options.patience, stopping=watching.stopping)
    with closing(found) as client:
        watching.activity.stage, watching.activity.meter = Stage.PLATFORM, client.meter
        # the local files may be gone by now
        session = open_state(options, reading, client, root=Root(Path(), follow_links=False))
        take_over, command = options.take_over, options.command
        with opened(wanted.folder, take_over=take_over, command=command) as folder:
            items = client.ahead(lambda: all_items(client, session.target))
            recover_session(session)
            fetched = _fetched(options, session, items(), wanted, folder, told, watching)
            return fetched, _put(folder, told.tables(fetched), force=wanted.force)


def _check(reading: Reading, wanted: Wanted) -> None:
    target_type = type_of(reading.manifest.kind)
    if not target_type.has_answers and not wanted.items:
        raise UsageError(
            f"{target_type.noun}s have no answers to fetch",
            hint=f"add --items to fetch the files and images of its {target_type.item_noun}s",
        )


def _fetched(
    options: Options,
    session: Session,
    items: Mapping[str, ItemSeen],
    wanted: Wanted,
    folder: Folder,
    told: Told,
    watching: Watching,
) -> Fetched:
    cases = _cases(session, items)
    answers = None
    if type_of(session.target.kind).has_answers:
        answers = _answers(options, session, items, cases)
    files = None
    if wanted.items:
        downloads = Downloads(
            session.client,
            folder,
            force=wanted.force,
            checksum=options.checksum,
            activity=watching.activity,
            stopping=watching.stopping,
        )
        files = _files(options, session, items, cases, downloads, told, watching.activity)
    absent = tuple(one.case.name for one in cases if one.item is None)
    return Fetched(
        session.target,
        len(cases),
        absent,
        answers,
        files,
        has_state=not session.is_new,
        is_rehearsal=options.sandbox_id is not None,
    )


def _cases(session: Session, items: Mapping[str, ItemSeen]) -> list[CaseFiles]:
    """The chosen cases with their items, whatever their names were when they were sent."""
    manifest, history = session.manifest, session.ledger.history
    renamed = renamed_cases(manifest, history, session.reading.names)
    found = []
    for case in manifest.cases:
        past = history.cases.get(renamed.get(case.name, case.name), EMPTY)
        item = None if past.item is None else items.get(past.item)
        found.append(CaseFiles(case, past, item))
    return found


def _answers(
    options: Options,
    session: Session,
    items: Mapping[str, ItemSeen],
    cases: list[CaseFiles],
) -> tuple[AnswerRow, ...]:
    client, target = session.client, session.target
    questions = client.ahead(lambda: questions_of(client, target))
    answers = {one.pk: one for one in list_answers(client, target)}
    is_selection = bool(options.only or options.first is not None)
    return join_answers(
        answers.values(),
        questions(),
        items,
        chosen={one.item.pk: one.case.name for one in cases if one.item is not None},
        others=not is_selection,
    )


def _files(
    options: Options,
    session: Session,
    items: Mapping[str, ItemSeen],
    cases: list[CaseFiles],
    downloads: Downloads,
    told: Told,
    activity: Activity,
) -> tuple[FetchedFile, ...]:
    held = sum(1 for item in items.values() for one in item.sockets.values() if one.image)
    pks = images_wanted(cases)
    images = image_files(session.client, session.target, pks, held=held) if pks else {}
    wanted = choose_files(cases, images, (case.name for case in session.reading.whole))
    activity.begin_downloads(sum(not isinstance(one, FetchedFile) for one in wanted))
    return downloads.fetch(wanted, jobs=options.jobs, tell=told.file)


def _put(folder: Folder, tables: Mapping[str, bytes], *, force: bool) -> dict[str, Put]:
    found = {}
    for name, content in tables.items():
        try:
            found[name] = folder.put(name, content, force=force)
        except OSError as error:
            raise lost(folder.path / name, error) from None
    return found
