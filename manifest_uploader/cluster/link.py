"""The connection to a Dask scheduler: made again when it is lost, and quiet."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import distributed

from manifest_uploader.cluster.calls import Answer, Call
from manifest_uploader.cluster.on_worker import perform
from manifest_uploader.cluster.refusals import no_connection
from manifest_uploader.errors import CannotGoOn
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.system.daemons import Daemons

_CONNECT_S: Final = 20.0
_LOOK_S: Final = 0.2
_LOGGERS: Final = ("distributed", "tornado", "asyncio", "bokeh", "dask_jobqueue")
_NOT_CONNECTED: Final = (OSError, ValueError, TypeError, RuntimeError)
"""What Dask raises if it cannot connect: wrong certificates are a ValueError, for example."""


def keep_quiet() -> None:
    """Let Dask log nothing to the terminal: what goes wrong is told in our words."""
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
        connect_s: float = _CONNECT_S,
    ) -> None:
        """Connect.

        Args:
            address: of the scheduler.
            security: certificates; None: those of Dask's configuration.
            give_up_s: longest time without a connection, once there was one.
            hint: what to do if there is no scheduler.
            connect_s: longest time until a scheduler answers.

        Raises:
            CannotGoOn: no scheduler answers, or not to this machine.

        """
        keep_quiet()
        self.address: Final = address
        self._security, self._give_up_s = security, give_up_s
        self._connect_s = connect_s
        self._lock = threading.Lock()
        self._topics: dict[str, Callable[[Any], None]] = {}
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
            Interrupted: the run is being stopped.

        """
        until = time.monotonic() + self._give_up_s
        while True:
            with self._lock:
                if self._client.status in {"closed", "closing"}:
                    with contextlib.suppress(*_NOT_CONNECTED):
                        self._client = self._connect()
                if self._client.status == "running":
                    return self._client
            if stopping():
                raise Interrupted
            if time.monotonic() > until:
                raise CannotGoOn(
                    f"the Dask scheduler at {self.address} has not answered for "
                    f"{self._give_up_s:.0f} s",
                    hint="once it runs again, run the same command: what was sent is not lost",
                )
            time.sleep(_LOOK_S)

    def submit(
        self, call: Call, *, stopping: Callable[[], bool], worker: str | None = None
    ) -> distributed.Future[Answer]:
        """Let a worker of the run perform a call; raises as `client` does."""
        client = self.client(stopping)
        return client.submit(
            perform,
            call,
            key=call.key,
            resources={call.run: 1},
            workers=[worker] if worker else None,
            allow_other_workers=worker is not None,
            pure=False,
            retries=0,
        )

    def subscribe(self, topic: str, tell: Callable[[dict[str, Any]], None]) -> None:
        """Be told, in a thread of Dask's, of each event that workers log."""

        def told(event: tuple[float, dict[str, Any]]) -> None:
            tell(event[1])

        self._topics[topic] = told
        self._client.subscribe_topic(topic, told)

    def close(self) -> None:
        """End the connection; what is under way is cancelled."""
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

        found = Daemons(1, "connect").submit(connect)
        client = found.result(timeout=2 * self._connect_s)
        for topic, told in self._topics.items():
            client.subscribe_topic(topic, told)
        return client
