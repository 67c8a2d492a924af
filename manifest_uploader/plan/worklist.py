"""Decides the order number of each item, so that the target's worklist follows the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.orders import Slot, numbers
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import some_of


class Worklist(Struct, frozen=True):
    """The order numbers of the chosen cases, and what is to be said about them."""

    orders: Mapping[str, int]
    """By case; without one, its item keeps the number that it has."""
    notes: tuple[str, ...] = ()


def make_worklist(inputs: PlanInputs) -> Worklist:
    """The order numbers of the chosen cases; there is room left for all others."""
    target_type = type_of(inputs.target.kind)
    if not target_type.has_orders:
        return Worklist({})
    chosen = {case.name for case in inputs.manifest.cases}
    found = ((case, _slot(case, inputs, is_chosen=case.name in chosen)) for case in inputs.whole)
    slots = [(case, slot) for case, slot in found if slot is not None]
    wanted = numbers([slot for _, slot in slots], others=_others(inputs))
    orders: dict[str, int] = {}
    moved: list[str] = []
    stuck: list[str] = []
    for (case, slot), number in zip(slots, wanted, strict=True):
        if case.name not in chosen:
            continue
        past = recorded(case, inputs)
        is_moved = slot.given is None and slot.now not in {None, number}
        if not (is_moved and slot.fixed):
            orders[case.name] = number
        elif past.answered:
            stuck.append(case.name)
        if is_moved and not slot.fixed and (past.item is not None or past.temporary is None):
            moved.append(case.name)  # its item is there, or is adopted now
    return Worklist(orders, _notes(moved, stuck, target_type.item_noun))


def _slot(case: Case, inputs: PlanInputs, *, is_chosen: bool) -> Slot | None:
    """The case's place; None if it has an item whose number nobody knows."""
    past = recorded(case, inputs)
    is_gone = past.gone or past.item in inputs.facts.gone
    now = past.order
    if past.item is None and inputs.choices.adopt and case.name in inputs.facts.looked:
        now = inputs.facts.looked[case.name].order
    elif now is None and past.item is not None and not is_gone:
        return None if case.order is None else Slot(case.order)
    is_untouched = past.filling is not None or (is_gone and not inputs.choices.recreate)
    return Slot(case.order, now, fixed=not is_chosen or past.answered or is_untouched)


def _others(inputs: PlanInputs) -> set[int]:
    """The numbers of the target's other items, those of cases that left the manifest included."""
    moved = set(inputs.renamed.values())
    left = {
        past.order
        for name, past in inputs.history.cases.items()
        if name not in inputs.names and name not in moved and past.order is not None
    }
    return {*left, *inputs.facts.other_orders, inputs.facts.highest_order} - {0}


def _notes(moved: Sequence[str], stuck: Sequence[str], noun: str) -> tuple[str, ...]:
    found = []
    if moved:
        what = f"1 {noun} gets" if len(moved) == 1 else f"{len(moved):,} {noun}s get"
        found.append(
            f"{what} a new order number, so that the worklist follows the manifest: "
            f"{some_of(moved)}"
        )
    if stuck:
        found.append(
            f"{some_of(stuck)}: not moved to its place in the worklist: the platform does not "
            f"change a {noun} once readers have answered questions about it"
        )
    return tuple(found)
