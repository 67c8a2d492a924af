"""Chooses which tickets to look at: one request each, while thousands may wait to be imported.

The platform imports roughly in the order of the fills. So an import whose row is gone, or that a
later one has overtaken, has either failed or takes long, and of those still in line the oldest are
next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from manifest_uploader.plan.steps import Wait

_PATIENCE_S: Final = 3.0
"""An import that takes longer than this may have failed."""
_NEXT_IN_LINE: Final = 16


class Choice(Struct, frozen=True):
    """The pks of the tickets of imports that may have failed, least recently looked at first."""

    likely: list[str]
    others: list[str]
    """Of imports that are probably still in line."""


def tickets_to_look_at(
    waits: Iterable[Wait],
    *,
    gone: Collection[str],
    latest: float,
    looked_at: Mapping[str, float],
    now: float,
) -> Choice:
    """Which tickets to look at now.

    Args:
        waits: imports whose values have not arrived.
        gone: pks of uploads whose rows are gone; these imports are past their first stage.
        latest: when the latest of the imports was sent that are past their first stage.
        looked_at: ticket → when it was last looked at.
        now: the time.

    """
    outstanding = [
        wait
        for wait in waits
        if wait.ticket is not None
        and not wait.last_look
        and (wait.upload in gone or now - wait.since > _PATIENCE_S)
    ]
    likely = [wait for wait in outstanding if wait.upload in gone or wait.since <= latest]
    in_line = [wait for wait in outstanding if wait.upload not in gone and wait.since > latest]
    in_line.sort(key=lambda wait: wait.since)
    likely += in_line[:_NEXT_IN_LINE]
    return Choice(_in_turn(likely, looked_at), _in_turn(in_line[_NEXT_IN_LINE:], looked_at))


def _in_turn(waits: Iterable[Wait], looked_at: Mapping[str, float]) -> list[str]:
    tickets = {wait.ticket: wait.since for wait in waits if wait.ticket is not None}
    return sorted(tickets, key=lambda pk: (looked_at.get(pk, 0.0), tickets[pk]))
