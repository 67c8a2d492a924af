"""Makes tickets: upload sessions of the platform that wait for the fill that names them.

A ticket is made once its upload is complete. It does nothing until a fill names it, so a lost
answer costs nothing: another one is made. Where a platform has no such sessions, fills name the
uploads themselves, and the newest failed sessions are noticed before the first of these fills.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from manifest_uploader.engine.outcomes import Outcome, Ticketed
from manifest_uploader.plan.steps import MakeTickets
from manifest_uploader.platform import refusals
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.responses import Interrupted, Response
from manifest_uploader.platform.sessions import post_session
from manifest_uploader.state.events import Event, Failed
from manifest_uploader.state.steps import StepId

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_NOT_OFFERED: Final = {403, 404, 405}
"""How a platform answers that does not let clients make sessions."""
_SERVER_ERROR: Final = 500
_PAUSE_S: Final = 5.0
_LONGEST_WAIT_S: Final = 3600.0
"""How long to wait until the platform has processed other images."""
_BUSY: Final = (
    "the platform is still processing other images of this account and accepts no more for now; "
    "the run tries again every few seconds"
)
_SLICE_S: Final = 0.5
"""Longest single sleep, so that stopping soon ends a pause."""


class TicketOffice:
    """Makes tickets, from any thread, and finds out once whether the platform has any."""

    def __init__(
        self,
        client: Client,
        *,
        notice: Callable[[], Iterable[Event]] = lambda: (),
        warn: Callable[[str], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to make tickets.

        Args:
            client: sends the requests.
            notice: called once if the platform has no tickets; yields events to record.
            warn: tells the user why making tickets takes long.
            stopping: whether the run is being stopped.
            sleep: pauses for some seconds.

        """
        self._client, self._notice, self._warn = client, notice, warn
        self._stopping, self._sleep = stopping, sleep
        self._is_offered: bool | None = None
        """None: not known yet."""
        self._answers: dict[str, Response] = {}
        """Upload → the answer to the very first request."""
        self._first = threading.Lock()

    def make(self, task: MakeTickets) -> Iterator[Outcome]:
        """Make a ticket for each upload; yield `Ticketed`, or why there is none.

        Raises:
            Interrupted: the run is being stopped.

        """
        if self._is_offered is None:
            with self._first:  # the others wait until what was noticed is handed on
                yield from self._find_out(task.uploads[0][1])
        if not self._is_offered:
            yield Ticketed(task.case, None)
            return
        tickets: dict[str, str] = {}
        for socket, upload in task.uploads:
            answer = self._ask(upload)
            pk = answer.fields.get("pk")
            if not answer.ok or not is_pk(pk):
                yield _failed(task.case, socket, answer)
                return
            tickets[socket] = pk
        yield Ticketed(task.case, tickets)

    def _find_out(self, upload: str) -> Iterator[Event]:
        """Find out whether the platform has tickets, by asking for the first one."""
        if self._is_offered is not None:
            return
        answer = post_session(self._client, upload)
        if answer.status in _NOT_OFFERED:
            yield from self._notice()
            self._is_offered = False
        else:
            self._answers[upload] = answer
            self._is_offered = True

    def _ask(self, upload: str) -> Response:
        """Ask until the platform is not too busy with other images."""
        answer = self._answers.pop(upload, None) or post_session(self._client, upload)
        waited_s = 0.0
        while refusals.is_processing_limit(answer.json) and waited_s < _LONGEST_WAIT_S:
            self._warn(_BUSY)
            self._pause()
            waited_s += _PAUSE_S
            answer = post_session(self._client, upload)
        return answer

    def _pause(self) -> None:
        for _ in range(int(_PAUSE_S / _SLICE_S)):
            if self._stopping():
                raise Interrupted
            self._sleep(_SLICE_S)


def _failed(case: str, socket: str, answer: Response) -> Failed:
    message = refusals.refusal_message(answer.status, answer.json)
    is_gone = refusals.is_missing_object(answer.json)
    if is_gone:
        message = "the platform no longer has the upload; run again, and it is sent again"
    elif answer.ok:
        message = "the platform created no usable upload session"
    return Failed(
        case,
        StepId.ticket(case, socket),
        socket=socket,
        words=message,
        final=not is_gone and not answer.ok and answer.status < _SERVER_ERROR,
    )
