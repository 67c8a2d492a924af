from __future__ import annotations

from manifest_uploader.output.pauses import Pauses


def news(*seen: str | None) -> list[tuple[int, str | None]]:
    """What is told in which second, of what is seen in each."""
    pauses = Pauses()
    return [(second, pauses.told) for second, why in enumerate(seen) if pauses.see(why, second)]


def test_a_pause_is_told_once_it_has_lasted_and_its_end_once_it_is_over() -> None:
    seen = [*[None] * 10, *["too many"] * 10, *[None] * 10]

    assert news(*seen) == [(13, "too many"), (24, None)]


def test_what_goes_back_and_forth_is_one_pause() -> None:
    seen = [*["too many", None] * 20, *[None] * 10]

    assert news(*seen) == [(4, "too many"), (43, None)]


def test_a_short_pause_is_not_worth_a_line() -> None:
    assert news("too many", "too many", *[None] * 10) == []


def test_a_pause_is_no_longer_told_once_nothing_is_left_to_send() -> None:
    pauses = Pauses()
    for second in range(5):
        pauses.see("too many", second)

    pauses.end()

    assert (pauses.told, pauses.see(None, 99)) == (None, False)


def test_a_pause_for_another_reason_is_told() -> None:
    assert news(*["rows"] * 5, *["bytes"] * 5) == [(3, "rows"), (5, "bytes")]
