"""What all runs did, in memory and on the disk; recording an event also folds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec.structs import replace

from manifest_uploader.state.events import AnyEvent, Event, Started
from manifest_uploader.state.file import Binding
from manifest_uploader.state.history import Folding, History
from manifest_uploader.state.steps import StepKind
from manifest_uploader.state.writer import Writer
from manifest_uploader.system.clocks import InOrder


class Ledger:
    """The only history. Events recorded before `open` are folded at once and written by `open`.

    A command that changes nothing never opens the ledger; what it finds out is not written.
    """

    def __init__(
        self, events: Iterable[AnyEvent], *, clock: Callable[[], float] | None = None
    ) -> None:
        self._folding = Folding()
        latest = 0.0
        for event in events:
            self._folding.add(event)
            latest = max(latest, event.time)
        in_order = InOrder()
        in_order.note(latest)
        self.clock = clock or in_order
        """Seconds since 1970; not before any recorded event, whatever the wall clock does."""
        self._writer: Writer | None = None
        self._unwritten: list[Event] = []

    @property
    def history(self) -> History:
        """What all runs did so far; it grows with every event."""
        return self._folding.history

    def open(self, path: Path, binding: Binding, *, is_new: bool) -> None:
        """Open the state file and write what was recorded so far.

        Raises:
            StateUnwritable: the file cannot be written.

        """
        self._writer = Writer(path)
        if is_new:
            self._writer.bind(binding)
        self._writer.append(self._unwritten)
        self._unwritten = []

    def record(self, events: Iterable[Event]) -> list[Event]:
        """Write the events, then fold them; return them with their time.

        Raises:
            StateUnwritable: the file cannot be written.

        """
        now = round(self.clock(), 3)
        stamped = [replace(event, time=now) for event in events]
        kept = [event for event in stamped if self._is_kept(event)]
        if self._writer is None:
            self._unwritten += kept
        elif kept:
            self._writer.append(kept)
        for event in stamped:
            self._folding.add(event)
        return stamped

    def _is_kept(self, event: Event) -> bool:
        """Whether to write an event: an upload's start only matters after a failure."""
        if not isinstance(event, Started) or event.step.kind is not StepKind.UPLOAD:
            return True
        past = self.history.cases.get(event.case)
        return past is not None and past.reason is not None

    def sync(self) -> None:
        """Wait until everything recorded is on the disk; any thread may call it."""
        if self._writer is not None:
            self._writer.sync()

    def tick(self) -> None:
        """Bring events to the disk that were recorded half a second ago."""
        if self._writer is not None:
            self._writer.tick()

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        if self._writer is not None:
            self._writer.close()
