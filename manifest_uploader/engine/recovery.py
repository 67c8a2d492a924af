"""Asks the platform what became of steps whose end nobody saw.

One kind of fill cannot be settled by looking: one that only brought uploads leaves no trace until
they are imported. It is sent once more as it was, before anything else is done for its case: were
it taken for not sent, its import could come after that of newer files and be taken for theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest_uploader.engine.fill import left_traces
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform import targets
from manifest_uploader.platform.endpoints import find_by_title, get_item
from manifest_uploader.platform.items import shows_at_once
from manifest_uploader.platform.model import Socket, Target
from manifest_uploader.state.events import Done, Event, Failed, Gone, Started
from manifest_uploader.state.history import CaseHistory, History

if TYPE_CHECKING:  # it costs 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def settle(
    history: History, names: Iterable[str], client: Client, target: Target
) -> Iterator[Event]:
    """What is found out about unsure creations and fills, as events to be folded in.

    An unsure creation that is not found may be sent again under its title. A fill that shows no
    trace though it would comes back as `Failed` without words: it did not act. Nothing comes back
    of a fill that looking cannot settle.
    """
    cases = {name: history.cases[name] for name in names if name in history.cases}
    yield from _creations(cases, client, target)
    for name, past in cases.items():
        if past.filling is not None and past.item is not None:
            yield from _fill(name, past, past.item, client, target)


def repeated(
    history: History,
    names: Iterable[str],
    sockets: Mapping[str, Socket],
    target: Target,
    send: Callable[[Fill], Iterator[Event]],
) -> Iterator[Event]:
    """Send the fills that `settle` could not settle once more; the events in their order.

    Each `Started` has to be on the disk before the next event is asked for.
    """
    for name in names:
        past = history.cases.get(name)
        if past is not None and past.filling is not None and past.item is not None:
            yield from _sent_again(_again(past.filling, past.item, sockets, target), send)


def presumed(history: History) -> Iterator[Event]:
    """Take the fills that `settle` could not settle for not sent, where nothing may be sent."""
    for name, past in history.cases.items():
        if past.filling is not None:
            yield _did_not_act(name)


def _sent_again(fill: Fill, send: Callable[[Fill], Iterator[Event]]) -> Iterator[Event]:
    yield started(fill)
    yield from send(fill)


def _again(was: Started, item: str, sockets: Mapping[str, Socket], target: Target) -> Fill:
    values = tuple(
        targets.upload_json(sockets[entry.socket], entry.upload)
        for entry in was.entries
        if entry.upload is not None and entry.socket in sockets
    )
    call = targets.fill(target, item=item, title=was.title, order=was.order, values=values)
    return Fill(
        was.step,
        was.case,
        call,
        was.title,
        was.order,
        was.entries,
        look_first=False,
        repeated=True,
        temporary=was.temporary,
    )


def _creations(cases: Mapping[str, CaseHistory], client: Client, target: Target) -> Iterator[Event]:
    unsure = {
        past.temporary: name
        for name, past in cases.items()
        if past.item is None and past.temporary is not None
    }
    if not unsure:
        return
    for title, pk in find_by_title(client, target, frozenset(unsure)).items():
        name = unsure[title]
        yield Done(name, f"{name}:create", pk=pk)


def _fill(name: str, past: CaseHistory, pk: str, client: Client, target: Target) -> Iterator[Event]:
    step = f"{name}:fill"
    item = get_item(client, target, pk)
    if item is None:
        yield Gone(name, step, pk)
        return
    filling = past.filling
    assert filling is not None
    if left_traces(client, item, filling):
        yield Done(name, step, pk=pk)
    elif shows_at_once(
        item, entries=filling.entries, title=filling.title, temporary=filling.temporary
    ):
        yield _did_not_act(name)


def _did_not_act(name: str) -> Failed:
    return Failed(name, f"{name}:fill", None, "", final=False)
