"""What the files of one value are, seen in one look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.looks import Flaw, FlawKind, Format
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.plan.series_findings import SeriesKind
from manifest_uploader.plan.value_look import FileFlaw, FormatSeen, NamedIn, Strays, ValueLook
from tests.box import mha
from tests.e2e.data import dicom_slice, write
from tests.files.archive_samples import tar_of, zip_of
from tests.files.dicom.samples import slice_bytes
from tests.helpers import file_value

MASK = bytes([0, 1, 7, 9] * 8)


def look(
    folder: Path, *paths: str, allowed: tuple[int, ...] | None = None, quick: bool = False
) -> ValueLook:
    return look_at_value(source(folder, *paths), allowed, quick=quick)


def source(folder: Path, *paths: str) -> Source:
    found = resolve(file_value("ct-image", *paths), Root(folder.resolve(), follow_links=False))
    assert isinstance(found, Source)
    return found


def write_slices(folder: Path, *numbers: int) -> None:
    for number in numbers:
        write(folder / f"IM{number}", dicom_slice(1, number, side=4))


def write_mhd(folder: Path, voxels: bytes, name: str = "a.raw") -> None:
    head, _, _ = mha(b"").partition(b"LOCAL\n")
    write(folder / "a.mhd", head + name.encode() + b"\n")
    write(folder / "a.raw", voxels)


def targz_of(files: Mapping[str, bytes]) -> bytes:
    return tar_of(files, "w:gz")


# ── slices ──────────────────────────────────────────────────────────────────────────────────


def test_a_series_is_seen_slice_by_slice(tmp_path: Path) -> None:
    write_slices(tmp_path / "ct", 1, 2, 3, 5, 6)
    write(tmp_path / "ct/IM4", b"")

    found = look(tmp_path, "ct")

    assert found.series is not None
    [lost] = found.series.problems
    assert (lost.kind, lost.files, lost.flaw) == (
        *(SeriesKind.LEFT_OUT, ("IM4",), Flaw(FlawKind.EMPTY)),
    )
    assert (found.files, found.looked) == (6, 6)


def test_a_quick_look_opens_one_file(tmp_path: Path) -> None:
    write_slices(tmp_path / "ct", 1, 2, 3)
    files = source(tmp_path, "ct")
    for number in (2, 3):
        (tmp_path / f"ct/IM{number}").unlink()

    found = look_at_value(files, None, quick=True)

    assert (found.files, found.looked, found.slices) == (3, 1, None)
    with pytest.raises(FileChanged, match=r"'IM2' cannot be read: No such file"):
        look_at_value(files, None, quick=False)


# ── files that belong together ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["a.raw", "./a.raw"])
def test_the_data_of_a_header_are_looked_into(tmp_path: Path, name: str) -> None:
    write_mhd(tmp_path, bytes(31), name)

    found = look(tmp_path, "a.mhd", "a.raw")

    assert found.flaws == (FileFlaw("a.raw", Flaw(FlawKind.CUT, 32, 31)),)
    assert found.images == 1
    write(tmp_path / "a.raw", bytes(32))
    assert look(tmp_path, "a.mhd", "a.raw").flaws == ()


# ── voxel values ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("names", [("a.mha",), ("a.mhd", "a.raw")], ids=str)
def test_the_voxels_of_a_segmentation_are_read(tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path / "a.mha", mha(MASK))
    write_mhd(tmp_path, MASK)

    assert look(tmp_path, *names, allowed=(0, 1)).strays == Strays((0, 1), (7, 9))
    assert look(tmp_path, *names, allowed=(0, 1, 7, 9)).strays == Strays((0, 1, 7, 9), ())
    assert look(tmp_path, *names).strays is None, "any value may be there"


@pytest.mark.parametrize(
    "files",
    [
        {"a.mha": mha(MASK)[:-1]},
        {"a.mha": mha(MASK), "b.mha": mha(MASK)},
        {"a.mha": mha(MASK * 2).replace(b"MET_UCHAR", b"MET_SHORT")},
        {"a.txt": b"text"},
    ],
    ids=["cut", "two", "16 bits", "text"],
)
def test_the_voxels_of_what_is_no_segmentation_are_not_read(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    for name, data in files.items():
        write(tmp_path / name, data)

    found = look(tmp_path, *files, allowed=(0, 1))

    assert found.strays is None or found.strays.found is None


# ── archives ────────────────────────────────────────────────────────────────────────────────


def test_a_zip_archive_is_looked_through(tmp_path: Path) -> None:
    slices = {f"ct/IM{number}": slice_bytes(number, PatientID="4711") for number in range(3)}
    write(tmp_path / "a.zip", zip_of({**slices, "notes.txt": b"a note"}))

    found = look(tmp_path, "a.zip")

    assert (found.slices, found.counted) == (3, 4)
    assert found.names == (NamedIn("PatientID", 3, "a.zip/ct/IM0"),)
    assert found.left_out == ("a.zip/notes.txt",)
    assert found.formats[0].first == "a.zip"
    assert found.formats[0].files == 1


@pytest.mark.parametrize("pack", [tar_of, targz_of], ids=["tar", "tar.gz"])
def test_of_other_archives_only_the_names_of_patients_count(
    tmp_path: Path, pack: Callable[..., bytes]
) -> None:
    files = {"a.mha": mha(MASK), "ct/IM0": slice_bytes(1, PatientID="4711")}
    write(tmp_path / "a.tar", pack(files))
    write(tmp_path / "b.zip", zip_of({"a.tar": pack(files)}))

    outer, inner = look(tmp_path, "a.tar"), look(tmp_path, "b.zip")

    assert (outer.series, outer.images, outer.packed) == (None, 0, ("a.tar",))
    assert (inner.series, inner.images, inner.packed) == (None, 0, ("b.zip/a.tar",))
    assert outer.names == (NamedIn("PatientID", 1, "a.tar/ct/IM0"),)
    assert inner.names == (NamedIn("PatientID", 1, "b.zip/a.tar/ct/IM0"),)


@pytest.mark.parametrize("start", [b"PK\7\x08", b"MZ\x90\0", b"#!/bin/sh\nexit\n"])
def test_a_zip_that_begins_with_something_else_is_looked_through(
    tmp_path: Path, start: bytes
) -> None:
    write(tmp_path / "a.exe", start + zip_of({"IM1": slice_bytes(1, PatientID="4711")}))

    found = look(tmp_path, "a.exe")

    assert found.formats == (FormatSeen(Format.ZIP, 1, "a.exe"),)
    assert found.names == (NamedIn("PatientID", 1, "a.exe/IM1"),)


def test_a_zip_in_a_file_socket_is_a_zip(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", zip_of({"a.csv": b"1,2"}))

    assert look(tmp_path, "a.zip").formats == (FormatSeen(Format.ZIP, 1, "a.zip"),)
