"""Makes the plan: turns manifest, facts and history into steps. Pure: does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import Case, FileValue, Value
from manifest_uploader.plan import jobs
from manifest_uploader.plan.common_items import items_in_common
from manifest_uploader.plan.delivery import AsUpload, delivery_of, image_slot_json, slot_json
from manifest_uploader.plan.inputs import PlanInputs, recorded, socket_of
from manifest_uploader.plan.notes import (
    key_notes,
    left_behind,
    left_notes,
    lost_notes,
    name_notes,
    unchecked_notes,
    unread_notes,
)
from manifest_uploader.plan.pasts import leftovers_of, past_of
from manifest_uploader.plan.reuse import Sharing, plan_shared, share
from manifest_uploader.plan.since import since_last_run
from manifest_uploader.plan.steps import DELETED, Action, CasePlan, Create, Fill, Found, Plan
from manifest_uploader.plan.taken_back import forget_failures, forget_uploads
from manifest_uploader.plan.values import ValuePlan, plan_value
from manifest_uploader.plan.worklist import make_worklist
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import ImagePk
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.state.events import ImportFailed
from manifest_uploader.state.history import EMPTY, CaseHistory, with_events
from manifest_uploader.state.standing import Standing, standing_of
from manifest_uploader.state.steps import StepId
from manifest_uploader.text import composed

_UNSURE: Final = "it is not known whether its last change took effect; the next run checks"
_FIXED: Final = "it was created with other values, which cannot be changed on the platform"


def make_plan(inputs: PlanInputs, *, temporary: Callable[[], str]) -> Plan:
    """What a run does, case by case. The inputs must have no misfits.

    Args:
        inputs: everything that is known.
        temporary: returns a new title that no other item has.

    """
    leftovers = leftovers_of(inputs)
    worklist = make_worklist(inputs)
    in_common = items_in_common(inputs)
    looked = [past_of(case, inputs, leftovers.get(case.name)) for case in inputs.manifest.cases]
    pairs = list(zip(inputs.manifest.cases, looked, strict=True))
    usable = {case.name: past for case, (past, _) in pairs if case.name not in in_common}
    sharing = share(inputs, usable)
    sources = frozenset(one.case for one in sharing.values() if one.is_awaited)
    cases = tuple(
        _untouched(case, recorded(case, inputs), (), Standing.UNCONFIRMED, in_common[case.name])
        if case.name in in_common
        else _plan_case(
            case, past, found, inputs, worklist.orders.get(case.name), temporary, sharing, sources
        )
        for case, (past, found) in pairs
    )
    left = left_notes(left_behind(inputs), type_of(inputs.target.kind).item_noun)
    notes = (*worklist.notes, *unread_notes(inputs), *unchecked_notes(cases), *left)
    since = since_last_run(inputs, cases)
    notes += (*key_notes(inputs, cases), *name_notes(inputs, cases))
    notes += (*lost_notes(inputs), *since.notes)
    differences, changed = inputs.facts.differences, inputs.facts.changed
    return Plan(
        *(cases, _proven(cases, inputs), notes, differences, changed, since.left),
        owned=jobs.owned(inputs),
        no_start=inputs.facts.no_start,
    )


# ── one case ────────────────────────────────────────────────────────────────────────────────


def _plan_case(
    case: Case,
    past: CaseHistory,
    found: tuple[Found, ...],
    inputs: PlanInputs,
    order: int | None,
    temporary: Callable[[], str],
    sharing: Sharing,
    sources: Collection[str],
) -> CasePlan:
    left = _left_alone(case, past, found, inputs)
    if left is not None:
        return left
    is_job = has_jobs(inputs.target.kind)
    past = jobs.without_failed_job(past) if is_job else past
    value_plans = tuple(_plan_value(case, value, past, inputs, sharing) for value in case.values)
    if is_job and past.item is None:
        tickets = {one.value.socket for one in value_plans if _by_ticket(one, inputs)}
        value_plans = jobs.with_tokens(value_plans, past, temporary, tickets=tickets)
    sent = [one for one in value_plans if one.entry is not None]
    if _lacks_images(value_plans):
        if past.item is None and case.name not in sources:
            return _without_images(case, past, found, value_plans)
        past = with_events(past, _failed_images(value_plans))
    if (fixed := _fixed(case, past, inputs, sent)) is not None:
        return replace(_untouched(case, past, found, Standing.FAILED, fixed), fixed=True)
    plan = _planned(case, past, found, inputs, value_plans, order, temporary)
    return replace(plan, is_source=case.name in sources)


def _planned(
    case: Case,
    past: CaseHistory,
    found: tuple[Found, ...],
    inputs: PlanInputs,
    value_plans: tuple[ValuePlan, ...],
    order: int | None,
    temporary: Callable[[], str],
) -> CasePlan:
    """The plan of a case whose values may be sent: what is asked of the platform, and awaited."""
    sent = [one for one in value_plans if one.entry is not None]
    create = _create(case, past, inputs, order, temporary, sent)
    fill = _fill(case, past, inputs, value_plans, create, sent, order)
    past, taken_back = forget_uploads(case, past, {one.value.socket for one in sent})
    if fill is None and create is None:
        past, settled = forget_failures(case, past)
        taken_back += settled
    action = _action(past, value_plans, create, fill)
    return CasePlan(
        case.name,
        case.title,
        action,
        Standing.CHANGED if action is Action.UPDATE else standing_of(past),
        past.item,
        uploads=tuple(upload for one in value_plans for upload in one.uploads),
        create=create,
        fill=fill,
        waits=(
            *(one.wait for one in value_plans if one.wait is not None),
            *jobs.waits_of(case, past),
        ),
        sets=tuple(one.image_set for one in value_plans if one.image_set is not None),
        kind=_kind(case),
        reason=past.reason,
        failures=tuple(one.failure for one in value_plans if one.failure is not None),
        sockets=_one_tuple(tuple(one.value.socket for one in sent)),
        tickets=_one_tuple(tuple(one.value.socket for one in sent if _by_ticket(one, inputs))),
        values=case.values,
        found=(*found, *taken_back, *(one.found for one in value_plans if one.found is not None)),
        keeps_title=fill is not None and fill.title is not None and _may_be_doubled(past),
        doubtful=past.doubt_since is not None,
        unchecked=_unchecked(past, value_plans),
        shared=tuple(one.shared for one in sent if one.shared is not None),
        spared=sum(
            inputs.facts.values[case.name, one.value.socket].size
            for one in sent
            if one.shared is not None
        ),
    )


def _left_alone(
    case: Case, past: CaseHistory, found: tuple[Found, ...], inputs: PlanInputs
) -> CasePlan | None:
    """The plan of a case whose history alone decides that nothing is sent; None for others."""
    if past.gone:
        return _untouched(case, past, found, Standing.DELETED, DELETED)
    if past.filling is not None:
        return _untouched(case, past, found, Standing.UNCONFIRMED, past.reason or _UNSURE)
    if not has_jobs(inputs.target.kind):
        return None
    failed = jobs.failed_job(case, past, inputs)
    if failed is None:
        return None
    plan = _untouched(case, past, found, Standing.FAILED, failed.reason)
    return replace(plan, waits=failed.waits, failures=failed.failures, values=case.values)


def _fixed(case: Case, past: CaseHistory, inputs: PlanInputs, sent: list[ValuePlan]) -> str | None:
    """Why nothing is sent: the item exists, and its kind cannot be changed. None: all is well."""
    target_type = type_of(inputs.target.kind)
    if past.item is None or not target_type.created_with_values:
        return None
    if target_type.has_jobs:
        return jobs.FIXED if jobs.is_changed(case, past, sent) else None
    return _FIXED if sent else None


def _plan_value(
    case: Case, value: Value, past: CaseHistory, inputs: PlanInputs, sharing: Sharing
) -> ValuePlan:
    shared = sharing.get((case.name, value.socket))
    if shared is not None and isinstance(value, FileValue):
        return plan_shared(case, value, past, inputs, shared)
    return plan_value(case, value, past, inputs)


def _lacks_images(value_plans: tuple[ValuePlan, ...]) -> bool:
    """Whether an image of another value, which a value uses, has failed."""
    return any(one.shared is not None and one.shared.failure is not None for one in value_plans)


def _without_images(
    case: Case,
    past: CaseHistory,
    found: tuple[Found, ...],
    value_plans: tuple[ValuePlan, ...],
) -> CasePlan:
    """A case without an item, for which none is made until the images that it uses are there."""
    failures = tuple(one.failure for one in value_plans if one.shared and one.failure)
    found = (*found, *_failed_images(value_plans))
    untouched = _untouched(case, past, found, Standing.FAILED, failures[0].message)
    return replace(untouched, failures=failures, values=case.values)


def _failed_images(value_plans: tuple[ValuePlan, ...]) -> tuple[ImportFailed, ...]:
    """The failures of images that values use, as far as they are not on record."""
    return tuple(one.found for one in value_plans if isinstance(one.found, ImportFailed))


def _may_be_doubled(past: CaseHistory) -> bool:
    """Whether a duplicate of the creation may still arrive: it was sent, or is sent, again."""
    is_sent_again = past.item is None and past.temporary is not None
    return past.title is None and (is_sent_again or past.temporary in past.twice)


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
    return _one_tuple(tuple(sorted(value.socket for value in case.values)))


@lru_cache(maxsize=64)
def _one_tuple(sockets: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all cases with these sockets, to save memory."""
    return sockets


def _create(
    case: Case,
    past: CaseHistory,
    inputs: PlanInputs,
    order: int | None,
    temporary: Callable[[], str],
    sent: list[ValuePlan],
) -> Create | None:
    if past.item is not None:
        return None
    target_type = type_of(inputs.target.kind)
    if target_type.created_with_values:
        title, entries = case.title, _entries(sent)
        values = _slots(case, sent, inputs)
    else:
        title, entries, values = past.temporary or temporary(), (), ()
        if past.temporary is not None:  # it may be there, with the order of the first creation
            order = past.order
    call = target_type.create(inputs.target, title=title, order=order, values=values)
    create = Create(StepId.create(case.name), case.name, title, order, call, entries)
    if not target_type.has_jobs:
        return create
    gives_up = past.unsure and inputs.choices.retry_failed
    return replace(create, job=True, doubt=None if gives_up else past.creating)


def _entries(sent: list[ValuePlan]) -> tuple[Entry, ...]:
    return tuple(one.entry for one in sent if one.entry is not None)


def _by_ticket(one: ValuePlan, inputs: PlanInputs) -> bool:
    delivery = delivery_of(one.value, socket_of(one.value, inputs))
    return one.shared is None and isinstance(delivery, AsUpload) and delivery.ticket


def _slots(case: Case, sent: list[ValuePlan], inputs: PlanInputs) -> tuple[Json, ...]:
    return tuple(_slot(case, one, one.entry, inputs) for one in sent if one.entry is not None)


def _slot(case: Case, one: ValuePlan, entry: Entry, inputs: PlanInputs) -> Json:
    if one.shared is not None:
        return image_slot_json(entry.socket, one.shared.pk or ImagePk(entry.socket))
    loose = _loose(case, one.value, inputs)
    return slot_json(one.value, socket_of(one.value, inputs), entry, loose=loose)


def _loose(case: Case, value: Value, inputs: PlanInputs) -> str | None:
    facts = inputs.facts.values.get((case.name, value.socket))
    return facts.loose if facts is not None else None


def _fill(
    case: Case,
    past: CaseHistory,
    inputs: PlanInputs,
    value_plans: tuple[ValuePlan, ...],
    create: Create | None,
    sent: list[ValuePlan],
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
        _entries(sent),
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
        waits = past.job == "running" or any(
            one.wait is not None and not one.wait.last_look for one in value_plans
        )
        return Action.WAIT if waits else Action.NOTHING
    if past.title is not None:
        return Action.UPDATE
    return Action.CREATE if past == EMPTY else Action.CONTINUE


# ── pilots ──────────────────────────────────────────────────────────────────────────────────


def _proven(cases: tuple[CasePlan, ...], inputs: PlanInputs) -> frozenset[tuple[str, ...]]:
    return frozenset(
        plan.kind
        for plan, case in zip(cases, inputs.manifest.cases, strict=True)
        if recorded(case, inputs).title is not None
    )
