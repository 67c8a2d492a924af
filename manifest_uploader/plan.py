"""Manifest, facts and history become steps: every decision of a run, and no look at anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from manifest_uploader import history as past_of
from manifest_uploader import targets
from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.errors import ManifestInvalid, UsageError
from manifest_uploader.kinds import misfit
from manifest_uploader.model import (
    Action,
    Adopted,
    Case,
    CasePast,
    CasePlan,
    Checked,
    Create,
    Entry,
    Facts,
    FileValue,
    Fill,
    Gone,
    History,
    ImageValue,
    ItemSeen,
    JsonValue,
    Manifest,
    PkOf,
    Plan,
    Problem,
    Record,
    Renamed,
    Socket,
    SocketPast,
    Standing,
    Target,
    TargetKind,
    Upload,
    UploadPast,
    Value,
    ValueFacts,
    Wait,
)
from manifest_uploader.problems import did_you_mean

HIGHEST_ORDER: Final = 2**31 - 1
"""Grand Challenge: the largest order number."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about planning."""

    adopt: bool = False
    recreate: bool = False
    retry_failed: bool = False
    new: bool = False
    upload_limit: int = 2000
    """Upload rows that the account may hold."""


def select(manifest: Manifest, *, only: tuple[str, ...], first: int | None) -> Manifest:
    """The manifest with only the chosen cases.

    Raises:
        UsageError: a pattern names no case.

    """
    for pattern in only:
        if not any(fnmatchcase(case.name, pattern) for case in manifest.cases):
            raise UsageError(
                f"no case is named '{pattern}'",
                hint=did_you_mean(pattern, [case.name for case in manifest.cases]),
            )
    chosen = [
        case
        for case in manifest.cases
        if not only or any(fnmatchcase(case.name, pattern) for pattern in only)
    ]
    return replace(manifest, cases=tuple(chosen[:first]))


def make_plan(
    manifest: Manifest,
    facts: Facts,
    history: History,
    choices: Choices,
    *,
    temporary: Callable[[], str],
    names: frozenset[str],
) -> Plan:
    """What a run does, case by case.

    Args:
        manifest: the chosen cases.
        facts: what was looked at; its target is there.
        history: what earlier runs did, as far as it was settled.
        choices: what the command line says.
        temporary: makes a title that only we can have.
        names: of all cases of the manifest, chosen or not.

    Raises:
        ManifestInvalid: the manifest does not fit what was seen; carries every problem.

    """
    assert facts.target is not None
    desk = _Desk(
        manifest, facts, history, choices, facts.target, _renamed(manifest, history, names)
    )
    problems = (*facts.problems, *_problems(desk))
    if problems:
        raise ManifestInvalid(in_file_order(problems))
    orders = _auto_orders(desk)
    cases = tuple(_plan_case(case, desk, orders, temporary) for case in manifest.cases)
    return Plan(cases, _proven(desk), _notes(desk, names))


def in_file_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems as they stand in their file; those without a place first."""
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda one: (
                one.place is not None,
                one.place and (one.place.line, one.place.column),
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """What lies before the planner."""

    manifest: Manifest
    facts: Facts
    history: History
    choices: Choices
    target: Target
    renamed: Mapping[str, str]
    """New name → the name that the history knows."""


# ── what came before ────────────────────────────────────────────────────────────────────────


def _renamed(manifest: Manifest, history: History, names: frozenset[str]) -> dict[str, str]:
    """Cases that are new by name, but bear the title of one that left the manifest."""
    left = {
        past.title: name
        for name, past in history.cases.items()
        if name not in names and past.title and past.item and not past.gone
    }
    return {
        case.name: left[case.title]
        for case in manifest.cases
        if case.name not in history.cases and case.title in left
    }


def _past(case: Case, desk: _Desk) -> tuple[CasePast, tuple[Adopted | Gone | Renamed, ...]]:
    """What is known of a case, and what was found out about it just now."""
    was = desk.renamed.get(case.name)
    past = desk.history.cases.get(was or case.name, past_of.EMPTY)
    found: tuple[Adopted | Gone | Renamed, ...] = ()
    if was is not None:
        found = (Renamed(case.name, case.name, was),)
    if past.item is not None and (past.item in desk.facts.gone or past.gone):
        gone = Gone(case.name, case.name, past.item, anew=desk.choices.recreate)
        return _after(past, gone), (*found, gone)
    if past.item is None and desk.choices.adopt and case.name in desk.facts.looked:
        adopted = _adopted(case, desk, desk.facts.looked[case.name])
        return _after(past, adopted), (*found, adopted)
    return past, found


def _after(past: CasePast, event: Adopted | Gone) -> CasePast:
    cases = {event.case: past}
    past_of.advance(cases, {}, Record(0.0, event))
    return cases[event.case]


def _adopted(case: Case, desk: _Desk, item: ItemSeen) -> Adopted:
    """Values are compared; uploads that are there are taken as they are, unchecked."""
    entries = []
    for value in case.values:
        held = item.sockets.get(value.socket)
        wanted = _wanted(case, value, desk)
        if held is not None and (wanted.digest is None or wanted.digest == held.digest):
            entries.append(replace(wanted, content=None, before=held.mark))
    return Adopted(case.name, case.name, item.pk, case.title, tuple(entries))


# ── one value ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is to be done about one value."""

    value: Value
    entry: Entry | None = None
    """What the fill puts there; None: nothing."""
    upload: Upload | None = None
    wait: Wait | None = None
    """An earlier import that has not ended, or one last look at one that was given up."""
    found: Checked | None = None
    failed: str | None = None
    """The words of an import that failed and is not sent again."""
    repeated: bool = False


def _draft(case: Case, value: Value, past: CasePast, desk: _Desk) -> _Draft:
    wanted = _wanted(case, value, desk)
    was = past.sockets.get(value.socket)
    if was is None:
        return _sending(case, value, wanted, past, desk)
    if not _is_same(was.entry, wanted) or was.standing == "lost":
        draft = _sending(case, value, wanted, past, desk)
        return replace(
            draft, wait=_wait(case, past, was, desk) if was.standing == "waiting" else None
        )
    return _keeping(case, value, wanted, past, was, desk)


def _keeping(
    case: Case, value: Value, wanted: Entry, past: CasePast, was: SocketPast, desk: _Desk
) -> _Draft:
    """A value that did not change since it was filled."""
    if was.standing == "failed" and desk.choices.retry_failed:
        return _again(case, value, wanted, past, was, desk)
    if was.standing == "failed":
        look = replace(_wait(case, past, was, desk), last_look=True)
        return _Draft(value, wait=look, failed=was.words or "the import failed")
    found = None
    if wanted.stat is not None and wanted.stat != was.entry.stat:
        found = Checked(case.name, _upload_step(case, value), value.socket, wanted.stat)
    wait = _wait(case, past, was, desk) if was.standing == "waiting" else None
    return _Draft(value, wait=wait, found=found)


def _again(
    case: Case, value: Value, wanted: Entry, past: CasePast, was: SocketPast, desk: _Desk
) -> _Draft:
    """A failed import is filled again, from the upload that the platform kept if it did."""
    kept = was.entry.upload
    if kept is not None and desk.facts.rows.get(kept) == "Completed":
        entry = replace(wanted, upload=kept, content=was.entry.content)
        return _Draft(value, entry=entry, repeated=True)
    return replace(_sending(case, value, wanted, past, desk), repeated=True)


def _sending(case: Case, value: Value, wanted: Entry, past: CasePast, desk: _Desk) -> _Draft:
    if isinstance(value, ImageValue) or wanted.digest is not None:
        return _Draft(value, entry=wanted)
    begun = past.uploads.get(value.socket)
    if begun is not None and _is_complete(begun, wanted, desk):
        entry = replace(wanted, upload=begun.begun.pk, content=begun.content)
        return _Draft(value, entry=entry)
    upload = _upload(case, value, desk, begun)
    return _Draft(value, entry=replace(wanted, step=upload.step), upload=upload)


def _wanted(case: Case, value: Value, desk: _Desk) -> Entry:
    """What the manifest wants in a socket, without how it gets there."""
    match value:
        case ImageValue():
            return Entry(value.socket, image_digest(value.pk))
        case JsonValue():
            digest = json_digest(value.value)
            if _socket(value, desk).super_kind == "Value":
                return Entry(value.socket, digest)
            return Entry(value.socket, None, stat=digest, content=digest)
        case FileValue():
            facts = desk.facts.values[case.name, value.socket]
            if _socket(value, desk).super_kind == "Value":
                return Entry(value.socket, facts.content, stat=facts.stat)
            return Entry(value.socket, None, stat=facts.stat, content=facts.content)


def _is_same(was: Entry, wanted: Entry) -> bool:
    if wanted.digest is not None:
        return was.digest == wanted.digest
    if was.stat is not None and was.stat == wanted.stat:
        return True
    return wanted.content is not None and was.content == wanted.content


def _is_complete(begun: UploadPast, wanted: Entry, desk: _Desk) -> bool:
    """An earlier run sent all of it, no fill used it, and the platform still has it."""
    return (
        begun.done
        and desk.facts.rows.get(begun.begun.pk) == "Completed"
        and _is_same(Entry("", None, stat=begun.begun.stat, content=begun.content), wanted)
    )


def _upload(
    case: Case, value: FileValue | JsonValue, desk: _Desk, before: UploadPast | None
) -> Upload:
    facts = _upload_facts(case, value, desk)
    alive = (
        before is not None
        and before.begun.stat == facts.stat
        and desk.facts.rows.get(before.begun.pk) in {"Initialized", "Completed"}
    )
    return Upload(
        _upload_step(case, value),
        case.name,
        value.socket,
        value,
        facts.name,
        facts.size,
        facts.stat,
        desk.manifest.identifiable,
        begun=before.begun if before is not None and alive else None,
        images=_socket(value, desk).super_kind == "Image",
    )


def _upload_facts(case: Case, value: FileValue | JsonValue, desk: _Desk) -> ValueFacts:
    if isinstance(value, FileValue):
        return desk.facts.values[case.name, value.socket]
    digest = json_digest(value.value)
    return ValueFacts(1, 0, f"{value.socket}.json", bundle=False, stat=digest, content=digest)


def _upload_step(case: Case, value: Value) -> str:
    return f"{case.name}/{value.socket}"


def _socket(value: Value, desk: _Desk) -> Socket:
    return desk.facts.sockets[value.socket]


def _wait(case: Case, past: CasePast, was: SocketPast, desk: _Desk) -> Wait:
    socket = desk.facts.sockets.get(was.entry.socket)
    return Wait(
        case.name,
        past.item or "",
        was.entry.socket,
        socket.title if socket else was.entry.socket,
        image=socket is None or socket.super_kind == "Image",
        digest=was.entry.digest,
        upload=was.entry.upload,
        before=was.entry.before,
        since=was.since,
        repeated=was.repeated,
    )


# ── one case ────────────────────────────────────────────────────────────────────────────────


def _plan_case(
    case: Case, desk: _Desk, orders: Mapping[str, int], temporary: Callable[[], str]
) -> CasePlan:
    past, found = _past(case, desk)
    if past.gone:
        return _gone_case(case, past, found)
    drafts = tuple(_draft(case, value, past, desk) for value in case.values)
    create = _create(case, past, desk, orders, temporary)
    fill = _fill(case, past, desk, drafts, create)
    plan = CasePlan(
        case.name,
        case.title,
        _action(past, drafts, fill),
        past_of.standing(past),
        past.item,
        uploads=tuple(draft.upload for draft in drafts if draft.upload is not None),
        create=create,
        fill=fill,
        waits=tuple(draft.wait for draft in drafts if draft.wait is not None),
        kind=_kind(case),
        words=_words(past, drafts),
        sockets=tuple(draft.entry.socket for draft in drafts if draft.entry is not None),
        found=(*found, *(draft.found for draft in drafts if draft.found is not None)),
    )
    changed = plan.action is Action.UPDATE
    return replace(plan, standing=Standing.CHANGED) if changed else plan


def _gone_case(case: Case, past: CasePast, found: tuple[Adopted | Gone | Renamed, ...]) -> CasePlan:
    return CasePlan(
        case.name,
        case.title,
        Action.NOTHING,
        Standing.GONE,
        past.item,
        kind=_kind(case),
        words="it was deleted on the platform; --recreate makes it anew",
        found=found,
    )


def _kind(case: Case) -> tuple[str, ...]:
    return tuple(sorted(value.socket for value in case.values))


def _create(
    case: Case,
    past: CasePast,
    desk: _Desk,
    orders: Mapping[str, int],
    temporary: Callable[[], str],
) -> Create | None:
    if past.item is not None:
        return None
    title = past.temporary or temporary()
    order = orders.get(case.name)
    call = targets.create(desk.target, title=title, order=order)
    return Create(f"{case.name}:create", case.name, title, order, call)


def _fill(
    case: Case, past: CasePast, desk: _Desk, drafts: tuple[_Draft, ...], create: Create | None
) -> Fill | None:
    title = None if past.title == case.title else case.title
    given = create.order if create is not None else past.order
    order = case.order if case.order != given and _has_orders(desk) else None
    sent = [(draft.value, draft.entry) for draft in drafts if draft.entry is not None]
    if title is None and order is None and not sent:
        return None
    values = tuple(targets.value_json(value, _socket(value, desk), entry) for value, entry in sent)
    item = past.item if past.item is not None else PkOf(f"{case.name}:create")
    return Fill(
        f"{case.name}:fill",
        case.name,
        targets.fill(desk.target, item=item, title=title, order=order, values=values),
        title,
        order,
        tuple(entry for _, entry in sent),
        look_first=past.item is not None,
        repeated=past.repeated or any(draft.repeated for draft in drafts),
        temporary=_temporary_now(past, create),
    )


def _temporary_now(past: CasePast, create: Create | None) -> str | None:
    """The title that the item bears before its first fill; None once it has its own."""
    if past.title is not None:
        return None
    return create.title if create is not None else past.temporary


def _action(past: CasePast, drafts: tuple[_Draft, ...], fill: Fill | None) -> Action:
    if fill is None:
        waits = any(draft.wait is not None and not draft.wait.last_look for draft in drafts)
        return Action.WAIT if waits else Action.NOTHING
    if past.title is not None:
        return Action.UPDATE
    return Action.CREATE if past == past_of.EMPTY else Action.CONTINUE


def _words(past: CasePast, drafts: tuple[_Draft, ...]) -> str | None:
    failed = [f"{draft.value.socket}: {draft.failed}" for draft in drafts if draft.failed]
    return "; ".join(failed) or past.words


def _has_orders(desk: _Desk) -> bool:
    return desk.target.kind is TargetKind.READER_STUDY


# ── orders, pilots, notes ───────────────────────────────────────────────────────────────────


def _auto_orders(desk: _Desk) -> dict[str, int]:
    """The order of every case that is to be made: its own, else behind all there are.

    The platform's own numbering gives one number twice to items made at the same time.
    """
    if not _has_orders(desk):
        return {}
    known = [past.order for past in desk.history.cases.values() if past.order is not None]
    given = [case.order for case in desk.manifest.cases if case.order is not None]
    last = max([desk.facts.highest_order, *known, *given])
    orders: dict[str, int] = {}
    for case in desk.manifest.cases:
        past = desk.history.cases.get(case.name, past_of.EMPTY)
        before = None if desk.choices.recreate else past.order
        chosen = case.order if case.order is not None else before
        if chosen is None and past.item is None:
            last = chosen = min(last // 10 * 10 + 10, HIGHEST_ORDER)
        if chosen is not None:
            orders[case.name] = chosen
    return orders


def _proven(desk: _Desk) -> frozenset[tuple[str, ...]]:
    return frozenset(
        _kind(case)
        for case in desk.manifest.cases
        if (past := desk.history.cases.get(case.name)) is not None and past.title is not None
    )


def _notes(desk: _Desk, names: frozenset[str]) -> tuple[str, ...]:
    """What left the manifest: the platform has no call to delete, so it is only told."""
    noun = targets.noun(desk.target.kind)
    moved = set(desk.renamed.values())
    left = [
        f"case '{name}' is no longer in the manifest; its {noun} stays on the platform ({past.item})"
        for name, past in desk.history.cases.items()
        if name not in names and name not in moved and past.item is not None and not past.gone
    ]
    return (*left, *(note for case in desk.manifest.cases for note in _left_sockets(case, desk)))


def _left_sockets(case: Case, desk: _Desk) -> list[str]:
    past = desk.history.cases.get(case.name)
    wanted = {value.socket for value in case.values}
    if past is None or past.sockets.keys() <= wanted:
        return []
    return [
        f"socket '{slug}' of case '{case.name}' is no longer in the manifest; "
        "its value stays on the platform"
        for slug in past.sockets
        if slug not in wanted
    ]


# ── problems that only the facts show ───────────────────────────────────────────────────────


def _problems(desk: _Desk) -> list[Problem]:
    found: list[Problem] = []
    for case in desk.manifest.cases:
        for value in case.values:
            problem = _value_problem(case, value, desk)
            if problem is not None:
                found.append(problem)
        found += _title_problems(case, desk)
        found += _limit_problems(case, desk)
    return found


def _value_problem(case: Case, value: Value, desk: _Desk) -> Problem | None:
    socket = desk.facts.sockets.get(value.socket)
    place = value.key or value.place
    if socket is None:
        hint = did_you_mean(value.socket, list(desk.facts.sockets))
        return Problem(f"the platform has no socket '{value.socket}'", place, hint)
    found = misfit(value, socket)
    if found is not None:
        return Problem(found[0], value.place, found[1])
    files = desk.facts.values.get((case.name, value.socket))
    if files is not None and files.files > 1 and socket.super_kind != "Image":
        return Problem(
            f"socket '{socket.slug}' of kind '{socket.kind}' takes one file, not {files.files}",
            value.place,
        )
    return None


def _title_problems(case: Case, desk: _Desk) -> list[Problem]:
    past = desk.history.cases.get(desk.renamed.get(case.name, case.name), past_of.EMPTY)
    noun, place = targets.noun(desk.target.kind), targets.place_noun(desk.target.kind)
    holder = desk.facts.titles.get(case.title) if case.title else None
    if holder is not None and past.title != case.title and not _may_adopt(case, past, desk):
        return [
            Problem(
                f"the {place} already has a {noun} titled '{case.title}' ({holder})",
                case.title_place,
                "is it this case's own (the state was lost)? then --adopt takes it; "
                "else choose another title",
            )
        ]
    if case.title == "" and not desk.history.cases and desk.facts.items and not desk.choices.new:
        return [
            Problem(
                f"case '{case.name}' has no title, and without a state nobody can tell whether "
                f"the {place} holds it already",
                case.title_place,
                "is the state file beside the manifest? if this is new, add --new",
            )
        ]
    return []


def _may_adopt(case: Case, past: CasePast, desk: _Desk) -> bool:
    return desk.choices.adopt and past.item is None and case.name in desk.facts.looked


def _limit_problems(case: Case, desk: _Desk) -> list[Problem]:
    streams = [
        value
        for value in case.values
        if not isinstance(value, ImageValue)
        and (socket := desk.facts.sockets.get(value.socket)) is not None
        and socket.super_kind != "Value"
    ]
    if len(streams) <= desk.choices.upload_limit:
        return []
    return [
        Problem(
            f"case '{case.name}' needs {len(streams)} uploads, and the account may hold "
            f"{desk.choices.upload_limit} at a time",
            case.place,
            "give it fewer sockets, or raise --upload-limit if the platform allows more",
        )
    ]
