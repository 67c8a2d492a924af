from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.outcomes import Finished, Looked, Ticketed
from manifest_uploader.engine.results import End
from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.steps import Create, Fill, Look, Plan, Task, Upload, Watch
from manifest_uploader.platform.model import Entry, SocketSeen
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Opened,
    Paused,
    Started,
    Unsure,
)
from manifest_uploader.state.steps import StepId
from tests.engine.pretended import Importing, Item, Pretended, act, failing, scheduler_for, unsure
from tests.helpers import (
    case,
    facts_of,
    few_examples,
    file_value,
    json_value,
    messages,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
)

CT, SEG, MR = file_value("ct-image"), file_value("lesion-seg"), file_value("mr-image")
REPORT, SCORE = file_value("report"), json_value("some-score", 2)
CT_ENTRY = Entry("ct-image", None, stat=stat("a"), upload=pk(7), content="files:1", before=None)


def needing(uploads: list[int]) -> list[Case]:
    """Cases of a value and so many uploads each."""
    streams = [CT, SEG, MR, REPORT]
    return [case(f"p{number}", *streams[:need], SCORE) for number, need in enumerate(uploads)]


def several(count: int, *values: object) -> list[Case]:
    return [case(f"p{number}", *(values or (CT, SCORE))) for number in range(count)]  # type: ignore[arg-type]


def end_words(ends: object) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (end.end.value, messages(end)) for name, end in ends.items()}  # type: ignore[attr-defined]


# ── a run that goes well ────────────────────────────────────────────────────────────────────


def test_a_case_is_uploaded_made_filled_and_seen() -> None:
    pool = Pretended()

    _, ends = act(plan_of(case("a", CT, SCORE)), pool)

    assert [step for step in pool.steps() if step != "Watch"] == [
        *("a/ct-image", "a:tickets", "a:create", "a:fill")
    ]
    assert ends["a"].end is End.DONE
    assert not ends["a"].unchanged
    [item] = pool.items.values()
    assert item.title == "a"
    assert item.sockets.keys() == {"ct-image", "some-score"}


def test_what_happened_is_written_down_in_the_order_in_which_it_happened() -> None:
    pool = Pretended()

    act(plan_of(case("a", CT)), pool)

    found = [(type(event).__name__, str(event.step)) for event in pool.written]  # type: ignore[union-attr]
    assert found == [
        ("Started", "a/ct-image"),
        ("Opened", "a/ct-image"),
        ("Done", "a/ct-image"),
        ("Started", "a:create"),
        ("Done", "a:create"),
        ("Started", "a:fill"),
        ("Done", "a:fill"),
        ("Confirmed", "a/ct-image"),
    ]


def test_a_case_that_needs_nothing_costs_nothing() -> None:
    past = past_of_events(
        *done_before("a", Entry("some-score", json_digest(2))),
    )
    pool = Pretended()

    _, ends = act(plan_of(case("a", SCORE), history=past), pool)

    assert pool.begun == []
    assert ends["a"].end is End.DONE
    assert ends["a"].unchanged


def done_before(
    name: str, *entries: Entry, seen: bool = True, title: str | None = None
) -> list[Event]:
    confirmed = [
        Confirmed(name, step_id(f"{name}/{one.socket}"), one.socket, "9") for one in entries
    ]
    return [
        Started(name, step_id(f"{name}:create"), title=f"uploading-{name}", order=10),
        Done(name, step_id(f"{name}:create"), pk=pk(1)),
        Started(name, step_id(f"{name}:fill"), title=name, entries=entries),
        Done(name, step_id(f"{name}:fill"), pk=pk(1)),
        *(confirmed if seen else []),
    ]


def test_cases_are_begun_in_the_manifests_order() -> None:
    pool = Pretended(limit=1)

    act(plan_of(*several(5)), pool)

    uploads = [task.case for task in pool.begun if isinstance(task, Upload)]
    assert uploads == [f"p{number}" for number in range(5)]


def test_no_more_cases_are_begun_than_the_window_holds() -> None:
    """The pilot's creation hangs, so that all others may upload but are not filled."""
    scheduler = scheduler_for(plan_of(*several(20)), Pretended(), window=3)
    begun: list[str] = []

    for _ in range(20):
        for task in scheduler.begin(2, stopping=False).tasks:
            begun.append(task.case)  # type: ignore[union-attr]
            if isinstance(task, Upload):
                done = Done(task.case, task.step, task.socket, pk=pk(7))
                scheduler.take([done, Finished(task)])

    assert set(begun) == {"p0", "p1", "p2"}


def test_every_case_is_told_to_have_ended_as_it_ends() -> None:
    pool = Pretended()

    act(plan_of(*several(3)), pool)

    assert [(end.case, end.end) for end in pool.ended] == [(f"p{n}", End.DONE) for n in range(3)]


@few_examples
@given(
    st.lists(
        st.sets(st.sampled_from([CT, SEG, MR, REPORT, SCORE]), min_size=1), min_size=1, max_size=7
    ),
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.integers(1, 5),
)
def test_all_cases_are_done_in_whatever_order_tasks_end(
    values: list[set[object]], seed: int, limit: int, window: int
) -> None:
    cases = [case(f"p{number}", *sorted(one, key=repr)) for number, one in enumerate(values)]  # type: ignore[arg-type]
    pool = Pretended(limit=limit, seed=seed)

    _, ends = act(plan_of(*cases), pool, window=window)

    assert {end.end for end in ends.values()} == {End.DONE}
    held = {item.title: item.sockets.keys() for item in pool.items.values()}
    assert held == {one.name: {value.socket for value in one.values} for one in cases}
    assert pool.rows == {}


# ── pilots ──────────────────────────────────────────────────────────────────────────────────


def test_one_case_of_a_kind_is_made_and_filled_before_the_others() -> None:
    pool = Pretended(limit=4)

    act(plan_of(*several(4)), pool)

    steps = [step for step in pool.steps() if ":" in step]
    assert steps[:3] == ["p0:tickets", "p0:create", "p0:fill"]
    assert sorted(steps[3:]) == sorted(
        f"p{n}:{what}" for n in (1, 2, 3) for what in ("tickets", "create", "fill")
    )


def test_others_upload_while_the_pilot_is_under_way() -> None:
    pool = Pretended(limit=4)

    act(plan_of(*several(4)), pool)

    steps = pool.steps()
    assert all(steps.index(f"p{n}/ct-image") < steps.index("p0:fill") for n in range(4))


def test_a_pilot_that_fails_hands_on() -> None:
    pool = Pretended(fault=failing("p0:fill", "p0 has a strange title"))

    _, ends = act(plan_of(*several(3)), pool)

    assert [end.end for _, end in sorted(ends.items())] == [End.FAILED, End.DONE, End.DONE]
    assert messages(ends["p0"]) == ("p0 has a strange title",)


def test_a_pilot_whose_end_is_not_known_hands_on() -> None:
    pool = Pretended(fault=unsure("p0:fill"))

    _, ends = act(plan_of(*several(3)), pool)

    assert [end.end for _, end in sorted(ends.items())] == [End.UNSURE, End.DONE, End.DONE]


def test_five_cases_refused_alike_stop_the_run_with_the_words_once() -> None:
    def refuse(task: Task) -> Event | None:
        return (
            Failed(task.case, task.step, words="No.", final=True)
            if isinstance(task, Fill)
            else None
        )

    pool = Pretended(limit=2, fault=refuse)

    scheduler, ends = act(plan_of(*several(30)), pool)

    assert scheduler.notes == ["stopped: 5 cases in a row failed for the same reason: No."]
    assert [end.end for end in ends.values()].count(End.FAILED) == 5
    assert [end.end for end in ends.values()].count(End.PENDING) == 25
    assert len([task for task in pool.begun if isinstance(task, Create)]) == 5


def test_cases_refused_for_reasons_of_their_own_stop_nothing() -> None:
    def refuse(task: Task) -> Event | None:
        if not isinstance(task, Fill):
            return None
        return Failed(task.case, task.step, words=f"No, {task.case}.", final=True)

    _, ends = act(plan_of(*several(12)), Pretended(fault=refuse))

    assert {end.end for end in ends.values()} == {End.FAILED}


def test_failures_that_are_not_the_platforms_word_stop_nothing() -> None:
    def fail(task: Task) -> Event | None:
        if not isinstance(task, Fill):
            return None
        return Failed(task.case, task.step, words="internal error (500)", final=False)

    _, ends = act(plan_of(*several(12)), Pretended(fault=fail))

    assert {end.end for end in ends.values()} == {End.FAILED}


# ── failures ────────────────────────────────────────────────────────────────────────────────


def test_an_upload_that_fails_fails_its_case_alone() -> None:
    pool = Pretended(fault=failing("p1/ct-image", "'a.mha' changed while it was sent", final=False))

    _, ends = act(plan_of(*several(3, CT, SEG)), pool)

    assert end_words(ends) == {
        "p0": ("done", ()),
        "p1": ("failed", ("ct-image: 'a.mha' changed while it was sent",)),
        "p2": ("done", ()),
    }
    assert "p1:create" not in pool.steps()


def test_what_of_a_failed_case_has_not_begun_is_dropped() -> None:
    pool = Pretended(limit=1, fault=failing("p0/ct-image"))

    act(plan_of(case("p0", CT, SEG)), pool)

    assert [step for step in pool.steps() if step != "Watch"] == ["p0/ct-image"]


def test_a_refused_fill_is_told_socket_by_socket() -> None:
    def refuse(task: Task) -> Event | None:
        if not isinstance(task, Fill):
            return None
        return Failed(
            *("a", step_id("a:fill")),
            socket="some-score",
            words="some-score: too much; the title is taken",
            final=True,
            failures=(Failure("some-score", "too much"), Failure(None, "the title is taken")),
        )

    _, ends = act(plan_of(case("a", SCORE)), Pretended(fault=refuse))

    assert messages(ends["a"]) == ("some-score: too much", "the title is taken")


def test_a_failed_import_fails_its_case_with_the_platforms_words() -> None:
    pool = Pretended(bad_imports=frozenset({"p1/ct-image"}))

    _, ends = act(plan_of(*several(3)), pool)

    assert [end.end for _, end in sorted(ends.items())] == [End.DONE, End.FAILED, End.DONE]
    assert messages(ends["p1"])[0].startswith("ct-image: No image.")


def test_an_error_that_ends_the_run_is_raised_once_everything_under_way_has_ended() -> None:
    pool = Pretended()
    scheduler = scheduler_for(plan_of(*several(3)), pool)
    begun = scheduler.begin(3, stopping=False).tasks

    scheduler.take([Finished(begun[0], LookupError("401"))])

    assert not scheduler.is_over(stopping=False)
    assert scheduler.begin(3, stopping=False).tasks == []
    scheduler.take([Finished(task) for task in begun[1:]])
    assert scheduler.is_over(stopping=False)
    assert isinstance(scheduler.error, LookupError)


@pytest.mark.parametrize("turns", range(0, 60, 3))
def test_a_run_that_is_stopped_begins_nothing_more_and_tells_every_case(turns: int) -> None:
    pool = Pretended(seed=turns, stop_after=turns)

    _, ends = act(plan_of(*several(6)), pool)

    assert {end.end for end in ends.values()} <= {End.DONE, End.PENDING, End.WAITING}


# ── imports ─────────────────────────────────────────────────────────────────────────────────


def waiting(*, tag: str = "a") -> Plan:
    """A case whose image is being imported since an earlier run, and perhaps has changed."""
    history = past_of_events(*done_before("a", CT_ENTRY, seen=False))
    return plan_of(case("a", CT), history=history, values={("a", "ct-image"): facts_of(tag)})


def importing(**more: object) -> Pretended:
    """A platform that has the item of that case, and its import under way."""
    pool = Pretended(**more)  # type: ignore[arg-type]
    pool.items[pk(1)] = Item("a")
    pool.rows[pk(7)] = ("Completed", 100)

    pool.imports.append(Importing(pk(1), "ct-image", pk(7)))
    return pool


def test_an_import_of_an_earlier_run_is_waited_for() -> None:
    pool = importing()

    _, ends = act(waiting(), pool)

    assert set(pool.steps()) == {"Watch"}
    assert ends["a"].end is End.DONE


def test_a_change_is_filled_only_once_the_import_under_way_has_ended() -> None:
    pool = importing()

    _, ends = act(waiting(tag="b"), pool)

    first = pool.written.index(Confirmed("a", step_id("a/ct-image"), "ct-image", "101"))
    fill = next(
        at
        for at, e in enumerate(pool.written)
        if isinstance(e, Started) and e.step == StepId.fill("a")
    )
    assert first < fill
    assert ends["a"].end is End.DONE
    assert len(pool.events(Confirmed)) == 2


def test_a_change_waits_for_the_import_even_with_no_wait() -> None:
    pool = importing()

    _, ends = act(waiting(tag="b"), pool, wait=False)

    assert "a:fill" in pool.steps()
    assert ends["a"].end is End.WAITING


def test_the_failure_of_what_was_replaced_is_no_failure_of_the_case() -> None:
    pool = importing()
    pool.imports.clear()
    pool.failed_imports.add((pk(1), "ct-image"))

    _, ends = act(waiting(tag="b"), pool)

    assert len(pool.events(ImportFailed)) == 1
    assert end_words(ends) == {"a": ("done", ())}


def test_the_failure_of_a_change_stays_when_the_import_before_it_arrives() -> None:
    pool = importing(fault=failing("a/ct-image", "'b.mha' changed while it was sent"))

    _, ends = act(waiting(tag="b"), pool)

    assert len(pool.events(Confirmed)) == 1
    assert end_words(ends) == {"a": ("failed", ("ct-image: 'b.mha' changed while it was sent",))}


def test_a_change_that_could_not_be_sent_is_not_finished() -> None:
    pool = importing(stalled=True)

    _, ends = act(waiting(tag="b"), pool, wait_timeout_s=60.0)

    assert ends["a"].end is End.PENDING


def test_without_waiting_a_run_ends_when_all_is_filled() -> None:
    pool = Pretended(stalled=True)

    _, ends = act(plan_of(*several(2)), pool, wait=False)

    assert {end.end for end in ends.values()} == {End.WAITING}
    assert "Watch" not in pool.steps()


def test_a_run_waits_so_long_without_any_import_and_no_longer() -> None:
    pool = Pretended(stalled=True)

    _, ends = act(plan_of(*several(2)), pool, wait_timeout_s=100.0)

    assert {end.end for end in ends.values()} == {End.WAITING}
    assert 1100 < pool.now < 1130


def test_each_import_that_arrives_begins_the_wait_anew() -> None:
    pool = Pretended(seed=1)
    slow = iter(range(10**9))
    pool._import_some = lambda: None  # type: ignore[method-assign]
    real = Pretended._import_some

    def one_a_minute() -> None:
        if next(slow) % 120 == 119:
            pool.seed = None
            real(pool)

    pool._import_some = one_a_minute  # type: ignore[method-assign]

    _, ends = act(plan_of(*several(4)), pool, wait_timeout_s=90.0)

    assert {end.end for end in ends.values()} == {End.DONE}


def failed_before() -> Plan:
    history = past_of_events(
        *done_before("a", CT_ENTRY, seen=False),
        ImportFailed("a", step_id("a"), "ct-image", "No image."),
    )
    return plan_of(case("a", CT), history=history)


def test_an_import_that_failed_before_is_looked_at_once() -> None:
    pool = Pretended()
    pool.items[pk(1)] = Item("a")

    _, ends = act(failed_before(), pool)

    assert pool.steps() == ["Watch"]
    assert ends["a"].end is End.FAILED
    assert messages(ends["a"])[0].startswith("ct-image: No image.")


def test_an_import_that_failed_before_may_have_come_after_all() -> None:
    pool = Pretended()
    pool.items[pk(1)] = Item("a", {"ct-image": SocketSeen("5", None)})

    _, ends = act(failed_before(), pool)

    assert end_words(ends) == {"a": ("done", ())}


# ── deleted items ───────────────────────────────────────────────────────────────────────────


def update() -> Plan:
    """A case of which a value changed, while another is still being imported."""
    history = past_of_events(
        *done_before("a", Entry("some-score", json_digest(1)), CT_ENTRY, seen=False),
        Confirmed("a", step_id("a"), "some-score", "9"),
    )
    return plan_of(case("a", SCORE, CT), history=history)


def test_an_item_that_is_gone_when_it_is_looked_at_ends_its_case() -> None:
    pool = Pretended()

    _, ends = act(update(), pool)

    assert ends["a"].end is End.FAILED
    assert ends["a"].gone
    assert messages(ends["a"]) == ("it was deleted on the platform; --recreate recreates it",)
    assert "a:fill" not in pool.steps()


@pytest.mark.parametrize("seed", range(20))
def test_an_item_may_go_at_any_moment(seed: int) -> None:
    pool = importing(seed=seed, stalled=True)

    def delete(task: Task) -> Event | None:
        if isinstance(task, Fill):
            return Failed(task.case, task.step, words="unknown (404)", final=True)
        if pool.chance.random() < 0.5:
            pool.items.clear()
        return None

    pool.fault = delete
    _, ends = act(update(), pool, wait_timeout_s=30.0)

    assert ends["a"].end is End.FAILED


def test_a_case_that_was_deleted_while_its_fill_waits_for_its_turn_is_not_filled() -> None:
    pool = importing()
    scheduler = scheduler_for(update(), pool)
    [look, watch] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(look, Look)
    assert isinstance(watch, Watch)

    scheduler.take([Looked("a", pool._seen(pk(1)))])
    scheduler.take([Gone("a", step_id("a:fill"), pk(1))])

    assert scheduler.begin(4, stopping=False).tasks == []


def test_only_what_the_item_lacks_is_sent() -> None:
    pool = importing(stalled=True)
    pool.items[pk(1)].sockets["some-score"] = SocketSeen("5", json_digest(2))

    _, ends = act(update(), pool, wait=False)

    assert "a:fill" not in pool.steps()
    assert Done("a", step_id("a:fill"), pk=pk(1)) in pool.written
    assert Confirmed("a", step_id("a:fill"), "some-score", "5") in pool.written
    assert ends["a"].end is End.WAITING


# ── limits ──────────────────────────────────────────────────────────────────────────────────


def test_a_limit_of_rows_is_waited_out_without_a_failed_case() -> None:
    pool = Pretended(rows_at_most=3)

    scheduler, ends = act(plan_of(*several(10)), pool)

    assert {end.end for end in ends.values()} == {End.DONE}
    assert scheduler.stuck_reason() is None
    assert scheduler.paused is None


def test_a_pause_is_told_with_its_reason_and_since_when() -> None:
    pool = Pretended(rows_at_most=1, stalled=True)

    scheduler, ends = act(plan_of(*several(3)), pool, wait_timeout_s=50.0)

    assert scheduler.paused is not None
    words, since = scheduler.paused
    assert words.startswith("You have created too many uploads")
    assert since < 1002
    assert end_words(ends)["p0"] == ("waiting", ())
    assert {ends["p1"].end, ends["p2"].end} == {End.PENDING}
    assert scheduler.stuck_reason() == (
        f"{words.removesuffix('.')}; 1 upload slot in use, and none became free"
    )


def test_while_uploads_pause_one_asks_and_less_and_less_often() -> None:
    pool = Pretended(rows_at_most=0)

    act(plan_of(*several(8)), pool, wait_timeout_s=600.0)

    asked = len([task for task in pool.begun if isinstance(task, Upload)])
    assert 20 < asked < 40


def test_an_upload_that_was_let_in_before_the_pause_does_not_end_it() -> None:
    pool = Pretended(limit=4)
    scheduler = scheduler_for(plan_of(*several(8)), pool)
    first, second, *_ = scheduler.begin(4, stopping=False).tasks
    assert isinstance(first, Upload)
    assert isinstance(second, Upload)

    scheduler.take([Paused(second.case, second.step, socket=second.socket, why="too many uploads")])
    scheduler.take([Opened(first.case, first.step, "ct-image", pk(7), "sid", 8, stat("a"))])
    scheduler.take([Done(first.case, first.step, "ct-image", pk=pk(7)), Finished(first)])

    assert scheduler.paused is not None
    assert not [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Upload)]


def test_an_upload_goes_on_from_its_row_after_a_limit_of_bytes() -> None:
    pool = Pretended(bytes_at_most=250)

    _, ends = act(plan_of(*several(6)), pool)

    assert {end.end for end in ends.values()} == {End.DONE}
    opened = [event.step for event in pool.written if isinstance(event, Opened)]
    assert len(opened) == len(set(opened)) == 6


def test_a_case_that_holds_all_bytes_there_may_be_is_filled_in_two_parts() -> None:
    """The second of its two uploads is one too many, and only the first would make room."""
    cases = [case("p0", CT), case("p1", CT, SEG), case("p2", CT)]
    pool = Pretended(limit=1, bytes_at_most=100)

    _, ends = act(plan_of(*cases), pool)

    assert {end.end for end in ends.values()} == {End.DONE}
    fills = [task for task in pool.begun if isinstance(task, Fill) and task.case == "p1"]
    assert [[entry.socket for entry in one.entries] for one in fills] == [
        [CT.socket],
        [SEG.socket],
    ]
    assert [one.title for one in fills] == [None, "p1"]


def test_a_limit_of_bytes_is_final_when_nothing_is_left_to_drain() -> None:
    cases = [case("p0", CT), case("p1", CT, SEG), case("p2", SCORE)]
    pool = Pretended(limit=1, bytes_at_most=0)

    _, ends = act(plan_of(*cases), pool)

    assert {name: end.end for name, end in ends.items()} == {
        "p0": End.FAILED,
        "p1": End.FAILED,
        "p2": End.DONE,
    }
    assert "no import is left that would free space" in messages(ends["p1"])[0]
    assert pool.now < 1100


@few_examples
@given(st.integers(1, 9), st.integers(1, 500), st.integers(0, 2**32), st.integers(1, 8))
def test_a_limit_of_bytes_holds_up_no_case_of_one_upload(
    count: int, most: int, seed: int, limit: int
) -> None:
    pool = Pretended(limit=limit, seed=seed, bytes_at_most=most)

    _, ends = act(plan_of(*several(count)), pool)

    assert {end.end for end in ends.values()} == {End.DONE}


@settings(few_examples, max_examples=150)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=9),
    st.integers(1, 500),
    st.integers(0, 2**32),
    st.integers(1, 8),
)
def test_a_limit_of_bytes_holds_up_no_case(
    needs: list[int], most: int, seed: int, limit: int
) -> None:
    cases = needing(needs)
    pool = Pretended(limit=limit, seed=seed, bytes_at_most=most)

    _, ends = act(plan_of(*cases), pool)

    assert {end.end for end in ends.values()} == {End.DONE}
    assert all(item.sockets.keys() == set(kind_of(cases, item)) for item in pool.items.values())


def kind_of(cases: list[Case], item: Item) -> list[str]:
    [one] = [one for one in cases if one.title == item.title]
    return [value.socket for value in one.values]


@settings(few_examples, max_examples=150)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=9),
    st.integers(0, 6),
    st.integers(0, 2**32),
    st.integers(1, 8),
)
def test_a_limit_of_rows_that_holds_one_case_holds_up_none(
    needs: list[int], spare: int, seed: int, limit: int
) -> None:
    cases = needing(needs)
    pool = Pretended(limit=limit, seed=seed, rows_at_most=max(needs) + spare)

    _, ends = act(plan_of(*cases), pool)

    assert {end.end for end in ends.values()} == {End.DONE}


# ── everything at once ──────────────────────────────────────────────────────────────────────


def faults(seed: int) -> Callable[[Task], Event | None]:
    """Some uploads and fills fail, some creations and fills stay unsure."""
    chance = random.Random(seed)

    def fault(task: Task) -> Event | None:
        if not isinstance(task, Upload | Create | Fill) or chance.random() > 0.15:
            return None
        if isinstance(task, Upload) or chance.random() < 0.5:
            words = chance.choice(["No.", f"No, {task.case}."])
            return Failed(task.case, task.step, words=words, final=chance.random() < 0.5)
        return Unsure(task.case, task.step, "nobody knows")

    return fault


@settings(few_examples, max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 8), st.integers(4, 30))
def test_a_run_ends_whatever_goes_wrong(seed: int, count: int, limit: int, rows: int) -> None:
    bad = frozenset(f"p{n}/ct-image" for n in range(count) if n % 4 == seed % 4)
    pool = Pretended(limit=limit, seed=seed, rows_at_most=rows, fault=faults(seed), bad_imports=bad)

    scheduler, ends = act(plan_of(*several(count, CT, REPORT, SCORE)), pool, wait_timeout_s=300.0)

    assert scheduler.error is None
    assert all(end.failures for end in ends.values() if end.end in {End.FAILED, End.UNSURE})
    for name, end in ends.items():
        steps = {task.step for task in pool.begun if getattr(task, "case", "") == name
                 and isinstance(task, Fill)}  # fmt: skip
        assert end.end is not End.DONE or steps == {StepId.fill(name)}
    titles = [item.title for item in pool.items.values()]
    assert len(titles) == len(set(titles))


@few_examples
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_what_was_written_down_is_enough_to_go_on(seed: int, turns: int) -> None:
    """A run is stopped at any moment; the next one ends with every case once."""
    cases = several(4, CT, SCORE)
    first = Pretended(limit=3, seed=seed, stop_after=turns)
    act(plan_of(*cases), first)

    history = past_of_events(*first.written)
    second = first.restarted(stop_after=None)
    rows = {row: status for row, (status, _) in first.rows.items()}
    _, ends = act(plan_of(*cases, history=history, rows=rows, first_title=1000), second)

    assert {end.end for end in ends.values()} == {End.DONE}
    assert sorted(item.title for item in second.items.values()) == [one.name for one in cases]
    assert all(len(item.sockets) == 2 for item in second.items.values())


def test_the_time_of_a_fill_is_that_of_its_sending() -> None:
    pool = Pretended(stalled=True)
    scheduler = scheduler_for(plan_of(case("a", SCORE, CT)), pool)
    pool.items[pk(1)] = Item("uploading-1")
    [upload] = scheduler.begin(1, stopping=False).tasks

    assert isinstance(upload, Upload)
    scheduler.take([Done("a", upload.step, "ct-image", pk=pk(7)), Finished(upload)])
    [tickets] = scheduler.begin(1, stopping=False).tasks
    scheduler.take([Ticketed("a", {"ct-image": pk(8)}), Finished(tickets)])
    [create] = scheduler.begin(1, stopping=False).tasks
    scheduler.take([Done("a", step_id("a:create"), pk=pk(1)), Finished(create)])
    pool.now = 2000.0
    [fill] = scheduler.begin(1, stopping=False).tasks
    pool.now = 2060.0
    scheduler.take([Done("a", step_id("a:fill"), pk=pk(1)), Finished(fill)])
    pool.now = 2100.0

    [watch] = scheduler.begin(1, stopping=False).tasks
    assert isinstance(watch, Watch)
    assert {wait.since for wait in watch.waits} == {2000.0}
    assert replace(watch.waits[0], since=0.0).upload in {None, pk(7)}
