from __future__ import annotations

from manifest_uploader.engine.pilots import ALIKE, Pilots

CT, SEG = ("ct-image",), ("ct-image", "lesion-seg")


def test_the_first_case_of_a_kind_goes_and_the_others_are_held() -> None:
    pilots = Pilots([])

    assert [pilots.may_go(CT, name) for name in ("a", "b", "c")] == [True, False, False]
    assert pilots.may_go(SEG, "d")


def test_a_kind_of_which_a_case_was_filled_needs_no_pilot() -> None:
    pilots = Pilots([CT])

    assert all(pilots.may_go(CT, name) for name in ("a", "b"))


def test_a_pilot_that_was_filled_lets_the_held_ones_go() -> None:
    pilots = Pilots([])
    for name in ("a", "b", "c"):
        pilots.may_go(CT, name)

    assert list(pilots.filled(CT)) == ["b", "c"]
    assert all(pilots.may_go(CT, name) for name in ("d", "e"))
    assert list(pilots.filled(CT)) == []


def test_a_pilot_that_failed_hands_on_to_the_next_that_lives() -> None:
    pilots = Pilots([])
    for name in ("a", "b", "c", "d"):
        pilots.may_go(CT, name)

    assert pilots.failed(CT, "a", {"c", "d"}) == "c"
    assert not pilots.may_go(CT, "e")
    assert list(pilots.filled(CT)) == ["d", "e"]


def test_the_end_of_another_case_hands_on_nothing() -> None:
    pilots = Pilots([])
    for name in ("a", "b"):
        pilots.may_go(CT, name)

    assert pilots.failed(CT, "b", {"a"}) is None
    assert not pilots.may_go(CT, "c")


def test_with_nobody_held_the_next_to_come_is_the_pilot() -> None:
    pilots = Pilots([])
    pilots.may_go(CT, "a")

    assert pilots.failed(CT, "a", set()) is None
    assert pilots.may_go(CT, "b")
    assert not pilots.may_go(CT, "c")


def test_a_case_that_fails_after_its_kind_was_proven_holds_nobody() -> None:
    pilots = Pilots([])
    pilots.may_go(CT, "a")
    pilots.filled(CT)

    assert pilots.failed(CT, "b", {"c"}) is None
    assert pilots.may_go(CT, "c")


def test_cases_refused_alike_in_a_row_end_the_run() -> None:
    pilots = Pilots([])

    found = [pilots.refused("No such socket.") for _ in range(ALIKE)]

    assert found == [None, None, None, None, "No such socket."]


def test_other_words_or_a_filled_case_begin_the_count_anew() -> None:
    pilots = Pilots([CT])
    for _ in range(ALIKE - 1):
        pilots.refused("No.")
    assert pilots.refused("Never.") is None
    for _ in range(ALIKE - 2):
        pilots.refused("Never.")
    pilots.filled(CT)

    assert [pilots.refused("Never.") for _ in range(ALIKE)] == [None] * 4 + ["Never."]
