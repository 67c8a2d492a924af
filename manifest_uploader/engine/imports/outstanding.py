"""Chooses which tickets to look at: one request each, while thousands may wait to be imported.

The platform imports roughly in the order of the fills. So an import that a later one has overtaken
has either failed or takes long, and of those still in line the oldest are next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from manifest_uploader.plan.steps import Wait

_PATIENCE_S: Final = 3.0
"""An import that takes longer than this may have failed."""
_NEXT_IN_LINE: Final = 16


def tickets_to_look_at(
    waits: Iterable[Wait],
    *,
    gone: Collection[str],
    latest: float,
    looked_at: Mapping[str, float],
    now: float,
) -> list[str]:
    """The pks of the tickets of imports that may have failed, the likeliest first.

    Args:
        waits: imports whose values have not arrived.
        gone: pks of uploads whose rows are gone; these imports are in their second stage.
        latest: when the latest of the imports was sent that are past their first stage.
        looked_at: ticket → when it was last looked at.
        now: the time.

    """
    waiting = sorted(
        (wait for wait in waits if wait.ticket is not None and not wait.last_look),
        key=lambda wait: wait.since,
    )
    in_line = [wait for wait in waiting if wait.upload not in gone and wait.since > latest]
    next_ones = {wait.ticket for wait in in_line[:_NEXT_IN_LINE]}
    ranked = [
        (_rank(wait, gone, latest, next_ones), looked_at.get(wait.ticket, 0.0), wait.since, wait)
        for wait in waiting
        if wait.ticket is not None and (wait.upload in gone or now - wait.since > _PATIENCE_S)
    ]
    ranked.sort(key=lambda one: one[:3])
    return [wait.ticket for *_, wait in ranked if wait.ticket is not None]


def _rank(
    wait: Wait, gone: Collection[str], latest: float, next_ones: Collection[str | None]
) -> int:
    if wait.upload in gone:
        return 0
    if wait.since <= latest:
        return 1
    return 2 if wait.ticket in next_ones else 3
