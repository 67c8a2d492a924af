"""The queue of tasks that have not begun, and which of them may begin now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from manifest_uploader.engine.jobs.limits import JobLimits
from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.engine.upload_limits import UploadLimits
from manifest_uploader.plan.steps import CountJobs, Create, Fill, Look, MakeTickets, Plan, Upload
from manifest_uploader.state.steps import StepId

_First: TypeAlias = MakeTickets | CountJobs | Create | Fill | Look
_FEW_ROWS: Final = 64
"""More rows than the uploads under way can hold for cases that lack some of theirs."""


class TaskQueue:
    """What follows complete uploads first, then uploads in the manifest's order, within limits."""

    def __init__(
        self,
        plan: Plan,
        live: Mapping[str, LiveCase],
        *,
        clock: Callable[[], float],
        rows_free: int,
    ) -> None:
        most = max((len(case.uploads) for case in plan.cases), default=0)
        self._live, self._clock = live, clock
        self._position = {case.case: index for index, case in enumerate(plan.cases)}
        self._first: deque[_First] = deque()
        self._uploads: deque[Upload] = deque()
        self.under_way: Final[dict[StepId, Upload]] = {}
        """The uploads that have begun and not ended, in that order."""
        self._without_row: set[StepId] = set()
        """Uploads that have begun but have no row yet."""
        self.limits = UploadLimits(scarce=rows_free < _FEW_ROWS + most)
        self.jobs = JobLimits()

    def __len__(self) -> int:
        return len(self._first) + len(self._uploads)

    @property
    def has_first(self) -> bool:
        """Whether tickets, a creation, a fill or a look may begin now."""
        return any(map(self._is_allowed, self._first))

    @property
    def has_jobs(self) -> bool:
        """Whether a job waits to be started until there is room."""
        return bool(self._first) and not self.has_first

    @property
    def has_uploads(self) -> bool:
        """Whether an upload is waiting."""
        return bool(self._uploads)

    @property
    def is_paused(self) -> bool:
        """Whether new uploads, or new jobs, wait for room."""
        return self.limits.is_paused or self.jobs.reason is not None

    @property
    def waits(self) -> bool:
        """Whether uploads, or jobs, wait for room."""
        return self.has_uploads or self.has_jobs

    def add_first(self, task: _First) -> None:
        """Add tickets, a creation, a fill or a look."""
        self._first.append(task)

    def add_uploads(self, uploads: Iterable[Upload]) -> None:
        """Add the uploads of the next case."""
        self._uploads.extend(uploads)

    def put_back(self, upload: Upload) -> None:
        """Put an upload back, in the manifest's order."""
        in_order = sorted([*self._uploads, upload], key=lambda one: self._position[one.case])
        self._uploads = deque(in_order)

    def drop(self, case: str) -> None:
        """Forget the tasks of a case."""
        self._uploads = deque(one for one in self._uploads if one.case != case)
        self._first = deque(one for one in self._first if one.case != case)

    def next(self) -> _First | Upload | None:
        """Remove and return the next task that may begin now; None if there is none."""
        first = next(filter(self._is_allowed, self._first), None)
        if first is not None:
            self._first.remove(first)
            if _is_job(first):
                self.jobs.begins(first.case)
            return first
        if not self._uploads or not self._may_begin(self._uploads[0]):
            return None
        upload = self._uploads.popleft()
        self.limits.begins(upload.step)
        self.under_way[upload.step] = upload
        if upload.row is None:
            self._without_row.add(upload.step)
        return upload

    def note_row(self, step: StepId) -> bool:
        """Note that an upload has its row; return whether that ends a pause."""
        self._without_row.discard(step)
        return self.limits.found(step, complete=False)

    def note_end(self, step: StepId) -> None:
        """Note that an upload is no longer under way."""
        self.limits.ended(step)
        self.under_way.pop(step, None)
        self._without_row.discard(step)

    def _is_allowed(self, task: _First) -> bool:
        return not _is_job(task) or self.jobs.allows(self._clock())

    def earliest(self, cases: Iterable[LiveCase]) -> LiveCase | None:
        """The case that comes first in the manifest."""
        return min(cases, key=lambda one: self._position[one.name], default=None)

    def _may_begin(self, upload: Upload) -> bool:
        """Whether there is room, and no other case is about to get the rows or bytes it needs.

        If few are left, two cases that each hold only some of theirs would wait for each other.
        """
        if not self.limits.allows(self._clock()):
            return False
        if self.limits.tight and self._is_before_its_turn(upload):
            return False
        others = {step.case for step in self._without_row if step.case != upload.case}
        cases = (*others, upload.case) if self.limits.scarce and others else ()
        live = [self._live[case] for case in cases if case in self._live]
        return sum(len(one.plan.uploads) > 1 for one in live) <= 1

    def _is_before_its_turn(self, upload: Upload) -> bool:
        """Whether an earlier case in the manifest has uploads that are not complete."""
        turn = self._position[upload.case]
        return any(
            live.missing and self._position[live.name] < turn for live in self._live.values()
        )


def _is_job(task: _First) -> bool:
    return isinstance(task, Create) and task.job
