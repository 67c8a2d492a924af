"""The connection to a Dask scheduler: made again when it is lost, and quiet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Callable, Collection
from typing import Any, Final

import dask
import distributed
from distributed.client import ClosedClientError

from manifest_uploader.cluster.calls import Answer, Call
from manifest_uploader.cluster.on_worker import perform
from manifest_uploader.cluster.refusals import no_connection
from manifest_uploader.errors import CannotGoOn
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.system.daemons import Daemons

_CONNECT_S: Final = 20.0
_LOOK_S: Final = 0.2
_KEPT: Final = 10
"""Messages of each connection that Dask keeps; by default 1,000."""
_LOGGERS: Final = ("distributed", "tornado", "asyncio", "bokeh", "dask_jobqueue")
_NOT_CONNECTED: Final = (OSError, ValueError, TypeError, RuntimeError)
"""What Dask raises if it cannot connect: wrong certificates are a ValueError, for example."""


def keep_quiet() -> None:
    """Let Dask log nothing to the terminal: what goes wrong is told in our words.

    Nor shall it keep its latest messages in memory: those of large values have 100 KiB, and
    presigned URLs.
    """
    dask.config.set({"distributed.admin.low-level-log-length": _KEPT})
    for name in [*_LOGGERS, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] not in _LOGGERS:
            continue
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
    warnings.filterwarnings("ignore", module=r"(distributed|dask|dask_jobqueue)\b")


class Link:
    """A client of one scheduler, for use from any thread."""

    def __init__(
        self,
        address: str,
        *,
        security: distributed.Security | None = None,
        give_up_s: float,
        hint: str | None = None,
        check: Callable[[], None] = lambda: None,
        connect_s: float = _CONNECT_S,
    ) -> None:
        """Connect.

        Args:
            address: of the scheduler.
            security: certificates; None: those of Dask's configuration.
            give_up_s: longest time without a connection, once there was one.
            hint: what to do if there is no scheduler.
            check: raises CannotGoOn if it is of no use to wait for a scheduler or workers.
            connect_s: longest time until a scheduler answers.

        Raises:
            CannotGoOn: no scheduler answers, or not to this machine.

        """
        keep_quiet()
        self.address: Final = address
        self._security, self._give_up_s = security, give_up_s
        self._connect_s = connect_s
        self.check: Final = check
        self._lock = threading.Lock()
        self._topics: dict[str, Callable[[Any], None]] = {}
        self._stream: object = None
        """The connection over which the topics were subscribed to."""
        self._is_closed = False
        try:
            self._client = self._connect()
        except _NOT_CONNECTED as error:
            raise no_connection(address, error, hint) from None

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._client.status == "running"

    @property
    def dashboard(self) -> str:
        """The address of the scheduler's page."""
        with contextlib.suppress(Exception):
            return str(self._client.dashboard_link or "")
        return ""

    def client(self, stopping: Callable[[], bool] = lambda: False) -> distributed.Client:
        """The client, once it is connected.

        Raises:
            CannotGoOn: there was no connection for a long time.
            Interrupted: the run is being stopped, or the link is closed.

        """
        until = time.monotonic() + self._give_up_s
        while True:
            if stopping() or self._is_closed:
                raise Interrupted
            if self._lock.acquire(timeout=_LOOK_S):  # another thread may be connecting
                try:
                    if self._reconnected():
                        return self._client
                finally:
                    self._lock.release()
            self.check()
            if time.monotonic() > until:
                raise CannotGoOn(
                    f"the Dask scheduler at {self.address} has not answered for "
                    f"{self._give_up_s:.0f} s",
                    hint="once it runs again, run the same command: what was sent is not lost",
                )
            time.sleep(_LOOK_S)

    def _reconnected(self) -> bool:
        """Whether there is a connection; makes a new one if Dask has given up its own."""
        if self._client.status in {"closed", "closing"}:
            with contextlib.suppress(*_NOT_CONNECTED):
                self._client = self._connect()
            if self._is_closed:
                self.close()
                raise Interrupted
        if self._client.status != "running":
            return False
        self._subscribe()
        return True

    def submit(
        self, call: Call, worker: str, *, stopping: Callable[[], bool]
    ) -> distributed.Future[Answer]:
        """Let the worker at an address perform a call, and no other; raises as `client` does."""
        while True:
            with contextlib.suppress(ClosedClientError):  # it was closed just now
                return self.client(stopping).submit(
                    perform,
                    call,
                    key=call.key,
                    resources={call.run: 1},
                    workers=[worker],
                    allow_other_workers=False,
                    pure=False,
                    retries=0,
                )

    def cancel(self, future: distributed.Future[Answer]) -> None:
        """Let nobody perform a call any more."""
        with contextlib.suppress(ClosedClientError, *_NOT_CONNECTED):
            if not future.done():
                future.cancel()
        future.release()

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        workers: Collection[str],
        longest_s: float,
        stopping: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """What a function returns on each worker, beside its tasks; or the exception.

        A worker that does not answer in time has a TimeoutError, and delays no other. Raises as
        `client` does, and OSError or RuntimeError if the connection is lost meanwhile.
        """
        client = self.client(stopping)

        async def ask(address: str) -> Any:
            asked = client.run(function, *args, workers=[address], on_error="return")
            try:
                return (await asyncio.wait_for(asked, longest_s))[address]
            except Exception as error:  # noqa: BLE001 - returned
                return error

        async def ask_all() -> list[Any]:
            return await asyncio.gather(*map(ask, workers))

        answers = client.sync(ask_all, callback_timeout=2 * longest_s)
        return dict(zip(workers, answers, strict=True))

    def subscribe(self, topic: str, tell: Callable[[dict[str, Any]], None]) -> None:
        """Be told, in a thread of Dask's, of each event that workers log."""

        def told(event: tuple[float, dict[str, Any]]) -> None:
            tell(event[1])

        with self._lock:
            self._topics[topic] = told
            self._stream = None
            self._subscribe()

    def _subscribe(self) -> None:
        """Subscribe again after a reconnect of Dask's, which forgets the topics."""
        stream = self._client.scheduler_comm
        if stream is not self._stream:
            for topic, told in self._topics.items():
                self._client.subscribe_topic(topic, told)
            self._stream = stream

    def close(self) -> None:
        """End the connection for good; what is under way is cancelled."""
        self._is_closed = True
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)

    def _connect(self) -> distributed.Client:
        """A client that is connected; raises one of `_NOT_CONNECTED`.

        Dask waits for ever for a server that accepts connections and says nothing.
        """

        def connect() -> distributed.Client:
            return distributed.Client(
                self.address,
                security=self._security,
                timeout=self._connect_s,
                set_as_default=False,
                name="uploader",
            )

        with Daemons(1, "connect") as threads:  # it does not wait for a thread that hangs
            return threads.submit(connect).result(timeout=2 * self._connect_s)
