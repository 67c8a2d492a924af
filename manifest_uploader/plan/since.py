"""What is new, gone or changed since the last run, where a folder decides which cases there are."""

from __future__ import annotations

from collections.abc import Sequence

from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.plan.steps import Action, CasePlan
from manifest_uploader.text import some_of


def since_last_run(inputs: PlanInputs, cases: Sequence[CasePlan]) -> tuple[str, ...]:
    """One note, if the manifest describes its cases together and something was sent before."""
    history = inputs.history.cases
    if inputs.manifest.short is None or not history:
        return ()
    known = {*history, *inputs.renamed}
    moved = set(inputs.renamed.values())
    groups = {
        "new": [case.case for case in cases if case.case not in known],
        "gone": [
            name
            for name, past in history.items()
            if name not in inputs.names and name not in moved and not past.gone
        ],
        "changed": [
            case.case for case in cases if case.case in known and case.action is Action.UPDATE
        ],
    }
    parts = [f"{len(names):,} {what} ({some_of(names)})" for what, names in groups.items() if names]
    return (f"since the last run: {', '.join(parts) or 'no case is new, gone or changed'}",)
