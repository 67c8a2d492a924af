"""Performs one step; what a case may stumble over comes back as events, never as an exception.

A creation may be sent again: its title is ours alone, so that a second one is refused and the
first is found by it. A fill may not: after a lost answer the item is looked at.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from manifest_uploader import dicom, refusals
from manifest_uploader.answers import Answer, AnswerLost, Interrupted
from manifest_uploader.confirm import Watcher
from manifest_uploader.digests import json_digest
from manifest_uploader.files import FileChanged, JsonUnreadable, Root, Source, read_json, resolve
from manifest_uploader.items import has_acted, holds, is_pk, item_seen
from manifest_uploader.lookups import ItemHidden, find_by_title, get_item
from manifest_uploader.model import (
    Address,
    Call,
    Confirmed,
    Contents,
    Create,
    Done,
    Entry,
    Event,
    Failed,
    FileValue,
    Fill,
    ItemSeen,
    Json,
    JsonValue,
    Look,
    Looked,
    Outcome,
    Paused,
    Target,
    Task,
    Unsure,
    Upload,
    Watch,
)
from manifest_uploader.receipts import Receipt
from manifest_uploader.streams import BundleStream, FileStream, JsonStream, Stream
from manifest_uploader.upload import RoomMissing, Tools, UploadRefused, send

if TYPE_CHECKING:  # httpx costs 0.3 s of CPU, which commands without a network save
    from manifest_uploader.connection import Connection

_LOOKS: Final = 5
"""How often a fill of unknown fate is looked at and sent again before it is left unsure."""

_HEADERS: Final = 2
"""Cases whose headers are read at a time: with more of them, none would begin to send early."""


class Worker:
    """Performs steps, from any thread."""

    def __init__(
        self,
        target: Target,
        root: Root,
        tools: Tools,
        watcher: Watcher,
        *,
        room: threading.Semaphore,
        receive: Callable[[Receipt], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target, self._root, self._tools = target, root, tools
        self._connection: Connection = tools.connection
        self._watcher = watcher
        self._room = room
        self._headers = threading.Semaphore(_HEADERS)
        self._receive = receive
        self._sleep = sleep

    def perform(self, task: Task) -> Iterator[Outcome]:
        """Do it; what comes back is in order, and complete when the iterator ends.

        Nothing comes back of a step that stopped because the run is being stopped.

        Raises:
            CannotGoOn: no step can go on.

        """
        with contextlib.suppress(Interrupted):
            yield from self._perform(task)

    def _perform(self, task: Task) -> Iterator[Outcome]:
        match task:
            case Upload():
                yield self._upload(task)
            case Create():
                yield self._create(task)
            case Fill():
                yield from self._fill(task)
            case Look():
                yield self._look(task)
            case Watch():
                yield from self._watcher.watch(task)
            case _:
                assert_never(task)

    def _look(self, task: Look) -> Outcome:
        try:
            return Looked(task.case, self._item(task.item))
        except ItemHidden as hidden:
            return Failed(task.case, f"{task.case}:fill", None, hidden.message, final=False)

    # -- uploads --

    def _upload(self, task: Upload) -> Event:
        try:
            stream = self._stream(task)
            done = send(task, stream, self._tools)
        except RoomMissing as missing:
            return Paused(task.case, task.step, task.socket, missing.words, missing.size_limit)
        except UploadRefused as refused:
            return Failed(task.case, task.step, task.socket, refused.words, refused.final)
        except FileChanged as changed:
            if self._tools.stopping():
                raise Interrupted from None
            return Failed(task.case, task.step, task.socket, str(changed), final=False)
        files = tuple(stream.proof.files)
        self._receive(Receipt(task.case, task.socket, done.pk or "", files))
        return done

    def _stream(self, task: Upload) -> Stream:
        if isinstance(task.source, JsonValue):
            data = json.dumps(task.source.value, ensure_ascii=False, allow_nan=False).encode()
            return JsonStream(task.name, data, task.stat)
        source = self._source(task.source)
        if task.images and not task.identifiable:
            self._refuse_patients(source)
        if source.bundle:
            return BundleStream(source, self._room, self._tools.stopping)
        return FileStream(source.files[0])

    def _source(self, value: FileValue) -> Source:
        found = resolve(value, self._root)
        if isinstance(found, Source):
            return found
        raise FileChanged("; ".join(problem.message for problem in found))

    def _refuse_patients(self, source: Source) -> None:
        with self._headers:
            found = dicom.check(source.files, all_files=True)
        if found is not None:
            name, words = found
            raise UploadRefused(
                f"'{name}' names its patient ({words}); de-identify it, "
                "or write  identifiable: allowed  into the manifest"
            )

    # -- creations --

    def _create(self, task: Create) -> Event:
        for _ in range(_LOOKS):
            answer = self._send(task.call)
            if answer.ok and is_pk(pk := answer.fields.get("pk")):
                return Done(task.case, task.step, pk=pk)
            if not refusals.is_title_taken(answer.json):
                return self._refused(task.case, task.step, answer)
            found = find_by_title(self._connection, self._target, frozenset((task.title,)))
            if task.title in found:
                return Done(task.case, task.step, pk=found[task.title])
        return Unsure(task.case, task.step, "the platform neither makes the item nor shows it")

    def _refused(self, case: str, step: str, answer: Answer) -> Failed:
        final = answer.status < 500  # noqa: PLR2004
        return Failed(case, step, None, refusals.words(answer.status, answer.json), final)

    # -- fills --

    def _fill(self, task: Fill) -> Iterator[Event]:
        try:
            call = self._read_contents(task)
        except FileChanged as changed:
            yield Failed(task.case, task.step, None, str(changed), final=False)
            return
        for attempt in range(_LOOKS):
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

    def _try_fill(self, call: Call) -> Answer | None:
        """The answer; None if it was lost, so that only a look can tell what became of it."""
        try:
            return self._send(call, repeat=False)
        except AnswerLost:
            return None

    def _filled(self, task: Fill, answer: Answer) -> Iterator[Event]:
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

    def _refused_fill(self, task: Fill, answer: Answer) -> Failed:
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
        item = self._item(_pk(task.call))
        if item is None:
            return None
        gone = frozenset(
            entry.upload for entry in task.entries if entry.upload and self._is_gone(entry)
        )
        acted = has_acted(
            item,
            entries=task.entries,
            title=task.title,
            temporary=task.temporary,
            gone=gone,
        )
        return item if acted else None

    def _is_gone(self, entry: Entry) -> bool:
        return self._connection.get(f"uploads/{entry.upload}/").status == 404  # noqa: PLR2004

    # -- requests --

    def _item(self, pk: str) -> ItemSeen | None:
        return get_item(self._connection, self._target, pk)

    def _send(self, call: Call, *, repeat: bool = True) -> Answer:
        body = self._with_addresses(call.json)
        return self._connection.call(call.method, _path(call), json=body, repeat=repeat)

    def _with_addresses(self, body: Json) -> Json:
        match body:
            case Address(collection=collection, pk=str() as pk):
                return self._connection.address(collection, pk)
            case dict():
                return {key: self._with_addresses(inner) for key, inner in body.items()}
            case list():
                return [self._with_addresses(inner) for inner in body]
            case _:
                return body

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
        source = self._source(held.value)
        try:
            found = read_json(source)
        except JsonUnreadable as error:
            raise FileChanged(f"'{source.name}': {error}") from None
        if json_digest(found) != held.digest:
            raise FileChanged(f"'{source.name}' changed while the run was under way")
        return value | {"value": found}


def _may_have_acted(task: Fill, answer: Answer) -> bool:
    """A refusal that also comes once a first fill has acted: its uploads are taken in."""
    return task.temporary is not None and refusals.is_missing_object(answer.json)


def _pk(call: Call) -> str:
    assert isinstance(call.pk, str), "the executor fills holes before it submits"
    return call.pk


def _path(call: Call) -> str:
    return call.path.replace("{pk}", call.pk) if isinstance(call.pk, str) else call.path
