"""Finds failed sessions of imports without tickets, by listing the newest of the account.

The list says little: a session names its uploads only until they were read, and it never names the
item. Only sessions that were not there before the fill can be about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from manifest_uploader.plan.steps import Wait
from manifest_uploader.platform.sessions import FailedImport, failed_imports
from manifest_uploader.state.events import Noticed

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_PATIENCE_S: Final = 3.0
"""An image that takes longer than this may have failed; then its session shows it."""
_OLD: Final = 5000
"""Sessions to notice before the first fill; measured on the platform: 8 ms for each."""
_NEW: Final = 500
"""Sessions to look at while waiting."""


class FailedSessions:
    """The failed sessions seen so far, and which of them count as an import's failure."""

    def __init__(
        self, client: Client, first_seen: Mapping[str, float], clock: Callable[[], float]
    ) -> None:
        self._client, self._clock = client, clock
        self.first_seen = dict(first_seen)
        """Session pk → when it was first noticed, in any run."""
        self.seen: dict[str, FailedImport] = {}
        """By pk; a failed session never changes."""
        self.claimed: set[str] = set()
        """Pks of sessions that count as an import's failure."""
        self._due = 0.0

    def old(self) -> list[FailedImport]:
        """The failed sessions before the first fill, to be noticed and ignored later."""
        return failed_imports(self._client, newest=_OLD)

    def look(self, waits: Iterable[Wait], now: float) -> Noticed | None:
        """List the newest sessions, if an image without a ticket is late enough to have failed."""
        if now < self._due or not any(_is_late(wait, now) for wait in waits):
            return None
        started = self._clock()
        found = failed_imports(self._client, newest=_NEW)
        ended = self._clock()
        self._due = ended + max(_PATIENCE_S, ended - started)
        return self.notice(found, now)

    def notice(self, sessions: Iterable[FailedImport], now: float) -> Noticed | None:
        """Note the sessions; return the event to record, None if none is new."""
        found = {one.pk: one for one in sessions}
        fresh = tuple(pk for pk in found if pk not in self.first_seen)
        self.first_seen |= dict.fromkeys(fresh, now)
        self.seen |= found
        return Noticed(fresh) if fresh else None

    def unclaimed(self, waits: Iterable[Wait]) -> tuple[FailedImport, ...]:
        """The sessions that may be about a wait, and are not tickets of ours."""
        waits = tuple(waits)
        tickets = {wait.ticket for wait in waits}
        since = min((wait.since for wait in waits), default=0.0)
        return tuple(
            session
            for pk, session in self.seen.items()
            if pk not in self.claimed and pk not in tickets and self.first_seen[pk] >= since
        )


def _is_late(wait: Wait, now: float) -> bool:
    return (
        wait.image
        and wait.upload is not None
        and wait.ticket is None
        and not wait.is_set
        and not wait.last_look
        and now - wait.since > _PATIENCE_S
    )
