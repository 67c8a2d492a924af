"""The page works in a browser, makes no requests and logs no errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from tests.entry import uploader
from tests.report.browser import Page, needs_chromium
from tests.report.browser import page as browser_page
from tests.report.helpers import (
    NOON,
    entry,
    pk,
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
    write_images(folder, cases)
    uploader("report", manifest.name, cwd=folder).expect(0)
    return folder / "big.report.html"


def write_images(folder: Path, cases: int) -> None:
    """An image for each of the first few cases."""
    for number in range(1, min(cases, 5) + 1):
        path = folder / f"patient-{number:03}" / "ct.mha"
        path.parent.mkdir()
        pixels = np.random.default_rng(number).integers(0, 999, (3, 32, 32)).astype("int16")
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), str(path))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all tests."""
    with browser_page(tmp_path_factory.mktemp("chromium")) as found:
        yield found


SHOWN = "[...document.querySelectorAll('#table tbody')]"


def visible_cases(tab: Page) -> list[str]:
    """The names of the cases that are shown."""
    found: list[str] = tab.run(f"{SHOWN}.map((one) => one.querySelector('button').textContent)")
    return found


def chips(tab: Page, case: int) -> list[str]:
    """The chips of the sockets in the row of a case, with all of their text."""
    found: list[str] = tab.run(
        f"[...{SHOWN}[{case}].querySelectorAll('.slot .chip')].map((one) => one.textContent)"
    )
    return found


def search(tab: Page, text: str, cases: int) -> None:
    tab.run(f"search.value = {json.dumps(text)}; search.dispatchEvent(new Event('input'))")
    tab.wait(f"{SHOWN}.length === {cases}")


def sort(tab: Page, head: str) -> None:
    tab.run(f"[...document.querySelectorAll('th button')]"
            f".find((one) => one.textContent === {head!r}).click()")  # fmt: skip


def requested(tab: Page) -> list[str]:
    """What was requested, without pictures that are part of the page."""
    return [address for address in tab.requests if not address.startswith("data:")]


@pytest.mark.parametrize("width", [1280, 390])
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
    assert [report.as_uri()] == requested(tab)
    assert tab.logged == []


def test_the_top_says_what_is_done_what_is_not_and_what_to_type(tab: Page, small: Path) -> None:
    tab.open(small)

    top = tab.run("document.querySelector('.summary').innerText")
    troubles = tab.run("document.querySelector('.troubles').innerText")

    assert "38 of 40 cases uploaded and verified" in top
    assert "uploader run big.yaml" in top
    assert "uploader run --retry-failed big.yaml" in top
    assert [name in troubles for name in ("patient-013", "patient-028")] == [True, True]
    assert troubles.count("1 file could not be imported.") == 1
    assert "Is it a whole image" in troubles


def test_a_row_has_a_chip_for_each_socket_and_a_picture_of_each_image(
    tab: Page, small: Path
) -> None:
    tab.open(small)

    pictures = tab.run(f"{SHOWN}.map((one) => one.querySelectorAll('img').length)")

    assert chips(tab, 0) == ["ct-image done", "some-score done"]
    assert chips(tab, 12) == ["ct-image failed", "some-score done"]
    assert pictures == [1] * 5 + [0] * 35
    tab.wait(f"{SHOWN}[0].querySelector('img').naturalWidth === 96")


def test_enter_opens_a_row_with_digests_and_times_and_closes_it(tab: Page, small: Path) -> None:
    tab.open(small)

    tab.run(f"{SHOWN}[12].querySelector('button').focus()")
    for key in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=key, key="Enter", code="Enter", text="\r",
                 windowsVirtualKeyCode=13)  # fmt: skip
    text = tab.run(f"{SHOWN}[12].querySelector('.detail').innerText")
    is_open = tab.run("document.activeElement.getAttribute('aria-expanded')")
    tab.run(f"{SHOWN}[12].querySelector('td').click()")

    assert is_open == "true"
    digest = pk("patient-013")
    for part in ("Patient 13", "patient-013/ct.mha", "1.0 KiB", "SHA-256", digest, "2026-11-23",
                 "1 file could not be imported."):  # fmt: skip
        assert part in text
    assert tab.run(f"{SHOWN}[12].querySelector('.detail').offsetHeight") == 0


def test_a_failed_case_above_leads_to_its_row(tab: Page, report: Path) -> None:
    tab.open(report)
    search(tab, "patient-001", 1)

    tab.run("document.querySelectorAll('.troubles a[href^=\"#case\"]')[1].click()")

    assert tab.run("document.activeElement.textContent") == "patient-028"
    assert tab.run("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_search_finds_all_words_in_any_order(tab: Page, small: Path) -> None:
    tab.open(small)

    search(tab, "CT-IMAGE patient-02", 10)

    assert {f"patient-02{digit}" for digit in range(10)} == set(visible_cases(tab))
    assert tab.run("count.textContent") == "10 of 40 cases"
    search(tab, "nobody", 0)
    search(tab, "", 40)


def test_cases_can_be_filtered_by_state(tab: Page, small: Path) -> None:
    tab.open(small)

    tab.run("state.value = 'failed'; state.dispatchEvent(new Event('change'))")

    assert visible_cases(tab) == ["patient-013", "patient-028"]


def test_columns_sort_in_both_directions_and_back(tab: Page, small: Path) -> None:
    tab.open(small)
    as_written = visible_cases(tab)

    sort(tab, "Case")
    sort(tab, "Case")
    descending = visible_cases(tab)
    sort(tab, "State")
    by_state = visible_cases(tab)
    sorted_by = tab.run("document.querySelector('[aria-sort] button').textContent")
    for _ in range(2):
        sort(tab, "State")

    assert as_written == [f"patient-{number:03}" for number in range(1, 41)]
    assert as_written[::-1] == descending
    assert (sorted_by, by_state[:3]) == ("State", ["patient-013", "patient-028", "patient-001"])
    assert as_written == visible_cases(tab)


def test_thirteen_cases_print_on_two_pages_and_a_header_on_each(
    tab: Page, report: Path, tmp_path: Path
) -> None:
    path = write_report(tmp_path, cases=13)
    tab.open(path)
    printed = tab.pdf()
    tab.open(report)
    search(tab, "patient-001", 1)

    tab.run("search.value = ''; search.dispatchEvent(new Event('input'))")
    tab.wait(f"{SHOWN}.length > 1")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    tab.call("Emulation.setEmulatedMedia", media="print")

    assert printed.count(b"/Type /Page\n") == 2
    assert len(visible_cases(tab)) == 500
    for name, display in (("thead", "table-header-group"), (".tools", "none"),
                          ("th button", "none"), ("th .printed", "block")):  # fmt: skip
        assert tab.run(f"getComputedStyle(document.querySelector('{name}')).display") == display
    tab.call("Emulation.setEmulatedMedia", media="")


def test_of_thousands_of_cases_a_few_are_drawn_and_the_others_on_demand(
    tab: Page, tmp_path: Path
) -> None:
    names = [f"p{number}" for number in range(1500)]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in names])
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.open(tmp_path / "m.report.html")

    first = len(visible_cases(tab))
    tab.run("more.scrollIntoView()")
    tab.wait(f"{SHOWN}.length > {first}")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    cut = tab.run("cut.hidden ? '' : cut.textContent")
    tab.run("more.click()")

    assert first < 600
    assert cut.startswith("500 more cases not printed.")
    assert len(visible_cases(tab)) == 1500


def test_hostile_names_run_nothing_and_hide_nothing(tab: Page, tmp_path: Path) -> None:
    name = "< img src=x onerror=document.title='owned'>"
    case: dict[str, Any] = entry("a", title=name)
    words = "</script><script>document.title='owned'</script>\u202e"
    write_manifest(tmp_path / "m.yaml", [case])
    write_state(tmp_path / "m.state.jsonl", whole_case("a", NOON, title=name, words=words))
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.logged.clear()

    tab.open(tmp_path / "m.report.html")
    tab.run("document.querySelector('button.name').click()")

    assert tab.run("document.title") == "lung-nodules: report"
    assert tab.run("document.querySelectorAll('img, body script:not([type])').length") == 1
    assert name in tab.run("document.body.innerText")
    assert "\\u202e" in tab.run("document.body.innerText")
    assert tab.logged == []


def test_without_scripts_a_small_table_is_shown_and_a_large_one_points_to_csv(
    tab: Page, small: Path, tmp_path: Path
) -> None:
    names = [f"p{number}" for number in range(600)]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in names])
    uploader("report", "m.yaml", cwd=tmp_path).expect(0)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(small)
        is_visible = tab.run(
            "[...document.querySelectorAll('table')].map((one) => one.offsetHeight > 0)"
        )
        rows = tab.run(
            "[...document.querySelectorAll('noscript tbody')].map((one) => one.innerText)"
        )
        tab.open(tmp_path / "m.report.html")
        notice = tab.run("document.querySelector('noscript').innerText")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)

    assert is_visible == [False, True]
    assert len(rows) == 80
    assert [part in rows[24] for part in ("patient-013", "ct-image", "failed")] == [True] * 3
    assert "A table of 1200 values" in notice
    assert "uploader report --csv FILE m.yaml" in notice


def test_a_script_that_is_not_ours_does_not_run(tab: Page, small: Path, tmp_path: Path) -> None:
    text = small.read_text(encoding="utf-8")
    (tmp_path / "p.html").write_text(
        text.replace("</main>", "</main><script>document.title='owned'</script>"), encoding="utf-8"
    )

    tab.open(tmp_path / "p.html")

    assert tab.run("document.title") == "lung-nodules: report"
    tab.logged.clear()
