"""Finds out what became of creations and fills whose outcome is unknown.

One kind of fill cannot be settled by looking: one that only brought uploads leaves no trace until
they are imported. It is sent once more as it was, before anything else is done for its case: were
it taken for not sent, its import could finish after that of newer files and be taken for theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest_uploader.engine.item_writer import left_traces
from manifest_uploader.plan.delivery import upload_slot_json
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform.endpoints import find_by_title, get_item
from manifest_uploader.platform.items import shows_at_once
from manifest_uploader.platform.model import Socket, Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Done, Event, Failed, Gone, Started
from manifest_uploader.state.history import CaseHistory, History
from manifest_uploader.state.steps import StepId

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def recover(
    history: History, names: Iterable[str], client: Client, target: Target
) -> Iterator[Event]:
    """What a look at the platform tells about creations and fills with unknown outcomes.

    A creation that is not found may be sent again under its title. A fill that shows no trace
    although it would comes back as `Failed` without a message: it did not take effect. About a
    fill that looking cannot settle nothing comes back.
    """
    cases = {name: history.cases[name] for name in names if name in history.cases}
    yield from _creations(cases, client, target)
    for name, past in cases.items():
        if past.filling is not None and past.item is not None:
            yield from _fill(name, past.item, past.filling, client, target)


def repeat_fills(
    history: History,
    names: Iterable[str],
    sockets: Mapping[str, Socket],
    target: Target,
    send: Callable[[Fill], Iterator[Event]],
) -> Iterator[Event]:
    """Send the fills that `recover` could not settle once more; the events are in order.

    Each `Started` has to be on the disk before the next event is asked for.
    """
    for name in names:
        past = history.cases.get(name)
        if past is not None and past.filling is not None and past.item is not None:
            fill = _same_again(past.filling, past.item, sockets, target)
            yield started(fill)
            yield from send(fill)


def assume_not_sent(history: History) -> Iterator[Event]:
    """Take the fills that `recover` could not settle for not sent, where nothing may be sent."""
    for name, past in history.cases.items():
        if past.filling is not None:
            yield _did_not_act(name)


def _same_again(was: Started, item: str, sockets: Mapping[str, Socket], target: Target) -> Fill:
    values = tuple(
        upload_slot_json(sockets[entry.socket], entry.upload)
        for entry in was.entries
        if entry.upload is not None and entry.socket in sockets
    )
    call = type_of(target.kind).fill(item=item, title=was.title, order=was.order, values=values)
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
        yield Done(name, StepId.create(name), pk=pk)


def _fill(name: str, pk: str, filling: Started, client: Client, target: Target) -> Iterator[Event]:
    item = get_item(client, target, pk)
    if item is None:
        yield Gone(name, StepId.fill(name), pk)
    elif left_traces(client, item, filling):
        yield Done(name, StepId.fill(name), pk=pk)
    elif shows_at_once(
        item, entries=filling.entries, title=filling.title, temporary=filling.temporary
    ):
        yield _did_not_act(name)


def _did_not_act(name: str) -> Failed:
    return Failed(name, StepId.fill(name), words="", final=False)
