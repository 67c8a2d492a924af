"""Gathers the facts that planning needs from the platform and the local files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import image_digest
from manifest_uploader.engine.activity import Activity, Stage
from manifest_uploader.engine.adoption import look_into_items
from manifest_uploader.engine.data_plane import Workers
from manifest_uploader.engine.listing import Listing
from manifest_uploader.engine.local_files import Found, LocalFiles
from manifest_uploader.engine.looks.looker import look_cache
from manifest_uploader.engine.looks.pool import Pool
from manifest_uploader.engine.progress import Tell, nobody
from manifest_uploader.engine.recovery import late_items
from manifest_uploader.files.dicom.patient import KEYWORDS
from manifest_uploader.files.root import Root
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import FileValue, ImageValue, Manifest
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.content import BURNED_IN
from manifest_uploader.plan.identifiable import idle_keywords
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.platform.endpoints import (
    count_rows,
    get_item,
    rows_of,
)
from manifest_uploader.platform.images import missing_images
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.responses import results_of
from manifest_uploader.platform.socket_list import all_sockets
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.state.history import History
from manifest_uploader.text import composed

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_Key: TypeAlias = tuple[str, str]
"""A value: (case, socket)."""
_FEW_ITEMS: Final = 200
"""A target with at most this many items is always listed; a larger one if its count is not ours."""


class Scope(Struct, frozen=True):
    """How closely to look."""

    checksum: bool = False
    """Hash every file instead of trusting size and time."""
    adopt: bool = False
    verify: bool = False
    """List all items, to compare them."""
    quick: bool = False
    """Look into one file of each value instead of all."""
    looks: Path | None = None
    """Where what was seen in files is remembered; None: nowhere."""
    workers: Workers | None = None


def survey(
    manifest: Manifest,
    history: History,
    *,
    root: Root,
    scope: Scope,
    client: Client | None = None,
    target: Target | None = None,
    listing: Listing | None = None,
    tell: Tell = nobody,
    stopping: Callable[[], bool] = lambda: False,
    activity: Activity | None = None,
) -> Facts:
    """All facts that planning needs; without a client and target only the local ones.

    Raises:
        Interrupted: the command is being stopped.

    """
    facts = Facts(values={})
    if client is not None and target is not None:
        listing = listing or Listing(client, target)
        facts = _platform_facts(manifest, history, client, target, listing, scope=scope)
    if activity is not None:
        activity.stage = Stage.FILES
    with (
        closing(look_cache(scope.looks)) as cache,
        closing(Pool(quick=scope.quick, workers=scope.workers)) as pool,
    ):
        local = LocalFiles(
            root,
            sockets=facts.sockets,
            online=target is not None,
            identifiable=manifest.identifiable,
            cache=cache,
            pool=pool,
            checksum=scope.checksum,
            tell=tell,
            stopping=stopping,
        )
        found = _with_files(
            facts, local.inspect(_file_values(manifest), history.cases), _same_values(manifest)
        )
    if client is not None and target is not None and found.looked:
        found = look_into_items(manifest, found, client=client, target=target, root=root)
    idle = idle_keywords(manifest, (*KEYWORDS.values(), BURNED_IN))
    return replace(found, problems=(*idle, *found.problems))


def _with_files(facts: Facts, found: Iterable[Found], same: Mapping[_Key, _Key]) -> Facts:
    """The facts with those of files; what is wrong is told of the value that names the files."""
    values: dict[_Key, ValueFacts] = {}
    told: dict[_Key, Found] = {}
    looked = files = 0
    for one in found:
        if one.facts is not None:
            values[one.case, one.socket] = one.facts
        if one.problems or one.warnings:
            told[one.case, one.socket] = one
        if one.look is not None:
            looked += one.look.looked
            files += one.look.files
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for key, one in told.items():
        source = told.get(same[key]) if key in same else None
        known = {was.message for was in (*source.problems, *source.warnings)} if source else set()
        problems += [new for new in one.problems if new.message not in known]
        warnings += [new for new in one.warnings if new.message not in known]
    return replace(
        facts,
        values=values,
        problems=tuple(problems),
        warnings=tuple(warnings),
        files=files,
        files_looked=looked,
    )


def _same_values(manifest: Manifest) -> dict[_Key, _Key]:
    """The values that are the image of another one, and that one."""
    names = {composed(case.name): case.name for case in manifest.cases}
    found = {}
    for case in manifest.cases:
        for value in case.values:
            if isinstance(value, FileValue) and value.same_as is not None:
                name, _, slug = value.same_as.rpartition("/")
                found[case.name, value.socket] = (names.get(composed(name.strip()), name), slug)
    return found


def _file_values(manifest: Manifest) -> Iterator[tuple[str, FileValue]]:
    for case in manifest.cases:
        for value in case.values:
            if isinstance(value, FileValue):
                yield case.name, value


# ── the platform ────────────────────────────────────────────────────────────────────────────


def _platform_facts(
    manifest: Manifest,
    history: History,
    client: Client,
    target: Target,
    listing: Listing,
    *,
    scope: Scope,
) -> Facts:
    ours = {past.item for past in history.cases.values() if past.item is not None and not past.gone}
    sockets = client.ahead(lambda: all_sockets(client))
    rows_used = client.ahead(lambda: count_rows(client))
    missing = client.ahead(lambda: missing_images(client, _unseen_images(manifest, history)))
    rows = client.ahead(lambda: rows_of(client, _open_uploads(history)))
    count = listing.count()
    looks = not has_jobs(target.kind) and (
        scope.verify or count != len(ours) or count <= _FEW_ITEMS
    )
    listed = listing.items() if looks else {}

    def every() -> Iterable[ItemSeen]:
        return listing.items().values()

    others = {pk: item for pk, item in listed.items() if pk not in ours}
    by_title = {item.title: item for item in others.values() if item.title}
    return Facts(
        values={},
        target=target,
        sockets=sockets(),
        items=count,
        titles={title: item.pk for title, item in by_title.items()},
        gone=_gone(client, target, ours - listed.keys(), listed_all=listing.is_complete)
        if looks
        else frozenset(),
        highest_order=_highest_order(client, target, count, listed),
        other_orders=tuple(item.order for item in others.values() if item.order),
        rows=rows(),
        rows_used=rows_used(),
        looked={
            case.name: by_title[case.title]
            for case in manifest.cases
            if scope.adopt and case.title in by_title
        },
        missing_images=missing(),
        leftovers=tuple(item for item in late_items(history, every) if not item.sockets),
        listed=listed,
    )


def _unseen_images(manifest: Manifest, history: History) -> set[str]:
    """The images that the manifest names, but those that were seen in an item of ours."""
    seen = {
        socket.entry.digest
        for past in history.cases.values()
        for socket in past.sockets.values()
        if socket.standing == "confirmed"
    }
    return {
        value.pk
        for case in manifest.cases
        for value in case.values
        if isinstance(value, ImageValue) and image_digest(value.pk) not in seen
    }


def all_items(client: Client, target: Target) -> Mapping[str, ItemSeen]:
    """All items; listed again while some are missing, as items may move between pages."""
    return Listing(client, target).items()


def _gone(client: Client, target: Target, missing: set[str], *, listed_all: bool) -> frozenset[str]:
    """The missing items that are gone; an item may also be missing from an incomplete list."""
    if listed_all:
        return frozenset(missing)
    return frozenset(pk for pk in missing if get_item(client, target, pk) is None)


def _highest_order(
    client: Client, target: Target, count: int, listed: Mapping[str, ItemSeen]
) -> int:
    """The highest order in the target: that of the last item, because lists are sorted by it."""
    target_type = type_of(target.kind)
    if not target_type.has_orders or not count:
        return 0
    if listed:
        return max(item.order or 0 for item in listed.values())
    query = {**target_type.list_query(target), "limit": 1, "offset": count - 1}
    response = client.call("GET", target_type.items_path, params=query)
    results = results_of(response, target_type.items_path)
    last = target_type.read_item(results[-1]) if results else None
    return (last.order or 0) if last is not None else 0


def _open_uploads(history: History) -> set[str]:
    """The pks of earlier runs' uploads that a plan may use or continue."""
    opened = {
        upload.row.pk
        for past in history.cases.values()
        for upload in (*past.uploads.values(), *past.file_uploads.values())
    }
    failed = {
        socket.entry.upload
        for past in history.cases.values()
        for socket in past.sockets.values()
        if socket.entry.upload is not None
        and (socket.standing == "failed" or past.job in {"failed", "stuck"})
    }
    return opened | failed
