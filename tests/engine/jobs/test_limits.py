"""New jobs wait one by one while the account has too many active ones."""

from __future__ import annotations

from manifest_uploader.engine.jobs.limits import JobLimits


def test_after_a_refusal_one_creation_at_a_time_probes() -> None:
    limits = JobLimits()
    limits.begins("a")
    assert limits.allows(0.0)
    limits.refused("too many", 0.0)
    limits.ended("a")

    assert not limits.allows(4.0)
    assert limits.allows(5.0)
    limits.begins("a")
    assert not limits.allows(9.0)

    limits.started()
    assert limits.reason is None
    assert not limits.allows(9.0)
    limits.ended("a")
    assert limits.allows(9.0)


def test_the_end_of_a_job_of_ours_makes_room_at_once() -> None:
    limits = JobLimits()
    limits.refused("too many", 0.0)

    limits.drained(1.0)

    assert limits.allows(1.0)
    assert (limits.reason, limits.since) == ("too many", 0.0)


def test_probes_become_rarer_while_others_keep_the_account_busy() -> None:
    limits, now, pauses = JobLimits(), 0.0, []

    for _ in range(6):
        limits.refused("too many", now)
        before = now
        while not limits.allows(now):
            now += 1.0
        pauses.append(now - before)

    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert limits.since == 0.0
