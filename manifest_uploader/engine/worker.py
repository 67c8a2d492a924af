"""Performs tasks. Failures of one case become events, not exceptions."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, assert_never

from manifest_uploader.engine.data_plane import Copies
from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.item_writer import ItemWriter, source_of
from manifest_uploader.engine.jobs.writer import JobWriter
from manifest_uploader.engine.outcomes import Looked, Outcome
from manifest_uploader.engine.tickets import TicketOffice
from manifest_uploader.engine.upload import Tools, UploadLimitReached, UploadRefused, send
from manifest_uploader.files.copies import NoCopy
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.parts import Content, JsonContent
from manifest_uploader.files.root import Root
from manifest_uploader.files.value_facts import value_facts
from manifest_uploader.manifest.model import JsonValue
from manifest_uploader.plan.steps import (
    CountJobs,
    Create,
    Fill,
    Look,
    MakeTickets,
    Settle,
    Task,
    Upload,
    Watch,
)
from manifest_uploader.platform.endpoints import ItemHidden, get_item
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.state.events import Event, Failed, Paused
from manifest_uploader.state.receipts import Receipt
from manifest_uploader.state.steps import StepId

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


class Worker:
    """Performs tasks, from any thread."""

    def __init__(
        self,
        target: Target,
        root: Root,
        tools: Tools,
        watcher: Watcher,
        *,
        copies: Copies | None = None,
        receive: Callable[[Receipt], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target, self._root, self._tools = target, root, tools
        self._client: Client = tools.client
        self._watcher, self._copies = watcher, copies
        self._receive = receive
        self._items = ItemWriter(tools.client, target, root, sleep=sleep)
        self._jobs = JobWriter(tools.client, target, root)
        self._tickets = TicketOffice(
            tools.client,
            notice=watcher.notice_old,
            warn=tools.warn,
            stopping=tools.stopping,
            sleep=sleep,
        )

    def perform(self, task: Task) -> Iterator[Outcome]:
        """Perform a task and yield its outcomes.

        A task that ends because the run is being stopped yields nothing more.

        Raises:
            CannotGoOn: the whole run cannot go on.

        """
        with contextlib.suppress(Interrupted):
            yield from self._perform(task)

    def _perform(self, task: Task) -> Iterator[Outcome]:
        match task:
            case Upload():
                yield self._upload(task)
            case MakeTickets():
                yield from self._tickets.make(task)
            case Create():
                yield from self._jobs.start(task) if task.job else self._items.create(task)
            case Fill():
                yield from self._items.fill(task)
            case Look():
                yield self._look(task)
            case CountJobs():
                yield self._jobs.count(task)
            case Settle():
                yield self._jobs.settle(task)
            case Watch():
                yield from self._watcher.watch(task)
            case _:
                assert_never(task)

    def _look(self, task: Look) -> Outcome:
        try:
            return Looked(task.case, get_item(self._client, self._target, task.item))
        except ItemHidden as hidden:
            return Failed(task.case, StepId.fill(task.case), words=hidden.message, final=False)

    # -- uploads --

    def _upload(self, task: Upload) -> Event:
        try:
            sent = send(task, self._content(task), self._tools)
        except UploadLimitReached as limit:
            return Paused(
                task.case,
                task.step,
                socket=task.socket,
                why=limit.message,
                size_limit=limit.size_limit,
            )
        except UploadRefused as refused:
            return self._failed(task, refused.message, final=refused.final)
        except NoCopy as error:
            return self._failed(task, str(error), final=True)
        except FileChanged as changed:
            if self._tools.stopping():
                raise Interrupted from None
            return self._failed(task, str(changed), final=False)
        self._receive(Receipt(task.case, task.socket, sent.done.pk or "", sent.files))
        return sent.done

    def _failed(self, task: Upload, message: str, *, final: bool) -> Failed:
        return Failed(task.case, task.step, socket=task.socket, words=message, final=final)

    def _content(self, task: Upload) -> Content:
        if isinstance(task.source, JsonValue):
            data = json.dumps(task.source.value, ensure_ascii=False, allow_nan=False).encode()
            return JsonContent(task.name, data, task.stat)
        if task.file is not None:
            assert self._copies is not None, "the plan sends image sets"
            return self._copies.copy(task.file)
        source = source_of(task.source, self._root)
        _check_same(task, source)
        return source


def _check_same(task: Upload, source: Source) -> None:
    """Check that the files are those that were looked into: nothing else may be sent.

    Raises:
        FileChanged: files were added, removed or changed since the run began.

    """
    if value_facts(source).stat == task.stat:
        return
    sizes = ""
    if source.size != task.size:
        files = f"{len(source.files):,} files" if source.bundle else "1 file"
        sizes = f": {task.size:,} bytes then, {source.size:,} in {files} now"
    raise FileChanged(
        f"the files of '{task.socket}' changed since the run began{sizes}; "
        "run again once they are complete"
    )
