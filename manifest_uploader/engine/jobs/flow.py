"""Takes cases that are jobs through what only jobs have: doubts, credits, too many active ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from manifest_uploader.engine.case_flow import CaseFlow
from manifest_uploader.engine.jobs.finder import (
    CancelledJob,
    Found,
    NotStarted,
    StartedSomewhere,
)
from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.engine.options import Policy
from manifest_uploader.engine.outcomes import Counted, Doubted, Settled
from manifest_uploader.engine.results import End
from manifest_uploader.plan.jobs import FIXED
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.steps import CasePlan
from manifest_uploader.state.events import Done, Event, Failed, Failure, Paused, Unsure
from manifest_uploader.state.steps import StepId

_NO_ANSWER: Final = "the platform did not answer, and shows no job for this case"
_LOOK_AT_JOBS: Final = (
    "the next run looks again; if none of the algorithm's jobs on the platform is this case's, "
    "--retry-failed starts one"
)
_OTHER_INPUTS: Final = (
    "an earlier request, with other inputs, was not answered and may still start a job; restore "
    "those inputs, or start a job with the present ones: --retry-failed"
)


class JobFlow:
    """The jobs that are to be started, and what comes next for each."""

    def __init__(
        self,
        flow: CaseFlow,
        policy: Policy,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._flow, self._policy, self._clock, self._now = flow, policy, clock, now
        self._doubts, self._limits = flow.doubts, flow.queue.jobs
        self.left: list[str] = []
        """Cases whose jobs are not started in this run."""

    @property
    def are_paused(self) -> bool:
        """Whether jobs wait for others to end, and uploads for nothing."""
        return self._limits.reason is not None and not self._flow.queue.limits.is_paused

    @property
    def doubted(self) -> int:
        """How many jobs are looked for, because nobody knows whether they were started."""
        return len(self._doubts)

    # -- starting --

    def on_looked(self, outcome: Counted | Doubted) -> None:
        """Start a job once it is known which jobs there are before; look at one in doubt."""
        live = self._flow.live.get(outcome.case)
        if live is None or live.create is None:
            return
        if isinstance(outcome, Doubted):
            self._doubts.add(started(live.create), now=self._now(), clock=self._clock())
            return
        live.note_jobs(outcome.jobs, outcome.equal)
        self._flow.queue.add_first(live.ready_creation())

    def on_settled(self, settled: Settled) -> tuple[Event, ...]:
        """Go on with a case whose creation was in doubt, or look again later."""
        case = settled.case
        create = StepId.create(case)
        age_s = self._now() - self._doubts.since(case)
        match settled.finding:
            case Found(pk=pk):
                self._take(case, pk)
                return (Done(case, create, pk=pk),)
            case CancelledJob(failures=failures):
                words = "; ".join(one.message for one in failures)
                job = StepId.job(case)
                return (Failed(case, job, words=words, final=True, failures=failures),)
            case StartedSomewhere(why=why) if age_s > self._policy.stuck_after_s:
                return (Unsure(case, create, f"{why}; {_LOOK_AT_JOBS}"),)
            case NotStarted() if age_s >= self._policy.settle_s:
                if (unclear := self._repeat(case)) is not None:
                    return (Unsure(case, create, unclear),)
            case _:
                self._doubts.put_off(case, self._clock())
        return ()

    def _take(self, case: str, pk: str) -> None:
        """Go on with a job that was started, or end its case if it wants other inputs by now."""
        live, sent = self._flow.live.get(case), self._doubts.started(case)
        self._doubts.settle(case, pk)
        if live is None:
            return
        if live.wants_inputs_of(sent):
            live.take_inputs(sent, self._doubts.since(case))
        else:
            self._flow.end_badly(case, End.FAILED, Failure(None, FIXED))

    def _repeat(self, case: str) -> str | None:
        """Start a job that was not started; return why not, if nobody can tell what comes of it."""
        live, doubt = self._flow.live.get(case), self._doubts.started(case)
        if live is None:
            return None
        if not live.wants_inputs_of(doubt):
            return _OTHER_INPUTS
        if not self._doubts.may_repeat(case):
            return f"{_NO_ANSWER}; {_LOOK_AT_JOBS}"
        if self._limits.no_credits is not None:
            self.leave(live)
            return None
        live.repeat(doubt)
        self._flow.begin_sending(live)
        return None

    def succeed(self, case: str) -> None:
        """End the wait for a job that has succeeded."""
        self._flow.end_import(case, "", None)
        self._limits.drained(self._clock())

    def end(self, case: str, *failures: Failure) -> None:
        """End a case whose job has failed; what its inputs are waited for no longer matters."""
        self._flow.imports.drop(case)
        self._doubts.close(case)
        self._flow.end_badly(case, End.FAILED, *failures)
        self._flow.note_progress()
        self._flow.imports.quicken()
        self._limits.drained(self._clock())

    # -- limits --

    def on_no_room(self, live: LiveCase, event: Paused) -> None:
        """Put a job back in line until another one has ended."""
        assert live.create is not None
        self._flow.queue.add_first(live.create)
        if self._limits.reason is None:
            self._flow.note_progress()
        self._limits.refused(event.why, self._clock())

    def stop_starting(self, not_begun: Iterable[CasePlan], why: str) -> list[CasePlan]:
        """Start no more jobs; return the cases that need none, or may have theirs already."""
        self._limits.no_credits = why
        others = []
        for case in not_begun:
            if case.create is None or case.create.doubt is not None:
                others.append(case)
            else:
                self.left.append(case.case)
        for live in list(self._flow.live.values()):
            may_have_job = live.name in self._limits.under_way or live.name in self._doubts
            if live.is_job and live.item is None and not may_have_job:
                self.leave(live)
        return others

    def leave(self, live: LiveCase) -> None:
        """Do nothing more for a case, whose job is not started."""
        self.left.append(live.name)
        self._flow.queue.drop(live.name)
        self._flow.images.drop(live.name)
        self._doubts.close(live.name)
        del self._flow.live[live.name]

    def stuck_reason(self) -> str | None:
        """Why jobs were not started, if the platform is the reason."""
        if self._limits.no_credits is not None and self.left:
            count = len(self.left)
            jobs = "1 job was" if count == 1 else f"{count:,} jobs were"
            return f"{self._limits.no_credits}; {jobs} not started: run the same command later"
        if self._limits.reason is not None and self._flow.queue.has_jobs:
            return f"{self._limits.reason}, and none of them ended"
        return None
