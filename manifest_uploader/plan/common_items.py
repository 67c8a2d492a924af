"""Finds cases that have an item in common, for which nothing can be sent."""

from __future__ import annotations

from typing import Final

from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.platform.targets import type_of

_SHARED: Final = (
    "the state file gives case '{other}' the same {noun}; nothing is sent for either. Remove "
    "the lines of the wrong one from the state file, then run with --adopt"
)


def items_in_common(inputs: PlanInputs) -> dict[str, str]:
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
