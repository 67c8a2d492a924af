from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.plan.orders import HIGHEST_ORDER, Slot, numbers
from tests.helpers import few_examples


def new(count: int = 1) -> list[Slot]:
    return [Slot()] * count


def have(*orders: int) -> list[Slot]:
    """Cases whose items have these numbers."""
    return [Slot(now=order) for order in orders]


def give(order: int) -> Slot:
    return Slot(given=order)


# ── new cases ───────────────────────────────────────────────────────────────────────────────


def test_new_cases_are_numbered_in_steps_that_leave_room() -> None:
    assert numbers(new(3)) == [1000, 2000, 3000]


def test_new_cases_come_behind_the_items_of_others() -> None:
    assert numbers(new(2), others={10, 34, 2500}) == [3000, 4000]


def test_a_case_that_is_made_later_comes_between_its_neighbours() -> None:
    slots = [*new(2), *have(3000), *new(), *have(5000), *new()]

    assert numbers(slots) == [1000, 2000, 3000, 4000, 5000, 6000]


def test_cases_inserted_into_a_study_of_an_earlier_version_move_nothing() -> None:
    slots = [*have(10, 20), *new(3), *have(30)]

    assert numbers(slots) == [10, 20, 22, 25, 27, 30]


def test_a_new_first_case_comes_behind_the_others_that_come_before_ours() -> None:
    assert numbers([*new(), *have(40, 50)], others={10, 30, 60}) == [35, 40, 50]


def test_a_new_first_case_goes_among_the_others_if_there_is_no_room_behind_them() -> None:
    assert numbers([*new(), *have(40)], others={10, 20, 39}) == [30, 40]


def test_a_hundred_thousand_cases_fit_behind_others() -> None:
    found = numbers(new(100_000), others={10**9})

    assert (found[0], found[-1]) == (10**9 + 1000, 10**9 + 100_000_000)


def test_close_to_the_highest_number_steps_are_smaller() -> None:
    found = numbers(new(3), others={HIGHEST_ORDER - 8})

    assert found == [HIGHEST_ORDER - 6, HIGHEST_ORDER - 4, HIGHEST_ORDER - 2]


def test_behind_the_highest_number_there_is_no_room_so_they_go_before_it() -> None:
    assert numbers(new(2), others={700, HIGHEST_ORDER}) == [1000, 2000]


# ── given numbers ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("slots", "found"),
    [
        ([*new(), give(200), *new()], [100, 200, 1000]),
        ([*new(), give(9999), *new()], [4999, 9999, 10_000]),
        ([give(5), *new(2), give(8)], [5, 6, 7, 8]),
        ([*new(2), give(1), *new()], [1000, 2000, 1, 3000]),
        ([give(9), *new(2), give(11), *new()], [9, 1000, 2000, 11, 3000]),
        ([give(7), give(3), *new(), give(1)], [7, 3, 1000, 1]),
        ([give(5000), give(20), *new()], [5000, 20, 6000]),
        ([give(10), give(10), *new(), give(30)], [10, 10, 20, 30]),
    ],
    ids=str,
)
def test_given_numbers_stay_and_others_follow_the_manifest_between_them(
    slots: list[Slot], found: list[int]
) -> None:
    assert numbers(slots) == found


def test_giving_a_number_moves_no_other_item() -> None:
    assert numbers([*have(1000), give(5), *have(3000)]) == [1000, 5, 3000]


def test_numbers_of_others_and_given_ones_are_not_used_twice() -> None:
    slots = [*have(1000), *new(), *have(3000), give(2000)]

    assert numbers(slots, others={2001}) == [1000, 2002, 3000, 2000]


# ── items that get another number ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("slots", "found"),
    [
        ([*have(10, 130, 20, 30)], [10, 15, 20, 30]),  # made last by an earlier version
        ([*have(10, 11), *new(), *have(12, 13)], [10, 11, 1000, 2000, 3000]),
        ([*have(10, 11), *new(), *have(12, 20)], [10, 11, 14, 17, 20]),
        ([*new(), *have(1, 50)], [16, 33, 50]),
        ([*have(3000, 1000, 2000)], [500, 1000, 2000]),
        ([*have(2000, 1000)], [2000, 3000]),
        ([*have(10, 10, 20)], [10, 15, 20]),
    ],
    ids=str,
)
def test_as_few_items_as_possible_get_another_number(slots: list[Slot], found: list[int]) -> None:
    assert numbers(slots) == found


def test_of_two_that_could_be_moved_the_one_that_cannot_stays() -> None:
    assert numbers([Slot(now=2000, fixed=True), Slot(now=1000)]) == [2000, 3000]
    assert numbers([Slot(now=2000), Slot(now=1000, fixed=True)]) == [500, 1000]


slots = st.lists(
    st.builds(Slot)
    | st.builds(Slot, now=st.integers(1, 60) | st.sampled_from([HIGHEST_ORDER, HIGHEST_ORDER - 1]))
    | st.builds(Slot, given=st.integers(0, 60) | st.just(HIGHEST_ORDER)),
    max_size=9,
)
others = st.sets(st.integers(1, 60) | st.just(HIGHEST_ORDER), max_size=4)


@few_examples
@given(slots, others)
def test_automatic_numbers_rise_and_given_ones_stay(all_slots: list[Slot], used: set[int]) -> None:
    found = numbers(all_slots, others=used)

    pairs = list(zip(all_slots, found, strict=True))
    ours = [number for slot, number in pairs if slot.given is None]
    assert all(first < second for first, second in pairwise(ours))
    assert all(0 < number <= HIGHEST_ORDER for number in ours)
    assert all(number == slot.given for slot, number in pairs if slot.given is not None)


@few_examples
@given(st.lists(st.none() | st.integers(1, 12), max_size=7))
def test_no_fewer_items_could_get_another_number(orders: list[int | None]) -> None:
    found = numbers([Slot(now=order) for order in orders])

    moved = sum(now not in {None, number} for now, number in zip(orders, found, strict=True))
    assert moved == _fewest(orders)


def _fewest(orders: list[int | None]) -> int:
    """By trying all selections of items that keep their numbers, the largest first."""
    numbered = [index for index, order in enumerate(orders) if order is not None]
    for moved in range(len(numbered) + 1):
        for kept in combinations(numbered, len(numbered) - moved):
            stops = [(-1, 0), *((index, orders[index] or 0) for index in kept)]
            if all(b[1] - a[1] >= b[0] - a[0] for a, b in pairwise(stops)):
                return moved
    raise AssertionError


@few_examples
@given(slots, others)
def test_a_second_look_changes_nothing(all_slots: list[Slot], used: set[int]) -> None:
    found = numbers(all_slots, others=used)

    again = [
        slot if slot.given is not None else Slot(now=number)
        for slot, number in zip(all_slots, found, strict=True)
    ]
    assert numbers(again, others=used) == found


@few_examples
@given(st.permutations(range(8)))
def test_items_made_in_any_order_get_the_same_numbers_as_at_once(made_in: list[int]) -> None:
    slots_now = new(8)

    for index in made_in:
        slots_now[index] = Slot(now=numbers(slots_now)[index])

    assert [slot.now for slot in slots_now] == numbers(new(8))
