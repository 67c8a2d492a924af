"""Whatever goes wrong on the line, every case ends on the platform once and complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.data import PDF, write_large, write_series
from tests.e2e.helpers import FULL, Box, Ran, served, side_by_side
from tests.faults import Script, Step

LOOKING = ("gcapi", "target", "sockets", "item-list", "upload-list")
SENDING = ("upload-create", "presign", "part", "complete", "session-create")
FILLING = ("item-create", "item-fill", "item-get")
KINDS = (*LOOKING, *SENDING, *FILLING)
"""Every kind of request that is made for two new cases, and for one that changed."""
GROUPS = tuple((kind,) for kind in KINDS) if FULL else (LOOKING[:3], LOOKING[3:], SENDING, FILLING)
FIRST = {"item-create": 2}
"""The first creation only asks whether one may create."""
MIB = 1024 * 1024


class Faults(Script):
    """A script that knows which of its steps have come."""

    def __init__(self, *steps: Step) -> None:
        super().__init__(steps)
        self.fired: list[Step] = []

    def before(self, request: Seen) -> Fault | None:
        self.seen.append(request)
        return self._fire(request, "before")

    def after(self, request: Seen, status: int) -> Fault | None:
        return self._fire(request, "after")

    def _fire(self, request: Seen, when: str) -> Fault | None:
        for step in self.steps:
            if (step.kind, step.number, step.when) == (request.kind, request.number, when):
                self.fired.append(step)
                return step.fault
        return None

    def count(self, kind: str) -> int:
        """How many requests of a kind came."""
        return sum(request.kind == kind for request in self.seen)


@contextmanager
def two_cases(folder: Path, *steps: Step) -> Iterator[Box]:
    """Two cases of all kinds of sockets, and a platform on which given things go wrong."""
    faults = Faults(*steps)
    with served(folder / "sandbox", hook=faults) as sandbox:
        box = Box(folder, sandbox)
        for name in ("one", "two"):
            sockets = box.add_usual(name)["sockets"]
            box.write(f'{{"of": "{name}"}}', f"{name}.json")
            sockets |= {"details": {"file": f"{name}.json"}, "remark": "", "is-good": False}
        box.save()
        yield box
        missed = set(steps) - set(faults.fired)
        assert not missed, f"these never came: {missed}"


def survive(folder: Path, *steps: Step, arguments: tuple[str, ...] = ()) -> None:
    """A run of two cases gets through the faults, and one that updates one of them."""
    with two_cases(folder, *steps) as box:
        complete(box, box.run(*arguments))
        box.entries[0]["sockets"]["some-score"] = 7.5
        box.save()
        complete(box, box.run(*arguments))


def complete(box: Box, ran: Ran) -> Ran:
    """All there, and once, and known to be."""
    ran.expect(0)
    box.check()
    box.check_state()
    return ran


def page(status: int) -> Fault:
    """An error as the platform tells it: a page for people."""
    return Fault.answer(status, body=b"<!doctype html><html><h1>Server error</h1></html>")


def storage_says(status: int, code: str) -> Fault:
    """An error as storage tells it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    return Fault.answer(status, body=body, content_type="application/xml")


# ── every kind of request ───────────────────────────────────────────────────────────────────

NEVER_THEN_LOST = ((0, "before"), (1, "after"))
MORE = (((0, "before"),), ((0, "after"),), ((0, "after"), (1, "after"))) if FULL else ()


@pytest.mark.parametrize("when", [NEVER_THEN_LOST, *MORE], ids=str)
def test_requests_that_never_arrived_and_answers_that_were_lost(
    tmp_path: Path, when: tuple[tuple[int, str], ...]
) -> None:
    def scenario(kinds: tuple[str, ...]) -> Callable[[], None]:
        steps = [
            Step(kind, Fault.reset(), number=FIRST.get(kind, 1) + later, when=place)
            for kind in kinds
            for later, place in when
        ]
        return partial(survive, tmp_path / kinds[0], *steps)

    side_by_side({" ".join(kinds): scenario(kinds) for kinds in GROUPS})


def test_one_error_at_every_kind_of_request(tmp_path: Path) -> None:
    faults = {
        "500 though it acted": (page(500), "after"),
        "429": (page(429), "before"),
        "cut short": (Fault.truncate(), "after"),
    }
    if FULL:
        faults |= {"500": (page(500), "before"), "502 though it acted": (page(502), "after")}

    def scenario(name: str) -> Callable[[], None]:
        fault, when = faults[name]
        steps = [Step(kind, fault, number=FIRST.get(kind, 1), when=when) for kind in KINDS]
        return partial(survive, tmp_path / name, *steps)

    side_by_side({name: scenario(name) for name in faults})


def test_connections_that_stall_are_given_up_and_tried_again(tmp_path: Path) -> None:
    kinds = ("target", "presign", "part", "complete", "item-create", "item-fill")

    def scenario(when: str) -> Callable[[], None]:
        stall = Fault.stall(30)
        steps = [Step(kind, stall, number=FIRST.get(kind, 1), when=when) for kind in kinds]
        return partial(survive, tmp_path / when, *steps, arguments=("--stall-timeout", "1"))

    side_by_side({when: scenario(when) for when in ("before", "after")})


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    header = (("Retry-After", "2"),)
    busy = Fault.answer(503, headers=header, body=b"<html>busy</html>")

    with two_cases(tmp_path, Step("upload-create", busy), Step("target", busy)) as box:
        ran = complete(box, box.run())

    assert ran.summary["elapsed_s"] >= 4
    assert ran.summary["retries"] == 2


def test_a_fill_whose_answer_was_lost_is_not_repeated(tmp_path: Path) -> None:
    """The platform removes an empty value that is sent once more."""
    steps = [
        Step("item-fill", Fault.reset(), 1, "after"),
        Step("item-fill", page(500), 2, "after"),
        Step("item-fill", Fault.truncate(), 3, "after"),
    ]
    faults = Faults(*steps)
    with served(tmp_path / "sandbox", hook=faults) as sandbox:
        box = Box(tmp_path, sandbox)
        for name in ("one", "two", "three", "four"):
            box.add(name, {"remark": "", "findings": {"value": []}})
        box.save()

        complete(box, box.run())

    assert faults.count("item-fill") == 4


# ── storage ─────────────────────────────────────────────────────────────────────────────────


def test_parts_that_storage_refuses_or_loses_are_sent_again(tmp_path: Path) -> None:
    faults = {
        "expired, slow down": (Fault.expire(), storage_says(503, "SlowDown")),
        "lost, timeout": (Fault.lose_part(), storage_says(400, "RequestTimeout")),
        "corrupt, internal": (Fault.lose_part(corrupt=True), storage_says(500, "InternalError")),
        "no such upload": (storage_says(404, "NoSuchUpload"), storage_says(404, "NoSuchUpload")),
    }

    def scenario(name: str) -> None:
        first, later = faults[name]
        with two_cases(tmp_path / name, Step("part", first), Step("part", later, 5)) as box:
            write_large(box.data / "large.pdf", 9 * MIB)
            box.add("large", {"report": {"file": "large.pdf"}})
            box.save()
            complete(box, box.run())

    side_by_side({name: partial(scenario, name) for name in faults})


def test_an_address_that_storage_calls_expired_is_not_used_again(tmp_path: Path) -> None:
    faults = Faults(Step("part", Fault.expire()))
    with served(tmp_path / "sandbox", hook=faults) as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(PDF, "a.pdf")
        box.add("one", {"report": {"file": "a.pdf"}})
        box.save()

        complete(box, box.run())

    assert (faults.count("part"), faults.count("presign")) == (2, 2)


# ── in the middle ───────────────────────────────────────────────────────────────────────────


def test_a_token_that_ends_in_the_middle_stops_the_run_and_a_later_one_goes_on(
    tmp_path: Path,
) -> None:
    body = json.dumps({"detail": "Invalid token."}).encode()
    refused = Fault.answer(401, body=body, content_type="application/json")

    with two_cases(tmp_path, Step("item-fill", refused)) as box:
        stopped = box.run().expect(3)
        assert "Invalid token." in stopped.err
        assert not list(box.folder.glob("*.lock"))
        complete(box, box.run())


def test_a_platform_that_goes_away_in_the_middle_is_waited_for(tmp_path: Path) -> None:
    steps = [Step("upload-create", Fault.reset(), number=number) for number in range(3, 12)]

    with two_cases(tmp_path, *steps) as box:
        ran = complete(box, box.run("--give-up-after", "60"))

    assert ran.summary["retries"] == 9


class Meddler(Script):
    """Does something to the files when a request of some kind comes."""

    def __init__(self, kind: str, meddle: Callable[[], object]) -> None:
        super().__init__(())
        self.kind, self.meddle = kind, meddle

    def before(self, request: Seen) -> Fault | None:
        if request.kind == self.kind and request.number == 1:
            self.meddle()
        return None


@pytest.mark.parametrize("kind", ["upload-create", "part"])
def test_files_that_change_while_they_are_sent_fail_their_case_alone(
    tmp_path: Path, kind: str
) -> None:
    box = Box(tmp_path)
    changing = write_large(box.data / "changing.pdf", 20 * MIB)
    write_series(box.data / "series", 1, 3)
    box.write(PDF, "still.pdf")
    box.add("changing", {"report": {"file": "changing.pdf"}})
    slices = [f"series/IM000{number}.dcm" for number in (1, 2, 3)]
    box.add("vanishing", {"ct-image": {"files": slices}})
    box.add("still", {"report": {"file": "still.pdf"}})
    box.save()

    def meddle() -> None:
        with changing.open("r+b") as file:
            file.seek(MIB)
            file.write(b"changed")
        (box.data / "series" / "IM0002.dcm").unlink()

    with served(tmp_path / "sandbox", hook=Meddler(kind, meddle)) as box.served:
        ran = box.run("--jobs", "1").expect(1)

        failed = {line["case"]: line["words"] for line in ran.events("failed")}
        assert failed.keys() == {"changing", "vanishing"}
        assert "'changing.pdf' changed" in failed["changing"]
        assert "IM0002.dcm" in failed["vanishing"]
        assert set(box.by_title()) == {"still"}
        del slices[1]
        box.save()
        complete(box, box.run())


@pytest.mark.parametrize("left", [1, 2])
def test_a_series_that_lost_slices_before_its_turn_is_not_sent(tmp_path: Path, left: int) -> None:
    box = Box(tmp_path)
    box.write(PDF, "still.pdf")
    box.add("still", {"report": {"file": "still.pdf"}})
    write_series(box.data / "series", 1, 3)
    box.add("vanishing", {"ct-image": {"files": "series"}})
    box.save()

    def meddle() -> None:
        for number in range(left, 3):
            (box.data / "series" / f"IM000{number + 1}.dcm").unlink()

    with served(tmp_path / "sandbox", hook=Meddler("upload-create", meddle)) as box.served:
        ran = box.run("--jobs", "1").expect(1)

        (failed,) = ran.events("failed")
        assert failed["case"] == "vanishing"
        assert "the files of 'ct-image' changed since the run began" in failed["words"]
        assert set(box.by_title()) == {"still"}
        complete(box, box.run())


class Away:
    """Answers nothing for a while, from a request of one kind on."""

    def __init__(self, kind: str) -> None:
        self.kind, self.number = kind, FIRST.get(kind, 1)
        self.begun = self.over = False

    def before(self, request: Seen) -> Fault | None:
        self.begun |= (request.kind, request.number) == (self.kind, self.number)
        return Fault.reset() if self.begun and not self.over else None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def test_a_platform_that_stays_away_ends_with_3_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    def scenario(kind: str) -> None:
        away = Away(kind)
        with served(tmp_path / kind / "sandbox", hook=away) as sandbox:
            box = Box(tmp_path / kind, sandbox)
            box.add_usual("one")["sockets"]["remark"] = ""
            box.save()
            ran = box.run("--give-up-after", "1").expect(3)
            assert "gave up after 1 s" in ran.err

            away.over = True

            complete(box, box.run())

    kinds = KINDS if FULL else ("complete", "item-create", "item-fill")
    side_by_side({kind: partial(scenario, kind) for kind in kinds})
