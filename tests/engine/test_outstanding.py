from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.engine.imports.outstanding import tickets_to_look_at
from manifest_uploader.plan.steps import Wait
from tests.helpers import few_examples, pk, wait


def waiting(number: int, *, since: float | None = None, **more: Any) -> Wait:
    """The wait number so-and-so, sent in the order of the numbers."""
    sent = 1000.0 + number if since is None else since
    return wait(
        case=f"c{number}", upload=pk(number), ticket=pk(10_000 + number), since=sent, **more
    )


def chosen(
    *waits: Wait,
    gone: tuple[int, ...] = (),
    latest: float = 0.0,
    looked_at: Mapping[int, float] | None = None,
    now: float = 5000.0,
) -> tuple[list[int], list[int]]:
    """The numbers of the waits whose tickets are looked at: the likely ones, and the others."""
    found = tickets_to_look_at(
        waits,
        gone=[pk(number) for number in gone],
        latest=latest,
        looked_at={pk(10_000 + number): at for number, at in (looked_at or {}).items()},
        now=now,
    )
    return numbers(found.likely), numbers(found.others)


def numbers(tickets: list[str]) -> list[int]:
    return [int(ticket[:8], 16) - 10_000 for ticket in tickets]


def test_an_import_that_just_began_is_left_alone() -> None:
    assert chosen(waiting(1), now=1003.9) == ([], [])
    assert chosen(waiting(1), now=1004.1) == ([1], [])


def test_an_import_in_its_second_stage_is_looked_at_at_once() -> None:
    assert chosen(waiting(1), waiting(2), gone=(2,), now=1002.5) == ([2], [])


def test_imports_that_were_overtaken_or_are_next_in_line_are_likely() -> None:
    waits = [waiting(number) for number in range(1, 101)]

    likely, others = chosen(*waits, gone=(50, 80), latest=1050.0)

    assert likely == [*range(1, 51), *range(51, 67), 80]
    assert others == [*range(67, 80), *range(81, 101)]


def test_they_take_turns() -> None:
    waits = [waiting(number) for number in range(1, 31)]
    seen = {1: 4000.0, 2: 3000.0, 3: 3500.0, 20: 4000.0}

    likely, others = chosen(*waits, looked_at=seen)

    assert likely == [*range(4, 17), 2, 3, 1]
    assert others == [17, 18, 19, *range(21, 31), 20]


def test_waits_without_a_ticket_and_last_looks_have_none_to_look_at() -> None:
    assert chosen(wait(ticket=None), waiting(1, last_look=True)) == ([], [])


@few_examples
@given(
    st.lists(st.tuples(st.floats(0, 4000), st.booleans(), st.floats(0, 4900)), max_size=40),
    st.floats(0, 4000),
)
def test_every_import_that_may_have_failed_is_named_once(
    sent: list[tuple[float, bool, float]], latest: float
) -> None:
    waits = [waiting(number, since=since) for number, (since, _, _) in enumerate(sent)]
    gone = tuple(number for number, (_, is_gone, _) in enumerate(sent) if is_gone)
    looked_at = {number: at for number, (_, _, at) in enumerate(sent)}

    likely, others = chosen(*waits, gone=gone, latest=latest, looked_at=looked_at)

    assert sorted([*likely, *others]) == list(range(len(sent)))
    assert set(gone) <= set(likely)
