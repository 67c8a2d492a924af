"""Whatever goes wrong on the line, every case ends on the platform once and complete."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.data import write_large
from tests.e2e.helpers import FULL, Box, Ran, served
from tests.faults import Script, Step

KINDS = (
    *("gcapi", "target", "sockets", "item-list", "upload-list", "sessions"),
    *("upload-create", "presign", "part", "complete", "item-create", "item-fill", "item-get"),
)
"""Every kind of request that a run of two new cases makes."""
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


Begin = Callable[..., AbstractContextManager[Box]]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Two cases of all kinds of sockets, and a platform on which given things go wrong."""

    @contextmanager
    def begin_one(*steps: Step, **more: Any) -> Iterator[Box]:
        faults = Faults(*steps)
        with served(tmp_path / "sandbox", hook=faults, **more) as sandbox:
            box = Box(tmp_path, sandbox)
            for name in ("one", "two"):
                sockets = box.add_usual(name)["sockets"]
                box.write(f'{{"of": "{name}"}}', f"{name}.json")
                sockets |= {"details": {"file": f"{name}.json"}, "remark": "", "is-good": False}
            box.save()
            yield box
            missed = set(steps) - set(faults.fired)
            assert not missed, f"these never came: {missed}"

    return begin_one


def complete(box: Box, ran: Ran) -> Ran:
    """All there, and once; and a further run finds nothing to do."""
    ran.expect(0)
    box.check()
    again = box.run().expect(0)
    assert (again.summary["bytes_sent"], again.ends["unchanged"]) == (0, len(box.entries))
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", [NEVER_THEN_LOST, *MORE], ids=str)
def test_requests_that_never_arrived_and_answers_that_were_lost(
    begin: Begin, kind: str, when: tuple[tuple[int, str], ...]
) -> None:
    first = FIRST.get(kind, 1)
    steps = [Step(kind, Fault.reset(), number=first + more, when=place) for more, place in when]

    with begin(*steps) as box:
        complete(box, box.run())


@pytest.mark.parametrize(
    ("fault", "when"),
    [
        (page(500), "before"),
        (page(500), "after"),
        (page(502), "after"),
        (page(429), "before"),
        (Fault.truncate(), "after"),
    ],
    ids=["500", "500-though-it-acted", "502-though-it-acted", "429", "cut-short"],
)
def test_one_error_at_every_kind_of_request(begin: Begin, fault: Fault, when: str) -> None:
    steps = [Step(kind, fault, number=FIRST.get(kind, 1), when=when) for kind in KINDS]

    with begin(*steps) as box:
        complete(box, box.run())


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_stall_are_given_up_and_tried_again(begin: Begin, when: str) -> None:
    kinds = ("target", "presign", "part", "complete", "item-create", "item-fill")
    stall = Fault.stall(30)
    steps = [Step(kind, stall, number=FIRST.get(kind, 1), when=when) for kind in kinds]

    with begin(*steps) as box:
        complete(box, box.run("--stall-timeout", "0.5"))


def test_retry_after_is_waited_for(begin: Begin) -> None:
    header = (("Retry-After", "2"),)
    busy = Fault.answer(503, headers=header, body=b"<html>busy</html>")

    with begin(Step("upload-create", busy), Step("target", busy)) as box:
        started = time.monotonic()
        ran = complete(box, box.run())

    assert ran.summary["elapsed_s"] >= 4
    assert ran.summary["retries"] == 2
    assert time.monotonic() - started < 30


# ── storage ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault",
    [
        Fault.expire(),
        Fault.lose_part(),
        Fault.lose_part(corrupt=True),
        storage_says(404, "NoSuchUpload"),
        storage_says(500, "InternalError"),
        storage_says(503, "SlowDown"),
        storage_says(400, "RequestTimeout"),
    ],
    ids=["expired", "lost", "corrupt", "no-such-upload", "internal", "slow-down", "timeout"],
)
def test_parts_that_storage_refuses_or_loses_are_sent_again(begin: Begin, fault: Fault) -> None:
    steps = [Step("part", fault, number=number) for number in (1, 4)]

    with begin(*steps) as box:
        write_large(box.data / "large.pdf", 9 * MIB)
        box.add("large", {"report": {"file": "large.pdf"}})
        box.save()
        complete(box, box.run())


# ── in the middle ───────────────────────────────────────────────────────────────────────────


def test_a_token_that_ends_in_the_middle_stops_the_run_and_a_later_one_goes_on(
    begin: Begin,
) -> None:
    body = json.dumps({"detail": "Invalid token."}).encode()
    refused = Fault.answer(401, body=body, content_type="application/json")

    with begin(Step("item-fill", refused)) as box:
        stopped = box.run().expect(3)
        assert "Invalid token." in stopped.err
        assert not list(box.folder.glob("*.lock"))
        complete(box, box.run())


def test_a_platform_that_goes_away_in_the_middle_is_waited_for(begin: Begin) -> None:
    steps = [Step("upload-create", Fault.reset(), number=number) for number in range(3, 12)]

    with begin(*steps) as box:
        ran = complete(box, box.run("--give-up-after", "60"))

    assert ran.summary["retries"] == 9


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


@pytest.mark.parametrize("kind", ["presign", "complete", "item-create", "item-fill", "item-get"])
def test_a_platform_that_stays_away_ends_with_3_and_the_same_command_goes_on(
    tmp_path: Path, kind: str
) -> None:
    away = Away(kind)
    with served(tmp_path / "sandbox", hook=away) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_usual("one")["sockets"]["remark"] = ""
        box.save()
        ran = box.run("--give-up-after", "1").expect(3)
        assert "gave up after 1 s" in ran.err

        away.over = True

        complete(box, box.run())
