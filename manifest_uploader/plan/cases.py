"""Makes the plan: turns manifest, facts and history into steps. Pure: does no I/O."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import Case, Value
from manifest_uploader.plan.adoption import adopt
from manifest_uploader.plan.delivery import AsUpload, delivery_of, slot_json
from manifest_uploader.plan.inputs import PlanInputs, recorded, socket_of
from manifest_uploader.plan.since import since_last_run
from manifest_uploader.plan.steps import DELETED, Action, CasePlan, Create, Fill, Found, Plan
from manifest_uploader.plan.values import ValuePlan, plan_value
from manifest_uploader.plan.worklist import make_worklist
from manifest_uploader.platform.model import Entry, ItemSeen
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import (
    Done,
    Failed,
    Gone,
    Renamed,
    Settled,
    Started,
)
from manifest_uploader.state.history import EMPTY, CaseHistory, after, with_events
from manifest_uploader.state.standing import Standing, standing_of
from manifest_uploader.state.steps import StepId
from manifest_uploader.text import composed, some_of

_UNSURE: Final = "what became of its last change is not known; the next run asks again"
_SHARED: Final = (
    "the state file gives case '{other}' the same {noun}; nothing is sent for either. Take the "
    "lines of the wrong one out of the state file, and run with --adopt"
)
_FIXED: Final = "it was created with other values, which cannot be changed on the platform"


def make_plan(inputs: PlanInputs, *, temporary: Callable[[], str]) -> Plan:
    """What a run does, case by case. The inputs must have no misfits.

    Args:
        inputs: everything that is known.
        temporary: returns a new title that no other item has.

    """
    leftovers = _leftovers(inputs)
    worklist = make_worklist(inputs)
    shared = _shared_items(inputs)
    cases = tuple(
        _untouched(case, recorded(case, inputs), (), Standing.UNSURE, shared[case.name])
        if case.name in shared
        else _plan_case(
            case, inputs, worklist.orders.get(case.name), temporary, leftovers.get(case.name)
        )
        for case in inputs.manifest.cases
    )
    notes = (*worklist.notes, *_unread_notes(inputs), *_unchecked_notes(cases), *_notes(inputs))
    notes += since_last_run(inputs, cases)
    differences, changed = inputs.facts.differences, inputs.facts.changed
    return Plan(cases, _proven(cases, inputs), notes, differences, changed)


# ── the history of a case ───────────────────────────────────────────────────────────────────


def _shared_items(inputs: PlanInputs) -> dict[str, str]:
    """Case → why nothing is sent for it, of cases that have an item in common.

    A state file that was merged or edited wrongly may say so.
    """
    owners: dict[str, list[str]] = {}
    for case in inputs.manifest.cases:
        past = recorded(case, inputs)
        if past.item is not None and not past.gone:
            owners.setdefault(past.item, []).append(case.name)
    noun = type_of(inputs.target.kind).item_noun
    return {
        name: _SHARED.format(other=next(one for one in names if one != name), noun=noun)
        for names in owners.values()
        if len(names) > 1
        for name in names
    }


def _leftovers(inputs: PlanInputs) -> dict[str, ItemSeen]:
    """Case → an empty item that a late creation made: the first cases without items take them."""
    new = (case.name for case in inputs.manifest.cases if _is_new(recorded(case, inputs)))
    return dict(zip(new, inputs.facts.leftovers, strict=False))


def _is_new(past: CaseHistory) -> bool:
    return past.item is None and past.temporary is None


def _past(
    case: Case, inputs: PlanInputs, leftover: ItemSeen | None
) -> tuple[CaseHistory, tuple[Found, ...]]:
    """The history of a case, and the events that this look at the platform adds to it."""
    was = inputs.renamed.get(case.name)
    past = recorded(case, inputs)
    found: tuple[Found, ...] = ()
    if was is not None:
        found = (Renamed(case.name, StepId.whole(case.name), was),)
    if past.item is not None and _is_gone(past, inputs):
        gone = Gone(case.name, StepId.whole(case.name), past.item, anew=inputs.choices.recreate)
        return after(past, gone), (*found, gone)
    if past.item is None and inputs.choices.adopt and case.name in inputs.facts.looked:
        adopted = adopt(case, inputs, inputs.facts.looked[case.name])
        return after(past, adopted), (*found, adopted)
    if leftover is not None:
        taken = _taken(case, leftover)
        return with_events(past, taken), (*found, *taken)
    if case.name in inputs.facts.settled:
        found = (*found, Settled(case.name, StepId.whole(case.name)))
    return past, found


def _is_gone(past: CaseHistory, inputs: PlanInputs) -> bool:
    return past.gone or past.item in inputs.facts.gone


def _taken(case: Case, leftover: ItemSeen) -> tuple[Started, Done]:
    """Take an empty item of ours for a case, as if it had been created for it."""
    step = StepId.create(case.name)
    title, order = leftover.title, leftover.order
    return (
        Started(case.name, step, title=title, order=order),
        Done(case.name, step, pk=leftover.pk, again=True),
    )


# ── one case ────────────────────────────────────────────────────────────────────────────────


def _plan_case(
    case: Case,
    inputs: PlanInputs,
    order: int | None,
    temporary: Callable[[], str],
    leftover: ItemSeen | None,
) -> CasePlan:
    past, found = _past(case, inputs, leftover)
    if past.gone:
        return _untouched(case, past, found, Standing.GONE, DELETED)
    if past.filling is not None:
        return _untouched(case, past, found, Standing.UNSURE, past.reason or _UNSURE)
    value_plans = tuple(plan_value(case, value, past, inputs) for value in case.values)
    sent = [(one.value, one.entry) for one in value_plans if one.entry is not None]
    if sent and past.item is not None and type_of(inputs.target.kind).created_with_values:
        return _untouched(case, past, found, Standing.FAILED, _FIXED)
    create = _create(case, past, inputs, order, temporary, sent)
    fill = _fill(case, past, inputs, value_plans, create, sent, order)
    settled: tuple[Failed, ...] = ()
    if fill is None and create is None:
        past, settled = _forget_failures(case, past)
    action = _action(past, value_plans, create, fill)
    return CasePlan(
        case.name,
        case.title,
        action,
        Standing.CHANGED if action is Action.UPDATE else standing_of(past),
        past.item,
        uploads=tuple(one.upload for one in value_plans if one.upload is not None),
        create=create,
        fill=fill,
        waits=tuple(one.wait for one in value_plans if one.wait is not None),
        kind=_kind(case),
        reason=past.reason,
        failures=tuple(one.failure for one in value_plans if one.failure is not None),
        sockets=_shared(tuple(entry.socket for _, entry in sent)),
        tickets=_shared(tuple(entry.socket for value, entry in sent if _by_ticket(value, inputs))),
        values=case.values,
        found=(*found, *settled, *(one.found for one in value_plans if one.found is not None)),
        keeps_title=fill is not None and fill.title is not None and _may_be_doubled(past),
        doubtful=past.doubt_since is not None,
        unchecked=_unchecked(past, value_plans),
    )


def _may_be_doubled(past: CaseHistory) -> bool:
    """Whether a duplicate of the creation may still arrive: it was sent, or is sent, again."""
    is_sent_again = past.item is None and past.temporary is not None
    return past.title is None and (is_sent_again or past.temporary in past.twice)


def _forget_failures(case: Case, past: CaseHistory) -> tuple[CaseHistory, tuple[Failed, ...]]:
    """Clear the failures of a case with nothing to send: the manifest no longer wants them."""
    wanted = {value.socket for value in case.values}
    if past.reason is None and past.sockets.keys() <= wanted:
        return past, ()
    sockets = {slug: socket for slug, socket in past.sockets.items() if slug in wanted}
    settled = (
        (Failed(case.name, StepId.whole(case.name), words="", final=False),)
        if past.reason is not None
        else ()
    )
    return replace(past, sockets=sockets, reason=None), settled


def _unchecked(past: CaseHistory, value_plans: tuple[ValuePlan, ...]) -> tuple[str, ...]:
    """The sockets of adopted values that stay as they are and whose content nobody knows."""
    kept = [one.value.socket for one in value_plans if one.entry is None]
    return tuple(slug for slug in kept if slug in past.sockets and past.sockets[slug].is_unchecked)


def _untouched(
    case: Case,
    past: CaseHistory,
    found: tuple[Found, ...],
    standing: Standing,
    reason: str,
) -> CasePlan:
    return CasePlan(
        case.name,
        case.title,
        Action.NOTHING,
        standing,
        past.item,
        kind=_kind(case),
        reason=reason,
        found=found,
    )


def _kind(case: Case) -> tuple[str, ...]:
    return _shared(tuple(sorted(value.socket for value in case.values)))


@lru_cache(maxsize=64)
def _shared(sockets: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all cases with these sockets, to save memory."""
    return sockets


def _create(
    case: Case,
    past: CaseHistory,
    inputs: PlanInputs,
    order: int | None,
    temporary: Callable[[], str],
    sent: list[tuple[Value, Entry]],
) -> Create | None:
    if past.item is not None:
        return None
    target_type = type_of(inputs.target.kind)
    if target_type.created_with_values:
        title, entries = case.title, tuple(entry for _, entry in sent)
        values = _slots(case, sent, inputs)
    else:
        title, entries, values = past.temporary or temporary(), (), ()
        if past.temporary is not None:  # it may be there, with the order of the first creation
            order = past.order
    call = target_type.create(inputs.target, title=title, order=order, values=values)
    return Create(StepId.create(case.name), case.name, title, order, call, entries)


def _by_ticket(value: Value, inputs: PlanInputs) -> bool:
    delivery = delivery_of(value, socket_of(value, inputs))
    return isinstance(delivery, AsUpload) and delivery.ticket


def _slots(case: Case, sent: list[tuple[Value, Entry]], inputs: PlanInputs) -> tuple[Json, ...]:
    return tuple(
        slot_json(value, socket_of(value, inputs), entry, loose=_loose(case, value, inputs))
        for value, entry in sent
    )


def _loose(case: Case, value: Value, inputs: PlanInputs) -> str | None:
    facts = inputs.facts.values.get((case.name, value.socket))
    return facts.loose if facts is not None else None


def _fill(
    case: Case,
    past: CaseHistory,
    inputs: PlanInputs,
    value_plans: tuple[ValuePlan, ...],
    create: Create | None,
    sent: list[tuple[Value, Entry]],
    order: int | None,
) -> Fill | None:
    target_type = type_of(inputs.target.kind)
    if target_type.created_with_values:
        return None
    restore = inputs.facts.restore
    has_title = past.title is not None and composed(past.title) == composed(case.title)
    keeps_title = has_title and case.name not in restore.titles
    title = None if keeps_title else case.title
    now = create.order if create is not None else past.order
    if case.name in restore.orders:
        order = order if order is not None else past.order
    elif order == now:
        order = None
    if title is None and order is None and not sent:
        return None
    return Fill(
        StepId.fill(case.name),
        case.name,
        target_type.fill(
            item=past.item, title=title, order=order, values=_slots(case, sent, inputs)
        ),
        title,
        order,
        tuple(entry for _, entry in sent),
        look_first=past.item is not None and (title is not None or bool(sent)),
        repeated=past.repeated or any(one.repeated for one in value_plans),
        temporary=_temporary_now(past, create),
        only_moves=title is None and not sent and case.order is None,
    )


def _temporary_now(past: CaseHistory, create: Create | None) -> str | None:
    """The item's title before its first fill; None once it has the case's title."""
    if past.title is not None:
        return None
    return create.title if create is not None else past.temporary


def _action(
    past: CaseHistory,
    value_plans: tuple[ValuePlan, ...],
    create: Create | None,
    fill: Fill | None,
) -> Action:
    if fill is None and create is None:
        waits = any(one.wait is not None and not one.wait.last_look for one in value_plans)
        return Action.WAIT if waits else Action.NOTHING
    if past.title is not None:
        return Action.UPDATE
    return Action.CREATE if past == EMPTY else Action.CONTINUE


# ── pilots, notes ───────────────────────────────────────────────────────────────────


def _proven(cases: tuple[CasePlan, ...], inputs: PlanInputs) -> frozenset[tuple[str, ...]]:
    return frozenset(
        plan.kind
        for plan, case in zip(cases, inputs.manifest.cases, strict=True)
        if recorded(case, inputs).title is not None
    )


def _unread_notes(inputs: PlanInputs) -> list[str]:
    """Which files could not be compared by their content."""
    if not inputs.facts.unread:
        return []
    names = some_of([f"{case}/{socket}" for case, socket in inputs.facts.unread])
    return [f"the content of these files could not be compared: {names}"]


def _unchecked_notes(cases: tuple[CasePlan, ...]) -> list[str]:
    """Which adopted values are taken for the manifest's although nobody compared them."""
    names = [f"{case.case}/{socket}" for case in cases for socket in case.unchecked]
    if not names:
        return []
    return [f"adopted, content not checked: {some_of(names)}; --resend-unchecked sends them again"]


def _notes(inputs: PlanInputs) -> tuple[str, ...]:
    """Notes on what is no longer in the manifest; the platform's API cannot delete it."""
    noun = type_of(inputs.target.kind).item_noun
    moved = set(inputs.renamed.values())
    left = [
        (
            f"case '{name}' is no longer in the manifest; "
            f"its {noun} stays on the platform ({past.item})"
        )
        for name, past in inputs.history.cases.items()
        if name not in inputs.names
        and name not in moved
        and past.item is not None
        and not past.gone
    ]
    return (
        *left,
        *(note for case in inputs.manifest.cases for note in _left_sockets(case, inputs)),
    )


def _left_sockets(case: Case, inputs: PlanInputs) -> list[str]:
    past = recorded(case, inputs)
    wanted = {value.socket for value in case.values}
    if past.sockets.keys() <= wanted:
        return []
    return [
        f"socket '{slug}' of case '{case.name}' is no longer in the manifest; "
        "its value stays on the platform"
        for slug in past.sockets
        if slug not in wanted
    ]
