"""What the content of files means for the socket that they are for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.files.formats.segmentation import SegmentationFlaw, SegmentationFlawKind
from manifest_uploader.files.looks import Flaw, FlawKind, Format
from manifest_uploader.manifest.model import Identifiable
from manifest_uploader.plan.content import Content, Question, Remedy, judge_content
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind, SeriesVerdict
from manifest_uploader.plan.value_look import FileFlaw, FormatSeen, NamedIn, Strays, ValueLook
from tests.helpers import PLACE, SOCKETS, file_value, socket

ONE_IMAGE = ValueLook(1, 1, formats=(FormatSeen(Format.METAIMAGE, 1, "a.mha"),), images=1)
SERIES = ValueLook(
    6,
    6,
    formats=(FormatSeen(Format.DICOM, 6, "IM1"),),
    series=SeriesVerdict(images=1, slices=6),
    counted=6,
)
OTHER_SOCKETS = {
    one.slug: one
    for one in (
        socket("all", "ZIP file", "File"),
        socket("mesh", "OBJ file", "File"),
        socket("photo", "Thumbnail jpg", "File"),
        socket("icon", "Thumbnail png", "File"),
        socket("film", "MP4 file", "File"),
        socket("newick", "Newick tree", "File"),
    )
}
REMEDY = Remedy("uploader deidentify data copies", "write  root: copies")
ALL_SOCKETS = SOCKETS | OTHER_SOCKETS


def judged(
    look: ValueLook, slug: str = "ct-image", *paths: str, online: bool = True, **more: Any
) -> Content:
    given: dict[str, Any] = {"folder": "p1/ct", "remedy": REMEDY, "identifiable": Identifiable()}
    found = ALL_SOCKETS[slug] if online else None
    return judge_content(Question("p1", file_value(slug, *paths), found, **given | more), look)


def problems(*given: Any, **more: Any) -> list[str]:
    """The messages of the problems; there are no warnings beside them."""
    found = judged(*given, **more)
    assert not (found.problems and found.warnings)
    assert {one.place for one in found.problems} <= {PLACE}
    return [one.message for one in found.problems]


def warnings(*given: Any, **more: Any) -> list[str]:
    """The messages of the warnings; there are no problems beside them."""
    found = judged(*given, **more)
    assert found.problems == ()
    return [one.message for one in found.warnings]


def flawed(*flaws: Flaw, **more: Any) -> ValueLook:
    """One file that is meant to be an image."""
    found = tuple(FileFlaw("a.mha", flaw) for flaw in flaws)
    return replace(ONE_IMAGE, flaws=found, **more)


def of_format(kind: Format, name: str = "a.x") -> ValueLook:
    """A file that is no image."""
    return ValueLook(1, 1, formats=(FormatSeen(kind, 1, name),))


# ── images ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("look", [ONE_IMAGE, SERIES])
@pytest.mark.parametrize("online", [True, False])
def test_of_one_whole_image_nothing_is_said(look: ValueLook, online: bool) -> None:
    assert judged(look, online=online) == Content()


def test_every_flaw_of_an_image_is_a_problem_that_says_where_and_what_to_do() -> None:
    look = flawed(Flaw(FlawKind.EMPTY), Flaw(FlawKind.CUT, 9, 3), more_flaws=12)

    found = judged(look)

    assert [(one.message, one.hint) for one in found.problems] == [
        ("p1/ct-image: 'a.mha' is empty", "copy or export it again"),
        ("p1/ct-image: 'a.mha' is cut short: 3 of 9 bytes", "copy or export it again"),
        ("p1/ct-image: 12 more files like these", None),
    ]


def test_what_is_wrong_with_a_series_is_a_problem_and_what_is_odd_a_warning() -> None:
    twice = SeriesFinding(SeriesKind.DUPLICATE, ("IM2",), others=("IM1",))
    gap = SeriesFinding(SeriesKind.GAP, ("IM3", "IM4"), missing=1, step_mm=2, usual_mm=1)
    note = SeriesFinding(SeriesKind.IGNORED, ("notes.txt",))
    odd = SeriesVerdict(warnings=(gap,), notes=(note,), images=1, slices=5)

    assert problems(replace(SERIES, series=replace(odd, problems=(twice,)))) == [
        "p1/ct-image: 'IM2': the same slice as 'IM1' (equal SOPInstanceUID)"
    ]
    assert warnings(replace(SERIES, series=odd)) == [
        "p1/ct-image: 1 slice is probably missing between 'IM3' and 'IM4': 2 mm, not 1 mm",
        "p1/ct-image: the platform leaves out 'notes.txt': not part of the image",
    ]


def test_files_without_an_image_are_a_problem() -> None:
    several = ValueLook(3, 3, formats=(FormatSeen(Format.TEXT, 3, "a.txt"),))

    assert problems(of_format(Format.PDF, "a.pdf")) == [
        "p1/ct-image: 'a.pdf' is a PDF file, not an image; socket 'ct-image' takes images"
    ]
    assert problems(several) == [
        (
            "p1/ct-image: none of the 3 files is an image; 'a.txt' is plain text; "
            "socket 'ct-image' takes images"
        )
    ]
    assert problems(several, online=False) == [
        "p1/ct-image: none of the 3 files is an image; 'a.txt' is plain text"
    ]


def test_an_archive_that_stays_packed_is_a_problem() -> None:
    look = replace(of_format(Format.GZIP, "ct.tar.gz"), packed=("ct.tar.gz",))

    assert problems(look) == [
        "p1/ct-image: 'ct.tar.gz' stays packed: the platform unpacks only ZIP archives"
    ]


def test_a_flaw_that_explains_why_there_is_no_image_is_all_that_is_said() -> None:
    empty = FileFlaw("a.mha", Flaw(FlawKind.EMPTY))

    assert problems(replace(of_format(Format.EMPTY), flaws=(empty,))) == [
        "p1/ct-image: 'a.mha' is empty"
    ]


def test_several_images_are_a_problem() -> None:
    found = judged(replace(ONE_IMAGE, files=3, looked=3, images=3))

    assert [(one.message, one.hint) for one in found.problems] == [
        (
            "p1/ct-image: these files are 3 images, and a value is one image",
            "give each image a socket, or a case, of its own",
        )
    ]


def test_files_that_are_left_out_and_further_pages_are_warnings() -> None:
    names = tuple(f"{number}.txt" for number in range(1, 9))

    assert warnings(replace(ONE_IMAGE, extras=names[:2])) == [
        "p1/ct-image: the platform leaves out '1.txt', '2.txt': not part of the image"
    ]
    assert warnings(replace(ONE_IMAGE, extras=names, pages=30)) == [
        (
            "p1/ct-image: the platform leaves out '1.txt', '2.txt', '3.txt', '4.txt', '5.txt' and "
            "3 more: not part of the image"
        ),
        "p1/ct-image: the TIFF has 30 pages of one size; the platform takes the first of them",
    ]


def test_one_file_of_several_shows_only_its_own_flaws() -> None:
    """With `--quick`, nobody knows what the others are."""
    quick = replace(of_format(Format.TEXT), files=9)
    empty = FileFlaw("a.mha", Flaw(FlawKind.EMPTY))

    assert problems(quick) == []
    assert problems(replace(quick, flaws=(empty,))) == ["p1/ct-image: 'a.mha' is empty"]


# ── segmentations ───────────────────────────────────────────────────────────────────────────

INT16 = SegmentationFlaw(SegmentationFlawKind.VOXELS, about="int16")


def test_what_is_no_segmentation_is_a_problem_of_segmentations_only() -> None:
    look = replace(ONE_IMAGE, segmentation=(INT16,))

    [found] = judged(look, "lesion-seg").problems

    assert found.message == (
        "p1/lesion-seg: the voxels are int16; "
        "the platform takes a segmentation only with 8-bit voxels"
    )
    assert found.hint == "save it with one channel of 8-bit voxels (uint8)"
    assert problems(look) == problems(look, "lesion-seg", online=False) == []


@pytest.mark.parametrize(
    ("strays", "message"),
    [
        (None, None),
        (Strays((0, 1), None), None),
        (Strays((0, 1), ()), None),
        (
            Strays((0, 1), (7,)),
            "the segmentation contains the voxel value 7; its socket allows 0, 1",
        ),
        (
            Strays((0, 1), tuple(range(2, 12))),
            (
                "the segmentation contains the voxel values 2, 3, 4, 5, 6, 7, 8, 9 and 2 more; "
                "its socket allows 0, 1"
            ),
        ),
        (
            Strays((1, 2), (3,), volumes=True),
            (
                "the volumes of a 4D segmentation are its segments: here 3 without a name; "
                "the socket has 1, 2"
            ),
        ),
    ],
)
def test_voxel_values_without_a_name_are_a_problem(
    strays: Strays | None, message: str | None
) -> None:
    look = replace(ONE_IMAGE, strays=strays)

    assert problems(look, "lesion-seg") == ([f"p1/lesion-seg: {message}"] if message else [])
    assert problems(look) == []


# ── files ───────────────────────────────────────────────────────────────────────────────────

RIGHT = {
    "report": Format.PDF,
    "all": Format.ZIP,
    "table": Format.TEXT,
    "mesh": Format.TEXT,
    "photo": Format.JPEG,
    "icon": Format.PNG,
}


@pytest.mark.parametrize(("slug", "right"), RIGHT.items())
def test_a_file_has_to_be_what_its_socket_is_for(slug: str, right: Format) -> None:
    assert problems(of_format(right), slug) == []
    for wrong in {*Format} - {right, Format.EMPTY, Format.POINTER}:
        [message] = problems(of_format(wrong), slug)
        assert message.startswith(f"p1/{slug}: 'a.x' is ")
        assert message.endswith(f"; socket '{slug}' is for a {ALL_SOCKETS[slug].kind}")


@pytest.mark.parametrize("slug", ["details", "newick"])
def test_of_other_files_the_format_is_not_judged(slug: str) -> None:
    assert all(problems(of_format(one), slug) == [] for one in Format)
    assert problems(of_format(Format.OTHER), "film") == []


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        (Flaw(FlawKind.EMPTY), "'a.x' is empty"),
        (
            Flaw(FlawKind.POINTER, about="Git LFS"),
            "'a.x' is only a pointer of Git LFS; the file itself is not here",
        ),
        (
            Flaw(FlawKind.LOCKED),
            "'a.x' cannot be read, so it cannot be checked for patient data",
        ),
        (Flaw(FlawKind.CUT, 9, 3), None),
        (Flaw(FlawKind.UNSUPPORTED, about="format"), None),
    ],
)
@pytest.mark.parametrize("slug", ["report", "details", "all"])
def test_of_files_only_what_is_no_file_at_all_is_a_problem(
    slug: str, flaw: Flaw, message: str | None
) -> None:
    look = replace(of_format(Format.OTHER), flaws=(FileFlaw("a.x", flaw),))

    assert problems(look, slug) == ([f"p1/{slug}: {message}"] if message else [])


def test_an_empty_table_is_a_warning() -> None:
    empty = FileFlaw("a.csv", Flaw(FlawKind.EMPTY))
    look = replace(of_format(Format.EMPTY), flaws=(empty,))

    said = ["p1/table: 'a.csv' is empty; it is sent as it is"]
    assert warnings(look, "table") == warnings(look, "table", "a.csv", online=False) == said
    assert problems(look, "report", "a.pdf", online=False) == ["p1/report: 'a.csv' is empty"]


@pytest.mark.parametrize(
    ("paths", "is_image"),
    [
        (("a.mha",), True),
        (("a.PDF",), False),
        (("a.csv",), False),
        (("a.zip",), False),
        (("a",), True),
        (("ct/*",), True),
    ],
)
def test_without_the_platform_the_ending_says_what_files_are_for(
    paths: tuple[str, ...], is_image: bool
) -> None:
    several = replace(of_format(Format.TEXT), files=2, looked=2)

    assert bool(problems(of_format(Format.TEXT), "ct-image", *paths, online=False)) is is_image
    assert problems(several, "ct-image", *paths, online=False), "only images have several files"


# ── patients ────────────────────────────────────────────────────────────────────────────────

NAMES = (NamedIn("PatientID", 240, "IM1"), NamedIn("PatientName", 214, "IM9"))
NAMED = replace(SERIES, files=240, looked=240, names=NAMES, counted=240)


@pytest.mark.parametrize("slug", ["ct-image", "lesion-seg", "report", "details"])
def test_files_that_identify_a_patient_are_a_problem_of_every_socket(slug: str) -> None:
    found = judged(NAMED, slug).problems[0]

    assert found.message == (
        f"p1/{slug}: DICOM files in 'p1/ct' identify a patient: PatientID in 240 of 240 files, "
        "PatientName in 214 of 240 files, for example 'IM1'"
    )
    assert found.hint == (
        "remove it:  uploader deidentify data copies  and write  root: copies ; "
        "or, if every reader may know it, write  identifiable: [PatientID, PatientName]  at the top"
    )


def test_the_manifest_may_allow_all_of_it_or_some() -> None:
    some = Identifiable(keywords=frozenset(("PatientID",)))

    assert judged(NAMED, identifiable=Identifiable(everything=True)) == Content()
    [found] = judged(NAMED, identifiable=some).problems
    assert "PatientName in 214 of 240 files, for example 'IM9'" in found.message
    assert "PatientID" not in found.message
    assert "write  identifiable: [PatientID, PatientName]  at the top" in (found.hint or "")


def test_archives_have_to_be_unpacked_first() -> None:
    zipped = replace(NAMED, files=1, looked=1, formats=(FormatSeen(Format.ZIP, 1, "ct.zip"),))

    hint = judged(zipped).problems[0].hint or ""

    assert hint.startswith(
        "unpack the archives, and name their files in the manifest; then remove it:  uploader"
    )


def test_one_file_is_named_and_not_counted() -> None:
    look = replace(NAMED, names=(NamedIn("PatientID", 1, "IM1"),), counted=1)

    assert problems(look, folder="") == [
        "p1/ct-image: DICOM files identify a patient: PatientID, for example 'IM1'"
    ]


def test_what_has_no_keyword_can_only_be_allowed_with_everything_else() -> None:
    look = replace(NAMED, names=(*NAMES, NamedIn("private name", 1, "IM1")))

    hint = judged(look).problems[0].hint

    assert hint is not None
    assert hint.endswith("write  identifiable: allowed  at the top")
