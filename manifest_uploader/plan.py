"""Manifest, facts and history become steps: every decision of a run, and no look at anything."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from manifest_uploader import history as past_of
from manifest_uploader import targets
from manifest_uploader.causes import DELETED
from manifest_uploader.desk import Desk, socket_of
from manifest_uploader.drafts import Draft, draft_of, wanted_entry
from manifest_uploader.errors import UsageError
from manifest_uploader.model import (
    Action,
    Adopted,
    Case,
    CasePast,
    CasePlan,
    Create,
    Failed,
    Fill,
    Gone,
    ItemSeen,
    Manifest,
    PkOf,
    Plan,
    Renamed,
    Standing,
    TargetKind,
)
from manifest_uploader.problems import did_you_mean

HIGHEST_ORDER: Final = 2**31 - 1
"""Grand Challenge: the largest order number."""

_UNSURE: Final = "what became of its last change is not known; the next run asks again"


def select(manifest: Manifest, *, only: tuple[str, ...], first: int | None) -> Manifest:
    """The manifest with only the chosen cases.

    Raises:
        UsageError: a pattern names no case.

    """
    for pattern in only:
        if not any(_matches(case, pattern) for case in manifest.cases):
            raise UsageError(
                f"no case is named '{pattern}'",
                hint=did_you_mean(pattern, [case.name for case in manifest.cases]),
            )
    chosen = [
        case
        for case in manifest.cases
        if not only or any(_matches(case, pattern) for pattern in only)
    ]
    return replace(manifest, cases=tuple(chosen[:first]))


def _matches(case: Case, pattern: str) -> bool:
    return case.name == pattern or fnmatchcase(case.name, pattern)


def make_plan(desk: Desk, *, temporary: Callable[[], str]) -> Plan:
    """What a run does, case by case, once nothing misfits.

    Args:
        desk: all that is known.
        temporary: makes a title that only we can have.

    """
    ordered = zip(desk.manifest.cases, _auto_orders(desk), strict=True)
    cases = tuple(_plan_case(case, desk, order, temporary) for case, order in ordered)
    return Plan(cases, _proven(cases, desk), _notes(desk))


# ── what came before ────────────────────────────────────────────────────────────────────────


def _past(case: Case, desk: Desk) -> tuple[CasePast, tuple[Adopted | Gone | Renamed, ...]]:
    """What is known of a case, and what was found out about it just now."""
    was = desk.renamed.get(case.name)
    past = _written(case, desk)
    found: tuple[Adopted | Gone | Renamed, ...] = ()
    if was is not None:
        found = (Renamed(case.name, case.name, was),)
    if past.item is not None and _is_gone(past, desk):
        gone = Gone(case.name, case.name, past.item, anew=desk.choices.recreate)
        return past_of.after(past, gone), (*found, gone)
    if past.item is None and desk.choices.adopt and case.name in desk.facts.looked:
        adopted = _adopted(case, desk, desk.facts.looked[case.name])
        return past_of.after(past, adopted), (*found, adopted)
    return past, found


def _written(case: Case, desk: Desk) -> CasePast:
    """What is written down about a case, by whatever name."""
    return desk.history.cases.get(desk.renamed.get(case.name, case.name), past_of.EMPTY)


def _is_gone(past: CasePast, desk: Desk) -> bool:
    return past.gone or past.item in desk.facts.gone


def _adopted(case: Case, desk: Desk, item: ItemSeen) -> Adopted:
    """Values are compared; uploads that are there are taken as they are, unchecked."""
    entries = []
    for value in case.values:
        held = item.sockets.get(value.socket)
        wanted = wanted_entry(case, value, desk)
        if held is not None and (wanted.digest is None or wanted.digest == held.digest):
            entries.append(replace(wanted, content=None, before=held.mark))
    return Adopted(case.name, case.name, item.pk, case.title, tuple(entries))


# ── one case ────────────────────────────────────────────────────────────────────────────────


def _plan_case(case: Case, desk: Desk, order: int | None, temporary: Callable[[], str]) -> CasePlan:
    past, found = _past(case, desk)
    if past.gone:
        return _untouched(case, past, found, Standing.GONE, DELETED)
    if past.filling is not None:
        return _untouched(case, past, found, Standing.UNSURE, past.words or _UNSURE)
    drafts = tuple(draft_of(case, value, past, desk) for value in case.values)
    create = _create(case, past, desk, order, temporary)
    fill = _fill(case, past, desk, drafts, create)
    past, settled = _without_old_failures(case, past) if fill is None else (past, ())
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
        failed=_failed(drafts),
        sockets=_shared(tuple(draft.entry.socket for draft in drafts if draft.entry is not None)),
        found=(*found, *settled, *(draft.found for draft in drafts if draft.found is not None)),
    )
    changed = plan.action is Action.UPDATE
    return replace(plan, standing=Standing.CHANGED) if changed else plan


def _without_old_failures(case: Case, past: CasePast) -> tuple[CasePast, tuple[Failed, ...]]:
    """The past of a case with nothing to send: what failed before is no longer wanted."""
    wanted = {value.socket for value in case.values}
    if past.words is None and past.sockets.keys() <= wanted:
        return past, ()
    sockets = {slug: socket for slug, socket in past.sockets.items() if slug in wanted}
    over = (Failed(case.name, case.name, None, "", final=False),) if past.words is not None else ()
    return replace(past, sockets=sockets, words=None), over


def _untouched(
    case: Case,
    past: CasePast,
    found: tuple[Adopted | Gone | Renamed, ...],
    standing: Standing,
    words: str,
) -> CasePlan:
    return CasePlan(
        case.name,
        case.title,
        Action.NOTHING,
        standing,
        past.item,
        kind=_kind(case),
        words=words,
        found=found,
    )


def _kind(case: Case) -> tuple[str, ...]:
    return _shared(tuple(sorted(value.socket for value in case.values)))


@lru_cache(maxsize=64)
def _shared(sockets: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for all cases with the same sockets, which are most."""
    return sockets


def _create(
    case: Case,
    past: CasePast,
    desk: Desk,
    order: int | None,
    temporary: Callable[[], str],
) -> Create | None:
    if past.item is not None:
        return None
    title = past.temporary or temporary()
    call = targets.create(desk.target, title=title, order=order)
    return Create(f"{case.name}:create", case.name, title, order, call)


def _fill(
    case: Case, past: CasePast, desk: Desk, drafts: tuple[Draft, ...], create: Create | None
) -> Fill | None:
    title = None if past.title == case.title else case.title
    given = create.order if create is not None else past.order
    order = case.order if case.order != given and _has_orders(desk) else None
    sent = [(draft.value, draft.entry) for draft in drafts if draft.entry is not None]
    if title is None and order is None and not sent:
        return None
    values = tuple(
        targets.value_json(value, socket_of(value, desk), entry) for value, entry in sent
    )
    item = PkOf(create.step) if create is not None else past.item
    assert item is not None, "what is not made here was made before"
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


def _action(past: CasePast, drafts: tuple[Draft, ...], fill: Fill | None) -> Action:
    if fill is None:
        waits = any(draft.wait is not None and not draft.wait.last_look for draft in drafts)
        return Action.WAIT if waits else Action.NOTHING
    if past.title is not None:
        return Action.UPDATE
    return Action.CREATE if past == past_of.EMPTY else Action.CONTINUE


def _words(past: CasePast, drafts: tuple[Draft, ...]) -> str | None:
    return "; ".join(_failed(drafts)) or past.words


def _failed(drafts: tuple[Draft, ...]) -> tuple[str, ...]:
    return tuple(f"{draft.value.socket}: {draft.failed}" for draft in drafts if draft.failed)


def _has_orders(desk: Desk) -> bool:
    return desk.target.kind is TargetKind.READER_STUDY


# ── orders, pilots, notes ───────────────────────────────────────────────────────────────────


def _auto_orders(desk: Desk) -> list[int | None]:
    """The order of every case, should it be made: its own, else behind all there are.

    The platform's own numbering gives one number twice to items made at the same time.
    """
    if not _has_orders(desk):
        return [None] * len(desk.manifest.cases)
    known = [past.order for past in desk.history.cases.values() if past.order is not None]
    given = [case.order for case in desk.manifest.cases if case.order is not None]
    last = max([desk.facts.highest_order, *known, *given])
    orders: list[int | None] = []
    for case in desk.manifest.cases:
        past = _written(case, desk)
        chosen = case.order if case.order is not None else past.order
        if chosen is None and (past.item is None or _is_gone(past, desk)):
            last = chosen = min(last // 10 * 10 + 10, HIGHEST_ORDER)
        orders.append(chosen)
    return orders


def _proven(cases: tuple[CasePlan, ...], desk: Desk) -> frozenset[tuple[str, ...]]:
    return frozenset(
        plan.kind
        for plan, case in zip(cases, desk.manifest.cases, strict=True)
        if _written(case, desk).title is not None
    )


def _notes(desk: Desk) -> tuple[str, ...]:
    """What left the manifest: the platform has no call to delete, so it is only told."""
    noun = targets.noun(desk.target.kind)
    moved = set(desk.renamed.values())
    left = [
        (
            f"case '{name}' is no longer in the manifest; "
            f"its {noun} stays on the platform ({past.item})"
        )
        for name, past in desk.history.cases.items()
        if name not in desk.names and name not in moved and past.item is not None and not past.gone
    ]
    return (*left, *(note for case in desk.manifest.cases for note in _left_sockets(case, desk)))


def _left_sockets(case: Case, desk: Desk) -> list[str]:
    past = _written(case, desk)
    wanted = {value.socket for value in case.values}
    if past.sockets.keys() <= wanted:
        return []
    return [
        f"socket '{slug}' of case '{case.name}' is no longer in the manifest; "
        "its value stays on the platform"
        for slug in past.sockets
        if slug not in wanted
    ]
