from __future__ import annotations

from manifest_uploader.engine.results import End
from manifest_uploader.plan.steps import Plan
from tests.engine.pretended import Importing, Item, Pretended, act
from tests.helpers import case, facts_of, file_value, past_of_events, pk, plan_of
from tests.plan.test_cases import CT_ENTRY, made
from tests.state.helpers import Done, Started, step_id

CT = file_value("ct-image")


def changed(count: int) -> Plan:
    """Cases whose images changed while their import is under way, and a new case."""
    names = [f"c{number}" for number in range(1, count + 1)]
    events = [
        event
        for item, name in enumerate(names, 1)
        for event in (
            *made(name, order=10 * item, item=item),
            Started(name, step_id(f"{name}:fill"), title=name, entries=(CT_ENTRY,)),
            Done(name, step_id(f"{name}:fill"), pk=pk(item)),
        )
    ]
    values = {(name, "ct-image"): facts_of("b") for name in names}
    cases = [case(name, CT) for name in (*names, "new")]
    return plan_of(*cases, history=past_of_events(*events), values=values)


def importing(count: int, *, stalled: bool) -> Pretended:
    """A platform that imports what these cases sent before."""
    pool = Pretended(stalled=stalled)
    pool.rows[pk(7)] = ("Completed", 100)
    for item in range(1, count + 1):
        pool.items[pk(item)] = Item(f"c{item}")
        pool.imports.append(Importing(pk(item), "ct-image", pk(7)))
    return pool


def test_without_waiting_an_earlier_import_is_looked_at_once() -> None:
    pool = importing(1, stalled=True)
    started = pool.now

    scheduler, ends = act(changed(1), pool, wait=False)

    assert pool.steps().count("Watch") == 1
    assert "c1:fill" not in pool.steps()
    assert (ends["c1"].end, ends["new"].end) == (End.WAITING, End.WAITING)
    assert pool.now - started < 60
    [note] = scheduler.notes
    assert note == (
        "c1: the import of an earlier value has not ended, and a new one must not overtake it; "
        "a later run sends what changed (without --no-wait, the run waits for it)"
    )


def test_a_change_is_sent_if_the_look_shows_that_the_earlier_import_has_ended() -> None:
    pool = importing(1, stalled=False)

    scheduler, ends = act(changed(1), pool, wait=False)

    assert "c1:fill" in pool.steps()
    assert ends["c1"].end is End.WAITING
    assert scheduler.notes == []


def test_cases_that_are_held_leave_room_for_others() -> None:
    pool = importing(5, stalled=True)
    pool.limit = 1

    _, ends = act(changed(5), pool, wait=False, window=2)

    assert "new:fill" in pool.steps()
    assert {end.end for end in ends.values()} == {End.WAITING}


def test_an_earlier_import_that_has_ended_is_seen_without_waiting() -> None:
    """Else a job that never waits would never say that all is done."""
    pool = importing(1, stalled=False)
    plan = plan_of(
        case("c1", CT),
        history=past_of_events(
            *made("c1", order=10, item=1),
            Started("c1", step_id("c1:fill"), title="c1", entries=(CT_ENTRY,)),
            Done("c1", step_id("c1:fill"), pk=pk(1)),
        ),
        values={("c1", "ct-image"): facts_of("a")},
    )

    _, ends = act(plan, pool, wait=False)

    assert pool.steps() == ["Watch"]
    assert ends["c1"].end is End.DONE
