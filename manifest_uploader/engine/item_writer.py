"""Sends creations and fills, and finds out whether they took effect.

A fill must not be repeated blindly. The platform uses up a fill's tickets in the transaction in
which the fill takes effect: after a lost response one of them tells the outcome, and a repetition
is refused. A fill without tickets is settled by what the item shows; repeating it with the same
uploads does no harm, because the second import finds them gone.

A creation may be repeated: the platform refuses a second item with the same title, and the title
finds the first one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.plan.steps import Create, Fill
from manifest_uploader.platform import refusals
from manifest_uploader.platform.endpoints import (
    ItemHidden,
    find_by_title,
    get_item,
    is_row_gone,
    send_call,
)
from manifest_uploader.platform.items import holds, is_pk, took_effect
from manifest_uploader.platform.model import Entry, ItemSeen, Target
from manifest_uploader.platform.requests import Call, Contents
from manifest_uploader.platform.responses import Response, ResponseLost
from manifest_uploader.platform.sessions import any_was_used
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Started,
    Unsure,
)

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_ATTEMPTS: Final = 5
"""Attempts of a step with an unknown outcome, until it is recorded as unsure."""
_SERVER_ERROR: Final = 500
_PAUSE_S: Final = 5.0
_LONGEST_WAIT_S: Final = 3600.0
"""How long to wait until the platform has processed other images."""
_IGNORES: Final = (
    "the platform treats true as 1 and false as 0, so it ignores this change, and it refuses the "
    "value in between that would get around that; give the socket another value first"
)


def source_of(value: FileValue, root: Root) -> Source:
    """The files of a value as they are now.

    Raises:
        FileChanged: they are not as they were when the run began.

    """
    found = resolve(value, root)
    if isinstance(found, Source):
        return found
    raise FileChanged("; ".join(problem.message for problem in found))


def left_traces(client: Client, item: ItemSeen, fill: Fill | Started) -> bool:
    """Whether the item, or the absence of its upload rows, shows that a fill took effect."""
    named = (entry.upload for entry in fill.entries if entry.upload is not None)
    gone = frozenset(pk for pk in named if is_row_gone(client, pk))
    title, temporary = None if fill.had_title else fill.title, fill.temporary
    return took_effect(item, entries=fill.entries, title=title, temporary=temporary, gone=gone)


def tickets_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The pks of the tickets among what a fill puts into sockets."""
    return tuple(entry.ticket for entry in entries if entry.ticket is not None)


class ItemWriter:
    """Creates and fills items, from any thread."""

    def __init__(
        self,
        client: Client,
        target: Target,
        root: Root,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._target, self._root = client, target, root
        self._type = type_of(target.kind)
        self._sleep = sleep

    # -- creations --

    def create(self, task: Create) -> Iterator[Event]:
        """Create the item, and yield what to record."""
        try:
            call = self.with_contents(task.call)
        except FileChanged as changed:
            yield Failed(task.case, task.step, words=str(changed), final=False)
            return
        title_is_ours = not self._type.created_with_values
        for _ in range(_ATTEMPTS):
            try:
                response = send_call(self._client, call, repeat=title_is_ours)
            except ResponseLost:
                yield Unsure(task.case, task.step, "the request for the item was not answered")
                return
            if response.ok and is_pk(pk := response.fields.get("pk")):
                yield from self.done(task, pk, response)
                return
            if not (title_is_ours and refusals.is_title_taken(response.json)):
                yield refused(task, response)
                return
            found = find_by_title(self._client, self._target, frozenset((task.title,)))
            if task.title in found:
                yield Done(task.case, task.step, pk=found[task.title], again=response.again)
                return
        yield Unsure(task.case, task.step, "the platform neither creates the item nor shows it")

    # -- fills --

    def fill(self, task: Fill) -> Iterator[Event]:
        """Send the fill, find out whether it took effect, and yield what to record."""
        try:
            call = self.with_contents(task.call)
        except FileChanged as changed:
            yield Failed(task.case, task.step, words=str(changed), final=False)
            return
        uses_tickets = bool(tickets_of(task.entries))
        for attempt in range(_ATTEMPTS):
            response, again = self._try(call), attempt > 0 and not uses_tickets
            if response is not None and response.ok:
                item = self._type.read_item(response.json)
                yield from self._done(task, _pk(call), item, again=again)
                return
            if response is not None and attempt == 0 and not _may_have_taken_effect(task, response):
                yield refused(task, response)
                return
            try:
                has_acted, item = self._look(task, _pk(call))
            except ItemHidden as hidden:
                yield Unsure(task.case, task.step, hidden.message)
                return
            if has_acted:
                yield from self._done(task, _pk(call), item, again=again)
                return
            if response is not None:
                yield refused(task, response)
                return
            self._sleep(0.5 * 2**attempt)
        yield Unsure(task.case, task.step, "the platform did not answer, and the item is unchanged")

    def _look(self, task: Fill, pk: str) -> tuple[bool, ItemSeen | None]:
        """Whether the fill took effect, and the item if it was needed to tell, or shows values.

        Raises:
            ItemHidden: the platform shows neither a ticket of the fill nor its item.

        """
        was_used = any_was_used(self._client, tickets_of(task.entries))
        if was_used is None:
            item = get_item(self._client, self._target, pk)
            return item is not None and left_traces(self._client, item, task), item
        if not was_used or all(entry.digest is None for entry in task.entries):
            return was_used, None
        with contextlib.suppress(ItemHidden):  # its values are seen later
            return True, get_item(self._client, self._target, pk)
        return True, None

    def _try(self, call: Call) -> Response | None:
        """The response; None if it was lost, so that only the item can show the outcome.

        While the platform processes other images and takes no more, it asks again: image sets have
        no ticket, with which a case waits before its fill.
        """
        waited_s = 0.0
        try:
            response = send_call(self._client, call, repeat=False)
            while refusals.is_processing_limit(response.json) and waited_s < _LONGEST_WAIT_S:
                self._sleep(_PAUSE_S)
                waited_s += _PAUSE_S
                response = send_call(self._client, call, repeat=False)
        except ResponseLost:
            return None
        return response

    # -- both --

    def done(self, task: Create, pk: str, response: Response) -> Iterator[Event]:
        """The events of a creation that took effect, as its answer says."""
        item = self._type.read_item(response.json)
        yield from self._done(task, pk, item, again=response.again)

    def _done(
        self, task: Create | Fill, pk: str, item: ItemSeen | None, *, again: bool = False
    ) -> Iterator[Event]:
        """The events of a step that took effect, with values that the item already shows."""
        yield Done(task.case, task.step, pk=pk, again=again)
        for entry in task.entries:
            held = holds(entry, item) if item is not None and entry.digest is not None else None
            if held is not None:
                yield Confirmed(task.case, task.step, entry.socket, held.shown)

    def with_contents(self, call: Call) -> Call:
        """The request with the JSON values from local files.

        Raises:
            FileChanged: a file does not hold what it held when the plan was made.

        """
        field = self._type.values_field
        values = call.json.get(field)
        if values is None:
            return call
        return replace(call, json=call.json | {field: list(map(self._read, values))})

    def _read(self, value: dict[str, Any]) -> dict[str, Any]:
        wanted = value.get("value")
        if not isinstance(wanted, Contents):
            return value
        source = source_of(wanted.value, self._root)
        try:
            found = read_json(source)
        except JsonUnreadable as error:
            raise FileChanged(f"'{source.name}': {error}") from None
        if json_digest(found) != wanted.digest:
            raise FileChanged(f"'{source.name}' changed during the run")
        return value | {"value": found}


def refused(task: Create | Fill, response: Response, field: str = "values") -> Done | Failed:
    """The failure with the platform's message about each socket, where it names sockets.

    `field` of the request holds what is put into sockets.
    An item that cannot be moved in the worklist, because it has answers, is no failure.
    """
    if isinstance(task, Fill) and task.only_moves and refusals.is_answered(response.json):
        return Done(task.case, task.step, pk=task.call.pk, kept=True)
    sockets = tuple(value["interface"] for value in task.call.json.get(field, ()))
    by_socket = refusals.by_socket(response.json, sockets, field=field)
    failures = tuple(Failure(socket, text) for socket, text in by_socket.items())
    message = "; ".join(
        one.message if one.socket is None else f"{one.socket}: {one.message}" for one in failures
    )
    message = message or refusals.refusal_message(response.status, response.json)
    if isinstance(task, Fill) and task.in_between and not refusals.is_answered(response.json):
        message, failures = f"{_IGNORES} ({message})", ()
    if isinstance(task, Fill) and task.title is not None and refusals.is_title_taken(response.json):
        message = f"the title '{task.title}' is taken by another item ({message})"
        failures = ()
    socket = next((one.socket for one in failures if one.socket is not None), None)
    return Failed(
        task.case,
        task.step,
        socket=socket,
        words=message,
        final=response.status < _SERVER_ERROR,
        failures=failures if socket is not None else (),
    )


def _may_have_taken_effect(task: Fill, response: Response) -> bool:
    """Whether the refusal may mean that this fill took effect before, and used its uploads."""
    may_be_second = task.temporary is not None or task.repeated or bool(tickets_of(task.entries))
    return may_be_second and refusals.is_missing_object(response.json)


def _pk(call: Call) -> str:
    assert call.pk is not None, "a fill is sent once its item exists"
    return call.pk
