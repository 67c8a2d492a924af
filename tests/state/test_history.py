from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    AnyEvent,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Noticed,
    Opened,
    OpenUpload,
    Paused,
    Renamed,
    Started,
    Unsure,
)
from manifest_uploader.state.history import (
    _CHANGES,
    EMPTY,
    CaseHistory,
    History,
    SocketHistory,
    UploadHistory,
    after,
    fold,
)
from manifest_uploader.state.standing import Standing, standing_of
from tests.helpers import past_of_events, pk, step_id
from tests.state.helpers import at

CT = Entry("ct-image", None, stat="s", upload=pk(7), content="c", before="1")
SCORE = Entry("some-score", "json:1")


def created(name: str = "a", item: int = 1) -> list[AnyEvent]:
    """A case whose item was made under a temporary title."""
    return [
        Started(name, step_id(f"{name}:create"), title=f"uploading-{name}", order=20),
        Done(name, step_id(f"{name}:create"), pk=pk(item)),
    ]


def filled(
    name: str = "a", *entries: Entry, title: str | None = "A", **more: Any
) -> list[AnyEvent]:
    """A case that was filled."""
    begun = Started(name, step_id(f"{name}:fill"), title=title, entries=entries, **more)
    return [begun, Done(name, step_id(f"{name}:fill"), pk=pk(1))]


def past(*events: Event, name: str = "a") -> CaseHistory:
    return past_of_events(*events).cases[name]


# ── each event ──────────────────────────────────────────────────────────────────────────────


def test_nothing_was_done_for_a_case_without_events() -> None:
    assert fold([]) == History()
    assert standing_of(EMPTY) is Standing.NEW


def test_an_opened_upload_can_be_gone_on_with() -> None:
    found = past(Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s"))

    upload = found.uploads["ct-image"]
    assert (upload.row.pk, upload.row.storage_id, upload.row.part_size) == (pk(7), "sid", 8)
    assert not upload.done

    assert upload == UploadHistory(OpenUpload(pk(7), "sid", 8, "s"), done=False, time=1e9)
    assert standing_of(found) is Standing.UPLOADING


def test_an_upload_that_is_complete_is_known_even_if_its_row_was_not_recorded() -> None:
    done = Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat="s", content="c")

    found = past(done).uploads["ct-image"]

    assert found == UploadHistory(OpenUpload(pk(7), "", 0, "s"), done=True, content="c", time=1e9)


def test_a_complete_upload_without_a_stat_keeps_that_of_its_row() -> None:
    found = past(
        Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s"),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(8), content="c"),
    )

    assert found.uploads["ct-image"].row == OpenUpload(pk(8), "sid", 8, "s")


def test_a_complete_upload_without_a_stat_or_a_row_has_an_empty_stat() -> None:
    found = past(Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7)))

    assert found.uploads["ct-image"].row == OpenUpload(pk(7), "", 0, "")


@pytest.mark.parametrize(("socket", "upload"), [("ct-image", None), (None, pk(7))])
def test_an_upload_that_names_no_socket_or_no_row_is_ignored(
    socket: str | None, upload: str | None
) -> None:
    found = past(Done("a", step_id("a/ct-image"), socket, pk=upload, stat="s"))

    assert found == EMPTY


def test_a_value_that_was_seen_is_known_even_if_its_fill_was_not_recorded() -> None:
    found = past(Confirmed("a", step_id("a/ct-image"), "ct-image", "11"))

    assert found.sockets == {
        "ct-image": SocketHistory(Entry("ct-image"), 1e9, "confirmed", pk="11")
    }


def test_a_complete_upload_keeps_where_it_is_stored() -> None:
    found = past(
        Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s"),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat="s", content="c"),
    )

    upload = found.uploads["ct-image"]
    assert upload.done
    assert upload.content == "c"
    assert (upload.row.storage_id, upload.row.stat) == ("sid", "s")


def part(number: int, *, done: bool = True) -> Event:
    step = step_id(f"a/dicom-set/{number:04}")
    if done:
        return Done("a", step, "dicom-set", pk=pk(number), stat=f"s{number}", sha256="x")
    return Opened("a", step, "dicom-set", pk(number), "sid", 8, f"s{number}", "key")


def test_files_of_one_value_are_known_by_their_numbers() -> None:
    found = past(part(1, done=False), part(1), part(2, done=False))

    first, second = found.file_uploads["dicom-set", 1], found.file_uploads["dicom-set", 2]
    assert first.row == OpenUpload(pk(1), "sid", 8, "s1", "key")
    assert (first.done, first.sha256, second.done) == (True, "x", False)
    assert found.uploads == {}
    assert standing_of(found) is Standing.UPLOADING


def test_a_fill_uses_the_files_of_its_values_up_and_no_others() -> None:
    entry = Entry("dicom-set", upload=pk(2), uploads=(pk(1), pk(2)), image_name="x")
    other = Opened("a", step_id("a/mr-set/0001"), "mr-set", pk(9), "sid", 8, "s")
    seen = Confirmed("a", step_id("a/dicom-set"), "dicom-set", pk=pk(8))

    found = past(part(1), part(2), other, *created(), *filled("a", entry))
    confirmed = past(part(1), part(2), *created(), *filled("a", entry), seen)

    assert found.file_uploads.keys() == {("mr-set", 1)}
    assert found.sockets["dicom-set"].entry.uploads == (pk(1), pk(2))
    assert confirmed.sockets["dicom-set"].entry == replace(entry, uploads=())


def test_an_upload_begun_anew_takes_the_place_of_the_old_one() -> None:
    found = past(
        Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s"),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat="s", content="c"),
        Opened("a", step_id("a/ct-image"), "ct-image", pk(8), "sid2", 8, "t"),
    )

    assert found.uploads["ct-image"].row.pk == pk(8)
    assert not found.uploads["ct-image"].done


def test_a_creation_without_an_end_is_known_by_its_title() -> None:
    found = past(created()[0])

    assert (found.item, found.temporary, found.order) == (None, "uploading-a", 20)
    assert standing_of(found) is Standing.UPLOADING


def test_a_creation_together_with_values_fills_the_item_too() -> None:
    begun = Started("a", step_id("a:create"), title="A", order=20, entries=(SCORE, CT))
    uploaded = Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat="s", content="c")

    unknown = past(uploaded, begun)
    found = past(uploaded, begun, Done("a", step_id("a:create"), pk=pk(1)))

    assert unknown.creating == at(1e9 + 1, begun)
    assert (unknown.item, unknown.title, unknown.sockets) == (None, None, {})
    assert standing_of(unknown) is Standing.UPLOADING
    assert (found.item, found.title, found.order) == (pk(1), "A", 20)
    assert found.creating is None
    assert found.uploads == {}
    assert found.sockets == {
        one.socket: SocketHistory(one, 1e9 + 1, "waiting") for one in (SCORE, CT)
    }
    assert standing_of(found) is Standing.IMPORTING


def test_a_creation_without_values_forgets_those_of_an_earlier_one() -> None:
    with_values = Started("a", step_id("a:create"), title="A", entries=(SCORE,))

    found = past(with_values, *created())

    assert (found.creating, found.sockets, found.title) == (None, {}, None)
    assert standing_of(found) is Standing.UPLOADING


def test_a_fill_without_an_end_is_unsure() -> None:
    found = past(*created(), filled("a", CT)[0])

    assert found.filling is not None
    assert found.filling_since == 1e9 + 2
    assert found.title is None
    assert standing_of(found) is Standing.UNCONFIRMED


def test_a_fill_that_acted_uses_its_uploads_up_and_is_waited_for_since_it_was_sent() -> None:
    found = past(
        *created(),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat="s", content="c"),
        Done("a", step_id("a/mr-image"), "mr-image", pk=pk(8), stat="s", content="c"),
        *filled("a", CT),
    )

    assert found.title == "A"
    assert found.filling is None
    assert list(found.uploads) == ["mr-image"]
    assert found.sockets["ct-image"].standing == "waiting"
    assert found.sockets["ct-image"].entry == CT
    assert found.sockets["ct-image"].since == 1e9 + 4
    assert standing_of(found) is Standing.IMPORTING


def test_a_fill_of_values_alone_leaves_title_and_order_as_they_are() -> None:
    found = past(*created(), *filled("a", CT, order=5), *filled("a", SCORE, title=None))

    assert (found.title, found.order) == ("A", 5)
    assert set(found.sockets) == {"ct-image", "some-score"}


def test_a_title_may_be_taken_away() -> None:
    found = past(*created(), *filled("a", title=""))

    assert found.title == ""
    assert standing_of(found) is Standing.DONE


def test_a_refused_fill_leaves_the_item_as_it_was() -> None:
    found = past(
        *created(), filled("a", CT)[0], Failed("a", step_id("a:fill"), words="No.", final=True)
    )

    assert found.filling is None
    assert not found.repeated
    assert (found.title, found.reason) == (None, "No.")
    assert standing_of(found) is Standing.FAILED


def test_a_fill_found_not_to_have_acted_may_be_repeated_by_the_next() -> None:
    found = past(
        *created(), filled("a", CT)[0], Failed("a", step_id("a:fill"), words="", final=False)
    )

    assert found.repeated
    assert found.reason is None
    assert standing_of(found) is Standing.UPLOADING

    later = past(
        *created(),
        filled("a", CT)[0],
        Failed("a", step_id("a:fill"), words="", final=False),
        *filled("a", CT, repeated=True),
    )
    assert not later.repeated
    assert later.sockets["ct-image"].repeated


@pytest.mark.parametrize(
    "begun",
    [
        Started("a", step_id("a/ct-image"), "ct-image"),
        Started("a", step_id("a:create"), title="uploading-a"),
        Started("a", step_id("a:fill"), title="A"),
        Done("a", step_id("a:create"), pk=pk(1)),
    ],
)
def test_what_failed_is_forgotten_once_something_is_done_about_it(begun: Event) -> None:
    found = past(
        Failed("a", step_id("a/ct-image"), socket="ct-image", words="No.", final=False), begun
    )

    assert found.reason is None


def test_an_unsure_step_stays_unsure_until_something_is_known() -> None:
    unsure = [*created(), filled("a", CT)[0], Unsure("a", step_id("a:fill"), "nobody knows")]

    assert standing_of(past(*unsure)) is Standing.UNCONFIRMED
    assert standing_of(past(*unsure, Done("a", step_id("a:fill"), pk=pk(1)))) is Standing.IMPORTING
    assert past(*unsure).reason == "nobody knows"


def test_a_value_that_was_seen_is_done() -> None:
    found = past(
        *created(), *filled("a", CT), Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9))
    )

    assert found.sockets == {"ct-image": SocketHistory(CT, 1e9 + 2, "confirmed", pk=pk(9))}
    assert standing_of(found) is Standing.DONE


@pytest.mark.parametrize(
    ("event", "pk_known"),
    [
        (Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9)), pk(9)),
        (ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."), None),
    ],
)
def test_a_repeated_fill_stays_known_as_repeated(
    event: Confirmed | ImportFailed, pk_known: str | None
) -> None:
    found = past(*created(), *filled("a", CT, repeated=True), event).sockets["ct-image"]

    assert (found.since, found.pk, found.repeated) == (1e9 + 2, pk_known, True)


def test_an_import_that_fails_after_it_was_seen_keeps_the_pk() -> None:
    found = past(
        *created(),
        *filled("a", CT),
        Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9)),
        ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."),
    ).sockets["ct-image"]

    assert (found.since, found.pk, found.repeated) == (1e9 + 2, pk(9), False)


@pytest.mark.parametrize(("lost", "end"), [(False, "failed"), (True, "lost")])
def test_an_import_that_failed_keeps_what_was_put_there(lost: bool, end: str) -> None:
    failed = ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image.", "a.mha", lost=lost)

    found = past(*created(), *filled("a", CT), failed)

    assert found.sockets["ct-image"].standing == end
    assert found.sockets["ct-image"].entry == CT
    assert found.sockets["ct-image"].failure == Failure(
        "ct-image", "No image.", "a.mha", of_import=True
    )
    assert standing_of(found) is Standing.FAILED


def test_a_value_that_came_after_all_has_no_words_left() -> None:
    found = past(
        *created(),
        *filled("a", CT),
        ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."),
        Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9)),
    )

    assert found.sockets["ct-image"].failure is None
    assert standing_of(found) is Standing.DONE


def test_files_that_were_only_touched_get_a_new_stat_everywhere() -> None:
    found = past(
        *created(),
        *filled("a", CT),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(8), stat="s", content="c"),
        Checked("a", step_id("a/ct-image"), "ct-image", "t"),
    )

    assert found.sockets["ct-image"].entry.stat == "t"
    assert found.uploads["ct-image"].row.stat == "t"
    assert found.sockets["ct-image"].entry.content == "c"


def test_an_item_that_is_gone_is_remembered_until_it_is_made_anew() -> None:
    done = [*created(), *filled("a", CT)]
    gone = past(*done, Gone("a", step_id("a"), pk(1)))

    assert gone.item == pk(1)
    assert standing_of(gone) is Standing.DELETED
    assert past(*done, Gone("a", step_id("a"), pk(1), anew=True)) == EMPTY


def test_an_adopted_item_holds_what_it_was_seen_to_hold() -> None:
    found = past(*created(), Adopted("a", step_id("a"), pk(5), "A", (CT,)))

    assert (found.item, found.title, found.temporary) == (pk(5), "A", None)
    assert found.sockets == {"ct-image": SocketHistory(CT, 1e9 + 2, "confirmed")}
    assert standing_of(found) is Standing.DONE


@pytest.mark.parametrize(
    "event", [Gone("a", step_id("a"), pk(1)), Adopted("a", step_id("a"), pk(5), "A", (SCORE,))]
)
def test_looking_ahead_leaves_the_history_as_it_is(event: Adopted | Gone) -> None:
    now = past(*created(), *filled("a", CT))
    before = past(*created(), *filled("a", CT))

    found = after(now, event)

    assert now == before
    assert found != before


def test_a_renamed_case_takes_its_past_along() -> None:
    found = past_of_events(*created(), *filled("a", CT), Renamed("b", step_id("b"), was="a"))

    assert list(found.cases) == ["b"]
    assert found.cases["b"].item == pk(1)


def test_a_case_renamed_from_an_unknown_one_has_no_past() -> None:
    assert past(Renamed("a", step_id("a"), was="x")) == EMPTY


def test_what_is_done_leaves_nothing_of_earlier_failures() -> None:
    unsure = Unsure("a", step_id("a:create"), "nobody knows")
    not_sent = Failed("a", step_id("a:fill"), words="", final=False)
    failed = Failed("a", step_id("a:fill"), words="No.", final=True)
    item = CaseHistory(item=pk(1), temporary="uploading-a", order=20)

    assert past(unsure, *created()) == item
    assert past(*created(), filled("a", SCORE)[0], failed) == replace(
        item, filling_since=1e9 + 2, reason="No."
    )
    assert past(*created(), not_sent, unsure, *filled("a", SCORE)) == replace(
        item,
        title="A",
        filling_since=1e9 + 4,
        sockets={"some-score": SocketHistory(SCORE, 1e9 + 4, "waiting")},
    )


def test_a_fill_that_is_sent_again_is_not_unsure_yet() -> None:
    unsure = Unsure("a", step_id("a:fill"), "nobody knows")

    found = past(*created(), unsure, filled("a", CT)[0])

    assert found.unsure is False
    assert found.filling_since == 1e9 + 3


def test_what_is_done_under_a_new_name_leaves_the_old_name_alone() -> None:
    again = [*created("b", 2), Renamed("a", step_id("a"), was="b"), *created("b", 3)]

    found = past_of_events(*created(), *again)

    assert (found.cases["a"].item, found.cases["b"].item) == (pk(2), pk(3))


def test_a_failed_session_is_known_since_it_was_first_seen() -> None:
    noticed = [Noticed((pk(1),), time=9.0), Noticed((pk(1), pk(2)), time=5.0)]

    assert fold(noticed).sessions == {pk(1): 5.0, pk(2): 5.0}
    assert fold(reversed(noticed)).sessions == {pk(1): 5.0, pk(2): 5.0}


def test_a_pause_leaves_no_trace() -> None:
    paused = Paused("a", step_id("a/x"), socket="x", why="too many uploads")

    assert fold([paused]).cases["a"] == EMPTY


def test_every_kind_of_event_is_folded_or_known_to_change_nothing() -> None:
    folded_elsewhere = {Noticed, Renamed, Gone, Adopted}

    assert set(_CHANGES) | folded_elsewhere == set(AnyEvent.__args__)


# ── creations that may have been sent twice ─────────────────────────────────────────────────


def test_a_creation_that_may_have_been_sent_twice_is_remembered_for_good() -> None:
    begun, done = created()
    told = replace(done, again=True)
    gone = Gone("a", step_id("a"), pk(1), anew=True)

    assert past(begun, done).twice == ()
    assert past(begun, told).twice == ("uploading-a",)
    assert past(begun, begun, done).twice == ("uploading-a",)
    assert past(begun, begun, told, *filled("a", SCORE)).twice == ("uploading-a",)
    assert past(begun, told, gone).twice == ("uploading-a",)
    assert past(begun, told, Adopted("a", step_id("a"), pk(2), "A")).twice == ("uploading-a",)


def test_a_creation_with_values_bears_a_title_that_others_may_have() -> None:
    begun = Started("a", step_id("a:create"), title="A", entries=(SCORE,))
    done = Done("a", step_id("a:create"), pk=pk(1), again=True)

    assert past(begun, begun, done).twice == ()
