"""Looks at the platform and the local files: the facts a plan needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader.digests import Json, json_digest, may_be_same
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.files import dicom
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts, content, value_facts
from manifest_uploader.manifest.model import FileValue, Manifest, TargetKind
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.platform import targets
from manifest_uploader.platform.endpoints import (
    count_items,
    count_rows,
    get_item,
    list_items,
    rows_of,
)
from manifest_uploader.platform.items import is_pk, item_seen
from manifest_uploader.platform.model import Entry, ItemSeen, Socket, Target
from manifest_uploader.platform.requests import Address
from manifest_uploader.platform.responses import Response, results_of
from manifest_uploader.platform.sockets import takes_json, value_misfit
from manifest_uploader.state.history import CaseHistory, History
from manifest_uploader.text import did_you_mean

if TYPE_CHECKING:  # it costs 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_EMPTY: Final = CaseHistory()
_FEW_ITEMS: Final = 200
"""A target that holds no more is always listed; a larger one only if its count is not ours."""


# ── the target ──────────────────────────────────────────────────────────────────────────────


def find_target(manifest: Manifest, client: Client) -> Target:
    """The reader study or archive of the manifest.

    Raises:
        ManifestInvalid: there is no such target that this user may see.
        PlatformRefused: this user sees none at all.

    """
    path = targets.targets_path(manifest.kind)
    entries = results_of(client.get(path, slug=manifest.slug), path)
    for entry in entries:
        target = _target(manifest.kind, entry)
        if target is not None and target.slug == manifest.slug:
            return target
    raise _unknown_target(manifest, client)


def _target(kind: TargetKind, entry: Json) -> Target | None:
    """Archives answer without a slug: it is the end of their page's address."""
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    page = str(entry.get("url") or "")
    slug = entry.get("slug") or urlsplit(page).path.rstrip("/").rpartition("/")[2]
    return Target(kind, str(slug), entry["pk"])


def _unknown_target(manifest: Manifest, client: Client) -> Exception:
    noun = targets.place_noun(manifest.kind)
    path = targets.targets_path(manifest.kind)
    visible = [_target(manifest.kind, one) for one in results_of(client.get(path), path)]
    if not visible:
        return PlatformRefused(
            f"your account sees no {noun} at all, so not '{manifest.slug}' either",
            hint="is it the right account's token, and are you an editor there?",
        )
    hint = did_you_mean(manifest.slug, [one.slug for one in visible if one is not None])
    problem = Problem(
        f"the platform has no {noun} '{manifest.slug}', or you may not see it",
        manifest.slug_place,
        hint or "the slug is the last part of its page's address",
    )
    return ManifestInvalid((problem,))


def check_rights(target: Target, client: Client) -> None:
    """Ask whether this user may edit the target: by a creation that can never succeed.

    Raises:
        PlatformRefused: this user may not.

    """
    call = targets.probe(target)
    body = {
        key: client.address(inner.collection, str(inner.pk))
        if isinstance(inner, Address)
        else inner
        for key, inner in call.json.items()
    }
    answer = client.call("POST", call.path, json=body)
    if _may_edit(answer, target.kind):
        return
    raise PlatformRefused(
        f"you may not edit the {targets.place_noun(target.kind)} '{target.slug}'",
        hint="ask one of its editors to make you an editor too; nothing was sent",
    )


def _may_edit(answer: Response, kind: TargetKind) -> bool:
    refused = answer.json if isinstance(answer.json, dict) else {}
    return targets.probe_field(kind) not in refused and "title" in refused


# ── everything ──────────────────────────────────────────────────────────────────────────────


class Scope(Struct, frozen=True):
    """How closely to look."""

    checksum: bool = False
    """Hash every file instead of trusting size and time."""
    adopt: bool = False
    tick: Callable[[int], None] = field(default=lambda _: None)
    """Told how many values were looked at so far."""


def survey(
    manifest: Manifest,
    history: History,
    *,
    root: Root,
    scope: Scope,
    client: Client | None = None,
    target: Target | None = None,
) -> Facts:
    """All that can be known before a plan is made; without a connection only the local part."""
    facts = Facts(values={})
    if client is not None and target is not None:
        facts = _platform_facts(manifest, history, client, target, adopt=scope.adopt)
    values: dict[tuple[str, str], ValueFacts] = {}
    problems: list[Problem] = []
    local = _Local(root, scope, facts.sockets, target is not None)
    for number, (name, value) in enumerate(_file_values(manifest)):
        found = local.look(value, history.cases.get(name, _EMPTY), manifest.identifiable)
        if isinstance(found, ValueFacts):
            values[name, value.socket] = found
        else:
            problems += found
        scope.tick(number + 1)
    return replace(facts, values=values, problems=tuple(problems))


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
    *,
    adopt: bool,
) -> Facts:
    ours = {past.item for past in history.cases.values() if past.item is not None and not past.gone}
    sockets = client.ahead(lambda: _sockets(client))
    rows_used = client.ahead(lambda: count_rows(client))
    count = count_items(client, target)
    looks = count != len(ours) or count <= _FEW_ITEMS
    listed = _listed(client, target) if looks and count + len(ours) else {}
    others = {pk: item for pk, item in listed.items() if pk not in ours}
    by_title = {item.title: item for item in others.values() if item.title}
    return Facts(
        values={},
        target=target,
        sockets=sockets(),
        items=count,
        titles={title: item.pk for title, item in by_title.items()},
        gone=_gone(client, target, ours - listed.keys(), listed_all=len(listed) >= count)
        if looks
        else frozenset(),
        highest_order=_highest_order(client, target, count, listed),
        rows=rows_of(client, _open_uploads(history)),
        rows_used=rows_used(),
        looked={
            case.name: by_title[case.title]
            for case in manifest.cases
            if adopt and case.title in by_title
        },
    )


def _listed(client: Client, target: Target) -> dict[str, ItemSeen]:
    """All items; listed again while a page shows fewer than there are (lists may be shuffled)."""
    found: dict[str, ItemSeen] = {}
    for _ in range(5):
        found |= {item.pk: item for item in list_items(client, target)}
        if len(found) >= count_items(client, target):
            break
    return found


def _gone(client: Client, target: Target, missing: set[str], *, listed_all: bool) -> frozenset[str]:
    """The missing items that are gone: what a list did not show need not be."""
    if listed_all:
        return frozenset(missing)
    return frozenset(pk for pk in missing if get_item(client, target, pk) is None)


def _sockets(client: Client) -> dict[str, Socket]:
    return {
        socket.slug: socket
        for page in client.pages("components/interfaces/")
        for entry in page
        if (socket := _socket(entry)) is not None
    }


def _socket(entry: Json) -> Socket | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("slug"), str):
        return None
    return Socket(
        entry["slug"],
        str(entry.get("title") or entry["slug"]),
        str(entry.get("kind")),
        str(entry.get("super_kind")),
        str(entry.get("relative_path") or ""),
    )


def _highest_order(
    client: Client, target: Target, count: int, listed: Mapping[str, ItemSeen]
) -> int:
    """Items are listed by order, so that the last one bears the highest."""
    if target.kind is not TargetKind.READER_STUDY or not count:
        return 0
    if listed:
        return max(item.order or 0 for item in listed.values())
    path = targets.items_path(target.kind)
    query = {**targets.items_filter(target), "limit": 1, "offset": count - 1}
    results = results_of(client.call("GET", path, params=query), path)
    last = item_seen(results[-1]) if results else None
    return (last.order or 0) if last is not None else 0


def _open_uploads(history: History) -> set[str]:
    """The uploads of earlier runs that a plan may want to use or go on with."""
    begun = {upload.begun.pk for past in history.cases.values() for upload in past.uploads.values()}
    failed = {
        socket.entry.upload
        for past in history.cases.values()
        for socket in past.sockets.values()
        if socket.standing == "failed" and socket.entry.upload is not None
    }
    return begun | failed


# ── local files ─────────────────────────────────────────────────────────────────────────────


class _Local(Struct, frozen=True):
    """Looks at the files of one value after the other."""

    root: Root
    scope: Scope
    sockets: Mapping[str, Socket]
    online: bool

    def look(
        self,
        value: FileValue,
        past: CaseHistory,
        identifiable: bool,  # noqa: FBT001 - a plain fact
    ) -> ValueFacts | tuple[Problem, ...]:
        """What the files are; or what is wrong with them."""
        source = resolve(value, self.root)
        if not isinstance(source, Source):
            return source
        facts = value_facts(source)
        known = None if self.scope.checksum else _known_content(facts, past, value.socket)
        if known is not None:
            return replace(facts, content=known)
        socket = self.sockets.get(value.socket)
        if self._is_json(source, socket):
            return self._json(value, source, facts, past)
        if not identifiable and self._is_image(socket):
            found = dicom.check(source.files, all_files=False)
            if found is not None:
                return (_patient_problem(value, *found),)
        return self._hashed(value, source, facts, past)

    def _is_json(self, source: Source, socket: Socket | None) -> bool:
        if len(source.files) != 1:
            return False
        if self.online:
            return socket is not None and takes_json(socket)
        return source.name.lower().endswith(".json")

    def _is_image(self, socket: Socket | None) -> bool:
        return socket is None or socket.super_kind == "Image"

    def _json(
        self, value: FileValue, source: Source, facts: ValueFacts, past: CaseHistory
    ) -> ValueFacts | tuple[Problem, ...]:
        socket = self.sockets.get(value.socket)
        try:
            found = read_json(source)
        except JsonUnreadable as error:
            return (Problem(f"'{source.name}': {error}", value.place),)
        except FileChanged as error:
            return (Problem(str(error), value.place),)
        misfit = value_misfit(found, socket) if socket is not None else None
        if misfit is not None:
            return (Problem(f"'{source.name}': {misfit[0]}", value.place, misfit[1]),)
        if socket is not None and socket.super_kind == "Value":
            return replace(facts, content=json_digest(found))
        return self._hashed(value, source, facts, past)

    def _hashed(
        self, value: FileValue, source: Source, facts: ValueFacts, past: CaseHistory
    ) -> ValueFacts | tuple[Problem, ...]:
        """Files of another time, but as many bytes as before, are read and compared."""
        if not self.scope.checksum and not _is_worth_reading(facts, past, value.socket):
            return facts
        try:
            return replace(facts, content=content(source))
        except FileChanged as error:
            return (Problem(str(error), value.place),)


def _known_content(facts: ValueFacts, past: CaseHistory, socket: str) -> str | None:
    """The content that the same size and time stood for before."""
    was = past.sockets.get(socket)
    if was is not None and was.entry.stat == facts.stat:
        return was.entry.digest or was.entry.content
    upload = past.uploads.get(socket)
    if upload is not None and upload.begun.stat == facts.stat:
        return upload.content
    return None


def _is_worth_reading(facts: ValueFacts, past: CaseHistory, socket: str) -> bool:
    was = past.sockets.get(socket)
    entries = [was.entry] if was is not None else []
    upload = past.uploads.get(socket)
    if upload is not None and upload.content is not None:
        entries.append(Entry(socket, None, stat=upload.begun.stat, content=upload.content))
    return any(
        entry.content is not None and entry.stat is not None and may_be_same(entry.stat, facts.stat)
        for entry in entries
    )


def _patient_problem(value: FileValue, name: str, words: str) -> Problem:
    return Problem(
        f"'{name}' names its patient ({words})",
        value.place,
        "de-identify it first; or, if every reader may see it, write 'identifiable: allowed' at "
        "the top of the manifest",
    )
