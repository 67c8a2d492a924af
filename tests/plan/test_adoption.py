"""What of an existing item is adopted, sent again, or adopted without being checked."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from manifest_uploader.digests import content_digest, json_digest
from manifest_uploader.files.looks import ImageHeader
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Value
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import CasePlan
from manifest_uploader.platform.images import ImageSeen
from manifest_uploader.platform.model import SocketSeen
from manifest_uploader.platform.stored_files import FileSeen
from manifest_uploader.state.events import Adopted
from manifest_uploader.state.history import History
from tests.helpers import (
    case,
    file_value,
    item_seen,
    json_value,
    past_of_events,
    pk,
    plan_of,
    stat,
)

SHA, OTHER_SHA = (hashlib.sha256(one).hexdigest() for one in (b"one", b"two"))
IMAGE = SocketSeen("11", None, pk(5))
PDF = SocketSeen("12", None, file="https://host/media/12/a.pdf")
REPORT, DETAILS = file_value("report", "a.pdf"), json_value("details", {"a": 1})
CT = file_value("ct-image", "a.mha")
MHA = ValueFacts(1, 3, "a.mha", stat("a"), slices=4)
LOCAL = ValueFacts(1, 3, "a.pdf", stat("a"), content=content_digest([("a.pdf", SHA)]))


def adopted(
    value: Value,
    held: SocketSeen,
    *,
    facts: ValueFacts = LOCAL,
    stored: FileSeen | None = None,
    image: ImageSeen | None = None,
    header: ImageHeader | None = None,
    resend: bool = False,
    history: History | None = None,
) -> CasePlan:
    """The plan for a case of one value and an item that holds something in its socket."""
    held_in: dict[str, Any] = {value.socket.replace("-", "_"): held}
    [found] = plan_of(
        case("a", value),
        history=history,
        values={("a", value.socket): facts},
        choices=Choices(adopt=True, resend_unchecked=resend),
        looked={"a": item_seen(9, title="a", **held_in)},
        stored={} if stored is None else {("a", value.socket): stored},
        headers={} if header is None else {("a", value.socket): header},
        images={} if image is None else {pk(5): image},
    ).cases
    return found


def entries(plan: CasePlan) -> list[tuple[str, str | None, str | None]]:
    """(socket, content, SHA-256) of what is adopted."""
    [event] = plan.found
    assert isinstance(event, Adopted)
    return [(one.socket, one.content, one.sha256) for one in event.entries]


def test_a_file_of_the_same_bytes_is_adopted_as_checked() -> None:
    found = adopted(REPORT, PDF, stored=FileSeen(SHA))

    assert entries(found) == [("report", LOCAL.content, SHA)]
    assert (found.fill, found.unchecked) == (None, ())


def test_a_file_of_other_bytes_is_sent_again() -> None:
    found = adopted(REPORT, PDF, stored=FileSeen(OTHER_SHA))

    assert entries(found) == []
    assert (found.sockets, found.unchecked) == (("report",), ())


def test_a_file_that_the_platform_does_not_give_is_adopted_and_named() -> None:
    found = adopted(REPORT, PDF)

    assert entries(found) == [("report", None, None)]
    assert (found.fill, found.unchecked) == (None, ("report",))


@pytest.mark.parametrize(("there", "sent"), [({"a": 1.0}, ()), ({"a": 2}, ("details",))])
def test_json_in_a_file_is_compared_as_a_value(there: dict[str, int], sent: tuple[str]) -> None:
    found = adopted(DETAILS, PDF, stored=FileSeen(SHA, json_digest(there)))

    assert (found.sockets, found.unchecked) == (sent, ())


@pytest.mark.parametrize(
    ("facts", "image", "sent"),
    [
        (MHA, ImageSeen(pk(5), 4, "a.mha"), ()),
        (MHA, ImageSeen(pk(5), 3, "a.mha"), ("ct-image",)),
        (MHA, ImageSeen(pk(5), 4, "b.mha"), ("ct-image",)),
        (ValueFacts(1, 3, "a.mha", stat("a")), ImageSeen(pk(5), 4, "a.mha"), ()),
        (MHA, ImageSeen(pk(5), None), ()),
        (ValueFacts(9, 3, "ct-image.zip", stat("a"), slices=9), ImageSeen(pk(5), 9, "1.2-0"), ()),
        (ValueFacts(1, 3, "a.dcm", stat("a"), slices=1), ImageSeen(pk(5), 1, "1.2-0"), ()),
        (MHA, None, ()),
        (MHA, ImageSeen(pk(5), 4, "a.mha", 8, 9), ()),
    ],
    ids=[
        *("alike", "slices", "name", "unknown", "unsaid", "bundle", "DICOM", "not shown"),
        "no header",
    ],
)
def test_an_image_is_sent_again_if_the_platform_shows_a_difference(
    facts: ValueFacts, image: ImageSeen | None, sent: tuple[str, ...]
) -> None:
    found = adopted(CT, IMAGE, facts=facts, image=image)

    assert found.sockets == sent
    assert found.unchecked == (() if sent else ("ct-image",))


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        (ImageSeen(pk(5), 6, "a.mha", 8, 9), ()),
        (ImageSeen(pk(5), 6, "a.mha"), ()),
        (ImageSeen(pk(5), 3, "a.mha", 8, 9), ("ct-image",)),
        (ImageSeen(pk(5), 6, "a.mha", 9, 9), ("ct-image",)),
        (ImageSeen(pk(5), 6, "a.mha", 8, 8), ("ct-image",)),
    ],
)
def test_an_image_is_compared_with_the_local_header(
    image: ImageSeen, sent: tuple[str, ...]
) -> None:
    header = ImageHeader(8, 9, 3, 2)

    found = adopted(CT, IMAGE, facts=MHA, image=image, header=header)

    assert found.sockets == sent


def test_what_was_not_checked_is_sent_again_if_asked() -> None:
    event = adopted(CT, IMAGE).found[0]
    assert isinstance(event, Adopted)
    history = past_of_events(event)

    later = adopted(CT, IMAGE, history=history)
    now, then = adopted(CT, IMAGE, resend=True), adopted(CT, IMAGE, resend=True, history=history)

    assert (later.sockets, later.unchecked) == ((), ("ct-image",))
    assert [(one.sockets, one.unchecked) for one in (now, then)] == [(("ct-image",), ())] * 2


def test_a_note_names_what_was_not_checked() -> None:
    cases = [case(f"c{number}", CT) for number in range(22)]
    items = {one.name: item_seen(number, title=one.name, order=number + 1, ct_image=IMAGE)
             for number, one in enumerate(cases)}  # fmt: skip

    notes = plan_of(*cases, choices=Choices(adopt=True), looked=items).notes

    assert len(notes) == 1
    assert notes[0] == (
        "adopted, content not checked: c0/ct-image, c1/ct-image, c2/ct-image and 19 more; "
        "--resend-unchecked sends them again"
    )
