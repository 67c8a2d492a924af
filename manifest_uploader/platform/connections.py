"""Connections of several threads, and the retries of single exchanges over them; without a token.

Here is what a request to the platform and one to its storage have in common.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from manifest_uploader import __version__
from manifest_uploader.platform.address import Patience, is_loopback_name
from manifest_uploader.platform.responses import Interrupted, Response
from manifest_uploader.platform.retries import Retries, trouble_of_answer, trouble_of_failure
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.platform.transport import (
    Begin,
    Broken,
    Proxies,
    Reply,
    Request,
    Transport,
    environment_proxies,
    trusting_context,
)

_LONGEST_CONNECT_S: Final = 30.0
HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
    "User-Agent": f"manifest-uploader/{__version__}",
}


class Connections:
    """Exchanges requests for answers, from any thread.

    Each thread has its own transport (two if there is a proxy, because connections to this machine
    are direct), and all share one SSL context. Measured with 32 threads, this takes half the CPU of
    one shared transport.
    """

    def __init__(
        self, patience: Patience, *, meter: Meter, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.meter: Final = meter
        self._patience = patience
        self._retries = Retries(
            patience, meter=meter, stopping=lambda: self._is_closed or stopping()
        )
        self._lock = threading.Lock()
        self._is_closed = False
        self._context: ssl.SSLContext | None = None
        self._proxies: Proxies | None = None
        self._transports: list[Transport] = []
        self._of_thread = threading.local()

    def run(self, exchange: Callable[[], Response], *, repeat: bool) -> Response:
        """What comes of an exchange, which is repeated as `Retries.run` says."""
        return self._retries.run(exchange, repeat=repeat)

    def exchange(self, request: Request, begin: Begin | None = None) -> Reply:
        """Send a request once; raises Trouble if no answer comes."""
        try:
            with self.meter.exchange():
                return self._transport(request.url).exchange(request, begin)
        except Broken as broken:
            trouble = trouble_of_failure(broken, stall_s=self._patience.stall_s)
            self.meter.answered(busy=False, trouble=trouble.why)
            raise trouble from None

    def checked(self, answer: Response, *, expects_json: bool) -> Response:
        """The answer, noted by the meter; raises Trouble if the request has to be repeated."""
        trouble = trouble_of_answer(answer, expects_json=expects_json)
        busy = answer.status in {429, 503}
        self.meter.answered(busy=busy, trouble=trouble.why if trouble else None)
        if trouble is not None:
            raise trouble
        return answer

    def is_proxied(self, url: str) -> bool:
        """Whether to let httpx choose a proxy; connections to this machine are always direct.

        Plain http only goes to this machine (`is_safe_address`). No name is looked up here, because
        behind a proxy lookups often fail after a long wait.
        """
        if self._proxies is None:
            self._proxies = environment_proxies()
        if not self._proxies:
            return False
        parts = urlsplit(url)
        return parts.scheme == "https" and not is_loopback_name(parts.hostname or "")

    def close(self) -> None:
        """Close every thread's connections; waiting threads wake up and raise."""
        with self._lock:
            self._is_closed = True
            transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def _transport(self, url: str) -> Transport:
        """This thread's transport for an address, proxied or direct."""
        of_thread: dict[bool, Transport] = self._of_thread.__dict__.setdefault("transports", {})
        proxied = self.is_proxied(url)
        if proxied not in of_thread:
            of_thread[proxied] = self._new_transport(proxied=proxied)
        return of_thread[proxied]

    def _new_transport(self, *, proxied: bool) -> Transport:
        with self._lock:
            if self._is_closed:
                raise Interrupted
            self._context = self._context or trusting_context()
            made = Transport(
                self._context,
                connect_s=min(self._patience.stall_s, _LONGEST_CONNECT_S),
                stall_s=self._patience.stall_s,
                proxies=self._proxies if proxied else None,
            )
            self._transports.append(made)
            return made
