from __future__ import annotations

from manifest_uploader.engine.upload_limits import UploadLimits


def paused(*, since: float = 10.0) -> UploadLimits:
    room = UploadLimits()
    room.refused("a", "too many uploads", since)
    return room


def test_there_is_room_until_the_platform_says_otherwise() -> None:
    room = UploadLimits()

    assert room.allows(0.0)
    assert not room.is_paused
    assert room.reason is None


def test_a_limit_pauses_all_uploads_together() -> None:
    room = paused(since=10.0)

    assert room.is_paused
    assert (room.reason, room.since) == ("too many uploads", 10.0)
    assert not room.allows(10.5)


def test_one_upload_asks_again_after_a_second() -> None:
    room = paused(since=10.0)

    assert room.allows(11.0)
    room.begins("b")
    assert not room.allows(11.0)
    room.ended("b")
    assert room.allows(11.0)


def test_the_pauses_between_probes_grow_to_half_a_minute() -> None:
    room = paused(since=0.0)
    now, pauses = 0.0, []
    for _ in range(8):
        start = now
        while not room.allows(now):
            now += 0.5
        pauses.append(now - start)
        room.begins("b")
        room.refused("b", "too many uploads", now)
        room.ended("b")

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert room.since == 0.0


def test_uploads_that_were_under_way_do_not_slow_the_probes_down() -> None:
    room = paused(since=0.0)
    for number in range(5):
        room.refused(f"x{number}", "too many uploads", 0.1 * number)

    assert room.allows(0.4 + 1.0)
    assert room.since == 0.0


def test_what_made_room_is_a_reason_to_ask_at_once() -> None:
    room = paused(since=10.0)

    room.drained(10.2)

    assert room.allows(10.2)


def test_the_upload_that_asked_ends_the_pause_when_it_is_let_in() -> None:
    room = paused()
    room.begins("b")

    assert room.found("b", complete=False)

    assert not room.is_paused
    assert room.allows(10.0)


def test_an_upload_that_was_let_in_before_ends_no_pause() -> None:
    room = paused()
    room.begins("b")

    assert not room.found("a", complete=True)
    assert room.is_paused


def test_a_row_says_nothing_of_bytes() -> None:
    room = UploadLimits()
    room.refused("a", "Upload limit reached", 10.0, size_limit=True)
    room.begins("b")

    assert not room.found("b", complete=False)
    assert room.is_paused
    assert room.found("b", complete=True)


def test_nothing_ends_a_pause_that_there_is_not() -> None:
    room = UploadLimits()
    room.begins("a")

    assert not room.found("a", complete=True)


def test_the_next_pause_begins_with_a_second_again() -> None:
    room = paused(since=0.0)
    room.begins("b")
    room.refused("b", "too many uploads", 1.0)
    room.ended("b")
    room.begins("b")
    room.found("b", complete=False)
    room.ended("b")

    room.refused("c", "Upload limit reached", 50.0)

    assert (room.reason, room.since) == ("Upload limit reached", 50.0)
    assert room.allows(51.0)


def test_room_that_was_missing_once_is_scarce() -> None:
    room = UploadLimits(scarce=False)

    room.refused("a", "too many uploads", 1.0)

    assert room.scarce


def test_a_refusal_is_old_once_something_made_room() -> None:
    room = UploadLimits()
    room.begins("a")
    assert not room.has_drained_since("a")

    room.drained(1.0)

    assert room.has_drained_since("a")
    room.begins("b")
    assert not room.has_drained_since("b")
    room.ended("a")
    assert not room.has_drained_since("a")


def test_every_time_that_room_is_made_counts() -> None:
    room = UploadLimits()
    room.drained(1.0)
    room.begins("a")

    room.drained(2.0)

    assert room.has_drained_since("a")


def test_bytes_that_were_missing_once_stay_tight() -> None:
    room = UploadLimits()

    room.refused("a", "too many uploads", 1.0)
    assert room.tight is False
    room.refused("a", "too many bytes", 2.0, size_limit=True)
    room.refused("a", "too many uploads", 3.0)

    assert room.tight is True
