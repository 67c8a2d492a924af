"""What a look into an archive shows: all that is in it, and what cannot be looked into."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import tracemalloc
import zipfile
from typing import BinaryIO

import pytest

from manifest_uploader.files import archives
from manifest_uploader.files.archives import (
    ArchiveLook,
    Limits,
    ends_as_zip,
    is_archive,
    look_archive,
)
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format
from tests.files.archive_samples import tar_of, zip_of
from tests.files.dicom.samples import ROOT, slice_bytes

NAMED = slice_bytes(PatientName="Doe^Jane")
CLEAN = slice_bytes(2)


def looked(file: bytes, limits: Limits | None = None) -> ArchiveLook:
    return look_archive(io.BytesIO(file), Format.ZIP, limits=limits)


def locked(file: bytes, limits: Limits | None = None) -> list[str]:
    """What of an archive cannot be looked into."""
    flaws = looked(file, limits).look.flaws
    assert {flaw.kind for flaw in flaws} <= {FlawKind.LOCKED}
    return [flaw.about for flaw in flaws]


def test_the_members_of_a_zip_are_looked_at_as_files_are() -> None:
    file = zip_of({"a/1.dcm": NAMED, "b/2": CLEAN, "notes.txt": b"x", "empty": b"", "c/": b""})

    found = looked(file)

    assert found.look == FileLook(Format.ZIP, names=("PatientName",), members=4)
    assert [name for name, _ in found.members] == ["a/1.dcm", "b/2", "notes.txt", "empty"]
    formats = [look.format for _, look in found.members]
    assert formats == [Format.DICOM, Format.DICOM, Format.OTHER, Format.EMPTY]
    second = found.members[1][1].dicom
    assert second is not None
    assert second.instance == f"{ROOT}1.1.2"


ARCHIVES = {
    "zip": zip_of({"x.txt": NAMED}),
    "stored zip": zip_of({"x.txt": NAMED}, compressed=False),
    "zip in zip": zip_of({"in.dat": zip_of({"x": NAMED})}),
    "zip in zip in zip": zip_of({"a": zip_of({"b": zip_of({"c": NAMED})}, compressed=False)}),
    "tar": tar_of({"x": NAMED}),
    "tar.gz": tar_of({"x": NAMED}, "w:gz"),
    "tar.bz2": tar_of({"x": NAMED}, "w:bz2"),
    "tar.xz": tar_of({"x": NAMED}, "w:xz"),
    "gzip": gzip.compress(NAMED),
    "two gzip members": gzip.compress(NAMED[:300]) + gzip.compress(NAMED[300:]),
    "bzip2": bz2.compress(NAMED),
    "xz": lzma.compress(NAMED),
    "gzip in zip": zip_of({"x.dcm.gz": gzip.compress(NAMED)}),
    "zip in gzip": gzip.compress(zip_of({"x": NAMED})),
    "zip in tar in zip": zip_of({"t": tar_of({"z": zip_of({"x": NAMED})})}),
    "tar.gz in zip": zip_of({"t": tar_of({"x": NAMED}, "w:gz")}),
    "gzip in gzip": gzip.compress(gzip.compress(NAMED)),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_name_is_found_in_every_kind_of_archive(kind: str) -> None:
    found = looked(ARCHIVES[kind])

    assert is_archive(ARCHIVES[kind][:512])
    assert found.look == FileLook(Format.ZIP, names=("PatientName",), members=1)


def test_a_large_member_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_IN_MEMORY", 100)
    files = {"a": CLEAN, "b": zip_of({"c": NAMED}), "d": gzip.compress(CLEAN)}

    for file in (zip_of(files), tar_of(files), tar_of(files, "w:gz")):
        assert [name for name, _ in looked(file).members] == ["a", "b/c", "d", "d/d"]
        assert looked(file).look.names == ("PatientName",)


@pytest.mark.parametrize("start", [b"PK\7\x08", b"MZ\x90\0", b"#!/bin/sh\nexit\n", b"x" * 70_000])
@pytest.mark.parametrize("in_memory", [100, 10**6])
def test_a_zip_that_begins_with_something_else_is_opened(
    monkeypatch: pytest.MonkeyPatch, start: bytes, in_memory: int
) -> None:
    """Readers look for the directory, which is at the end."""
    monkeypatch.setattr(archives, "_IN_MEMORY", in_memory)
    file = start + zip_of({"a": NAMED})

    assert ends_as_zip(io.BytesIO(file), len(file))
    assert looked(file) == looked(zip_of({"a": NAMED}))
    assert [name for name, _ in looked(zip_of({"in": file})).members] == ["in/a"]
    assert looked(zip_of({"in": file})).look.names == ("PatientName",)


@pytest.mark.parametrize("end", [b"", b"PK\5\6", b"PK\5\6" + bytes(range(18))])
def test_a_file_that_only_ends_like_a_zip_is_none(end: bytes) -> None:
    file = b"x" * 600 + end

    assert not ends_as_zip(io.BytesIO(file), len(file))
    assert [name for name, _ in looked(zip_of({"in": file})).members] == ["in"]


def test_inner_names_start_with_the_inner_archives() -> None:
    file = zip_of({"a/in.zip": zip_of({"b/1": CLEAN}), "c.gz": gzip.compress(CLEAN)})

    assert [name for name, _ in looked(file).members] == ["a/in.zip/b/1", "c.gz", "c.gz/c"]


def test_inner_archives_of_other_kinds_than_zip_are_members_too() -> None:
    inner = tar_of({"x": CLEAN, "y.gz": gzip.compress(NAMED)})

    found = looked(zip_of({"a.tar": inner, "b": CLEAN}))

    assert [(name, look.format, look.members) for name, look in found.members] == [
        ("a.tar", Format.OTHER, 2),
        ("a.tar/x", Format.DICOM, 0),
        ("a.tar/y.gz", Format.GZIP, 1),
        ("a.tar/y.gz/y", Format.DICOM, 0),
        ("b", Format.DICOM, 0),
    ]
    assert found.look.members == 3


def test_a_compressed_nifti_image_is_a_member_not_an_archive() -> None:
    image = gzip.compress(struct.pack("<I", 348) + bytes(400))

    assert not is_archive(image)
    assert [name for name, _ in looked(zip_of({"a.nii.gz": image})).members] == ["a.nii.gz"]


@pytest.mark.parametrize("start", [b"", b"PK", bytes(512), b"x" * 512, NAMED[:512], b"BZhello"])
def test_other_files_are_no_archives(start: bytes) -> None:
    assert not is_archive(start)


# ── what cannot be looked into ──────────────────────────────────────────────────────────────


def encrypted(file: bytes) -> bytes:
    """A ZIP archive whose members claim to be encrypted."""
    data = bytearray(file)
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + offset] |= 1
    return bytes(data)


@pytest.mark.parametrize("start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\0", b"\x28\xb5\x2f\xfd"])
def test_an_archive_that_python_does_not_read_is_told(start: bytes) -> None:
    file = start + bytes(600)

    assert is_archive(file[:512])
    assert locked(file) == [""]
    assert locked(zip_of({"in/x": file, "b": CLEAN})) == ["in/x"]


def test_an_encrypted_member_is_told() -> None:
    file = encrypted(zip_of({"a": CLEAN}))

    assert locked(file) == ["a"]
    assert locked(zip_of({"in": file})) == ["in/a"]


@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_member_is_told_and_the_others_are_looked_at(compressed: bool) -> None:
    noise = random.Random(1).randbytes(4000)
    file = bytearray(zip_of({"a": CLEAN + noise, "b": NAMED}, compressed=compressed))
    file[2000:2010] = bytes(10)

    found = looked(bytes(file))

    assert found.look.flaws == (Flaw(FlawKind.LOCKED, about="a"),)
    assert found.look.names == ("PatientName",)


def test_a_damaged_large_member_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_IN_MEMORY", 100)
    file = bytearray(zip_of({"a": CLEAN + bytes(400_000) + b"marked"}, compressed=False))
    file[file.index(b"marked")] = 0

    assert locked(bytes(file)) == ["a"]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_that_ends_early_is_told(kind: str) -> None:
    file = ARCHIVES[kind]
    padded = kind == "tar"  # to 10 KiB, of which nobody misses the end
    for length in (600, 900) if padded else (len(file) * 2 // 3, len(file) - 30):
        assert locked(file[:length]), length


def test_a_damaged_tar_header_is_not_taken_for_the_end() -> None:
    file = bytearray(tar_of({"a": CLEAN, "b": NAMED}))
    at = file.index(b"b\0\0\0\0", 512)
    file[at : at + 100] = b"\xff" * 100

    assert locked(bytes(file)) == [""]


def test_archives_too_deep_are_told() -> None:
    file = NAMED
    for _ in range(4):
        file = zip_of({"a": file})

    assert locked(file, Limits(depth=3)) == ["a/a/a"]
    assert locked(file, Limits(depth=4)) == []


def test_a_member_without_a_name_is_looked_at() -> None:
    file = zip_of({"": NAMED, "b": CLEAN})

    assert [name for name, _ in looked(file).members] == ["", "b"]
    assert looked(zip_of({"in": file})).look.names == ("PatientName",)
    assert locked(file) == []


@pytest.mark.parametrize("error", [IndexError, struct.error])
def test_whatever_a_reader_raises_on_a_member_is_damage(error: type[Exception]) -> None:
    def look(stream: BinaryIO, size: int, name: str) -> FileLook:
        if name == "a":
            raise error
        return FileLook(Format.TEXT)

    found = look_archive(io.BytesIO(zip_of({"a": b"1", "b": b"2"})), Format.ZIP, look=look)

    assert found.look.flaws == (Flaw(FlawKind.LOCKED, about="a"),)
    assert [name for name, _ in found.members] == ["b"]


def test_too_many_members_are_told() -> None:
    file = zip_of({"a": CLEAN, "b": NAMED, "c": CLEAN})

    assert locked(file, Limits(members=2)) == [""]
    assert locked(tar_of({"a": CLEAN, "b": NAMED, "c": CLEAN}), Limits(members=2)) == [""]


def test_a_bomb_is_told_and_not_unpacked() -> None:
    bomb = zip_of({"a": bytes(3_000_000)})

    assert locked(bomb, Limits(total=2_000_000)) == [""]
    assert locked(zip_of({"in": bomb}), Limits(total=2_000_000)) == ["in"]
    assert locked(gzip.compress(bytes(3_000_000)), Limits(unpacked=2_000_000)) == [""]
    layered = gzip.compress(gzip.compress(bytes(3_000_000)))
    assert locked(layered, Limits(unpacked=2_000_000)) == ["content"]


def test_a_member_that_claims_to_be_huge_is_told() -> None:
    file = bytearray(zip_of({"a": CLEAN}))
    at = file.index(b"PK\x01\x02")
    file[at + 24 : at + 28] = b"\xf0\xff\xff\xff"

    assert locked(bytes(file), Limits(total=2**31)) == [""]
    assert looked(bytes(file)).members == looked(zip_of({"a": CLEAN})).members


def test_damaged_archives_raise_nothing() -> None:
    source = random.Random(8)

    for file in ARCHIVES.values():
        for _ in range(40):
            damaged = bytearray(file[: source.randrange(4, len(file) + 1)])
            for _ in range(source.randrange(5)):
                damaged[source.randrange(len(damaged))] = source.randrange(256)
            looked(bytes(damaged))


def test_memory_does_not_grow_with_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_IN_MEMORY", 1_000_000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("in.zip", "w") as inner, zipfile.ZipFile(inner, "w") as second:
            second.writestr("big", CLEAN + bytes(40_000_000))
        archive.writestr("big", NAMED + bytes(40_000_000))
    file = stream.getvalue()

    tracemalloc.start()
    found = looked(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found.look.names == ("PatientName",)
    assert peak < 8_000_000


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_tar_is_unpacked_once(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    def look(stream: BinaryIO, size: int, name: str) -> FileLook:
        for _ in range(5):
            stream.seek(size - 1)
            stream.read(1)
            stream.seek(0)
            stream.read(1)
        return FileLook(Format.OTHER)

    monkeypatch.setattr(archives, "_IN_MEMORY", 100)
    noise = {str(one): random.Random(one).randbytes(100_000) for one in range(10)}
    stream = Counting(tar_of(noise, mode))

    found = look_archive(stream, Format.OTHER, look=look)

    assert found.look == FileLook(Format.OTHER, members=10)
    assert stream.count < 1_500_000


METHODS = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS, ids=["deflate", "bzip2", "lzma"])
def test_a_member_that_claims_to_be_small_does_not_fill_the_memory(method: int) -> None:
    file = bytearray(zip_of({"a": bytes(80_000_000)}, method=method))
    at = file.rindex(b"PK\1\2")
    file[at + 24 : at + 28] = (1000).to_bytes(4, "little")

    tracemalloc.start()
    found = locked(bytes(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == ["a"]
    assert peak < 8_000_000


@pytest.mark.parametrize("method", METHODS[1:], ids=["bzip2", "lzma"])
def test_a_member_that_only_unpacks_at_once_is_told(method: int) -> None:
    file = zip_of({"a": CLEAN}, method=method)

    assert locked(file) == ["a"]
    assert locked(zip_of({"in": file, "b": NAMED})) == ["in/a"]


def test_a_disk_error_is_raised() -> None:
    class Broken(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            raise OSError(5, "disk")

    with pytest.raises(OSError, match="disk"):
        look_archive(Broken(ARCHIVES["zip"]), Format.ZIP)


def test_links_and_folders_in_a_tar_are_passed_over() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "x"
            archive.addfile(info)

    assert looked(stream.getvalue()).look == FileLook(Format.ZIP)


def test_a_caller_may_look_into_members_himself() -> None:
    asked = []

    def look(stream: BinaryIO, size: int, name: str) -> FileLook:
        asked.append((name, size, stream.read()))
        return FileLook(Format.TEXT)

    found = look_archive(io.BytesIO(zip_of({"a/b.txt": b"note"})), Format.ZIP, look=look)

    assert asked == [("a/b.txt", 4, b"note")]
    assert found.members == (("a/b.txt", FileLook(Format.TEXT)),)
