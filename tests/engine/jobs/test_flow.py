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
from manifest_uploader.engine.results import End
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.plan.steps import CountJobs, Create, Plan
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Done, Started, Unsure
from tests.helpers import (
    ALGORITHM,
    SOCKETS,
    case,
    facts_of,
    file_value,
    json_value,
    messages,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
)

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


def in_doubt(content: str, *, wanted: str) -> Acting:
    """A later run, in which a file has changed or not, and whose upload the platform took."""
    entry = Entry(
        "report", stat=stat(content), content=f"files:{content}", upload=pk(7), token="0a"
    )
    asked = Started("p0", step_id("p0:create"), title="p0", entries=(entry,), job=True, jobs=5)
    values = {("p0", "report"): facts_of(wanted)}
    wants = case("p0", file_value("report"))
    plan = plan_of(wants, target=ALGORITHM, history=past_of_events(asked), values=values)
    return Acting(plan)


def test_a_job_that_is_found_is_waited_for_with_the_inputs_that_it_was_started_with() -> None:
    run = in_doubt("a", wanted="a")

    for event in run.look(Found(pk(9))):
        run.flow.on_created(run.flow.live["p0"], event)

    report, job = run.flow.imports.all()
    assert (report.socket, report.upload, report.since) == ("report", pk(7), 1e9)
    assert (job.job, job.item) == (True, pk(9))


def test_a_job_that_is_found_with_other_inputs_than_are_wanted_now_is_not_the_case_s_end() -> None:
    run = in_doubt("a", wanted="b")

    assert run.look(Found(pk(9))) == (Done("p0", step_id("p0:create"), pk=pk(9)),)

    [end] = run.flow.ends.take_new()
    assert end.end is End.FAILED
    assert "started with other inputs" in messages(end)[0]
    assert (run.flow.live, run.flow.imports.all()) == ({}, ())


def test_a_request_is_not_followed_by_one_with_other_inputs_unless_the_user_says_so() -> None:
    """It may take effect later still, and then there would be two jobs."""
    same, other = in_doubt("a", wanted="a"), in_doubt("a", wanted="b")
    same.time += 121.0
    other.time += 121.0

    assert same.look(NotStarted()) == ()
    [event] = other.look(NotStarted())

    assert same.flow.live["p0"].create is not None
    assert same.flow.live["p0"].create.doubt is not None
    assert isinstance(event, Unsure)
    assert "--retry-failed" in event.why


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


def test_a_job_that_may_have_taken_the_last_credits_is_looked_for_all_the_same() -> None:
    run = in_doubt("a", wanted="a")

    assert run.jobs.stop_starting(run.plan.cases, "no credits") == list(run.plan.cases)
    run.time += 121.0

    assert run.look(NotStarted()) == ()
    assert (run.jobs.left, run.flow.live) == (["p0"], {})


def test_a_job_that_is_not_started_no_longer_waits_for_the_image_of_another_one() -> None:
    ct, values = file_value("ct-image"), (json_value("some-score", 1), json_value("some-score", 2))
    files = ValueFacts(1, 100, "a.mha", stat=stat("a"), where="a.mha")
    cases = [case(f"p{n}", ct, value) for n, value in enumerate(values)]
    facts = {(one.name, "ct-image"): files for one in cases}
    run = Acting(plan_of(*cases, target=ALGORITHM, values=facts))
    assert (run.flow.images.waiting, run.flow.busy) == (1, 1)

    run.jobs.stop_starting((), "no credits")

    assert (run.flow.images.waiting, run.flow.busy) == (0, 0)
