"""A job in doubt is looked for, and sent again only late, unchanged, and not for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from manifest_uploader.engine.case_flow import CaseFlow
from manifest_uploader.engine.jobs.doubts import MOST_REPETITIONS
from manifest_uploader.engine.jobs.finder import Found, NotStarted, StartedSomewhere
from manifest_uploader.engine.jobs.flow import JobFlow
from manifest_uploader.engine.options import Policy
from manifest_uploader.engine.outcomes import Counted, Doubted, Settled
from manifest_uploader.plan.steps import CountJobs, Create, Plan
from manifest_uploader.state.events import Done, Unsure
from tests.helpers import ALGORITHM, SOCKETS, case, json_value, pk, plan_of, step_id

TWO_MINUTES = Policy(settle_s=120.0, stuck_after_s=1800.0)


@dataclass
class Acting:
    """The jobs of a plan, and the time."""

    plan: Plan
    time: float = 1e9
    flow: CaseFlow = field(init=False)
    jobs: JobFlow = field(init=False)

    def __post_init__(self) -> None:
        times: Any = {"clock": lambda: self.time, "now": lambda: self.time}
        self.flow = CaseFlow(self.plan, sockets=SOCKETS, rows_free=2000, **times)
        self.jobs = JobFlow(self.flow, TWO_MINUTES, **times)
        for one in self.plan.cases:
            self.flow.begin(one)

    def next(self) -> Any:
        return self.flow.queue.next()

    def send(self) -> Create:
        """Take the next case to its request."""
        count = self.next()
        assert isinstance(count, CountJobs)
        self.jobs.on_looked(Counted(count.case, 5, (pk(4),)))
        create = self.next()
        assert isinstance(create, Create)
        return create

    def lose(self, create: Create) -> None:
        """The request has no answer."""
        self.flow.queue.jobs.ended(create.case)
        self.jobs.on_looked(Doubted(create.case, "no answer"))

    def look(self, finding: Any) -> tuple[Any, ...]:
        """What comes of the look that is due."""
        [task] = self.flow.doubts.due(self.time)
        return self.jobs.on_settled(Settled(task.case, finding))


def acting(*scores: float) -> Acting:
    cases = (case(f"p{n}", json_value("some-score", score)) for n, score in enumerate(scores))
    return Acting(plan_of(*cases, target=ALGORITHM))


def test_what_was_there_before_is_noted_in_the_request() -> None:
    create = acting(1.5).send()

    assert (create.jobs, create.equal) == (5, (pk(4),))


def test_the_same_request_is_sent_again_only_once_the_first_one_had_its_time() -> None:
    run = acting(1.5)
    first = run.send()
    run.lose(first)

    assert run.look(NotStarted()) == ()
    run.time += 100.0
    assert run.look(NotStarted()) == ()
    assert (run.next(), run.jobs.doubted) == (None, 1)
    run.time += 21.0
    assert run.look(NotStarted()) == ()
    assert run.jobs.doubted == 0

    again = run.next()
    assert isinstance(again, Create)
    assert (again.call, again.entries, again.equal) == (first.call, first.entries, first.equal)
    assert again.doubt is not None


def test_a_job_that_is_found_is_the_case_s_own() -> None:
    run = acting(1.5)
    run.lose(run.send())

    assert run.look(Found(pk(9))) == (Done("p0", step_id("p0:create"), pk=pk(9)),)


def test_a_job_that_cannot_be_told_from_others_is_never_started_again() -> None:
    run = acting(1.5)
    run.lose(run.send())
    run.time += 1700.0
    assert run.look(StartedSomewhere("it may be this one")) == ()
    run.time += 200.0

    [event] = run.look(StartedSomewhere("it may be this one"))

    assert isinstance(event, Unsure)
    assert "--retry-failed starts one" in event.why
    assert run.next() is None


def test_a_platform_that_never_answers_is_not_asked_for_ever() -> None:
    run = acting(1.5)
    create = run.send()
    for _ in range(MOST_REPETITIONS):
        run.lose(create)
        run.time += 121.0
        assert run.look(NotStarted()) == ()
        create = run.next()
    run.lose(create)
    run.time += 121.0

    [event] = run.look(NotStarted())

    assert isinstance(event, Unsure)


def test_without_credits_only_jobs_whose_requests_are_under_way_or_in_doubt_stay() -> None:
    run = acting(1.5, 2.5, 3.5)
    doubted = run.send()
    run.flow.pilots.filled(run.plan.cases[0].kind)
    run.lose(doubted)
    run.flow.create_or_fill(run.flow.live["p1"])
    under_way = run.send()
    run.flow.create_or_fill(run.flow.live["p2"])

    run.jobs.stop_starting((), "no credits")

    assert (doubted.case, under_way.case) == ("p0", "p1")
    assert run.flow.live.keys() == {"p0", "p1"}
    assert run.jobs.left == ["p2"]
    assert run.jobs.stuck_reason() == (
        "no credits; 1 job was not started: run the same command later"
    )
