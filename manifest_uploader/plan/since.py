"""What is new, gone or changed since the last run, where a folder decides which cases there are."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.steps import Action, CasePlan
from manifest_uploader.state.events import Left
from manifest_uploader.state.steps import StepId
from manifest_uploader.text import some_of


class Since(Struct, frozen=True):
    """What to tell, and what a run records once it has told it."""

    notes: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()


def since_last_run(inputs: PlanInputs, cases: Sequence[CasePlan]) -> Since:
    """One note, if the manifest describes its cases together and something was sent before.

    That a case is gone is told until a run has told it.
    """
    history = inputs.history.cases
    if inputs.manifest.short is None or not history:
        return Since()
    known = {*history, *inputs.renamed}
    moved = set(inputs.renamed.values())
    back = [case.name for case in inputs.manifest.cases if recorded(case, inputs).left]
    gone = [
        name
        for name, past in history.items()
        if name not in inputs.names and name not in moved and not past.gone and not past.left
    ]
    groups = {
        "new": [case.case for case in cases if case.case not in known],
        "back": back,
        "removed": gone,
        "changed": [
            case.case for case in cases if case.case in known and case.action is Action.UPDATE
        ],
    }
    parts = [f"{len(names):,} {what} ({some_of(names)})" for what, names in groups.items() if names]
    note = f"since the last run: {', '.join(parts) or 'no case was added, removed or changed'}"
    left = [Left(name, StepId.whole(name)) for name in gone]
    left += [Left(name, StepId.whole(name), back=True) for name in back]
    return Since((note,), tuple(left))
