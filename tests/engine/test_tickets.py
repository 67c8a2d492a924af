from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.engine.item_writer import ItemWriter
from manifest_uploader.engine.outcomes import Outcome, Ticketed
from manifest_uploader.engine.tickets import TicketOffice
from manifest_uploader.files.root import Root
from manifest_uploader.plan.steps import Fill, MakeTickets
from manifest_uploader.platform.requests import Call
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.state.events import Done, Failed, Noticed
from manifest_uploader.state.steps import StepId
from tests.box import Box, Faulty, mha
from tests.helpers import pk, step_id

BUSY = (
    b'{"non_field_errors": ["You currently have 16 active image post processing tasks. '
    b'Please wait for them to complete before trying again."]}'
)


@pytest.fixture
def hook() -> Faulty:
    return Faulty()


@pytest.fixture
def box(begin: Callable[..., Box], hook: Faulty) -> Box:
    return begin(hook=hook)


def no_sleep(_: float) -> None:
    """No test waits."""


def office(box: Box, **more: Any) -> TicketOffice:
    return TicketOffice(box.client, **{"sleep": no_sleep, **more})


def answered(status: int, body: bytes = b"{}") -> Fault:
    return Fault.answer(status, (), body, "application/json")


def only_at_tickets(fault: Fault, *numbers: int) -> Callable[[Seen], Fault | None]:
    return lambda seen: (
        fault
        if seen.kind == "session-create" and seen.number in (numbers or {seen.number})
        else None
    )


def made(office: TicketOffice, *uploads: tuple[str, str], case: str = "a") -> list[Outcome]:
    return list(office.make(MakeTickets(case, uploads)))


def tickets_in(box: Box) -> dict[str, str]:
    """Session → the upload it is for, of those that wait."""
    return dict(box.sql("SELECT pk, json_extract(uploads, '$[0]') FROM sessions"))


def test_each_upload_gets_a_ticket(box: Box) -> None:
    ct, seg = box.upload(content=mha()), box.upload(content=mha())

    [found] = made(office(box), ("ct-image", ct), ("lesion-seg", seg))

    assert isinstance(found, Ticketed)
    assert found.tickets is not None
    assert found.tickets.keys() == {"ct-image", "lesion-seg"}
    assert {box_pk: tickets_in(box)[box_pk] for box_pk in found.tickets.values()} == {
        found.tickets["ct-image"]: ct,
        found.tickets["lesion-seg"]: seg,
    }


def test_a_lost_answer_costs_a_ticket_that_nobody_uses(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.after_it = only_at_tickets(Fault.reset(), 1)

    [found] = made(office(box), ("ct-image", upload))

    assert isinstance(found, Ticketed)
    assert found.tickets is not None
    assert list(tickets_in(box).values()) == [upload, upload]
    assert found.tickets["ct-image"] in tickets_in(box)


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_platform_without_tickets_is_asked_once(box: Box, hook: Faulty, status: int) -> None:
    hook.before_it = only_at_tickets(answered(status))
    noticed = Noticed((pk(5),))
    calls: list[str] = []

    def notice() -> list[Noticed]:
        calls.append("noticed")
        return [noticed]

    at_work = office(box, notice=notice)
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(lambda n: made(at_work, ("ct-image", pk(7)), case=f"c{n}"), range(8))
        )

    outcomes = [one for many in found for one in many]
    assert [one for one in outcomes if isinstance(one, Noticed)] == [noticed]
    assert [one for one in outcomes if isinstance(one, Ticketed)] == [
        Ticketed(f"c{n}", None) for n in range(8)
    ]
    assert calls == ["noticed"]
    assert hook.kinds().count("session-create") == 1


def test_what_was_noticed_is_told_before_a_case_goes_on(box: Box, hook: Faulty) -> None:
    hook.before_it = only_at_tickets(answered(405))

    found = made(office(box, notice=lambda: [Noticed((pk(5),))]), ("ct-image", pk(7)))

    assert [type(one) for one in found] == [Noticed, Ticketed]


def test_an_upload_that_is_gone_is_sent_anew_by_the_next_run(box: Box) -> None:
    [found] = made(office(box), ("ct-image", pk(7)))

    assert isinstance(found, Failed)
    assert (found.step, found.socket) == (step_id("a/ct-image:ticket"), "ct-image")
    assert not found.final
    assert found.words == "the platform no longer has the upload; run again, and it is sent again"


def test_a_refusal_is_told_in_the_platforms_words(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(answered(400, b'{"non_field_errors": ["Not today."]}'))

    [found] = made(office(box), ("ct-image", upload))

    assert isinstance(found, Failed)
    assert (found.words, found.final) == ("Not today.", True)


def test_a_server_error_may_be_over_by_the_next_run(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(Fault.answer(500))

    [found] = made(office(box), ("ct-image", upload))

    assert isinstance(found, Failed)
    assert (found.words, found.final) == ("the platform had an internal error (500)", False)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"pk": "x"}'])
def test_an_answer_without_a_pk_is_no_ticket(box: Box, hook: Faulty, body: bytes) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(answered(201, body))

    [found] = made(office(box), ("ct-image", upload))

    assert isinstance(found, Failed)
    assert not found.final


def test_a_platform_that_is_busy_with_other_images_is_asked_again(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(answered(400, BUSY), 1, 2)
    warned: list[str] = []
    slept: list[float] = []

    [found] = made(office(box, warn=warned.append, sleep=slept.append), ("ct-image", upload))

    assert isinstance(found, Ticketed)
    assert hook.kinds().count("session-create") == 3
    assert (len(warned), sum(slept)) == (2, 10.0)
    assert "is still processing other images" in warned[0]


def test_stopping_ends_the_wait_for_a_busy_platform(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(answered(400, BUSY))

    with pytest.raises(Interrupted):
        made(office(box, stopping=lambda: True), ("ct-image", upload))


def test_a_platform_that_stays_busy_is_given_up(box: Box, hook: Faulty) -> None:
    upload = box.upload(content=mha())
    hook.before_it = only_at_tickets(answered(400, BUSY))
    slept: list[float] = []

    [found] = made(office(box, sleep=slept.append), ("ct-image", upload))

    assert isinstance(found, Failed)
    assert sum(slept) == 3600.0


def test_a_fill_without_a_ticket_waits_for_other_images_too(box: Box, hook: Faulty) -> None:
    busy = b'{"values": [' + BUSY + b"]}"
    hook.before_it = lambda seen: (
        answered(400, busy) if seen.kind == "item-fill" and seen.number < 3 else None
    )
    slept: list[float] = []
    item = box.make("a")
    writer = ItemWriter(
        box.client, box.target(), Root(Path(), follow_links=False), sleep=slept.append
    )
    call = Call("PATCH", "reader-studies/display-sets/{pk}/", {"title": "b"}, item)
    fill = Fill(StepId.fill("a"), "a", call, "b", None, (), look_first=False)

    assert list(writer.fill(fill)) == [Done("a", StepId.fill("a"), pk=item)]
    assert slept == [5.0, 5.0]
