"""Frees titles that one of our items has and another is to have.

The platform refuses a title that another item bears. If the titles of two cases are swapped, in the
manifest or by others, neither could be set first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.plan.differences import Difference, DifferenceKind
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Event
from manifest_uploader.state.history import EMPTY, History
from manifest_uploader.state.steps import StepId


def taken_titles(
    manifest: Manifest,
    history: History,
    differences: Iterable[Difference],
    *,
    renamed: Mapping[str, str],
) -> dict[str, str]:
    """Name in the history → pk, of items with a title that another case is to have.

    Args:
        manifest: the chosen cases.
        history: what runs did.
        differences: between the target and what it should hold, as far as it was compared.
        renamed: new name → name in the history.

    """
    names = {case.name: renamed.get(case.name, case.name) for case in manifest.cases}
    pasts = {name: history.cases.get(past, EMPTY) for name, past in names.items()}
    now = {name: past.title for name, past in pasts.items() if past.item is not None}
    now |= {
        one.case: one.found
        for one in differences
        if one.kind is DifferenceKind.TITLE and one.case in now
    }
    wanted = {case.title for case in manifest.cases if now.get(case.name) != case.title}
    return {
        names[case.name]: item
        for case in manifest.cases
        if (title := now.get(case.name)) and title in wanted and title != case.title
        if (item := pasts[case.name].item) is not None and not pasts[case.name].gone
    }


def free_titles(
    taken: Mapping[str, str],
    target: Target,
    *,
    send: Callable[[Fill], Iterator[Event]],
    temporary: Callable[[], str],
) -> Iterator[Event]:
    """Give a temporary title to each item that has another case's; yield the events to record.

    The plan that is made afterwards sets the titles of all cases. The caller must bring each
    `Started` to the disk before it asks for the next event.

    Args:
        taken: the items, by their cases' names in the history.
        target: holds the items.
        send: sends a fill, and yields what to record.
        temporary: returns a new title that no other item has.

    """
    for name, item in taken.items():
        title = temporary()
        call = type_of(target.kind).fill(item=item, title=title, order=None, values=())
        fill = Fill(StepId.fill(name), name, call, title, None, (), look_first=False)
        yield started(fill)
        yield from send(fill)
