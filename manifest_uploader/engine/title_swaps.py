"""Frees titles that one of our items took from another, so that each can have its own again.

The platform refuses a title that another item bears. If somebody swapped the titles of two cases,
neither could be put back first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from manifest_uploader.plan.differences import Difference, DifferenceKind
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Event
from manifest_uploader.state.steps import StepId


def free_titles(
    differences: Iterable[Difference],
    target: Target,
    *,
    send: Callable[[Fill], Iterator[Event]],
    temporary: Callable[[], str],
) -> Iterator[Event]:
    """Give a temporary title to each item that bears another case's; yield the events to record.

    The plan that is made afterwards sets the titles of all cases. The caller must bring each
    `Started` to the disk before it asks for the next event.

    Args:
        differences: between the target and what it should hold.
        target: holds the items.
        send: sends a fill, and yields what to record.
        temporary: returns a new title that no other item has.

    """
    titles = [one for one in differences if one.kind is DifferenceKind.TITLE]
    wanted = {one.wanted for one in titles if one.wanted}
    for one in titles:
        if one.found in wanted and one.case is not None and one.item is not None:
            title = temporary()
            call = type_of(target.kind).fill(item=one.item, title=title, order=None, values=())
            fill = Fill(StepId.fill(one.case), one.case, call, title, None, (), look_first=False)
            yield started(fill)
            yield from send(fill)
