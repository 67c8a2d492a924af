"""The page works in a browser, makes no requests and logs no errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entry import uploader
from tests.report.browser import Page, needs_chromium
from tests.report.browser import page as browser_page
from tests.report.helpers import (
    NOON,
    entry,
    whole_case,
    write_eventful_run,
    write_manifest,
    write_state,
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with 500 cases, two failures, a pause and a resume."""
    return write_report(tmp_path_factory.mktemp("report"), cases=500)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 40 cases, which a browser loads immediately."""
    return write_report(tmp_path_factory.mktemp("report"), cases=40)


def write_report(folder: Path, *, cases: int) -> Path:
    manifest = write_eventful_run(folder, cases)
    uploader("report", manifest.name, cwd=folder).expect(0)
    return folder / "big.report.html"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all tests."""
    with browser_page(tmp_path_factory.mktemp("chromium")) as found:
        yield found


def visible_texts(tab: Page, column: int = 0) -> list[str]:
    """The first line of a column's cells, for the rows that are visible."""
    found: list[str] = tab.run(
        "[...document.querySelectorAll('#rows tr:not([hidden])')]"
        f".map((tr) => tr.cells[{column}].firstElementChild?.textContent"
        f" ?? tr.cells[{column}].textContent)"
    )
    return found


def search(tab: Page, text: str, rows: int) -> None:
    tab.run(f"search.value = {json.dumps(text)}; search.dispatchEvent(new Event('input'))")
    tab.wait(f"document.querySelectorAll('#rows tr:not([hidden])').length === {rows}")


def sort(tab: Page, head: str) -> None:
    tab.run(f"[...document.querySelectorAll('th button')]"
            f".find((one) => one.textContent === {head!r}).click()")  # fmt: skip


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_logs_nothing_and_requests_nothing(
    tab: Page, report: Path, width: int, dark: bool
) -> None:
    tab.logged.clear()
    tab.requests.clear()

    tab.open(report, width=width, dark=dark)

    assert tab.run("document.documentElement.scrollWidth") == width
    assert tab.run("document.querySelectorAll('figure svg').length") == 4
    paper = tab.run("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")
    assert [report.as_uri()] == tab.requests
    assert tab.logged == []


def test_on_a_phone_every_cell_is_as_wide_as_the_page(tab: Page, small: Path) -> None:
    tab.open(small, width=375)

    widths = tab.run("[...document.querySelector('#rows tr').cells].map((one) => one.offsetWidth)")

    assert min(widths) > 300


def test_failures_are_shown_with_their_words(tab: Page, small: Path) -> None:
    tab.open(small)

    failures = tab.run("document.querySelector('.failures').innerText")

    assert [name in failures for name in ("patient-013", "patient-028")] == [True, True]
    assert failures.count("1 file could not be imported.") == 2


def test_search_finds_all_words_in_any_order(tab: Page, small: Path) -> None:
    tab.open(small)

    search(tab, "CT-IMAGE patient-02", 10)

    assert {f"patient-02{digit}" for digit in range(10)} == set(visible_texts(tab))
    assert tab.run("count.textContent") == "10 of 80 values"
    search(tab, "nobody", 0)
    search(tab, "", 80)


def test_rows_can_be_filtered_by_standing(tab: Page, small: Path) -> None:
    tab.open(small)

    tab.run("standing.value = 'failed'; standing.dispatchEvent(new Event('change'))")

    assert visible_texts(tab) == ["patient-013", "patient-028"]


def test_columns_sort_numerically_in_both_directions(tab: Page, small: Path) -> None:
    tab.open(small)
    search(tab, "some-score", 40)

    sort(tab, "Order")
    ascending = visible_texts(tab, 2)
    sort(tab, "Order")
    descending = visible_texts(tab, 2)

    assert [str(number) for number in range(1, 41)] == ascending
    assert ascending[::-1] == descending
    assert tab.run("document.querySelector('[aria-sort]').innerText.trim()").startswith("Order")


def test_cases_sort_by_name(tab: Page, small: Path) -> None:
    tab.open(small)
    search(tab, "some-score", 40)

    sort(tab, "Case")
    sort(tab, "Case")

    assert visible_texts(tab) == [f"patient-{number:03}" for number in range(40, 0, -1)]


def test_unknown_values_sort_last_in_both_directions(tab: Page, small: Path) -> None:
    tab.open(small)
    search(tab, "ct-image", 40)

    for _ in range(2):
        sort(tab, "Confirmed")
        assert {"patient-013", "patient-028"} == set(visible_texts(tab)[-2:])


def test_all_rows_are_printed_as_a_table(tab: Page, small: Path) -> None:
    tab.open(small)
    search(tab, "patient-001", 2)

    tab.run("search.value = ''; dispatchEvent(new Event('beforeprint'))")
    tab.call("Emulation.setEmulatedMedia", media="print")

    assert len(visible_texts(tab)) == 80
    assert tab.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert tab.run("getComputedStyle(document.querySelector('thead')).display") == (
        "table-header-group"
    )
    tab.call("Emulation.setEmulatedMedia", media="")


def test_rows_beyond_a_thousand_are_shown_on_demand(tab: Page, tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(600)]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in names])
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.open(tmp_path / "m.report.html")

    first = len(visible_texts(tab))
    tab.run("more.click()")

    assert (first, len(visible_texts(tab))) == (1000, 1200)


def test_hostile_names_run_nothing_and_hide_nothing(tab: Page, tmp_path: Path) -> None:
    name = "< img src=x onerror=document.title='owned'>"
    case: dict[str, Any] = entry("a", title=name)
    words = "</script><script>document.title='owned'</script>\u202e"
    write_manifest(tmp_path / "m.yaml", [case])
    write_state(tmp_path / "m.state.jsonl", whole_case("a", NOON, title=name, words=words))
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.logged.clear()

    tab.open(tmp_path / "m.report.html")

    assert tab.run("document.title") == "lung-nodules: report"
    assert tab.run("document.querySelectorAll('img, body script:not([type])').length") == 1
    assert name in tab.run("document.body.innerText")
    assert "\\u202e" in tab.run("document.body.innerText")
    assert tab.logged == []


CELLS = (
    "[...{0}.querySelectorAll('tbody tr')].map((tr) => [...tr.cells].map((one) => one.innerHTML))"
)


def test_the_table_without_scripts_has_the_same_rows(tab: Page, small: Path) -> None:
    tab.open(small)
    rows_by_script = tab.run(CELLS.format("document.querySelector('#table')"))
    parsed = (
        "new DOMParser().parseFromString(document.querySelector('noscript').textContent, "
        "'text/html')"
    )

    write_report = tab.run(CELLS.format(f"({parsed})"))

    assert len(rows_by_script) == 80
    assert write_report == rows_by_script


def test_without_scripts_a_small_table_is_shown_and_a_large_one_points_to_csv(
    tab: Page, small: Path, tmp_path: Path
) -> None:
    names = [f"p{number}" for number in range(600)]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in names])
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(small)
        table_visibility = tab.run(
            "[...document.querySelectorAll('table')].map((one) => one.offsetHeight > 0)"
        )
        tab.open(tmp_path / "m.report.html")
        notice = tab.run("document.querySelector('noscript').innerText")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)

    assert table_visibility == [False, True]
    assert "a table of 1200 values" in notice
    assert "uploader report --csv FILE" in notice


def test_a_script_that_is_not_ours_does_not_run(tab: Page, small: Path, tmp_path: Path) -> None:
    text = small.read_text(encoding="utf-8")
    (tmp_path / "p.html").write_text(
        text.replace("</main>", "</main><script>document.title='owned'</script>"), encoding="utf-8"
    )

    tab.open(tmp_path / "p.html")

    assert tab.run("document.title") == "lung-nodules: report"
    tab.logged.clear()
