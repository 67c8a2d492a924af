"""Compares a target with the manifest and the state, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.engine.activity import Stage
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import UNWATCHED, Watching, read_manifest
from manifest_uploader.engine.recovery import assume_not_sent
from manifest_uploader.engine.session import (
    Session,
    open_state,
    recover_session,
    refuse,
)
from manifest_uploader.engine.stored_files import read_files
from manifest_uploader.engine.survey import all_items
from manifest_uploader.engine.target import refuse_for_jobs
from manifest_uploader.files.local_file import FileChanged, Source, sha256
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import value_facts
from manifest_uploader.manifest.model import FileValue, Manifest
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.plan.differences import Comparison, Shown, compare
from manifest_uploader.plan.inputs import renamed_cases
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.endpoints import ItemHidden, get_item
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.stored_files import FileSeen
from manifest_uploader.state.history import EMPTY, CaseHistory

_ASKED_FOR: Final = 5
"""Missing items that are asked for one by one: one may be in another target."""


class Verification(Struct, frozen=True):
    """What came of `verify`."""

    target: Target
    found: Comparison


def verify(
    options: Options,
    watching: Watching = UNWATCHED,
    tell: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare the target with the manifest and the state.

    The local files may be gone by now: only those are read whose SHA-256 the state does not have,
    and only with `content`.

    Args:
        options: of the command.
        watching: stops it, and is told what it does.
        tell: is told how many files were downloaded.

    Raises:
        ManifestInvalid: the manifest cannot be read.
        CannotGoOn: the platform cannot be used, or the state file belongs to another target.

    """
    assert options.platform is not None
    reading = read_manifest(options)
    refuse(reading.problems)
    refuse_for_jobs(replace(options, verify=True), reading.manifest)
    found = Client(options.platform, patience=options.patience, stopping=watching.stopping)
    with closing(found) as client:
        watching.activity.stage, watching.activity.meter = Stage.PLATFORM, client.meter
        session = open_state(options, reading, client, root=_root(options, reading.manifest))
        items = client.ahead(lambda: all_items(client, session.target))
        recover_session(session)
        session.ledger.record(list(assume_not_sent(session.ledger.history)))
        comparison = compared(session, items(), content=options.content, tell=tell)
        return Verification(session.target, comparison)


def _root(options: Options, manifest: Manifest) -> Root:
    """The files' root, even if it is no longer there."""
    try:
        return find_root(manifest, root=options.root, follow_links=options.follow_links)
    except ManifestInvalid:
        folder = Path(options.manifest).parent / (manifest.root or "")
        return Root(Path(options.root or folder), follow_links=False)


def compared(
    session: Session,
    items: Mapping[str, ItemSeen],
    *,
    content: bool,
    tell: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Compare the items of a target with the manifest and the state.

    Args:
        session: the target, and what earlier runs did.
        items: all items of the target, by pk.
        content: download files to compare them.
        tell: is told how many files were read.

    """
    manifest, history = session.manifest, session.ledger.history
    renamed = renamed_cases(manifest, history, session.reading.names)
    pasts = {
        case.name: history.cases.get(renamed.get(case.name, case.name), EMPTY)
        for case in manifest.cases
    }
    names, moved = session.reading.names, set(renamed.values())
    found = compare(
        manifest,
        history,
        Shown(
            items,
            _moved(session, pasts.values(), items),
            _files(session.client, pasts, items, tell) if content else {},
            _local_files(session, pasts) if content else {},
        ),
        renamed=renamed,
        url_of=session.item_url,
        content=content,
    )
    left = tuple(
        name
        for name, past in history.cases.items()
        if name not in names and name not in moved and past.item in items
    )
    left_values = tuple(
        f"{case.name}/{slug}"
        for case in manifest.cases
        for slug in pasts[case.name].sockets.keys() - {value.socket for value in case.values}
    )
    return replace(found, left=(*left, *sorted(left_values)))


def _moved(
    session: Session, pasts: Iterable[CaseHistory], items: Mapping[str, ItemSeen]
) -> frozenset[str]:
    """Our items that still exist in another target; if many are missing, none is asked for."""
    missing = {past.item for past in pasts if past.item is not None} - items.keys()
    return frozenset(
        pk for pk in (missing if len(missing) <= _ASKED_FOR else ()) if _exists(session, pk)
    )


def _exists(session: Session, pk: str) -> bool:
    try:
        return get_item(session.client, session.target, pk) is not None
    except ItemHidden:
        return False


# ── files ───────────────────────────────────────────────────────────────────────────────────


def _files(
    client: Client,
    pasts: Mapping[str, CaseHistory],
    items: Mapping[str, ItemSeen],
    tell: Callable[[int], None],
) -> dict[tuple[str, str], FileSeen]:
    """What the files hold that runs put into the items."""
    addresses = {
        (name, slug): held.file
        for name, past in pasts.items()
        if past.item is not None and past.item in items
        for slug, held in items[past.item].sockets.items()
        if held.file is not None and slug in past.sockets
    }
    return read_files(client, addresses, tell)


def _local_files(session: Session, pasts: Mapping[str, CaseHistory]) -> dict[tuple[str, str], str]:
    """The SHA-256 of the local files of which the state has none, if they did not change."""
    found: dict[tuple[str, str], str] = {}
    for case in session.manifest.cases:
        for value in case.values:
            was = pasts[case.name].sockets.get(value.socket)
            if was is None or was.sha256 is not None or not isinstance(value, FileValue):
                continue
            digest = _local_sha256(value, session.root, was.entry.stat)
            if digest is not None:
                found[case.name, value.socket] = digest
    return found


def _local_sha256(value: FileValue, root: Root, stat: str | None) -> str | None:
    source = resolve(value, root)
    if not isinstance(source, Source) or len(source.files) != 1:
        return None
    try:
        return sha256(source.files[0]) if value_facts(source).stat == stat else None
    except FileChanged:
        return None
