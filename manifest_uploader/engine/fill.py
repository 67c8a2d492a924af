"""The one PATCH that fills an item, and what became of it.

A fill may not be repeated blindly: after a lost answer the item is looked at. Its own repetition,
with the same uploads, does no harm: an import that comes second finds them gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from manifest_uploader.digests import Json, json_digest
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.plan.steps import Fill
from manifest_uploader.platform import refusals
from manifest_uploader.platform.endpoints import ItemHidden, get_item, is_row_gone
from manifest_uploader.platform.items import has_acted, holds, item_seen
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.requests import Address, Call, Contents
from manifest_uploader.platform.responses import Response, ResponseLost
from manifest_uploader.state.events import Confirmed, Done, Event, Failed, Started, Unsure

if TYPE_CHECKING:  # it costs 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

LOOKS: Final = 5
"""How often a step of unknown fate is looked at and sent again before it is left unsure."""


def send_call(client: Client, call: Call, *, repeat: bool = True) -> Response:
    """Send one request of a plan; raises AnswerLost only if it may not be repeated."""
    body = _with_addresses(client, call.json)
    return client.call(call.method, _path(call), json=body, repeat=repeat)


def source_of(value: FileValue, root: Root) -> Source:
    """The files of a value as they are now.

    Raises:
        FileChanged: they are not what they were when the run began.

    """
    found = resolve(value, root)
    if isinstance(found, Source):
        return found
    raise FileChanged("; ".join(problem.message for problem in found))


def left_traces(client: Client, item: ItemSeen, fill: Fill | Started) -> bool:
    """The item, or the going of its uploads' rows, shows that a fill acted."""
    named = (entry.upload for entry in fill.entries if entry.upload is not None)
    gone = frozenset(pk for pk in named if is_row_gone(client, pk))
    title, temporary = fill.title, fill.temporary
    return has_acted(item, entries=fill.entries, title=title, temporary=temporary, gone=gone)


class Filler:
    """Fills items, from any thread."""

    def __init__(
        self,
        client: Client,
        target: Target,
        root: Root,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._target, self._root = client, target, root
        self._sleep = sleep

    def fill(self, task: Fill) -> Iterator[Event]:
        """Send it and find out what became of it; the events are in order."""
        try:
            call = self._read_contents(task)
        except FileChanged as changed:
            yield Failed(task.case, task.step, None, str(changed), final=False)
            return
        for attempt in range(LOOKS):
            answer = self._try_fill(call)
            if answer is not None and (
                answer.ok or (attempt == 0 and not _may_have_acted(task, answer))
            ):
                yield from self._filled(task, answer)
                return
            try:
                item = self._acted(task)
            except ItemHidden as hidden:
                yield Unsure(task.case, task.step, hidden.message)
                return
            if item is not None:
                yield from self._seen(task, item)
                return
            if answer is not None:
                yield self._refused_fill(task, answer)
                return
            self._sleep(0.5 * 2**attempt)
        yield Unsure(
            task.case, task.step, "no answer to the fill came back, and nothing of it shows"
        )

    def _try_fill(self, call: Call) -> Response | None:
        """The answer; None if it was lost, so that only a look can tell what became of it."""
        try:
            return send_call(self._client, call, repeat=False)
        except ResponseLost:
            return None

    def _filled(self, task: Fill, answer: Response) -> Iterator[Event]:
        if not answer.ok:
            yield self._refused_fill(task, answer)
            return
        yield from self._seen(task, item_seen(answer.json))

    def _seen(self, task: Fill, item: ItemSeen | None) -> Iterator[Event]:
        """The fill acted; what it put there at once is confirmed at once."""
        yield Done(task.case, task.step, pk=_pk(task.call))
        for entry in task.entries:
            held = holds(entry, item) if item is not None and entry.digest is not None else None
            if held is not None:
                pk = held.image or held.mark
                yield Confirmed(task.case, task.step, entry.socket, pk)

    def _refused_fill(self, task: Fill, answer: Response) -> Failed:
        sockets = tuple(value["interface"] for value in task.call.json.get("values", ()))
        by_socket = refusals.by_socket(answer.json, sockets)
        words = "; ".join(
            text if socket is None else f"{socket}: {text}" for socket, text in by_socket.items()
        )
        socket = next((one for one in by_socket if one is not None), None)
        final = answer.status < 500  # noqa: PLR2004
        said = words or refusals.words(answer.status, answer.json)
        if task.title is not None and refusals.is_title_taken(answer.json):
            said = f"the title '{task.title}' is taken by another item ({said})"
        return Failed(task.case, task.step, socket, said, final)

    def _acted(self, task: Fill) -> ItemSeen | None:
        """The item, if it shows that the fill acted."""
        item = get_item(self._client, self._target, _pk(task.call))
        if item is None:
            return None
        return item if left_traces(self._client, item, task) else None

    def _read_contents(self, task: Fill) -> Call:
        """The call with the values that local files hold."""
        values = task.call.json.get("values")
        if values is None:
            return task.call
        body = dict(task.call.json)
        body["values"] = [self._with_contents(value) for value in values]
        return replace(task.call, json=body)

    def _with_contents(self, value: dict[str, Any]) -> dict[str, Any]:
        held = value.get("value")
        if not isinstance(held, Contents):
            return value
        source = source_of(held.value, self._root)
        try:
            found = read_json(source)
        except JsonUnreadable as error:
            raise FileChanged(f"'{source.name}': {error}") from None
        if json_digest(found) != held.digest:
            raise FileChanged(f"'{source.name}' changed while the run was under way")
        return value | {"value": found}


def _with_addresses(client: Client, body: Json) -> Json:
    match body:
        case Address(collection=collection, pk=str() as pk):
            return client.address(collection, pk)
        case dict():
            return {key: _with_addresses(client, inner) for key, inner in body.items()}
        case list():
            return [_with_addresses(client, inner) for inner in body]
        case _:
            return body


def _may_have_acted(task: Fill, answer: Response) -> bool:
    """A refusal that also comes once this fill has acted: its uploads are taken in then."""
    may = task.temporary is not None or task.repeated
    return may and refusals.is_missing_object(answer.json)


def _pk(call: Call) -> str:
    assert isinstance(call.pk, str), "the executor fills holes before it submits"
    return call.pk


def _path(call: Call) -> str:
    return call.path.replace("{pk}", call.pk) if isinstance(call.pk, str) else call.path
