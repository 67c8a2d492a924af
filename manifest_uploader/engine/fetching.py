"""Brings results back from the platform: answers, outputs of jobs, and the files of items.

It changes nothing there.
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
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.plan.answer_rows import AnswerRow, join_answers
from manifest_uploader.plan.fetched import CaseFiles, FetchedFile, choose_files, images_wanted
from manifest_uploader.plan.inputs import renamed_cases
from manifest_uploader.plan.job_rows import JobRow, job_rows, output_sockets
from manifest_uploader.platform.answers import list_answers, questions_of
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.image_files import image_files
from manifest_uploader.platform.jobs import OutputValue, jobs_of
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.state.history import EMPTY
from manifest_uploader.system import disk


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
    """The outputs of jobs, and the files of items; None: neither was asked for."""
    with_items: bool = True
    """The files of items were asked for."""
    jobs: tuple[JobRow, ...] | None = None
    """None: the target has no jobs."""
    outputs: tuple[str, ...] = ()
    """The sockets of the jobs' outputs."""
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
    _check_apart(options, reading, wanted.folder)
    found = Client(options.platform, patience=options.patience, stopping=watching.stopping)
    with closing(found) as client:
        watching.activity.stage, watching.activity.meter = Stage.PLATFORM, client.meter
        # the local files may be gone by now
        session = open_state(options, reading, client, root=Root(Path(), follow_links=False))
        take_over, command = options.take_over, options.command
        with opened(wanted.folder, take_over=take_over, command=command) as folder:
            seen = _seen(session)
            fetched = _fetched(options, session, seen, wanted, folder, told, watching)
            return fetched, _put(folder, told.tables(fetched), force=wanted.force)


def _check(reading: Reading, wanted: Wanted) -> None:
    target_type = type_of(reading.manifest.kind)
    has_results = target_type.has_answers or target_type.has_outputs
    if not has_results and not wanted.items:
        raise UsageError(
            f"{target_type.noun}s have no answers to fetch",
            hint=f"add --items to fetch the files and images of its {target_type.item_noun}s",
        )


def _check_apart(options: Options, reading: Reading, folder: Path) -> None:
    """Refuse to put results among the files that are sent, where they might be sent one day."""
    try:
        root = find_root(reading.manifest, root=options.root, follow_links=True)
    except ManifestInvalid:
        return  # the local files are gone
    is_named = (options.root or reading.manifest.root) is not None
    if is_named and disk.is_same(folder, root.path):
        raise UsageError(
            f"'{folder}' is the folder of the files that are sent",
            hint="name another folder for the results",
        )


class _Seen(Struct, frozen=True):
    """What the platform holds of the target."""

    items: Mapping[str, ItemSeen]
    """By pk; of jobs only those of the cases."""
    values: Mapping[str, Mapping[str, OutputValue]]
    """Of jobs, by pk: the outputs that are JSON values, by socket."""


def _seen(session: Session) -> _Seen:
    client, target = session.client, session.target
    if not has_jobs(target.kind):
        items = client.ahead(lambda: all_items(client, target))
        recover_session(session)
        return _Seen(items(), {})
    recover_session(session)
    past = session.ledger.history.cases
    pasts = (past.get(name, EMPTY) for name in _past_names(session).values())
    jobs = jobs_of(client, target, {one.item for one in pasts if one.item is not None})
    values = {pk: job.values for pk, job in jobs.items()}
    return _Seen({pk: job.item for pk, job in jobs.items()}, values)


def _fetched(
    options: Options,
    session: Session,
    seen: _Seen,
    wanted: Wanted,
    folder: Folder,
    told: Told,
    watching: Watching,
) -> Fetched:
    cases = _cases(session, seen)
    target_type = type_of(session.target.kind)
    answers, files, jobs = None, None, None
    outputs: tuple[str, ...] = ()
    if target_type.has_answers:
        answers = _answers(options, session, seen.items, cases)
    if wanted.items or target_type.has_outputs:
        downloads = Downloads(
            session.client,
            folder,
            force=wanted.force,
            checksum=options.checksum,
            activity=watching.activity,
            stopping=watching.stopping,
        )
        files = _files(options, session, seen, cases, wanted, downloads, told, watching.activity)
    if target_type.has_jobs:
        jobs = job_rows(cases, files or (), session.item_url)
        outputs = output_sockets(cases, session.target.interfaces)
    absent = tuple(one.case.name for one in cases if one.item is None)
    return Fetched(
        session.target,
        len(cases),
        absent,
        answers,
        files,
        with_items=wanted.items,
        jobs=jobs,
        outputs=outputs,
        has_state=not session.is_new,
        is_rehearsal=options.sandbox_id is not None,
    )


def _cases(session: Session, seen: _Seen) -> list[CaseFiles]:
    """The chosen cases with their items."""
    names, history = _past_names(session), session.ledger.history.cases
    found = []
    for case in session.manifest.cases:
        past = history.get(names[case.name], EMPTY)
        pk = past.item or ""
        found.append(CaseFiles(case, past, seen.items.get(pk), seen.values.get(pk, {})))
    return found


def _past_names(session: Session) -> dict[str, str]:
    """The names of the chosen cases → those under which they were sent."""
    manifest = session.manifest
    renamed = renamed_cases(manifest, session.ledger.history, session.reading.names)
    return {case.name: renamed.get(case.name, case.name) for case in manifest.cases}


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
    seen: _Seen,
    cases: list[CaseFiles],
    wanted: Wanted,
    downloads: Downloads,
    told: Told,
    activity: Activity,
) -> tuple[FetchedFile, ...]:
    held = sum(1 for item in seen.items.values() for one in item.sockets.values() if one.image)
    pks = images_wanted(cases, items=wanted.items)
    images = image_files(session.client, session.target, pks, held=held) if pks else {}
    names = (case.name for case in session.reading.whole)
    chosen = choose_files(cases, images, names, items=wanted.items)
    activity.begin_downloads(sum(not isinstance(one, FetchedFile) for one in chosen))
    return downloads.fetch(chosen, jobs=options.jobs, tell=told.file)


def _put(folder: Folder, tables: Mapping[str, bytes], *, force: bool) -> dict[str, Put]:
    found = {}
    for name, content in tables.items():
        try:
            found[name] = folder.put(name, content, force=force)
        except OSError as error:
            raise lost(folder.path / name, error) from None
    return found
