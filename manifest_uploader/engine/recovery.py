"""Finds out whether creations and fills with unknown outcomes took effect.

A fill with tickets took effect exactly if one of them was used. Other fills are settled by what
their items show.

A fill that did not take effect may still do so, however long ago it was sent. If its tickets or
uploads are still there, they are sent again before anything else happens for its case. That uses
them up, and the late fill is refused as a whole: otherwise its import could finish after the import
of newer files and pass for theirs. The fill's title and its other values follow in the next fill. A
fill that names nothing that can be used up counts as not sent, and the history keeps the doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest_uploader.digests import Json
from manifest_uploader.engine.item_writer import left_traces, tickets_of
from manifest_uploader.engine.jobs.finder import CancelledJob, Found, find_job
from manifest_uploader.engine.listing import Listing
from manifest_uploader.plan.delivery import set_slot_json, ticket_slot_json, upload_slot_json
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform.endpoints import get_item, is_row_gone
from manifest_uploader.platform.model import Entry, ItemSeen, Socket, Target
from manifest_uploader.platform.sessions import any_was_used
from manifest_uploader.platform.targets import has_jobs, type_of
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
    if has_jobs(target.kind):
        yield from _jobs(cases, _owned(history), client, target)
    else:
        yield from _creations(cases, _owned(history), listing or Listing(client, target))
    for name, past in cases.items():
        if past.filling is not None and past.item is not None:
            yield from _fill(name, past.item, past.filling, client, target)


def repeat_fills(
    history: History,
    names: Iterable[str],
    sockets: Mapping[str, Socket],
    target: Target,
    *,
    send: Callable[[Fill], Iterator[Event]],
    is_gone: Callable[[str], bool],
) -> Iterator[Event]:
    """Send the uploads of the fills again that `recover` left open; yield the events to record.

    The caller must bring each `Started` to the disk before it asks for the next event.

    Args:
        history: what earlier runs did.
        names: the cases.
        sockets: by slug.
        target: where the items are.
        send: sends a fill.
        is_gone: whether the row of an upload no longer exists.

    """
    for name in names:
        past = history.cases.get(name)
        if past is None or past.filling is None or past.item is None:
            continue
        left = _left_uploads(past.filling, is_gone)
        entries = tuple(entry for entry in left if entry.socket in sockets)
        if not left:  # used up since the look
            yield Done(name, StepId.fill(name), pk=past.item, again=True)
        elif not entries:  # the platform no longer has these sockets
            yield _had_no_effect(name)
        else:
            fill = _repetition(past.filling, past.item, entries, sockets, target)
            yield started(fill)
            yield from send(fill)


def assume_not_sent(history: History) -> Iterator[Event]:
    """Count the fills that `recover` could not settle as not sent, if nothing may be sent."""
    for name, past in history.cases.items():
        if past.filling is not None:
            yield _had_no_effect(name)


def late_items(history: History, items: Callable[[], Iterable[ItemSeen]]) -> tuple[ItemSeen, ...]:
    """The empty items left by creations that took effect after they were sent again.

    An item whose case has not found it yet is that case's own.
    `items` lists the target; it is called only if a creation was sent more than once.
    """
    titles = {title for past in history.cases.values() for title in past.twice}
    if not titles:
        return ()
    titles -= {past.temporary for past in history.cases.values() if past.item is None}
    own = _owned(history)
    found = (item for item in items() if item.title in titles and item.pk not in own)
    return tuple(sorted(found, key=lambda item: item.order or 0))


def _repetition(
    was: Started,
    item: str,
    entries: tuple[Entry, ...],
    sockets: Mapping[str, Socket],
    target: Target,
) -> Fill:
    values = tuple(_slot(entry, sockets[entry.socket]) for entry in entries)
    call = type_of(target.kind).fill(item=item, title=None, order=None, values=values)
    return Fill(was.step, was.case, call, None, None, entries, look_first=False, repeated=True)


def _slot(entry: Entry, socket: Socket) -> Json:
    if entry.ticket is not None:
        return ticket_slot_json(entry.socket, entry.ticket)
    if entry.uploads:
        return set_slot_json(entry.socket, entry)
    return upload_slot_json(socket, entry.upload or "")


def _owned(history: History) -> frozenset[str]:
    """The pks of the items that cases have."""
    pasts = history.cases.values()
    return frozenset(pk for past in pasts for pk in (past.item, *past.former) if pk is not None)


def _creations(
    cases: Mapping[str, CaseHistory], owned: frozenset[str], listing: Listing
) -> Iterator[Event]:
    unsure = {
        past.temporary: name
        for name, past in cases.items()
        if past.item is None and past.temporary is not None
    }
    if not unsure:
        return
    for title, pk in listing.by_title(unsure.keys()).items():
        name = unsure[title]
        if pk not in owned:
            yield Done(name, StepId.create(name), pk=pk, again=True)  # its sender may be gone


def _jobs(
    cases: Mapping[str, CaseHistory], owned: frozenset[str], client: Client, target: Target
) -> Iterator[Event]:
    """What a look shows of jobs in doubt: nothing of one that was not started, or not yet."""
    found = set(owned)
    for name, past in cases.items():
        if past.item is not None or past.creating is None:
            continue
        match find_job(client, target, past.creating, found):
            case Found(pk=pk):
                found.add(pk)
                yield Done(name, StepId.create(name), pk=pk)
            case CancelledJob(failures=failures):
                words = "; ".join(one.message for one in failures)
                step = StepId.job(name)
                yield Failed(name, step, words=words, final=True, failures=failures)
            case _:
                pass


def _fill(name: str, pk: str, filling: Started, client: Client, target: Target) -> Iterator[Event]:
    was_used = any_was_used(client, tickets_of(filling.entries))
    if was_used:
        yield Done(name, StepId.fill(name), pk=pk)
        return
    item = get_item(client, target, pk) if was_used is None else None
    if was_used is None and item is None:
        yield Gone(name, StepId.fill(name), pk)
    elif item is not None and left_traces(client, item, filling):
        yield Done(name, StepId.fill(name), pk=pk, again=True)  # perhaps: its sender is gone
    elif not _left_uploads(filling, lambda upload: is_row_gone(client, upload)):
        yield _had_no_effect(name)


def _left_uploads(filling: Started, is_gone: Callable[[str], bool]) -> tuple[Entry, ...]:
    """What the fill puts into sockets and has to be used up: uploads the platform still has."""
    return tuple(
        entry for entry in filling.entries if entry.upload is not None and not is_gone(entry.upload)
    )


def _had_no_effect(name: str) -> Failed:
    return Failed(name, StepId.fill(name), words="", final=False)
