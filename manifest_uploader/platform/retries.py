"""Decides when to send a request again, and after which pause. Only this module uses tenacity."""

from __future__ import annotations

import logging
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

import tenacity
from msgspec.structs import replace

from manifest_uploader.errors import PlatformRefused, PlatformUnreachable
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Interrupted, Response, ResponseLost
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.platform.transport import Broken, FailureKind
from manifest_uploader.system import disk
from manifest_uploader.system.clocks import Awake

_log = logging.getLogger(__name__)

_SERVER_ERROR_TRIES: Final = 6
"""Tries of a request that gets 500; unlike with 503, waiting longer seldom helps."""
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_RETRY_AFTER_S: Final = 600.0
_AT_FIRST_S: Final = 4.0
"""After this there is no other try to connect if nothing was ever answered: the address is wrong,
or the network is down, and whoever typed the command is still there."""
_CONNECTING_S: Final = 60.0
_SLICE_S: Final = 0.5
"""Longest single sleep, so that stopping soon ends a pause."""


class Trouble(Exception):
    """An exchange failed and may be tried again."""

    def __init__(
        self,
        why: str,
        *,
        uncertain: bool = True,
        unreachable: bool = False,
        after_s: float | None = None,
        answer: Response | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.uncertain = uncertain
        """The request may have taken effect."""
        self.unreachable = unreachable
        """There was no connection at all."""
        self.after_s = after_s
        """The pause that the server asked for, in seconds."""
        self.answer = answer
        """A server error, to return if the last try gets it too."""


class Retries:
    """Repeats exchanges until one succeeds, must not be repeated, or takes too long."""

    def __init__(self, patience: Patience, *, meter: Meter, stopping: Callable[[], bool]) -> None:
        self._patience = patience
        self._meter = meter
        self._stopping = stopping
        self._has_answered = False
        self._of_thread = threading.local()
        self._by_repeat = {
            repeat: tenacity.Retrying(
                retry=partial(self._should_retry, repeat=repeat),
                wait=self._pause_s,
                stop=self._is_enough,
                sleep=self.sleep,
                reraise=True,
            )
            for repeat in (False, True)
        }

    def run(self, exchange: Callable[[], Response], *, repeat: bool) -> Response:
        """Call `exchange` until it raises no `Trouble`.

        With `repeat`, also repeat a request that may have taken effect.

        Raises:
            ResponseLost: the request may have taken effect and must not be repeated.
            PlatformUnreachable: every try for `give_up_s` failed.
            Interrupted: the run is being stopped.

        """
        again = False
        awake = Awake(longest_gap_s=2 * self._patience.stall_s + _CONNECTING_S)
        begun = awake()
        self._of_thread.waited = lambda: awake() - begun

        def noting() -> Response:
            nonlocal again
            try:
                return exchange()
            except Trouble as trouble:
                again = again or trouble.uncertain
                raise

        try:
            answer = self._by_repeat[repeat](noting)
        except Trouble as trouble:
            if trouble.uncertain and not repeat:
                raise ResponseLost(trouble.why) from None
            if trouble.answer is not None:
                return trouble.answer
            raise PlatformUnreachable(
                f"{trouble.why}; gave up after {self._longest_s(trouble):g} s",
                hint="check the network (and HTTPS_PROXY), then run the same command: it continues",
            ) from None
        self._has_answered = True
        return replace(answer, again=True) if again else answer

    def _longest_s(self, trouble: Trouble) -> float:
        """How long to try again after such a failure."""
        at_first = trouble.unreachable and not self._has_answered
        return min(self._patience.give_up_s, _AT_FIRST_S if at_first else math.inf)

    def sleep(self, seconds: float) -> None:
        """Sleep for some seconds.

        Raises:
            Interrupted: the run is being stopped.

        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping():
                raise Interrupted
            time.sleep(min(left, _SLICE_S))
            self._waited_s()  # so that it notices when the computer sleeps

    def _waited_s(self) -> float:
        """How long this thread's request has been tried, without sleep of the computer."""
        waited: float = self._of_thread.waited() if hasattr(self._of_thread, "waited") else 0.0
        return waited

    def _should_retry(self, state: tenacity.RetryCallState, *, repeat: bool) -> bool:
        trouble = _trouble_of(state)
        if trouble is None or (trouble.uncertain and not repeat):
            return False
        self._meter.count(retries=1)
        _log.info("trying again: %s", trouble.why)
        return True

    def _pause_s(self, state: tenacity.RetryCallState) -> float:
        growing = tenacity.wait_exponential_jitter(
            multiplier=self._patience.first_pause_s,
            max=_LONGEST_PAUSE_S,
            jitter=self._patience.first_pause_s,
        )(state)
        trouble = _trouble_of(state)
        asked_s = (trouble and trouble.after_s) or 0.0
        return max(growing, min(asked_s, _LONGEST_RETRY_AFTER_S))

    def _is_enough(self, state: tenacity.RetryCallState) -> bool:
        trouble = _trouble_of(state)
        if trouble is not None and trouble.answer is not None:
            return state.attempt_number >= _SERVER_ERROR_TRIES
        longest_s = self._patience.give_up_s if trouble is None else self._longest_s(trouble)
        return self._waited_s() >= longest_s


def _trouble_of(state: tenacity.RetryCallState) -> Trouble | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Trouble) else None


# ── which answers and failures are trouble ──────────────────────────────────────────────────


def trouble_of_answer(answer: Response, *, expects_json: bool) -> Trouble | None:
    """Why to retry a request that got this answer; None if the answer is final.

    Raises:
        PlatformRefused: the answer redirects elsewhere.

    """
    now = server_time(answer.headers.get("date")) or time.time()
    after_s = retry_after_s(answer.headers.get("retry-after"), now=now)
    match answer.status:
        case 429:
            return Trouble("the platform asks for a pause (429)", uncertain=False, after_s=after_s)
        case 408 | 502 | 503 | 504:
            return Trouble(f"the platform is busy ({answer.status})", after_s=after_s)
        case status if status >= 500:  # noqa: PLR2004
            return Trouble(f"the platform had an internal error ({status})", answer=answer)
        case status if 300 <= status < 400:  # noqa: PLR2004
            raise PlatformRefused(
                f"the platform's address redirects elsewhere ({status})",
                hint="the token is not sent there; check --platform (it ends with /api/v1/)",
            )
        case status if status < 300 and expects_json and answer.json is None:  # noqa: PLR2004
            return Trouble("the answer is not the platform's data (cut short, or a proxy's page?)")
        case _:
            return None


def trouble_of_failure(broken: Broken, *, stall_s: float) -> Trouble:
    """Why there was no answer. Never quotes the library, whose messages may hold a password.

    Raises:
        PlatformUnreachable: retrying cannot help.

    """
    cause = broken.cause
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise PlatformUnreachable(
            f"the certificate is not trusted: {cause.verify_message}",
            hint="hospital proxies have their own CA: point SSL_CERT_FILE to it",
        ) from None
    match broken.kind:
        case FailureKind.PROXY_PASSWORD:
            raise PlatformUnreachable(
                "the proxy asks for a user name and password (407)",
                hint="put them into HTTPS_PROXY: http://user:password@proxy.example.org:3128",
            ) from None
        case FailureKind.UNREACHABLE:
            why = f"no connection ({_reason(cause)})"
            return Trouble(why, uncertain=False, unreachable=True)
        case FailureKind.SILENT:
            return Trouble(f"no data for {stall_s:g} s")
        case FailureKind.CUT:
            return Trouble(f"the connection broke ({_reason(cause)})")


_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (socket.gaierror, "the host name is not known: is the network up?"),
    (UnicodeError, "it is not a valid host name"),
    (ssl.SSLError, "no TLS: is the address really https?"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (TimeoutError, "no answer"),
)


def _reason(cause: BaseException) -> str:
    known = next((reason for kind, reason in _REASONS if isinstance(cause, kind)), None)
    if known or not isinstance(cause, OSError):
        return known or "cut off"
    return disk.reason(cause, "network error")


def server_time(header: str | None) -> float | None:
    """The server's time in seconds since 1970, by its Date header; None if it tells none."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, OverflowError, OSError):
        return None


def retry_after_s(header: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or date; None if it has neither."""
    if not header:
        return None
    if re.fullmatch(r"\d{1,9}", seconds := header.strip()):
        return float(seconds)
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.fromtimestamp(now, UTC)).total_seconds())
