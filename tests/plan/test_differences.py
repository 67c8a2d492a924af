"""How a target differs from what it should hold."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.differences import (
    Comparison,
    Difference,
    DifferenceKind,
    Restore,
    Shown,
    compare,
    restore_of,
)
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.platform.stored_files import FileSeen
from manifest_uploader.state.events import (
    Adopted,
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Started,
)
from manifest_uploader.state.history import History
from tests.helpers import (
    case,
    file_value,
    image_value,
    item_seen,
    json_value,
    manifest,
    past_of_events,
    pk,
    stat,
    step_id,
    value_seen,
)

CT = Entry("ct-image", None, stat=stat("a"), upload=pk(7), content="files:1")
PDF = Entry("report", None, stat=stat("a"), upload=pk(8), content="files:2")
SCORE = Entry("some-score", json_digest(1))
WHOLE = case(
    "a", file_value("ct-image"), file_value("report"), json_value("some-score", 1), order=None
)
IMAGE, FILE = SocketSeen("11", None, pk(5)), SocketSeen("12", None, file="/media/a.pdf")


def done(*entries: Entry, marks: dict[str, str] | None = None, title: str = "a") -> list[Event]:
    """A case that is done, with what the platform showed for each socket."""
    shown = {"ct-image": pk(5), "report": "12", "some-score": "13", **(marks or {})}
    return [
        Started("a", step_id("a:create"), title="uploading-000000000001", order=10),
        Done("a", step_id("a:create"), pk=pk(1)),
        Done("a", step_id("a/report"), "report", pk(8), "s", "files:2", "5a", 5, 1),
        Started("a", step_id("a:fill"), title=title, entries=entries),
        Done("a", step_id("a:fill"), pk=pk(1)),
        *(Confirmed("a", step_id(f"a/{one.socket}"), one.socket, shown[one.socket])
          for one in entries),
    ]  # fmt: skip


DONE = done(CT, PDF, SCORE)
HELD: dict[str, Any] = {"ct_image": IMAGE, "report": FILE, "some_score": value_seen(1)}


def item(*, title: str = "a", order: int | None = 10, **sockets: SocketSeen | None) -> ItemSeen:
    """The item of the case; a socket that is None is empty."""
    held = {slug: seen for slug, seen in {**HELD, **sockets}.items() if seen is not None}
    return replace(item_seen(1, title=title, **held), order=order)


def compared(
    *items: ItemSeen,
    history: History | None = None,
    cases: tuple[Case, ...] = (WHOLE,),
    content: bool = False,
    **shown: Any,
) -> Comparison:
    past = past_of_events(*DONE) if history is None else history
    seen = Shown({one.pk: one for one in items}, **shown)
    url_of = "https://host/{}/".format
    return compare(manifest(*cases), past, seen, renamed={}, url_of=url_of, content=content)


def kinds(comparison: Comparison) -> list[tuple[str | None, str]]:
    return [(one.socket, one.kind.value) for one in comparison.differences]


def test_an_item_that_is_as_it_was_sent_does_not_differ() -> None:
    assert compared(item()) == Comparison(1)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (item(title="b"), (None, "title-changed")),
        (item(title=""), (None, "title-changed")),
        (item(order=11), (None, "order-changed")),
        (item(some_score=value_seen(2)), ("some-score", "value-changed")),
        (item(some_score=value_seen(True)), ("some-score", "value-changed")),
        (item(some_score=None), ("some-score", "value-missing")),
        (item(ct_image=SocketSeen("11", None, pk(6))), ("ct-image", "image-changed")),
        (item(report=replace(FILE, mark="99")), ("report", "file-changed")),
        (item(remark=value_seen("x")), ("remark", "value-added")),
    ],
)
def test_each_change_is_one_difference(changed: ItemSeen, found: tuple[str | None, str]) -> None:
    comparison = compared(changed)

    assert kinds(comparison) == [found]
    assert comparison.differences[0].url == f"https://host/{pk(1)}/"


@pytest.mark.parametrize(
    "same",
    [
        item(some_score=value_seen(1.0)),
        item(ct_image=SocketSeen("77", None, pk(5))),
        item(order=None),
        ItemSeen(pk(1), None, 10, item().sockets),
    ],
    ids=["1.0 is 1", "the same image", "no order shown", "no title shown"],
)
def test_what_shows_no_change_is_none(same: ItemSeen) -> None:
    assert kinds(compared(same)) == []


@pytest.mark.parametrize("shown", ["x <b>y &amp; z", "x y & z"])
def test_a_title_may_be_shown_without_its_tags_and_references(shown: str) -> None:
    tagged = replace(WHOLE, title="x <b>y &amp; z")

    assert kinds(compared(item(title=shown), cases=(tagged,))) == []


def test_an_existing_image_is_compared_by_its_pk() -> None:
    entry, value = Entry("ct-image", image_digest(pk(99))), image_value("ct-image", 99)
    history = past_of_events(*done(entry, marks={"ct-image": pk(99)}))
    one = (case("a", value),)
    there = [SocketSeen("1", image_digest(pk(number)), pk(number)) for number in (99, 98)]

    same, other = (
        compared(item_seen(1, title="a", ct_image=held), history=history, cases=one)
        for held in there
    )

    assert [kinds(same), kinds(other)] == [[], [("ct-image", "image-changed")]]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([], (None, "not-sent")),
        (DONE[:2], (None, "not-sent")),
        ([*DONE, Gone("a", step_id("a"), pk(1))], (None, "item-missing")),
        (done(CT, PDF), ("some-score", "not-sent")),
        (done(CT, PDF, Entry("some-score", json_digest(5))), ("some-score", "manifest-changed")),
        (
            [*DONE, ImportFailed("a", step_id("a/ct-image"), "ct-image", "broken")],
            ("ct-image", "not-confirmed"),
        ),
    ],
)
def test_what_no_run_has_finished_is_missing(
    events: list[Event], found: tuple[str | None, str]
) -> None:
    assert kinds(compared(item(), history=past_of_events(*events))) == [found]


def test_an_import_that_nobody_saw_end_counts_once_its_value_is_there() -> None:
    waiting = past_of_events(*DONE[:-3], *DONE[-2:])

    assert kinds(compared(item(), history=waiting)) == []
    assert kinds(compared(item(ct_image=None), history=waiting)) == [("ct-image", "importing")]


def test_a_missing_item_may_be_elsewhere() -> None:
    assert kinds(compared()) == [(None, "item-missing")]
    assert kinds(compared(moved=frozenset({pk(1)}))) == [(None, "item-moved")]


def test_items_of_nobody_are_left_over_and_those_of_others_are_told() -> None:
    left = item_seen(2, title="uploading-00000000000a")
    others = (item_seen(3, title="uploading-soon"), item_seen(4, title=""))

    found = compared(item(), left, *others)

    assert [(one.kind, one.case, one.url) for one in found.differences] == [
        (DifferenceKind.LEFTOVER, None, f"https://host/{pk(2)}/")
    ]
    assert found.others == others


def test_an_item_that_a_case_still_waits_for_is_not_left_over() -> None:
    asked = Started("b", step_id("b:create"), title="uploading-00000000000b", order=20)
    history = past_of_events(*DONE, asked)

    found = compared(item(), item_seen(2, title="uploading-00000000000b"), history=history)

    assert (found.differences, found.others) == ((), ())


def test_items_of_cases_that_were_not_chosen_are_ours() -> None:
    history = past_of_events(*DONE)

    assert compared(item(title="b"), history=history, cases=()) == Comparison(0)


def test_adopted_values_are_compared_with_what_was_there_then() -> None:
    entries = (replace(PDF, upload=None, content=None, before="12"),)
    history = past_of_events(Adopted("a", step_id("a"), pk(1), "a", entries))
    one = (case("a", file_value("report")),)

    def found(held: SocketSeen) -> list[tuple[str | None, str]]:
        seen = item_seen(1, title="a", report=held)
        return kinds(compared(seen, history=history, cases=one))

    assert found(FILE) == []
    assert found(replace(FILE, mark="13")) == [("report", "file-changed")]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({("a", "report"): FileSeen("5a")}, []),
        ({("a", "report"): FileSeen("5b")}, [("report", "content-changed")]),
        ({}, []),
    ],
)
def test_contents_are_compared_if_they_were_read(
    files: dict[tuple[str, str], FileSeen], found: list[tuple[str, str]]
) -> None:
    comparison = compared(item(), files=files, content=True)

    assert kinds(comparison) == found
    assert comparison.unread == (() if files else (("a", "report"),))


def test_a_file_whose_sha256_the_state_does_not_have_is_compared_with_the_local_one() -> None:
    entries = (replace(PDF, upload=None, content=None, before="12"),)
    history = past_of_events(Adopted("a", step_id("a"), pk(1), "a", entries))
    files = {("a", "report"): FileSeen("5b")}
    one = (case("a", file_value("report")),)
    seen = item_seen(1, title="a", report=FILE)

    def found(local: dict[tuple[str, str], str]) -> Comparison:
        return compared(seen, history=history, cases=one, content=True, files=files, local=local)

    assert kinds(found({("a", "report"): "5a"})) == [("report", "content-changed")]
    assert kinds(found({("a", "report"): "5b"})) == []
    assert found({}).unread == (("a", "report"),)


def test_only_what_can_be_put_back_is() -> None:
    every = tuple(Difference(kind, "a", "s") for kind in DifferenceKind)

    assert restore_of(every) == Restore(frozenset({("a", "s")}), frozenset({"a"}), frozenset({"a"}))
    assert (
        restore_of(
            tuple(one for one in every if one.kind.value.startswith(("not", "item", "left")))
        )
        == Restore()
    )
    assert {one.kind.value for one in every if one.lasts} == {"value-added", "leftover"}


def test_a_failed_step_says_why_a_case_was_not_sent() -> None:
    failed = Failed("a", step_id("a:create"), words="too large", final=True)

    [one] = compared(history=past_of_events(failed)).differences

    assert (one.kind, one.reason) == (DifferenceKind.NOT_SENT, "too large")


def test_a_case_that_was_not_sent_knows_the_item_that_bears_its_title() -> None:
    [one] = compared(item(), history=History()).differences

    assert (one.kind, one.item, one.url) == (
        *(DifferenceKind.NOT_SENT, None),
        f"https://host/{pk(1)}/",
    )


def test_a_socket_with_the_image_of_another_value_shall_hold_that_image() -> None:
    used = Entry("ct-image", image_digest(pk(5)), stat=stat("a"), content="files:1")
    case_, past = case("a", file_value("ct-image"), order=None), done(used)
    held = SocketSeen("11", image_digest(pk(5)), pk(5))
    other = SocketSeen("12", image_digest(pk(6)), pk(6))
    reason = "it uses the image of b/ct-image, which failed: No."
    failed = ImportFailed("a", step_id("a/ct-image"), "ct-image", reason)

    def found(seen: SocketSeen | None, *more: Event) -> list[tuple[str, str | None]]:
        shown = item(ct_image=seen, report=None, some_score=None)
        comparison = compared(shown, history=past_of_events(*past, *more), cases=(case_,))
        return [(one.kind.value, one.reason) for one in comparison.differences]

    assert found(held) == []
    assert found(other) == [("image-changed", None)]
    assert found(None) == [("value-missing", None)]
    assert found(held, failed) == [("not-confirmed", reason)]
