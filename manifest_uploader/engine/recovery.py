"""Finds out whether creations and fills with unknown outcomes took effect.

A fill with tickets took effect exactly if one of them was used. Other fills are settled by what
their items show, except for fills of nothing but uploads, which leave no trace until they are
imported.

A fill that may still take effect is sent again unchanged before anything else happens for its case,
if it can be: if it puts nothing but uploads into sockets, and they are still there. If it counted
as not sent, its import could finish after the import of newer files and pass for theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest_uploader.engine.item_writer import left_traces, tickets_of
from manifest_uploader.engine.listing import Listing
from manifest_uploader.plan.delivery import ticket_slot_json, upload_slot_json
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform.endpoints import find_by_title, get_item, is_row_gone
from manifest_uploader.platform.items import shows_at_once
from manifest_uploader.platform.model import Socket, Target
from manifest_uploader.platform.sessions import any_was_used
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Done, Event, Failed, Gone, Started
from manifest_uploader.state.history import CaseHistory, History
from manifest_uploader.state.steps import StepId

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def recover(
    history: History,
    names: Iterable[str],
    client: Client,
    target: Target,
    listing: Listing | None = None,
) -> Iterator[Event]:
    """Yield what a look at the platform shows about creations and fills with unknown outcomes.

    A creation that is not found yields nothing and may be sent again with its title. A fill that
    had no effect yields `Failed` without a message. A fill that cannot be settled yields nothing.
    """
    cases = {name: history.cases[name] for name in names if name in history.cases}
    yield from _creations(cases, listing or Listing(client, target))
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
    """Send the fills again that `recover` could not settle; yield the events to record.

    The caller must bring each `Started` to the disk before it asks for the next event.
    """
    for name in names:
        past = history.cases.get(name)
        if past is not None and past.filling is not None and past.item is not None:
            fill = _repetition(past.filling, past.item, sockets, target)
            yield started(fill)
            yield from send(fill)


def assume_not_sent(history: History) -> Iterator[Event]:
    """Count the fills that `recover` could not settle as not sent, if nothing may be sent."""
    for name, past in history.cases.items():
        if past.filling is not None:
            yield _had_no_effect(name)


def late_items(history: History, client: Client, target: Target) -> tuple[str, ...]:
    """The pks of empty items that creations made which took effect after they were sent again.

    The items are listed only if a creation was sent more than once.
    """
    titles = {title for past in history.cases.values() for title in past.twice}
    if not titles:
        return ()
    own = {past.item for past in history.cases.values()}
    found = find_by_title(client, target, frozenset(titles))
    return tuple(sorted(pk for pk in found.values() if pk not in own))


def _repetition(was: Started, item: str, sockets: Mapping[str, Socket], target: Target) -> Fill:
    values = tuple(
        upload_slot_json(sockets[entry.socket], entry.upload)
        if entry.ticket is None
        else ticket_slot_json(entry.socket, entry.ticket)
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


def _creations(cases: Mapping[str, CaseHistory], listing: Listing) -> Iterator[Event]:
    unsure = {
        past.temporary: name
        for name, past in cases.items()
        if past.item is None and past.temporary is not None
    }
    if not unsure:
        return
    for title, pk in listing.by_title(unsure.keys()).items():
        name = unsure[title]
        yield Done(name, StepId.create(name), pk=pk, again=True)  # perhaps: its sender is gone


def _fill(name: str, pk: str, filling: Started, client: Client, target: Target) -> Iterator[Event]:
    was_used = any_was_used(client, tickets_of(filling.entries))
    if was_used:
        yield Done(name, StepId.fill(name), pk=pk)
        return
    if was_used is False:
        if not _can_be_repeated(filling, client):
            yield _had_no_effect(name)
        return
    item = get_item(client, target, pk)
    if item is None:
        yield Gone(name, StepId.fill(name), pk)
    elif left_traces(client, item, filling):
        yield Done(name, StepId.fill(name), pk=pk)
    elif shows_at_once(
        item, entries=filling.entries, title=filling.title, temporary=filling.temporary
    ):
        yield _had_no_effect(name)


def _can_be_repeated(filling: Started, client: Client) -> bool:
    """Whether the fill's values are known and there: uploads whose rows the platform still has."""
    return all(
        entry.upload is not None and not is_row_gone(client, entry.upload)
        for entry in filling.entries
    )


def _had_no_effect(name: str) -> Failed:
    return Failed(name, StepId.fill(name), words="", final=False)
