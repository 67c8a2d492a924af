from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.output.summary_lines import summary_lines
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import Failure
from tests.output.records import summary_of

SENT = "sent 2.0 KiB in 2 uploads, 7 requests, 3.0 s"
AGAIN = (
    "Next: fix what failed and run the same command; only what is new or changed is sent "
    "(--retry-failed sends failed imports again unchanged)"
)


def lines_of(*ends: CaseEnd, **more: Any) -> list[str]:
    return summary_lines(summary_of(*ends, **more)).split("\n")


def failed(case: str, *failures: Failure, url: str | None = None) -> CaseEnd:
    return CaseEnd(case, End.FAILED, failures=failures, url=url)


def test_a_run_in_which_all_went_well_says_so() -> None:
    found = lines_of(CaseEnd("a", End.DONE), CaseEnd("b", End.DONE, unchanged=True))

    assert found == [f"Finished: all 2 cases uploaded and verified (1 up to date); {SENT}"]


def test_equal_reasons_are_told_once_with_files_pages_and_what_to_do() -> None:
    words = "1 file could not be imported"
    found = lines_of(
        CaseEnd("a", End.DONE),
        *(
            failed(
                name,
                Failure("ct", words, f"{name}/ct/*.dcm", of_import=True),
                url=f"https://example.org/{name}/",
            )
            for name in ("b", "c")
        ),
        failed("d", Failure(None, "the title 'D' is taken by another item")),
    )

    assert found == [
        "Failed: 3 cases",
        f"  ct: {words}",
        "    b  b/ct/*.dcm  https://example.org/b/",
        "    c  c/ct/*.dcm  https://example.org/c/",
        (
            "    → is it a whole image in a format that the platform reads "
            "(DICOM, MHA, NIfTI, TIFF …)?"
        ),
        "  the title 'D' is taken by another item",
        "    d",
        f"Finished: 1 of 4 cases uploaded and verified; {SENT}",
        AGAIN,
    ]


@pytest.mark.parametrize(
    ("end", "start", "following"),
    [
        (End.UNSURE, "Unconfirmed: 1 case: a", "Next: fix what failed"),
        (End.WAITING, "Still importing: 1 case: a", "Next: run the same command; it continues"),
        (End.PENDING, "Not finished: 1 case: a", "Next: run the same command; it continues"),
    ],
)
def test_every_end_has_its_section_and_its_next_step(end: End, start: str, following: str) -> None:
    found = lines_of(CaseEnd("a", end))

    assert found[0].startswith(start)
    assert found[-1].startswith(following)


@pytest.mark.parametrize(
    ("end", "start", "following"),
    [
        (End.FAILED, "Failed: 1 case: a", "only with --retry-failed, and costs credits again"),
        (End.UNSURE, "Unconfirmed: 1 case: a", "only with --retry-failed, and costs credits again"),
        (End.WAITING, "Still running: 1 case: a", "it continues where this run ended"),
    ],
)
def test_of_jobs_their_own_words_are_said(end: End, start: str, following: str) -> None:
    found = lines_of(CaseEnd("a", end), jobs=True)

    assert found[0].startswith(start)
    assert found[-1].endswith(following)


def test_jobs_succeed() -> None:
    found = lines_of(CaseEnd("a", End.DONE), CaseEnd("b", End.DONE, unchanged=True), jobs=True)

    assert found == [f"Finished: all 2 jobs succeeded (1 up to date); {SENT}"]


def test_deleted_cases_are_recreated_by_a_word() -> None:
    gone = CaseEnd("a", End.FAILED, failures=(Failure(None, "it was deleted"),), gone=True)

    assert lines_of(gone)[-1] == (
        "Next: run the same command with --recreate to recreate what was deleted"
    )


def test_of_many_failures_only_some_are_named() -> None:
    alike = lines_of(*(failed(f"c{n}", Failure(None, "No.")) for n in range(500)))
    different = lines_of(*(failed(f"c{n}", Failure(None, f"No {n}.")) for n in range(500)))

    assert len(alike) < 30
    assert "    and 480 more" in alike
    assert len(different) < 60
    assert "  and 480 more reasons; 'uploader status' names all" in different


def test_a_stopped_run_says_so() -> None:
    found = lines_of(CaseEnd("a", End.DONE), CaseEnd("b", End.PENDING), stopped=True)

    assert found[-1].startswith("Stopped: 1 of 2 cases uploaded and verified; ")


def test_leftovers_and_notes_are_told() -> None:
    found = lines_of(
        failed("a", Failure(None, "No.")),
        leftovers=(("a", "pk-1"), ("b", "pk-2")),
        notes=("case 'z' is no longer in the manifest",),
    )

    assert "2 items are incomplete; the next run completes them: a, b" in found
    assert "note: case 'z' is no longer in the manifest" in found


def test_items_of_late_requests_are_told_with_their_pages() -> None:
    found = lines_of(CaseEnd("a", End.DONE), late_items=("https://x/1/", "https://x/2/"))

    assert [line for line in found if "late" in line] == [
        "a request that took effect late made an empty item, which belongs to no case; "
        f"delete it at https://x/{number}/"
        for number in (1, 2)
    ]


def test_retries_are_told_only_if_there_were_any() -> None:
    found = lines_of(CaseEnd("a", End.DONE), traffic=Traffic(7, 1, 0), uploads=1)

    assert found[0].endswith("sent 0 B in 1 upload, 7 requests, 1 retry, 3.0 s")
