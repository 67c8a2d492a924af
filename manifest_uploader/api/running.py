"""Runs in a thread of its own, and tells the thread that waits for it what happens.

Whoever waits gets all events, draws the progress, and is the one that Ctrl-C interrupts: no
signal handler is installed, so that a run can be started from any thread, and in a notebook.
"""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Generic, Self, TypeAlias, TypeVar

from manifest_uploader.api.events import (
    Begun,
    CaseEnded,
    Note,
    RunEvent,
    Step,
    Warned,
    step_of,
)
from manifest_uploader.api.findings import Plan
from manifest_uploader.api.results import Result, case_result
from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.progress import Looking, Observer, Progress
from manifest_uploader.engine.reading import Watching
from manifest_uploader.engine.results import CaseEnd, Summary
from manifest_uploader.errors import CannotGoOn, UsageError
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.screen import Lines
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Plan as Steps
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.state.events import Event

_T = TypeVar("_T")
Call: TypeAlias = Callable[[Sequence[Observer], threading.Event], Result]

_SLICE_S: Final = 0.2
"""Longest single wait; Windows handles Ctrl-C only between waits."""
_LET_END_S: Final = 18.0
"""How long a run may take to end; it gives up what is under way after 15 s."""
_LET_LOOK_END_S: Final = 2.0
"""The same for what sends nothing: it only removes its temporary files."""
_STOPPED: Final = "stopped; run it again to continue"
_STILL_ENDING: Final = (
    "stopped, but a request is still under way, and the state stays locked until it ends; then "
    "run it again to continue"
)


class _Work(Generic[_T]):
    """Some work in a thread that does not keep the process alive."""

    def __init__(self, act: Callable[[], _T], ended: Callable[[], None] = lambda: None) -> None:
        self._act, self._ended = act, ended
        self._found: list[_T] = []
        self._raised: list[BaseException] = []
        self._over = threading.Event()
        threading.Thread(target=self._work, name="uploader", daemon=True).start()

    def _work(self) -> None:
        was_frozen = gc.get_freeze_count()
        try:
            self._found.append(self._act())
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            self._raised.append(error)
        finally:
            if not was_frozen:
                gc.unfreeze()  # the engine freezes all there is, which others want collected
            self._over.set()
            self._ended()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, but not longer than this; whether it is over."""
        return self._over.wait(seconds)

    @property
    def has_failed(self) -> bool:
        return bool(self._raised)

    def result(self) -> _T:
        """What came of it; raises what it raised."""
        if self._raised:
            raise self._raised[0]
        return self._found[0]


def looked(look: Callable[[Watching], _T], screen: Lines | None) -> _T:
    """What comes of a look, while the screen shows how far it is; Ctrl-C ends it."""
    stop = threading.Event()
    doing = screen.doing if screen is not None else _nothing
    watching = Watching(stopping=stop.is_set, doing=doing)
    work = _Work(lambda: look(watching))
    try:
        while not work.wait(_SLICE_S):
            watching.attend()
    finally:
        stop.set()
        work.wait(_LET_LOOK_END_S)
        if screen is not None:
            screen.stop()
    return work.result()


def _nothing(_: Doing) -> None:
    """Show nothing."""


# ── runs ────────────────────────────────────────────────────────────────────────────────────


class Run:
    """A run that begins and ends with a `with` statement; iterate over it to see what happens.

    Leaving the `with` statement early stops the run as Ctrl-C does: nothing new begins, what is
    under way ends and is recorded. Only one thread at a time may iterate or ask for the result.
    """

    def __init__(self, call: Call, screen: Lines | None, *, upload_limit: int) -> None:
        self._call, self._screen = call, screen
        self._stop = threading.Event()
        self._relay = _Relay(upload_limit)
        self._work: _Work[Result] | None = None
        self._pending: deque[_Told] = deque()
        """What was told, and not read yet."""

    def __enter__(self) -> Self:
        """Begin."""
        if self._work is not None:
            raise UsageError("a run cannot be used twice", hint="start another one")
        observers = [self._relay]
        self._work = _Work(lambda: self._call(observers, self._stop), self._relay.wake)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, unless it is over, and wait until what is under way has ended."""
        work = self._begun()
        was_over = work.is_over
        self._stop.set()
        until = time.monotonic() + _LET_END_S
        try:
            while not work.is_over and time.monotonic() < until:
                for _ in self._take():
                    pass
            for _ in self._take(0):
                pass
        finally:
            self._close_screen(was_over=was_over)

    def _close_screen(self, *, was_over: bool) -> None:
        """Say what came of it, or that it was stopped."""
        screen, self._screen = self._screen, None
        if screen is None:
            return
        screen.stop()
        work = self._begun()
        if not was_over:
            screen.say(_STOPPED if work.is_over else _STILL_ENDING)
        elif not work.has_failed:
            screen.ends(work.result().summary)

    def __iter__(self) -> Iterator[RunEvent]:
        """What happens, until the run is over; raises what ended it early."""
        work = self._begun()
        while not work.is_over:
            yield from self._take()
        yield from self._take(0)
        work.result()

    def result(self) -> Result:
        """Wait for the end, and return what came of it.

        Raises:
            ManifestInvalid: with every problem; nothing was sent.
            CannotGoOn: another run continues once the cause is removed.

        """
        try:
            for _ in self:
                pass
            result = self._begun().result()
        except Interrupted:
            raise CannotGoOn(
                "the run was stopped before it sent anything", hint="start another one"
            ) from None
        self._close_screen(was_over=True)
        return result

    def stop(self) -> None:
        """Let the run end as Ctrl-C does; any thread may call this."""
        self._stop.set()

    def _begun(self) -> _Work[Result]:
        if self._work is None:
            raise UsageError(
                "the run has not begun", hint="write 'with manifest.start() as run:' around it"
            )
        return self._work

    def _take(self, seconds: float = _SLICE_S) -> Iterator[RunEvent]:
        """What happens next, if anything does soon."""
        self._pending += self._relay.wait(0 if self._pending else seconds)
        while self._pending:
            show, event = self._pending.popleft()
            if self._screen is not None:
                show(self._screen)
            if event is not None:
                yield event


_Show: TypeAlias = Callable[[Observer], None]
_Told: TypeAlias = tuple[_Show, RunEvent | None]
"""What to tell the screen, and the event that it is."""


class _Relay:
    """Observes a run, and keeps what happens for the thread that waits for it.

    Of what the run does, and of how far it is, only the latest is kept: a slow reader is not told
    the past, and the run never waits for one.
    """

    def __init__(self, upload_limit: int) -> None:
        self._upload_limit = upload_limit
        self._told: queue.SimpleQueue[_Told | None] = queue.SimpleQueue()
        self._latest: _Told | None = None

    def wait(self, seconds: float) -> list[_Told]:
        """What happened since the last call; waits for something, but not longer than this."""
        found: list[_Told] = []
        try:
            one = self._told.get(timeout=seconds) if seconds else self._told.get_nowait()
            while True:
                if one is not None:
                    found.append(one)
                one = self._told.get_nowait()
        except queue.Empty:
            pass
        latest, self._latest = self._latest, None
        return found if latest is None else [*found, latest]

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._told.put(None)

    def looking(self, looking: Looking) -> None:
        """Tell nothing: `doing` has it."""

    def doing(self, doing: Doing) -> None:
        """Keep what the run does."""
        self._latest = (lambda screen: screen.doing(doing), None)

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Tell."""
        self._told.put((lambda screen: screen.warn(warnings), Warned(warnings)))

    def begins(self, plan: Steps, target: Target) -> None:
        """Tell."""
        facts = Facts(values={}, target=target)
        begun = Begun(Plan.of(plan, facts, self._upload_limit))
        self._told.put((lambda screen: screen.begins(plan, target), begun))

    def event(self, event: Event) -> None:
        """Tell."""
        step: Step | None = step_of(event)
        self._told.put((lambda screen: screen.event(event), step))

    def case_ended(self, end: CaseEnd) -> None:
        """Tell."""
        self._told.put((lambda screen: screen.case_ended(end), CaseEnded(case_result(end))))

    def tick(self, progress: Progress) -> None:
        """Keep how far the run is."""
        self._latest = (lambda screen: screen.tick(progress), progress)

    def note(self, text: str) -> None:
        """Tell."""
        self._told.put((lambda screen: screen.note(text), Note(text)))

    def ends(self, summary: Summary) -> None:
        """Tell nothing: the result has it."""
