"""Algorithm jobs by the command line: each once, seen to its end, and never started silently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.sandbox.faults import Held
from tests.box import Faulty
from tests.e2e.data import PDF, mha, write_series
from tests.e2e.helpers import SOCKETS, Box, Entry, items_of, served, side_by_side, wait_for
from tests.e2e.jobs import ALGORITHMS, SETTLE_S, job_box, started_often

SETTLE = ("--settle-after", SETTLE_S)


@contextmanager
def jobs(folder: Path, **more: Any) -> Iterator[Box]:
    """A folder for a manifest of jobs, and a sandbox with the algorithm."""
    usual = {"algorithms": ALGORITHMS, "job_delay_s": 0.0}
    with served(folder / "sandbox", **{**usual, **more}) as at:
        yield job_box(folder, at)


def started(box: Box) -> list[Entry]:
    """The jobs that the sandbox has, the oldest first."""
    assert box.served is not None
    return [one for one in items_of(box.served.dir) if one["kind"] == "algorithm"]


def add_image(box: Box, name: str) -> None:
    box.write(mha(name), name, "ct.mha")
    box.add(name, {"ct-image": {"file": f"{name}/ct.mha"}})


def add_report(box: Box, name: str) -> None:
    box.write(PDF + name.encode(), name, "report.pdf")
    box.add(name, {"report": {"file": f"{name}/report.pdf"}})


def at_create(fault: Fault, *numbers: int) -> Any:
    """A fault of some of the requests that start jobs; each run begins with one that never does."""

    def cause(request: Seen) -> Fault | None:
        return fault if request.kind == "job-create" and request.number in numbers else None

    return cause


def test_jobs_are_started_once_though_the_run_is_killed_and_answers_are_lost(
    tmp_path: Path,
) -> None:
    report = started_often(tmp_path, jobs=10, kills=3, lost=4, seed=11)

    assert "10 jobs started, none twice" in report


def test_the_plan_tells_of_jobs_and_credits_and_starts_nothing(tmp_path: Path) -> None:
    with jobs(tmp_path) as box:
        box.add_score("a", 1.5)
        box.add_score("b", 2.5)
        box.save()

        plan = box("plan").expect(0)
        said = plan.out + plan.err

        assert "2 jobs to start, for at least 40 of your 1,000 credits" in said
        assert "a: new, a job: some-score" in said
        assert started(box) == []


def test_inputs_that_the_algorithm_does_not_take_are_told_at_their_lines(tmp_path: Path) -> None:
    with jobs(tmp_path) as box:
        box.add("a", {"some-scor": 1})
        box.add("b", {"some-score": 1, "count": 3})
        box.add("c", {"some-score": 2, "details": {"value": {}}})
        box.add_score("d", 1.5)
        box.add_score("e", 1.5)
        box.save()

        said = box("run").expect(2).err

        assert "lung.yaml:9:5: the platform has no socket 'some-scor'" in said
        assert "did you mean 'some-score'?" in said
        assert "lung.yaml:13:5: the algorithm 'nodules' has no input 'count'" in said
        assert "lung.yaml:14:9: case 'c' has details and some-score" in said
        assert "it takes: some-score; or ct-image and some-score; or" in said
        assert "lung.yaml:22:9: case 'e' has the same inputs as case 'd'" in said
        assert started(box) == []


def test_who_may_not_run_it_or_cannot_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with jobs(tmp_path, algorithms=("nodules=report->details,view-only",)) as box:
        add_report(box, "a")
        box.save()

        said = box("run").expect(3).err

        assert "you may not run the algorithm 'nodules'" in said
    with jobs(tmp_path / "other", algorithms=("nodules=report->details,not-ready",)) as box:
        add_report(box, "a")
        box.save()

        ran = box.run().expect(1)

        assert "Algorithm image is not ready to be used" in ran.err
        assert (ran.summary["uploads"], ran.ends["pending"], started(box)) == (0, 1, [])


def test_a_run_without_credits_stops_and_a_later_one_continues(tmp_path: Path) -> None:
    with jobs(tmp_path, credits=40) as box:
        for number in range(4):
            box.add_score(f"p{number}", number + 0.5)
        box.save()

        first = box.run().expect(1)
        second = box.run().expect(1)

        assert (first.ends["done"], first.ends["pending"]) == (2, 2)
        assert "run out of algorithm credits; 2 jobs were not started" in first.err
        assert (second.ends["done"], len(started(box))) == (2, 2)
        assert "no job can be started now" in box("plan").out
    with jobs(tmp_path) as later:
        box.served = later.served

        last = box.run().expect(0)

        assert (last.ends["done"], len(started(box))) == (4, 4)


def test_jobs_wait_until_others_of_the_account_have_ended(tmp_path: Path) -> None:
    with jobs(tmp_path, job_limit=2, job_delay_s=0.1) as box:
        for number in range(5):
            box.add_score(f"p{number}", number + 0.5)
        box.save()

        ran = box.run().expect(0)

        assert ran.ends["done"] == len(started(box)) == 5
        paused = ran.events("paused")
        assert paused
        assert all("too many active jobs" in one["why"] for one in paused)
        assert len(paused) < 12  # after the first refusals, one probe for each job that ends


def test_a_failed_job_is_told_with_its_page_and_started_again_only_when_asked(
    tmp_path: Path,
) -> None:
    with jobs(tmp_path, failing_jobs=(1, 2)) as box:
        box.add_score("value", 1.5)
        add_report(box, "file")
        box.save()

        first = box("run", "--jobs", "1").expect(1)
        again = box.run().expect(1)
        retried = box.run("--retry-failed").expect(1)
        last = box.run().expect(1)

        assert first.failures["value"][0].startswith("the job failed: ")
        assert "/algorithms/nodules/jobs/" in first.out
        assert "a job that failed is started again only with --retry-failed" in first.out
        assert (again.ends["failed"], again.summary["uploads"]) == (2, 0)
        assert (retried.ends["done"], retried.ends["failed"]) == (1, 1)
        [refused] = retried.events("failed")
        assert refused["case"] == "value"
        assert "already exists" in refused["words"]
        assert "new image" in refused["words"]
        assert len(started(box)) == 3
        assert (last.ends["done"], last.ends["failed"], last.events("started")) == (1, 1, [])


def test_an_image_that_is_refused_cancels_the_job_and_its_words_are_told(tmp_path: Path) -> None:
    hook = Faulty()
    hook.before_it = at_create(Fault.fail_import("1 file could not be imported."), 2)
    with jobs(tmp_path, hook=hook) as box:
        add_image(box, "a")
        box.save()

        first = box.run().expect(1)
        again = box.run().expect(1)
        retried = box.run("--retry-failed").expect(0)

        assert "1 file could not be imported" in first.err
        assert "the job was cancelled" in first.err
        assert again.events("started") == []
        assert (retried.ends["done"], retried.summary["uploads"]) == (1, 0)
        assert [one["status"] for one in started(box)] == ["Cancelled", "Succeeded"]


def test_a_job_that_validates_its_inputs_for_ever_is_stuck(tmp_path: Path) -> None:
    hook = Faulty()
    with jobs(tmp_path, hook=hook, import_delay_s=float("inf")) as box:
        add_report(box, "a")
        box.save()

        ran = box.run("--refused-after", "0.2").expect(1)

        assert ran.ends["failed"] == 1
        assert "the job is stuck" in ran.err
        assert box("status").expect(1).out.count("the job is stuck") == 1
    with jobs(tmp_path) as later:  # whose imports do run: the job ends after all
        box.served = later.served

        assert box.run().expect(0).ends["done"] == 1
        assert len(started(box)) == 1


def test_a_stuck_job_that_ended_after_all_is_not_started_again(tmp_path: Path) -> None:
    hook = Faulty()
    with jobs(tmp_path, hook=hook, import_delay_s=float("inf")) as box:
        add_report(box, "a")
        box.save()
        box.run("--refused-after", "0.2").expect(1)
    with jobs(tmp_path) as later:
        box.served = later.served
        wait_for(lambda: started(box)[0]["status"] == "Succeeded")

        assert box.run("--retry-failed").expect(0).ends["done"] == 1
        assert len(started(box)) == 1


def test_a_stuck_job_that_goes_on_after_all_is_waited_for(tmp_path: Path) -> None:
    with jobs(tmp_path, import_delay_s=float("inf")) as box:
        add_report(box, "a")
        box.save()
        box.run("--refused-after", "0.2").expect(1)
    with jobs(tmp_path, job_delay_s=0.5) as later:
        box.served = later.served
        wait_for(lambda: started(box)[0]["status"] in {"Queued", "Executing"})

        assert box.run("--retry-failed").expect(0).ends["done"] == 1
        assert [one["status"] for one in started(box)] == ["Succeeded"]


def test_changed_inputs_start_no_second_job(tmp_path: Path) -> None:
    with jobs(tmp_path) as box:
        box.add_score("a", 1.5)
        box.save()
        box.run().expect(0)
        box.entries[0]["sockets"]["some-score"] = 2.5
        box.save()

        for more in ((), ("--retry-failed",)):
            ran = box.run(*more).expect(1)

            assert "a job cannot be changed; give the case a new name" in ran.err
            assert "1 case: 1 changed but cannot be sent" in ran.err
        assert len(started(box)) == 1


def test_a_run_that_does_not_wait_leaves_the_rest_to_the_next_one(tmp_path: Path) -> None:
    with jobs(tmp_path, job_delay_s=0.3) as box:
        for name in "cab":
            add_report(box, name)
        box.save()

        first = box.run("--no-wait").expect(4)
        last = box.run().expect(0)

        assert first.ends["waiting"] == 3
        assert "Still running: 3 cases: c, a, b\n" in first.out + first.err
        assert (last.ends["done"], last.summary["uploads"], len(started(box))) == (3, 0, 3)


@pytest.mark.parametrize("when", ["before_it", "after_it"])
def test_every_kind_of_input_survives_a_lost_answer(tmp_path: Path, when: str) -> None:
    """Whether the request took effect or not, and with each of the ways to lose an answer."""
    faults = [Fault.reset(), Fault.answer(500), Fault.answer(504)]

    def lose(folder: Path, fault: Fault) -> None:
        hook = Faulty()
        setattr(hook, when, at_create(fault, 2, 3, 4, 5))
        with jobs(folder, hook=hook) as box:
            box.add_score("value", 1.5)
            add_image(box, "image")
            add_report(box, "file")
            box.write(json.dumps({"a": 1}), "details.json")
            box.add("json", {"details": {"file": "details.json"}})
            box.save()

            ran = box.run(*SETTLE).expect(0)

            assert ran.ends["done"] == len(started(box)) == 4

    side_by_side({str(one.status): lambda one=one: lose(tmp_path / f"{one.kind}{one.status}", one)
                  for one in faults})  # fmt: skip


def test_a_job_with_an_image_set_is_found_by_the_name_of_the_set(tmp_path: Path) -> None:
    hook = Faulty()
    hook.after_it = at_create(Fault.reset(), 2)
    algorithms = ("nodules=dicom-set->details",)
    sockets = (*SOCKETS, "dicom-set=DICOM Image Set")
    with jobs(tmp_path, hook=hook, algorithms=algorithms, sockets=sockets) as box:
        write_series(box.data / "series", 3, 2)
        box.add("a", {"dicom-set": {"files": "series/*.dcm"}})
        box.save()

        ran = box.run(*SETTLE).expect(0)

        assert ran.ends["done"] == len(started(box)) == 1
        [begun, *_] = [one for one in ran.events("started") if one["step"] == "a:create"]
        assert begun["entries"][0]["image_name"].startswith("a dicom-set-")


@pytest.mark.parametrize("kind", ["value", "image"])
def test_a_request_that_acts_after_its_repetition_starts_no_second_job(
    tmp_path: Path, kind: str
) -> None:
    held, hook = Held(), Faulty()
    hook.before_it = at_create(Fault.late(held=held), 2)
    with jobs(tmp_path, hook=hook) as box:
        if kind == "value":
            box.add_score("a", 1.5)
        else:
            add_image(box, "a")
        box.save()

        box.run(*SETTLE).expect(0)
        assert held.let_go()

        assert len(started(box)) == 1
        assert box.run().expect(0).ends["unchanged"] == 1


def test_a_job_of_somebody_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    """The platform refuses the inputs; the job was there before the first request."""
    hook = Faulty()
    hook.before_it = at_create(Fault.reset(), 4)
    with jobs(tmp_path, hook=hook) as box:
        box.add_score("a", 1.5)
        box.save()
        box.run().expect(0)
        box.state.unlink()

        ran = box.run(*SETTLE).expect(1)

        assert ran.ends["failed"] == 1
        assert "perhaps somebody else's" in ran.err
        assert len(started(box)) == 1


def test_commands_that_compare_items_say_that_jobs_never_change(tmp_path: Path) -> None:
    with jobs(tmp_path) as box:
        box.add_score("a", 1.5)
        box.save()

        assert "jobs of an algorithm never change" in box("verify").expect(2).err
        assert "jobs of an algorithm never change" in box("run", "--verify").expect(2).err
        assert "jobs of an algorithm have none" in box("run", "--adopt").expect(2).err
        assert started(box) == []
