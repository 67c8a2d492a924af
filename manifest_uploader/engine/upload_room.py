"""Makes room for uploads that the platform has no room for, or says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.case_flow import CaseFlow
from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.state.events import Failed, Paused

_TOO_MANY_BYTES: Final = (
    "the account cannot hold that many bytes, and no import is left that would free space "
    "(an account that is not verified may hold 2 GiB)"
)


class UploadRoom:
    """What becomes of uploads that were refused for lack of room."""

    def __init__(self, flow: CaseFlow, *, clock: Callable[[], float]) -> None:
        self._flow, self._clock = flow, clock
        self._queue, self._limits = flow.queue, flow.queue.limits
        self._rows: int | None = None
        """Upload rows that the account was last seen to hold."""

    def note_rows(self, rows: int) -> None:
        """Note how many upload rows the account holds now."""
        if self._rows is not None and rows < self._rows:
            self._flow.note_progress()
            self._limits.drained(self._clock())
        self._rows = rows

    def on_paused(self, live: LiveCase, event: Paused, *, is_alone: bool) -> Failed | None:
        """Put the upload back in line, or fail it if nothing can ever make room for it.

        Args:
            live: the case.
            event: the refusal.
            is_alone: nothing else is under way that would make room.

        """
        is_old = self._limits.has_drained_since(event.step)
        drains = not is_alone or bool(self._flow.imports) or self._queue.has_first
        if event.size_limit and not drains and not is_old and not self._make_room():
            words = f"{event.why}: {_TOO_MANY_BYTES}"
            return Failed(event.case, event.step, socket=event.socket, words=words, final=True)
        upload = next(one for one in live.plan.uploads if one.step == event.step)
        again = replace(upload, row=live.opened.get(upload.step, upload.row))
        self._queue.put_back(again)
        if not self._limits.is_paused:
            self._flow.note_progress()
        self._limits.refused(event.step, event.why, self._clock(), size_limit=event.size_limit)
        return None

    def _make_room(self) -> bool:
        """Fill the first partly uploaded case with its complete uploads, whose import makes room.

        Otherwise incomplete cases that together use up all bytes would wait forever.
        """
        live = self._queue.earliest(live for live in self._flow.live.values() if live.holds_part)
        if live is None:
            return False
        live.split_fill()
        self._flow.create_or_fill(live)
        return True

    def stuck_reason(self) -> str | None:
        """Why uploads were not sent, if a limit of the platform is the reason."""
        if self._limits.reason is None or not self._queue.has_uploads:
            return None
        noun = "slot" if self._rows == 1 else "slots"
        rows = "" if self._rows is None else f"; {self._rows} upload {noun} in use"
        return f"{self._limits.reason.rstrip('.')}{rows}, and none became free"
