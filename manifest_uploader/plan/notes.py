"""Facts that a plan tells people, and that cause no step."""

from __future__ import annotations

from typing import Final

from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.steps import CasePlan
from manifest_uploader.platform.targets import type_of

_NAMED: Final = 20
"""Values that one note names."""


def unchecked_notes(cases: tuple[CasePlan, ...]) -> list[str]:
    """Which adopted values are taken for the manifest's although nobody compared them."""
    names = [f"{case.case}/{socket}" for case in cases for socket in case.unchecked]
    if not names:
        return []
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return [f"adopted, content not checked: {shown}; --resend-unchecked sends them again"]


def left_notes(inputs: PlanInputs) -> tuple[str, ...]:
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
