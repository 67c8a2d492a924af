"""What is said of files that are meant to be a DICOM image set."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.files.looks import (
    AGREEING,
    WHOLE_SLIDE,
    FileLook,
    Flaw,
    FlawKind,
    Format,
)
from manifest_uploader.manifest.model import Identifiable
from manifest_uploader.plan.content import Question, Remedy, judge_content
from manifest_uploader.plan.series_findings import SeriesKind, SeriesVerdict
from manifest_uploader.plan.set_series import judge_set
from manifest_uploader.plan.value_look import summarize
from tests.helpers import SOCKETS, file_value
from tests.plan.test_series import Files, one

SAME = ("1", "2", "3", "4", "5", "6", "7")


def slices(count: int = 4, **changes: Any) -> Files:
    usual = {"spacing": (1.0, 1.0), "agreeing": SAME}
    return [one(f"{n}", n, **(usual | changes)) for n in range(1, count + 1)]


def changed(files: Files, **changes: Any) -> Files:
    """The files, of which the last one has another header."""
    name, look = files[-1]
    assert look.dicom is not None
    return [*files[:-1], (name, replace(look, dicom=replace(look.dicom, **changes)))]


def told(files: Files) -> list[tuple[SeriesKind, tuple[str, ...], str]]:
    return [(finding.kind, finding.files, finding.about) for finding in judge_set(files).problems]


def test_nothing_is_said_of_a_whole_set() -> None:
    assert judge_set(slices()) == SeriesVerdict(images=1, slices=4)


@pytest.mark.parametrize("at", range(len(AGREEING)))
def test_each_of_seven_attributes_must_be_the_same_in_all_files(at: int) -> None:
    other = (*SAME[:at], "other", *SAME[at + 1 :])
    missing = (*SAME[:at], None, *SAME[at + 1 :])

    assert told(changed(slices(), agreeing=other)) == [(SeriesKind.DISAGREE, ("4",), AGREEING[at])]
    assert told(changed(slices(), agreeing=missing)) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"instance": "9.1"}, SeriesKind.DUPLICATE),
        ({"rows": 8}, SeriesKind.SIZES),
        ({"spacing": (1.0, 2.0)}, SeriesKind.SPACING),
        ({"burned_in": True}, SeriesKind.BURNED_IN),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, SeriesKind.SOP_CLASS),
    ],
)
def test_a_file_that_does_not_belong_is_named(changes: dict[str, Any], kind: SeriesKind) -> None:
    [(found, files, _)] = told(changed(slices(), **changes))

    assert (found, files) == (kind, ("4",))


@pytest.mark.parametrize("kind", [FlawKind.CUT, FlawKind.UNREADABLE, FlawKind.NO_PIXELS])
def test_a_file_that_is_damaged_is_named_for_that_alone(kind: FlawKind) -> None:
    bad = one("bad", 5, flaws=(Flaw(kind),), sop_class="", agreeing=("x",) * 7)

    assert told([*slices(), bad]) == [(SeriesKind.REFUSED, ("bad",), "")]


def test_what_only_the_importer_of_other_images_minds_does_not_matter() -> None:
    flaws = (Flaw(FlawKind.NO_MARK), Flaw(FlawKind.UNSUPPORTED, about="WindowCenter"))

    assert judge_set(slices(flaws=flaws)).problems == ()
    assert judge_set(slices(number=None)).problems == ()


def test_slides_may_have_several_sizes() -> None:
    slide = slices(2, sop_class=WHOLE_SLIDE)

    assert told(changed(slide, rows=8, spacing=(2.0, 2.0))) == []


def test_gaps_and_positions_that_come_twice_are_told_and_no_problem() -> None:
    usual = {"spacing": (1.0, 1.0), "agreeing": SAME}
    gap = [one(f"{n}", 2 * n, float(n), **usual) for n in (1, 2, 3, 4, 5, 6, 9)]
    twice = changed(slices(), position=(0.0, 0.0, 1.0))

    for files, kind in ((gap, SeriesKind.GAP), (twice, SeriesKind.SAME_POSITIONS)):
        verdict = judge_set(files)
        assert (verdict.problems, [one.kind for one in verdict.warnings]) == ((), [kind])


# ── in words ────────────────────────────────────────────────────────────────────────────────


def messages(files: Files, *, identifiable: Identifiable | None = None) -> list[str]:
    question = Question(
        *("a", file_value("dicom-set"), SOCKETS["dicom-set"], "", Remedy("", "")),
        identifiable or Identifiable(),
    )
    found = judge_content(question, summarize(files, [], files=len(files)))
    return [problem.message for problem in found.problems]


def test_whom_files_name_does_not_matter_as_that_is_removed() -> None:
    named = [(name, replace(look, names=("PatientName",))) for name, look in slices()]

    assert messages(named) == []


def test_pixels_that_may_show_a_name_have_to_be_allowed() -> None:
    burned = slices(burned_in=True)

    [found] = messages(burned)
    assert found == (
        "a/dicom-set: the pixels may show the patient's name (BurnedInAnnotation): "
        "'1', '2', '3' and 1 more"
    )
    allowed = Identifiable(keywords=frozenset({"BurnedInAnnotation"}))
    assert messages(burned, identifiable=allowed) == []


def test_files_that_are_no_dicom_are_named() -> None:
    text = ("notes.txt", FileLook(Format.TEXT))
    archive = ("a.zip", FileLook(Format.ZIP, members=3))

    assert messages([*slices(), text]) == [
        "a/dicom-set: a DICOM image set consists of DICOM files, and 'notes.txt' is not (text)"
    ]
    assert messages([archive]) == [
        "a/dicom-set: a DICOM image set consists of DICOM files, and 'a.zip' is a ZIP file"
    ]


def test_other_kinds_of_files_are_named_by_their_class() -> None:
    [found] = messages(slices(sop_class="1.2.3"))

    assert found == (
        "a/dicom-set: the platform takes no image set of such files (SOP class 1.2.3): "
        "'1', '2', '3' and 1 more"
    )
