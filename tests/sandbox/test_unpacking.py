"""Uploads are laid out for the importer as the platform lays them out."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from manifest_uploader.sandbox.unpacking import Upload, Workplace, replace_files
from tests.files.archive_samples import zip_of
from tests.sandbox.helpers import zipped


@pytest.fixture
def work(tmp_path: Path) -> Workplace:
    (tmp_path / "work").mkdir()
    return Workplace(tmp_path / "work")


def upload(folder: Path, name: str, *parts: bytes) -> Upload:
    paths = []
    for number, part in enumerate(parts):
        paths.append(folder / f"{name}-{number}")
        paths[-1].write_bytes(part)
    return Upload(name, tuple(paths))


def listed(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_parts_become_one_file_and_are_kept(tmp_path: Path, work: Workplace) -> None:
    one, several = upload(tmp_path, "a", b"12"), upload(tmp_path, "b", b"1", b"", b"23")

    with work.unpacked([one, several]) as files:
        assert listed(files.given) == {"a": b"12", "b": b"123"}
        assert [(file.name, file.size, file.sha256) for file in files.files] == [
            ("a", 2, hashlib.sha256(b"12").hexdigest()),
            ("b", 3, hashlib.sha256(b"123").hexdigest()),
        ]

    assert listed(tmp_path / "work") == {}
    assert [part.read_bytes() for part in several.parts] == [b"1", b"", b"23"]
    assert (several.read(), several.measure()[0]) == (b"123", 3)


@pytest.mark.parametrize(
    ("content", "on_disk", "names"),
    [
        ({"a": b"1", "b/c": b"2"}, {"z/a": b"1", "z/b/c": b"2"}, ["a", "b/c"]),
        ({"x/y/a": b"1", "x/z/b": b"2"}, {"z/y/a": b"1", "z/z/b": b"2"}, ["x/y/a", "x/z/b"]),
        ({"x/y/a": b"1"}, {"z/a": b"1"}, ["x/y/a"]),
        ({"a": b"1", "__MACOSX/a": b"", ".DS_Store": b"", "f/desktop.ini": b""},
         {"z/a": b"1"}, ["a"]),
    ],
)  # fmt: skip
def test_a_zip_file_becomes_a_folder(
    tmp_path: Path,
    work: Workplace,
    content: dict[str, bytes],
    on_disk: dict[str, bytes],
    names: list[str],
) -> None:
    with work.unpacked([upload(tmp_path, "z", zipped(content))]) as files:
        assert listed(files.given) == on_disk
        assert [file.name for file in files.files] == names
        assert [file.path.read_bytes() for file in files.files] == [*on_disk.values()]


def test_zip_files_inside_zip_files_are_unpacked(tmp_path: Path, work: Workplace) -> None:
    inner = zipped({"s/1": b"1", "s/2": b"2"})

    with work.unpacked([upload(tmp_path, "z", zipped({"i.zip": inner, "n": b"3"}))]) as files:
        assert listed(files.given) == {"z/i.zip/1": b"1", "z/i.zip/2": b"2", "z/n": b"3"}
        assert [file.name for file in files.files] == ["i.zip/s/1", "i.zip/s/2", "n"]


def test_a_compressed_zip_file_is_unpacked(tmp_path: Path, work: Workplace) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"1" * 10_000)

    with work.unpacked([upload(tmp_path, "z", stream.getvalue())]) as files:
        assert files.files[0].size == 10_000


def test_a_damaged_zip_file_stays_a_file(tmp_path: Path, work: Workplace) -> None:
    whole = zipped({"a": b"1", "b": b"2"})
    for damaged in (whole[:-9], whole.replace(b"b2", b"b3", 1), zip_of({"": b"1"})):
        with work.unpacked([upload(tmp_path, "z", damaged)]) as files:
            assert listed(files.given) == {"z": damaged}


@pytest.mark.parametrize("names", [["../a", "b"], ["/a", "/b/c", "d"], []])
def test_an_entry_outside_its_zip_file_is_not_written(
    tmp_path: Path, work: Workplace, names: list[str]
) -> None:
    evil = upload(tmp_path, "z", zipped(dict.fromkeys(names, b"1")))

    with pytest.raises(ValueError), work.unpacked([evil]):  # noqa: PT011
        pass

    assert listed(tmp_path / "work") == {}


def test_files_can_be_removed_or_emptied(tmp_path: Path, work: Workplace) -> None:
    uploads = [upload(tmp_path, name, b"1") for name in "abc"]

    with work.unpacked(uploads) as files:
        changed = replace_files(files, {"a": None, "b": b"", "d": None})

        assert listed(files.given) == {"b": b"", "c": b"1"}
        assert [(file.name, file.size) for file in changed.files] == [("b", 0), ("c", 1)]
    assert uploads[1].read() == b"1"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow these names")
def test_names_are_kept(tmp_path: Path, work: Workplace) -> None:
    content = {'a:"b".mha': b"1", "c|d?.mha": b"2"}

    with work.unpacked([upload(tmp_path, "z", zipped(content))]) as files:
        assert sorted(path.name for path in (files.given / "z").iterdir()) == sorted(content)


def test_a_folder_is_used_again(tmp_path: Path, work: Workplace) -> None:
    one, other = upload(tmp_path, "a", zipped({"f/b": b"1"})), upload(tmp_path, "c", b"2")
    with work.unpacked([one]) as first:
        (first.made / "d").mkdir(parents=True)
        (first.made / "d" / "e").touch()

    with work.unpacked([other]) as second, work.unpacked([other]) as third:
        assert (second.given, second.made) == (first.given, first.made)
        assert listed(second.given.parent) == {"given/c": b"2"}
        assert third.given != second.given
