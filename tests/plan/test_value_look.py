"""What looks into the files of one value show together."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.files.formats.segmentation import SegmentationFlaw, SegmentationFlawKind
from manifest_uploader.files.looks import (
    DicomHeader,
    FileLook,
    Flaw,
    FlawKind,
    Format,
    ImageHeader,
)
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind, SeriesVerdict
from manifest_uploader.plan.value_look import (
    FileFlaw,
    FormatSeen,
    Member,
    NamedIn,
    Strays,
    ValueLook,
    summarize,
)

IMAGE = ImageHeader(8, 8, 4, voxel="uint8", dimensions=3)
MHA = FileLook(Format.METAIMAGE, image=IMAGE)
TEXT, OTHER, EMPTY = (FileLook(one) for one in (Format.TEXT, Format.OTHER, Format.EMPTY))
EMPTY = replace(EMPTY, flaws=(Flaw(FlawKind.EMPTY),))
CT = DicomHeader(
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    study="1.1",
    series="1.2",
    rows=4,
    columns=4,
    bits=16,
    orientation=(1, 0, 0, 0, 1, 0),
)


def ct(number: int, *names: str, series: str = "1.2", **changes: Any) -> FileLook:
    """A slice of a series, whose patient has these attributes filled."""
    header = replace(CT, number=number, instance=f"{series}.{number}", series=series, **changes)
    where = replace(header, position=(0.0, 0.0, float(number)))
    return FileLook(Format.DICOM, dicom=where, names=names)


def slices(*numbers: int, **changes: Any) -> list[tuple[str, FileLook]]:
    return [(f"IM{number}", ct(number, **changes)) for number in numbers]


def taken(*looks: tuple[str, FileLook], **more: Any) -> ValueLook:
    """What files that were all looked into are together."""
    return summarize(looks, more.pop("members", ()), files=len(looks), **more)


def archive(**members: FileLook) -> ValueLook:
    """A ZIP file with these members; `__` in their names stands for `/`."""
    inside = [Member("a.zip", name.replace("__", "/"), look) for name, look in members.items()]
    names = tuple(sorted({name for look in members.values() for name in look.names}))
    whole = FileLook(Format.ZIP, names=names, members=len(inside))
    return taken(("a.zip", whole), members=inside)


# ── images ──────────────────────────────────────────────────────────────────────────────────


def test_one_file_is_one_image() -> None:
    assert taken(("a.mha", MHA)) == ValueLook(
        1, 1, formats=(FormatSeen(Format.METAIMAGE, 1, "a.mha"),), counted=1, images=1
    )


def test_each_file_of_other_formats_is_an_image_of_its_own() -> None:
    found = taken(("a.mha", MHA), ("b.png", FileLook(Format.PNG)), ("c.txt", TEXT), ("d.txt", TEXT))

    assert found.images == 2
    assert found.formats == (
        FormatSeen(Format.METAIMAGE, 1, "a.mha"),
        FormatSeen(Format.PNG, 1, "b.png"),
        FormatSeen(Format.TEXT, 2, "c.txt"),
    )
    assert found.extras == found.left_out == ("c.txt", "d.txt")


def test_a_header_and_its_data_are_one_image() -> None:
    header = replace(MHA, data_file="a.raw")
    short = FileFlaw("a.raw", Flaw(FlawKind.CUT, 256, 100))

    whole = taken(("a.mhd", header), ("a.raw", OTHER))
    cut = taken(("a.mhd", header), ("a.raw", replace(OTHER, flaws=EMPTY.flaws)), data_flaws=[short])

    assert (whole.images, whole.flaws, whole.extras) == (1, (), ())
    assert cut.flaws == (short,), "what the data is by itself does not matter"


def test_data_that_look_like_an_image_are_none() -> None:
    """Voxels may begin with any bytes."""
    found = taken(("a.mhd", replace(MHA, data_file="a.raw")), ("a.raw", FileLook(Format.PNG)))

    assert (found.images, found.extras) == (1, ())


def test_a_header_without_its_data_is_flawed() -> None:
    found = taken(("a.mhd", replace(MHA, data_file="a.raw")), ("b.raw", OTHER))

    assert found.flaws == (FileFlaw("a.mhd", Flaw(FlawKind.NO_DATA, about="a.raw")),)
    assert found.extras == ("b.raw",)


def test_a_slide_is_one_image_whatever_lies_in_its_folder() -> None:
    files = [("s.mrxs", FileLook(Format.JPEG)), ("s/Slidedat.ini", TEXT), ("s/Data1.dat", OTHER)]

    found = taken(*files, ("s/Data2.dat", FileLook(Format.JPEG)))

    assert (found.images, found.extras, found.flaws) == (1, (), ())
    assert found.segmentation == ()


def test_the_pages_are_those_of_the_only_image() -> None:
    tiff = FileLook(Format.TIFF, image=replace(IMAGE, pages=30))

    assert taken(("a.tif", tiff)).pages == 30
    assert taken(("a.tif", tiff), ("b.tif", tiff)).pages == 1


# ── flaws ───────────────────────────────────────────────────────────────────────────────────


def test_a_few_flaws_are_kept_and_the_others_counted() -> None:
    found = taken(*((f"{number}.mha", EMPTY) for number in range(8)))

    assert [one.file for one in found.flaws] == [f"{number}.mha" for number in range(5)]
    assert found.more_flaws == 3


def test_of_slices_the_series_tells_what_is_wrong() -> None:
    found = taken(*slices(1, 2, 4), ("IM3", EMPTY), ("notes.txt", TEXT))

    assert found.flaws == ()
    assert found.series is not None
    assert [(one.kind, one.files) for one in found.series.problems] == [
        (SeriesKind.LEFT_OUT, ("IM3",))
    ]
    assert (found.left_out, found.extras) == (("notes.txt",), ())


def test_what_cannot_be_looked_into_is_a_flaw_also_beside_slices() -> None:
    locked = Flaw(FlawKind.LOCKED)

    found = taken(*slices(1, 2), ("b.zip", FileLook(Format.ZIP, (locked,))))

    assert found.flaws == (FileFlaw("b.zip", locked),)


# ── slices ──────────────────────────────────────────────────────────────────────────────────


def test_the_slices_of_a_series_are_counted() -> None:
    found = taken(*slices(1, 2, 3))

    assert (found.slices, found.images) == (3, 0)


def test_the_slices_of_all_time_points_are_counted() -> None:
    series = SeriesVerdict(images=1, slices=4, timepoints=3)

    assert ValueLook(12, 12, series=series).slices == 12
    assert ValueLook(1, 1, series=replace(series, slices=None)).slices is None


def test_a_quick_look_tells_only_what_is_wrong_with_the_file_that_it_saw() -> None:
    flaws = SeriesFinding(SeriesKind.LEFT_OUT, ("IM1",))
    whole = SeriesFinding(SeriesKind.NO_IMAGE, ("IM1",))
    series = SeriesVerdict((flaws, whole), notes=(whole,), images=1, slices=1)

    quick, all_of_it = ValueLook(3, 1, series=series), ValueLook(3, 3, series=series)

    assert (quick.series_problems, quick.series_remarks) == ((flaws,), ())
    assert (all_of_it.series_problems, all_of_it.series_remarks) == ((flaws, whole), (whole,))


def test_a_quick_look_misses_no_file_that_is_there() -> None:
    header = ("a.mhd", FileLook(Format.METAIMAGE, data_file="a.raw"))

    assert summarize([header], (), files=2, names=("a.mhd", "a.raw")).flaws == ()
    assert summarize([header], (), files=2, names=("a.mhd", "b.raw")).flaws != ()


def test_a_quick_look_counts_nothing() -> None:
    quick = summarize(slices(1), (), files=3)

    assert (quick.is_quick, quick.files, quick.looked, quick.slices) == (True, 3, 1, None)
    assert not taken(*slices(1)).is_quick


# ── archives ────────────────────────────────────────────────────────────────────────────────


def test_slices_in_two_folders_of_an_archive_are_two_images() -> None:
    """The importer unpacks an archive, and makes images of each folder by itself."""
    found = archive(one__IM1=ct(1), one__IM2=ct(2), two__IM1=ct(3), two__IM2=ct(4))

    assert found.series is not None
    [several] = found.series.problems
    assert (several.kind, several.about, several.found) == (SeriesKind.SEVERAL_IMAGES, "folder", 2)
    assert found.slices is None


def test_an_archive_of_slices_is_a_series_and_what_lies_beside_them_is_left_out() -> None:
    found = archive(ct__IM1=ct(1), ct__IM2=ct(2), ct__notes=TEXT, readme=TEXT)

    assert found.series is not None
    assert found.series.problems == ()
    assert found.slices == 2
    assert sorted(found.left_out) == ["a.zip/ct/notes", "a.zip/readme"]


def test_an_image_in_an_archive_is_one_image_and_a_note_beside_it_is_left_out() -> None:
    found = archive(x__scan=MHA, x__notes=TEXT, readme=OTHER)

    assert (found.images, found.flaws) == (1, ())
    assert found.left_out == ("a.zip/x/notes", "a.zip/readme")
    assert found.formats == (FormatSeen(Format.ZIP, 1, "a.zip"),)


def test_a_flaw_inside_an_archive_names_it() -> None:
    found = archive(x__scan=replace(MHA, flaws=(Flaw(FlawKind.CUT, 9, 1),)))

    assert found.flaws == (FileFlaw("a.zip/x/scan", Flaw(FlawKind.CUT, 9, 1)),)


def test_only_what_is_in_zip_archives_is_part_of_the_image() -> None:
    """The platform unpacks no others."""
    gz, tar = FileLook(Format.GZIP, members=1), FileLook(Format.OTHER, members=3)
    inside = [Member("a.tar.gz", "IM1", ct(1, "PatientID")), Member("a.tar.gz", "b.mha", MHA)]

    outer = taken(("a.tar.gz", gz), members=inside)
    inner = archive(**{"x.tar": tar, "x.tar__1": ct(1, "PatientID"), "x.tar__2.gz": gz,
                       "x.tar__2.gz__2": MHA, "y.mha": MHA})  # fmt: skip

    assert (outer.series, outer.images, outer.flaws) == (None, 0, ())
    assert (outer.packed, outer.extras) == (("a.tar.gz",), ("a.tar.gz",))
    assert outer.names == (NamedIn("PatientID", 1, "a.tar.gz/IM1"),)
    assert (inner.series, inner.images) == (None, 1)
    assert (inner.packed, inner.extras) == (("a.zip/x.tar",), ("a.zip/x.tar",))
    assert inner.names == (NamedIn("PatientID", 1, "a.zip/x.tar/1"),)
    assert (outer.counted, inner.counted) == (2, 3)


def test_what_systems_add_to_an_archive_is_no_part_of_the_image() -> None:
    flawed = replace(MHA, flaws=(Flaw(FlawKind.CUT, 9, 1),))
    files = {"ct/IM1": ct(1), "ct/IM2": ct(2), "__MACOSX/ct/._IM1": ct(3, "PatientName")}
    more = {"ct/.DS_Store": OTHER, "b/desktop.ini": TEXT, "__MACOSX/b.mha": flawed}
    inside = [Member("a.zip", name, look) for name, look in {**files, **more}.items()]

    found = taken(("a.zip", FileLook(Format.ZIP, members=6)), members=inside)

    assert found.series is not None
    assert (found.series.problems, found.slices, found.left_out) == ((), 2, ())
    assert found.flaws == ()
    assert found.names == (NamedIn("PatientName", 1, "a.zip/__MACOSX/ct/._IM1"),)
    assert found.counted == 6


# ── patients ────────────────────────────────────────────────────────────────────────────────


def test_names_are_counted_by_attribute_and_the_first_file_is_kept() -> None:
    looks = [ct(1), ct(2, "PatientName", "PatientID"), ct(3, "PatientID")]

    found = taken(*zip(("IM1", "IM2", "IM3"), looks, strict=True))

    assert found.names == (NamedIn("PatientID", 2, "IM2"), NamedIn("PatientName", 1, "IM2"))
    assert found.counted == 3


def test_in_an_archive_its_members_are_counted_and_not_the_archive() -> None:
    found = archive(ct__IM1=ct(1, "PatientID"), ct__IM2=ct(2, "PatientID"), notes=TEXT)

    assert found.names == (NamedIn("PatientID", 2, "a.zip/ct/IM1"),)
    assert found.counted == 3


# ── segmentations ───────────────────────────────────────────────────────────────────────────


def test_the_only_image_is_judged_as_a_segmentation() -> None:
    int16 = FileLook(Format.METAIMAGE, image=replace(IMAGE, voxel="int16"))
    strays = Strays((0, 1), (7,))

    assert taken(("a.mha", MHA), strays=strays).strays == strays
    assert taken(("a.mha", MHA)).segmentation == ()
    assert taken(("a.mha", int16)).segmentation == (
        SegmentationFlaw(SegmentationFlawKind.VOXELS, about="int16"),
    )
    assert taken(("a.mha", int16), ("b.mha", MHA)).segmentation == ()


@pytest.mark.parametrize(
    ("changes", "about"),
    [({}, "of 16 bits"), ({"bits": 8, "scaled": True}, "floats"), ({"bits": 8}, None)],
)
def test_slices_are_a_segmentation_only_with_8_bits(
    changes: dict[str, Any], about: str | None
) -> None:
    found = taken(*slices(1, 2, **changes)).segmentation

    assert [one.about for one in found] == ([about] if about else [])
