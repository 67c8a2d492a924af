"""The history of each case, with what a look at the platform adds to it."""

from __future__ import annotations

from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.adoption import adopt
from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.steps import Found
from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.state.events import Done, Gone, Renamed, Settled, Started
from manifest_uploader.state.history import CaseHistory, after, with_events
from manifest_uploader.state.steps import StepId


def leftovers_of(inputs: PlanInputs) -> dict[str, ItemSeen]:
    """Case → an empty item that a late creation made: the first cases without items take them."""
    new = (case.name for case in inputs.manifest.cases if _needs_item(case, inputs))
    return dict(zip(new, inputs.facts.leftovers, strict=False))


def _needs_item(case: Case, inputs: PlanInputs) -> bool:
    """Whether a new item has to be made: none was asked for yet, and none is adopted."""
    past = recorded(case, inputs)
    is_adopted = inputs.choices.adopt and case.name in inputs.facts.looked
    return past.item is None and past.temporary is None and not is_adopted


def past_of(
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
