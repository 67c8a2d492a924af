from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.engine.activity import Doing, Stage
from manifest_uploader.engine.progress import Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.output import notebook
from manifest_uploader.output.notebook import Notebook, Picture, is_notebook
from manifest_uploader.output.plan_lines import begin_line
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import Failure
from tests.helpers import STUDY, case, file_value, plan_of


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(notebook.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def shown(clock: Clock) -> list[Picture]:
    return []


@pytest.fixture
def screen(shown: list[Picture]) -> Notebook:
    return Notebook(shown.append)


def progress(ended: int, cases: int = 1000, **more: Any) -> Progress:
    return Progress(cases, ended, 0, 0, 0, **more)


def test_a_run_is_one_picture_that_changes_twice_a_second(
    screen: Notebook, shown: list[Picture], clock: Clock
) -> None:
    plan = plan_of(*(case(f"p{number}", file_value("ct-image")) for number in range(3)))
    screen.begins(plan, STUDY)
    for tick in range(1, 1001):
        clock.now += 0.01
        screen.case_ended(CaseEnd(f"p{tick}", End.DONE))
        screen.tick(progress(tick))
    ends = tuple(CaseEnd(f"p{number}", End.DONE) for number in range(1000))
    screen.ends(Summary(ends, 3, Traffic(), 10.0))
    screen.stop()

    assert 18 <= len(shown) <= 24
    begins = begin_line(plan, STUDY)
    assert shown[0].text == begins
    assert shown[10].text.splitlines()[0] == begins
    assert "━━━━" in shown[10].text
    assert " of 1,000 cases" in shown[10].text
    first, last = shown[-1].text.splitlines()
    assert first == begins
    assert last.startswith("Finished: all 1,000 cases uploaded and verified")
    assert len(shown[-1].html()) < 2000


def test_what_is_quick_is_not_shown(screen: Notebook, shown: list[Picture], clock: Clock) -> None:
    clock.now += 0.9
    screen.doing(Doing(Stage.PLATFORM))
    screen.stop()
    assert shown == []

    clock.now += 0.2
    screen.doing(Doing(Stage.PLATFORM))
    screen.stop()

    assert [one.text for one in shown] == ["checking the platform", ""]


def test_failures_are_told_when_they_happen_and_the_first_of_very_many_are_left_out(
    screen: Notebook, shown: list[Picture]
) -> None:
    for number in range(60):
        failure = Failure("ct", "no <b>such</b> socket")
        screen.case_ended(CaseEnd(f"p{number}", End.FAILED, failures=(failure,)))

    lines = shown[-1].text.splitlines()
    assert (len(lines), lines[0]) == (41, "… 20 earlier lines")
    assert lines[-1] == "p59: failed: ct: no <b>such</b> socket"
    html = shown[-1].html()
    assert "<b>" not in html
    assert "no &lt;b&gt;such&lt;/b&gt; socket" in html
    assert "color: #d1443c" in html


def test_a_name_cannot_begin_a_line_or_a_script(screen: Notebook, shown: list[Picture]) -> None:
    screen.note("a\n\x1b[31mb<script>alert(1)</script>")

    assert shown[-1].text == "a\\x0a\\x1b[31mb<script>alert(1)</script>"
    assert "<script" not in shown[-1].html()


def test_the_picture_has_a_bar_and_a_text_for_every_frontend(
    screen: Notebook, shown: list[Picture], clock: Clock
) -> None:
    clock.now += 2
    screen.tick(progress(5, 10, paused="too many uploads", is_sending=True))

    bundle = shown[-1]._repr_mimebundle_(include=None, exclude=None)

    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"].startswith("<pre ")
    assert sum(bundle["text/html"].count(one) for one in "━─") == 40
    assert "5 of 10 cases" in bundle["text/html"]
    assert bundle["text/plain"] == shown[-1].text


def test_this_is_no_notebook() -> None:
    assert not is_notebook()
