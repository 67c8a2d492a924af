from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Noticed,
    Opened,
    Paused,
    Record,
    Renamed,
    Started,
    Unsure,
)
from manifest_uploader.state.history import EMPTY, CaseHistory, Folding, History, after, fold
from manifest_uploader.state.standing import Standing, standing_of
from tests.helpers import past_of_events, pk, some

CT = Entry("ct-image", None, stat="s", upload=pk(7), content="c", before="1")
SCORE = Entry("some-score", "json:1")


def created(name: str = "a", item: int = 1) -> list[Event]:
    """A case whose item was made under a temporary title."""
    return [
        Started(name, f"{name}:create", title=f"uploading-{name}", order=20),
        Done(name, f"{name}:create", pk=pk(item)),
    ]


def filled(name: str = "a", *entries: Entry, title: str | None = "A", **more: Any) -> list[Event]:
    """A case that was filled."""
    begun = Started(name, f"{name}:fill", title=title, entries=entries, **more)
    return [begun, Done(name, f"{name}:fill", pk=pk(1))]


def past(*events: Event, name: str = "a") -> CaseHistory:
    return past_of_events(*events).cases[name]


# ── each event ──────────────────────────────────────────────────────────────────────────────


def test_nothing_was_done_for_a_case_without_records() -> None:
    assert fold([]) == History()
    assert standing_of(EMPTY) is Standing.NEW


def test_an_opened_upload_can_be_gone_on_with() -> None:
    found = past(Opened("a", "a/ct-image", "ct-image", pk(7), "sid", 8, "s"))

    upload = found.uploads["ct-image"]
    assert (upload.begun.pk, upload.begun.storage_id, upload.begun.part_size) == (pk(7), "sid", 8)
    assert not upload.done
    assert standing_of(found) is Standing.UPLOADING


def test_a_complete_upload_keeps_where_it_is_stored() -> None:
    found = past(
        Opened("a", "a/ct-image", "ct-image", pk(7), "sid", 8, "s"),
        Done("a", "a/ct-image", "ct-image", pk=pk(7), stat="s", content="c"),
    )

    upload = found.uploads["ct-image"]
    assert upload.done
    assert upload.content == "c"
    assert (upload.begun.storage_id, upload.begun.stat) == ("sid", "s")


def test_an_upload_begun_anew_takes_the_place_of_the_old_one() -> None:
    found = past(
        Opened("a", "a/ct-image", "ct-image", pk(7), "sid", 8, "s"),
        Done("a", "a/ct-image", "ct-image", pk=pk(7), stat="s", content="c"),
        Opened("a", "a/ct-image", "ct-image", pk(8), "sid2", 8, "t"),
    )

    assert found.uploads["ct-image"].begun.pk == pk(8)
    assert not found.uploads["ct-image"].done


def test_a_creation_without_an_end_is_known_by_its_title() -> None:
    found = past(created()[0])

    assert (found.item, found.temporary, found.order) == (None, "uploading-a", 20)
    assert standing_of(found) is Standing.CREATED


def test_a_fill_without_an_end_is_unsure() -> None:
    found = past(*created(), filled("a", CT)[0])

    assert found.filling is not None
    assert found.filling_since == 1e9 + 2
    assert found.title is None
    assert standing_of(found) is Standing.UNSURE


def test_a_fill_that_acted_uses_its_uploads_up_and_is_waited_for_since_it_was_sent() -> None:
    found = past(
        *created(),
        Done("a", "a/ct-image", "ct-image", pk=pk(7), stat="s", content="c"),
        Done("a", "a/mr-image", "mr-image", pk=pk(8), stat="s", content="c"),
        *filled("a", CT),
    )

    assert found.title == "A"
    assert found.filling is None
    assert list(found.uploads) == ["mr-image"]
    assert found.sockets["ct-image"].standing == "waiting"
    assert found.sockets["ct-image"].entry == CT
    assert found.sockets["ct-image"].since == 1e9 + 4
    assert standing_of(found) is Standing.FILLED


def test_a_fill_of_values_alone_leaves_title_and_order_as_they_are() -> None:
    found = past(*created(), *filled("a", CT, order=5), *filled("a", SCORE, title=None))

    assert (found.title, found.order) == ("A", 5)
    assert set(found.sockets) == {"ct-image", "some-score"}


def test_a_title_may_be_taken_away() -> None:
    found = past(*created(), *filled("a", title=""))

    assert found.title == ""
    assert standing_of(found) is Standing.DONE


def test_a_refused_fill_leaves_the_item_as_it_was() -> None:
    found = past(*created(), filled("a", CT)[0], Failed("a", "a:fill", None, "No.", final=True))

    assert found.filling is None
    assert not found.repeated
    assert (found.title, found.words) == (None, "No.")
    assert standing_of(found) is Standing.FAILED


def test_a_fill_found_not_to_have_acted_may_be_repeated_by_the_next() -> None:
    found = past(*created(), filled("a", CT)[0], Failed("a", "a:fill", None, "", final=False))

    assert found.repeated
    assert found.words is None
    assert standing_of(found) is Standing.CREATED

    later = past(
        *created(),
        filled("a", CT)[0],
        Failed("a", "a:fill", None, "", final=False),
        *filled("a", CT, repeated=True),
    )
    assert not later.repeated
    assert later.sockets["ct-image"].repeated


@pytest.mark.parametrize(
    "begun",
    [
        Started("a", "a/ct-image", "ct-image"),
        Started("a", "a:create", title="uploading-a"),
        Started("a", "a:fill", title="A"),
        Done("a", "a:create", pk=pk(1)),
    ],
)
def test_what_failed_is_forgotten_once_something_is_done_about_it(begun: Event) -> None:
    found = past(Failed("a", "a/ct-image", "ct-image", "No.", final=False), begun)

    assert found.words is None


def test_an_unsure_step_stays_unsure_until_something_is_known() -> None:
    unsure = [*created(), filled("a", CT)[0], Unsure("a", "a:fill", "nobody knows")]

    assert standing_of(past(*unsure)) is Standing.UNSURE
    assert standing_of(past(*unsure, Done("a", "a:fill", pk=pk(1)))) is Standing.FILLED
    assert past(*unsure).words == "nobody knows"


def test_a_value_that_was_seen_is_done() -> None:
    found = past(*created(), *filled("a", CT), Confirmed("a", "a/ct-image", "ct-image", pk(9)))

    assert found.sockets["ct-image"].pk == pk(9)
    assert found.sockets["ct-image"].entry == CT
    assert standing_of(found) is Standing.DONE


@pytest.mark.parametrize(("lost", "end"), [(False, "failed"), (True, "lost")])
def test_an_import_that_failed_keeps_what_was_put_there(lost: bool, end: str) -> None:
    failed = ImportFailed("a", "a/ct-image", "ct-image", "No image.", lost=lost)

    found = past(*created(), *filled("a", CT), failed)

    assert found.sockets["ct-image"].standing == end
    assert found.sockets["ct-image"].entry == CT
    assert "No image." in (found.sockets["ct-image"].words or "")
    assert standing_of(found) is Standing.FAILED


def test_a_value_that_came_after_all_has_no_words_left() -> None:
    found = past(
        *created(),
        *filled("a", CT),
        ImportFailed("a", "a/ct-image", "ct-image", "No image."),
        Confirmed("a", "a/ct-image", "ct-image", pk(9)),
    )

    assert found.sockets["ct-image"].words is None
    assert standing_of(found) is Standing.DONE


def test_files_that_were_only_touched_get_a_new_stat_everywhere() -> None:
    found = past(
        *created(),
        *filled("a", CT),
        Done("a", "a/ct-image", "ct-image", pk=pk(8), stat="s", content="c"),
        Checked("a", "a/ct-image", "ct-image", "t"),
    )

    assert found.sockets["ct-image"].entry.stat == "t"
    assert found.uploads["ct-image"].begun.stat == "t"
    assert found.sockets["ct-image"].entry.content == "c"


def test_an_item_that_is_gone_is_remembered_until_it_is_made_anew() -> None:
    done = [*created(), *filled("a", CT)]
    gone = past(*done, Gone("a", "a", pk(1)))

    assert gone.item == pk(1)
    assert standing_of(gone) is Standing.GONE
    assert past(*done, Gone("a", "a", pk(1), anew=True)) == EMPTY


def test_an_adopted_item_holds_what_it_was_seen_to_hold() -> None:
    found = past(*created(), Adopted("a", "a", pk(5), "A", (CT,)))

    assert (found.item, found.title, found.temporary) == (pk(5), "A", None)
    assert found.sockets["ct-image"].standing == "confirmed"
    assert standing_of(found) is Standing.DONE


def test_a_renamed_case_takes_its_past_along() -> None:
    found = past_of_events(*created(), *filled("a", CT), Renamed("b", "b", was="a"))

    assert list(found.cases) == ["b"]
    assert found.cases["b"].item == pk(1)


def test_what_is_done_under_a_new_name_leaves_the_old_name_alone() -> None:
    again = [*created("b", 2), Renamed("a", "a", was="b"), *created("b", 3)]

    found = past_of_events(*created(), *again)

    assert (found.cases["a"].item, found.cases["b"].item) == (pk(2), pk(3))


def test_a_failed_session_is_known_since_it_was_first_seen() -> None:
    records = [Record(9.0, Noticed((pk(1),))), Record(5.0, Noticed((pk(1), pk(2))))]

    assert fold(records).sessions == {pk(1): 5.0, pk(2): 5.0}
    assert fold(reversed(records)).sessions == {pk(1): 5.0, pk(2): 5.0}


def test_a_pause_leaves_no_trace() -> None:
    assert fold([Record(1.0, Paused("a", "a/x", "x", "too many uploads"))]).cases == {}


# ── properties ──────────────────────────────────────────────────────────────────────────────

PUT = (
    (),
    (Entry("ct-image", None, stat="s", upload=pk(7)), SCORE),
    (Entry("report", None, stat="t", before="1"),),
)


def pool(name: str) -> list[Event]:
    """One case's share of what can happen."""
    slugs = ("ct-image", "some-score", "report")
    put = [Started(name, f"{name}:fill", title=t, entries=e) for t in (None, "", "A") for e in PUT]
    uploads = [
        (
            Opened(name, f"{name}/{slug}", slug, pk(number), "sid", 8, "s"),
            Done(name, f"{name}/{slug}", slug, pk=pk(number), stat="s", content="c"),
        )
        for slug in slugs
        for number in (7, 8)
    ]
    ends = [
        (
            Confirmed(name, name, slug, pk(9)),
            ImportFailed(name, name, slug, "No image.", lost=slug == "report"),
            Checked(name, name, slug, "t"),
        )
        for slug in slugs
    ]
    failures = [
        Failed(name, f"{name}{step}", None, words, final=True)
        for step in (":fill", ":create", "/x")
        for words in ("", "No.")
    ]
    return [
        *(*created(name), Done(name, f"{name}:fill", pk=pk(1)), Unsure(name, f"{name}:fill", "?")),
        *(event for pair in uploads for event in pair),
        *(event for three in ends for event in three),
        *(*put, *failures, Adopted(name, name, pk(5), "A", PUT[1])),
        *(Gone(name, name, pk(1), anew=anew) for anew in (False, True)),
    ]


events = st.sampled_from(
    [*(event for name in "abc" for event in pool(name)), Noticed((pk(1),)), Noticed((pk(2), pk(1)))]
)


@some
@given(st.lists(events, max_size=25), st.randoms(use_true_random=False))
def test_only_the_order_of_one_cases_records_matters(
    happened: list[Event], chance: random.Random
) -> None:
    records = [Record(float(number), event) for number, event in enumerate(happened)]
    by_case: dict[str, list[Record]] = {}
    for record in records:
        by_case.setdefault(getattr(record.event, "case", "-"), []).append(record)
    mixed: list[Record] = []
    while any(by_case.values()):
        mixed.append(by_case[chance.choice([name for name in by_case if by_case[name]])].pop(0))

    assert fold(mixed) == fold(records)


@some
@given(st.lists(events, max_size=20), st.data())
def test_a_history_that_grows_leaves_the_one_it_grew_from_as_it_was(
    happened: list[Event], data: st.DataObject
) -> None:
    records = [Record(float(number), event) for number, event in enumerate(happened)]
    cut = data.draw(st.integers(0, len(records)))
    first = fold(records[:cut])
    as_it_was = fold(records[:cut])

    folding = Folding(first)
    for record in records[cut:]:
        folding.take(record)

    assert folding.history == fold(records)
    assert first == as_it_was
    assert CaseHistory() == EMPTY


@some
@given(st.lists(events, max_size=20))
def test_every_history_has_a_standing_for_each_case(happened: list[Event]) -> None:
    found = past_of_events(*happened)

    assert all(standing_of(one) in Standing for one in found.cases.values())


@some
@given(st.lists(events, max_size=15), st.booleans())
def test_what_is_found_out_while_planning_folds_alike(happened: list[Event], anew: bool) -> None:
    found = past_of_events(*happened).cases.get("a", EMPTY)
    gone = Gone("a", "a", pk(1), anew=anew)

    assert after(found, gone) == past_of_events(*happened, gone).cases["a"]
