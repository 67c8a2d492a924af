"""What is said of DICOM files that are meant to be one image."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.files.looks import DicomHeader, FileLook, Flaw, FlawKind, Format
from manifest_uploader.plan.series import judge_folders, judge_series
from manifest_uploader.plan.series_findings import (
    WARNINGS,
    SeriesFinding,
    SeriesKind,
    SeriesVerdict,
)

Files = list[tuple[str, FileLook]]
SLICE = DicomHeader(
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    study="1.1",
    series="1.2",
    modality="CT",
    rows=4,
    columns=4,
    bits=16,
    orientation=(1, 0, 0, 0, 1, 0),
)
NO_MARK = Flaw(FlawKind.NO_MARK)


def one(name: str, number: int, z: float | None = None, /, **changes: Any) -> tuple[str, FileLook]:
    """A slice whose place is its number unless told otherwise."""
    place = (0.0, 0.0, float(number) if z is None else z)
    flaws = changes.pop("flaws", ())
    header = replace(SLICE, instance=f"9.{name}", number=number, position=place)
    return name, FileLook(Format.DICOM, flaws, dicom=replace(header, **changes))


def at(*places: float, **changes: Any) -> Files:
    """Slices `1`, `2` … at these z coordinates, numbered in this order."""
    return [one(f"{n}", n, z, **changes) for n, z in enumerate(places, 1)]


def findings(files: Files) -> list[SeriesFinding]:
    verdict = judge_series(files)
    assert {finding.kind for finding in verdict.problems} & WARNINGS == set()
    assert {finding.kind for finding in verdict.warnings} <= WARNINGS
    return [*verdict.problems, *verdict.warnings]


def told(files: Files) -> list[tuple[SeriesKind, tuple[str, ...]]]:
    return [(finding.kind, finding.files) for finding in findings(files)]


def test_nothing_is_said_of_a_whole_series() -> None:
    assert judge_series(at(1, 2, 3)) == SeriesVerdict(images=1, slices=3)


def test_nothing_is_said_without_dicom() -> None:
    files = [("a.mha", FileLook(Format.METAIMAGE)), ("b.txt", FileLook(Format.TEXT))]

    assert judge_series(files) == SeriesVerdict(images=1)
    assert judge_series([]) == SeriesVerdict()


# ── files that do not arrive ────────────────────────────────────────────────────────────────


def test_slices_that_the_importer_drops_are_named_by_reason() -> None:
    missing = Flaw(FlawKind.NO_CLASS, about="SOPClassUID")
    files = [
        *at(1, 2),
        one("a", 3, flaws=(NO_MARK,)),
        one("b", 4, flaws=(NO_MARK,)),
        one("c", 5, flaws=(missing,), sop_class=""),
    ]

    assert findings(files) == [
        SeriesFinding(SeriesKind.LEFT_OUT, ("a", "b"), flaw=NO_MARK),
        SeriesFinding(SeriesKind.LEFT_OUT, ("c",), flaw=missing),
    ]


def test_a_slice_that_is_cut_is_told_with_its_bytes() -> None:
    cut = Flaw(FlawKind.CUT, 100, 60)

    assert findings([*at(1, 2), one("a", 3, flaws=(cut,))]) == [
        SeriesFinding(SeriesKind.REFUSED, ("a",), flaw=cut)
    ]
    headless = one("a", 3, flaws=(cut,), series="")
    assert findings([*at(1, 2), headless]) == [SeriesFinding(SeriesKind.LEFT_OUT, ("a",), flaw=cut)]


def test_several_cut_slices_are_told_together() -> None:
    files = [one(name, n, flaws=(Flaw(FlawKind.CUT, 9, n),)) for n, name in enumerate("ab", 1)]

    assert findings(files) == [
        SeriesFinding(SeriesKind.REFUSED, ("a", "b"), flaw=Flaw(FlawKind.CUT))
    ]


@pytest.mark.parametrize(
    ("name", "slices", "is_lost"),
    [
        ("IM0003.dcm", "IM{}.dcm", True),
        ("x.DCM", "{}", True),
        ("IM3", "IM{}", True),
        ("a/IM3", "b/IM{}", True),
        ("1.2.3.77", "1.2.3.{}", True),
        ("IM3.img", "IM{}.img", True),
        ("IM3.dcm.gz", "IM{}.dcm", True),
        ("notes.txt", "IM{}.txt", False),
        ("README", "IM{}", False),
        ("._IM3.dcm", "IM{}.dcm", False),
        ("IM3.txt", "IM{}.dcm", False),
    ],
)
def test_what_is_named_like_a_slice_is_missed(name: str, slices: str, is_lost: bool) -> None:
    files = [one(slices.format(n), n) for n in (1, 2)]
    empty = Flaw(FlawKind.EMPTY)

    verdict = judge_series([*files, (name, FileLook(Format.EMPTY, (empty,)))])

    lost = (SeriesFinding(SeriesKind.LEFT_OUT, (name,), flaw=empty),)
    ignored = (SeriesFinding(SeriesKind.IGNORED, (name,)),)
    assert (verdict.problems, verdict.notes) == ((lost, ()) if is_lost else ((), ignored))


def test_what_is_no_dicom_but_named_so_is_told_with_its_format() -> None:
    files = [*at(1, 2), ("3.dcm", FileLook(Format.TEXT)), ("4.dcm", FileLook(Format.PDF))]

    assert findings(files) == [
        SeriesFinding(SeriesKind.LEFT_OUT, ("3.dcm",), about="text"),
        SeriesFinding(SeriesKind.LEFT_OUT, ("4.dcm",), about="PDF"),
    ]


def test_reports_beside_slices_are_ignored() -> None:
    no_pixels = (Flaw(FlawKind.NO_PIXELS),)
    report = one("r", 9, flaws=no_pixels, series="1.9", sop_class="sr")

    verdict = judge_series([*at(1, 2), report, ("notes.txt", FileLook(Format.TEXT))])

    assert verdict.problems == ()
    assert verdict.notes == (SeriesFinding(SeriesKind.IGNORED, ("r", "notes.txt")),)
    assert told([report]) == [(SeriesKind.NO_IMAGE, ("r",))]


def test_an_archive_beside_slices_is_left_to_others() -> None:
    files = [*at(1, 2), ("more.zip", FileLook(Format.ZIP, members=3))]

    assert judge_series(files) == SeriesVerdict(images=1, slices=2)


def test_a_slice_without_pixels_is_no_report() -> None:
    assert told([*at(1, 2), one("a", 3, flaws=(Flaw(FlawKind.NO_PIXELS),))]) == [
        (SeriesKind.REFUSED, ("a",))
    ]


def test_a_gap_where_a_slice_is_left_out_is_not_told_twice() -> None:
    assert told([*at(1, 2), one("a", 3, flaws=(NO_MARK,)), one("b", 4), one("c", 5)]) == [
        (SeriesKind.LEFT_OUT, ("a",))
    ]


def test_what_only_matters_in_the_first_slice_is_told_of_that_alone() -> None:
    flaws = (Flaw(FlawKind.UNSUPPORTED, about="PixelSpacing"),)

    assert told([one("a", 1), one("b", 2, flaws=flaws)]) == []
    assert told([one("a", 2), one("b", 1, flaws=flaws)]) == [(SeriesKind.REFUSED, ("b",))]
    assert told([one("a", 2, flaws=flaws)]) == [(SeriesKind.REFUSED, ("a",))]


# ── more than one image ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"study": "8"}, "study"),
        ({"series": "8"}, "series"),
        ({"sop_class": "8"}, "SOP class"),
        ({"stack": "8"}, "stack"),
        ({"stack": "8", "series": "8"}, "series"),
        ({"study": "8", "series": "9", "sop_class": "8"}, "study"),
    ],
)
def test_what_makes_another_image_is_told(changes: dict[str, Any], about: str) -> None:
    assert findings([one("a", 1, **changes), *at(1, 2)]) == [
        SeriesFinding(SeriesKind.SEVERAL_IMAGES, ("a",), about=about, found=2)
    ]


def test_images_of_several_kinds_are_told_by_kind() -> None:
    files = [*at(1, 2), one("a", 3, series="8"), one("b", 4, study="8")]
    files += [("c.png", FileLook(Format.PNG))]

    assert [(f.about, f.files, f.found) for f in findings(files)] == [
        ("series", ("a",), 4),
        ("study", ("b",), 4),
        ("format", ("c.png",), 4),
    ]


def test_series_of_one_stack_are_one_image() -> None:
    files = [one("a", 1, stack="s"), one("b", 2, stack="s", series="8")]

    assert judge_series(files) == SeriesVerdict(images=1, slices=2)


def test_the_folders_of_an_archive_are_images_of_their_own() -> None:
    nested = [(f"{folder}/{name}", look) for folder in "ab" for name, look in at(1, 2)]

    verdict = judge_folders([*nested, ("notes.txt", FileLook(Format.TEXT))])

    assert verdict.problems == (
        SeriesFinding(SeriesKind.SEVERAL_IMAGES, ("a", "b"), about="folder", found=2),
    )


def test_one_folder_of_an_archive_is_one_image() -> None:
    files = [(f"x/{name}", look) for name, look in at(1, 2, 4, 5)]
    files.append(("readme", FileLook(Format.TEXT)))

    assert judge_folders(files) == replace(judge_series(files[:4]), notes=())
    assert judge_folders([("a.mha", FileLook(Format.METAIMAGE))]) == SeriesVerdict(images=1)


def test_copies_are_told_with_their_originals() -> None:
    files = at(1, 2, 3)

    assert findings([*files, ("copy", files[1][1]), ("again", files[1][1])]) == [
        SeriesFinding(SeriesKind.DUPLICATE, ("copy", "again"), ("2", "2"))
    ]


# ── one image of slices that do not fit ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (SeriesKind.SIZES, {"rows": 5}),
        (SeriesKind.SIZES, {"samples": 3}),
        (SeriesKind.BITS, {"bits": 8}),
        (SeriesKind.NO_NUMBER, {"number": None}),
        (SeriesKind.NO_POSITION, {"position": None}),
        (SeriesKind.ORIENTATIONS, {"orientation": (0, 1, 0, 0, 0, -1)}),
        (SeriesKind.MULTIFRAME, {"frames": 5}),
        (SeriesKind.SAME_NUMBER, {"number": 2}),
        (SeriesKind.SAME_POSITIONS, {"position": (0, 0, 2)}),
    ],
)
def test_the_odd_one_is_named(kind: SeriesKind, changes: dict[str, Any]) -> None:
    files = at(1, 2, 3, 4)
    files[3] = one("odd", 4, **changes)

    assert [(f.kind, f.files) for f in judge_series(files).problems] == [(kind, ("odd",))]


def test_scaled_voxels_may_have_different_bits() -> None:
    assert told([one("a", 1, scaled=True), one("b", 2, bits=8), one("c", 3)]) == []


def test_a_tilt_of_a_few_minutes_is_one_plane() -> None:
    assert told([*at(1, 2, 3), one("a", 4, orientation=(1, 0.003, 0, 0, 1, 0))]) == []


def test_two_acquisitions_are_counted() -> None:
    assert findings(at(1, 2, 3, 1, 2, 3)) == [
        SeriesFinding(SeriesKind.SAME_POSITIONS, ("4", "5", "6"), expected=3, found=6)
    ]


def test_the_order_must_be_that_of_the_positions() -> None:
    assert told(at(4, 3, 2, 1)) == []
    assert told(at(1, 3, 2, 4)) == [(SeriesKind.ORDER, ("3", "2"))]


def test_two_views_are_no_volume() -> None:
    files = [one(name, 1, position=None, view=name, modality="DX") for name in ("PA", "LL")]

    assert told(files) == [(SeriesKind.VIEWS, ("LL",))]
    plain = [one(name, 1, position=None, modality="DX") for name in ("PA", "LL")]
    assert told(plain) == [(SeriesKind.PROJECTIONS, ("PA", "LL"))]
    frames = [one(name, 1, position=None, modality="US") for name in ("PA", "LL")]
    assert told(frames) == []


def test_whole_slides_have_sizes_of_their_own() -> None:
    slide = {"sop_class": "1.2.840.10008.5.1.4.1.1.77.1.6", "frames": 90}
    files = [one("a", 1, **slide), one("b", 1, rows=90, **slide)]

    assert judge_series(files) == SeriesVerdict(images=1)


# ── distances ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "places",
    [
        (1, 2),
        (1, 9),
        (0, 0.7, 1.3, 2.0, 2.7, 3.3),
        (0, 3.27, 6.54, 9.81, 13.08),
        (0, 3, 7, 10, 14),
        (-700.5, -702.5, -704.5),
        (0, 0.625, 1.25, 1.88, 2.5),
        (5, 4, 3, 2),
    ],
    ids=str,
)
def test_rounded_and_regular_distances_are_no_gap(places: tuple[float, ...]) -> None:
    assert told(at(*places)) == []


def numbered(*slices: tuple[int, float]) -> Files:
    return [one(f"{number}", number, z) for number, z in slices]


@pytest.mark.parametrize(
    ("files", "between", "missing"),
    [
        (numbered((1, 1), (2, 2), (4, 4), (5, 5)), ("2", "4"), 1),
        (numbered((1, 9), (2, 8), (6, 4), (7, 3)), ("6", "2"), 3),
        (numbered((1, 0), (2, 5), (4, 15.1)), ("2", "4"), 1),
        (numbered((10, 0), (20, 5), (40, 15)), ("20", "40"), 1),
        ([one(str(z), z, number=None) for z in (1, 2, 5, 6)], ("2", "5"), 2),
    ],
)
def test_a_gap_is_told_with_its_neighbours(
    files: Files, between: tuple[str, str], missing: int
) -> None:
    [gap] = judge_series(files).warnings

    assert (gap.kind, gap.files, gap.missing) == (SeriesKind.GAP, between, missing)
    assert gap.step_mm == pytest.approx(gap.usual_mm * (missing + 1), rel=0.05)


def test_a_gap_counts_along_a_tilted_gantry() -> None:
    files = [one(f"{n}", n, position=(0, 0.3 * n, n)) for n in (1, 2, 3, 5, 6)]

    assert told(files) == [(SeriesKind.GAP, ("3", "5"))]


def test_slabs_with_running_numbers_are_uneven() -> None:
    assert findings(at(0, 1, 2, 10, 11, 12)) == [
        SeriesFinding(SeriesKind.UNEVEN, ("3", "4"), step_mm=8, usual_mm=1)
    ]


def test_many_gaps_are_how_the_scan_was_planned() -> None:
    files = [one(str(z), 10 * z, z) for z in (0, 1, 4, 5, 8, 9, 12)]

    assert told(files) == [(SeriesKind.UNEVEN, ("1", "4"))]


def test_two_densities_are_uneven_once() -> None:
    assert told(at(0, 5, 10, 15, 16, 17, 18, 19, 24, 29, 34)) == [(SeriesKind.UNEVEN, ("1", "2"))]


def test_slices_at_one_position_are_a_warning() -> None:
    assert told(at(1, 1, 1)) == [(SeriesKind.ONE_POSITION, ("1", "2", "3"))]


# ── time ────────────────────────────────────────────────────────────────────────────────────


def timed(*slices: tuple[int, float], **changes: Any) -> Files:
    """Slices by time point and place, numbered in this order."""
    return [
        one(f"{n}", n, z, temporal=moment, **changes) for n, (moment, z) in enumerate(slices, 1)
    ]


def test_a_4d_image_has_slices_and_time_points() -> None:
    files = timed((1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2))

    assert judge_series(files) == SeriesVerdict(images=1, slices=3, timepoints=2)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (timed((1, 0), (1, 1), (2, 0)), (SeriesKind.UNEQUAL_TIMES, ("3",))),
        (
            [*timed((1, 0), (2, 0)), one("x", 3, 0)],
            (SeriesKind.UNEQUAL_TIMES, ("x",)),
        ),
        (
            timed((1, 0), (1, 1), (2, 0), (2, 1), has_times=False),
            (SeriesKind.NO_TIMES, ("1", "3")),
        ),
        (timed((1, 0), (2, 0), (1, 1), (2, 1)), (SeriesKind.ORDER, ("1", "2"))),
        (timed((1, 0), (1, 1), (2, 1), (2, 0)), (SeriesKind.ORDER, ("1", "3"))),
        (
            timed((1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 3)),
            (SeriesKind.UNEVEN, ("2", "3")),
        ),
    ],
)
def test_what_is_wrong_with_times_is_told(
    files: Files, expected: tuple[SeriesKind, tuple[str, ...]]
) -> None:
    assert told(files) == [expected]


def test_a_time_point_of_one_slice_is_a_cine() -> None:
    assert told(timed((1, 0), (2, 0), (3, 0))) == []


# ── speed ───────────────────────────────────────────────────────────────────────────────────


def test_a_thousand_slices_take_no_time() -> None:
    files = at(*(0.5 * n for n in range(1000)))
    verdict = judge_series(files)

    taken = []
    for _ in range(5):
        start = time.process_time()
        judge_series(files)
        taken.append(time.process_time() - start)

    assert verdict == SeriesVerdict(images=1, slices=1000)
    assert min(taken) < 0.03
