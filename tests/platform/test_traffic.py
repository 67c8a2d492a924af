from __future__ import annotations

import threading

from manifest_uploader.platform.traffic import Meter, Traffic


def test_what_goes_over_the_line_adds_up_over_threads() -> None:
    meter = Meter()

    def send() -> None:
        for _ in range(1000):
            meter.count(requests=1, retries=2, sent=3)
            meter.answered(busy=False, trouble=None)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert meter.traffic() == Traffic(4000, 8000, 12_000)
    assert meter.take_pressure() == (4000, 0)


def test_pressure_is_what_came_since_it_was_last_asked_for() -> None:
    meter = Meter()
    meter.answered(busy=True, trouble="the platform is busy (503)")
    assert meter.trouble == "the platform is busy (503)"
    meter.answered(busy=False, trouble=None)

    assert meter.take_pressure() == (1, 1)
    assert meter.take_pressure() == (0, 0)
    assert meter.trouble is None
