from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.digests import content_digest
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.files.parts import (
    MIB,
    MOST_PARTS,
    SLICE,
    SMALLEST_PART,
    Buffers,
    BundleStream,
    Digests,
    FileStream,
    JsonContent,
    JsonStream,
    Part,
    Stopped,
    Stream,
    part_count,
    part_size,
)
from manifest_uploader.files.zip_stream import bundle_size, bundle_stream
from tests.files.helpers import stat_file
from tests.helpers import few_examples

DATA = bytes(range(256)) * 40


def write_file(path: Path, data: bytes) -> LocalFile:
    path.write_bytes(data)
    return stat_file(path)


def read_part(part: Part) -> bytes:
    return b"".join(bytes(piece) for piece in part.body())


def read_parts(stream: Stream, size: int) -> list[bytes]:
    """The bytes of every part; each is released, as a sender does."""
    found = []
    for part in stream.parts(size):
        found.append(read_part(part))
        assert len(found[-1]) == part.length
        assert part.md5 == hashlib.md5(found[-1]).hexdigest()
        part.release()
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ── sizes ───────────────────────────────────────────────────────────────────────────────────


@few_examples
@given(st.integers(0, 2**43))
def test_no_stream_needs_more_parts_than_there_are(size: int) -> None:
    part = part_size(size)

    assert part >= SMALLEST_PART
    assert part % MIB == 0
    assert 1 <= part_count(size, part) <= MOST_PARTS


def test_parts_grow_only_when_they_have_to() -> None:
    assert part_size(0) == part_size(SMALLEST_PART * MOST_PARTS) == SMALLEST_PART
    assert part_size(SMALLEST_PART * MOST_PARTS + 1) == SMALLEST_PART + MIB


@pytest.mark.parametrize(("size", "parts"), [(0, 1), (1, 1), (8, 1), (9, 2), (16, 2), (17, 3)])
def test_an_empty_stream_has_one_empty_part(size: int, parts: int) -> None:
    assert part_count(size, 8) == parts


# ── files ───────────────────────────────────────────────────────────────────────────────────


@few_examples
@given(st.binary(max_size=100), st.integers(1, 40))
def test_the_parts_of_a_file_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    file = write_file(tmp_path_factory.mktemp("x") / "a.mha", data)
    stream = FileStream(file)

    found = read_parts(stream, size)

    assert b"".join(found) == data
    assert len(found) == part_count(len(data), size)
    assert all(len(part) == size for part in found[:-1])
    files = (("a.mha", sha256(data), len(data)),)
    content = content_digest([("a.mha", sha256(data))])
    assert stream.digests == Digests(content, sha256(data), files)


@pytest.mark.parametrize("size", [len(DATA), 3000])
def test_a_part_can_be_sent_again_and_out_of_order(tmp_path: Path, size: int) -> None:
    stream = FileStream(write_file(tmp_path / "a", DATA))

    parts = list(stream.parts(size))

    for part in reversed(parts):
        assert read_part(part) == read_part(part) == DATA[(part.number - 1) * size :][: part.length]
    again = list(stream.parts(size))
    assert [part.length for part in again] == [part.length for part in parts]


def test_a_part_that_was_sent_half_counts_for_nothing(tmp_path: Path) -> None:
    stream = FileStream(write_file(tmp_path / "a", DATA * 100))

    for part in stream.parts(2**30):
        body = part.body()
        next(body)
        body.close()  # type: ignore[attr-defined]
        assert part.md5 == ""
        part.read()

    assert stream.digests is not None
    assert stream.digests.sha256 == sha256(DATA * 100)


def test_a_file_is_read_in_slices(tmp_path: Path) -> None:
    [part] = FileStream(write_file(tmp_path / "a", b"x" * (2 * SLICE + 5))).parts(2**30)

    assert [len(piece) for piece in part.slices()] == [SLICE, SLICE, 5]


def touch_file(path: Path) -> None:
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))


def replace_file(path: Path) -> None:
    facts = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))
    other.replace(path)


CHANGES: list[Callable[[Path], object]] = [
    touch_file,
    replace_file,
    Path.unlink,
    lambda path: path.write_bytes(DATA + b"!"),
    lambda path: path.write_bytes(DATA[:-1]),
]
CHANGE_NAMES = ["touched", "replaced", "deleted", "grown", "shrunk"]


@pytest.mark.parametrize("size", [2**30, 3000])
@pytest.mark.parametrize("change", CHANGES, ids=CHANGE_NAMES)
def test_a_file_that_changes_before_it_is_sent_is_not_sent(
    tmp_path: Path, change: Callable[[Path], object], size: int
) -> None:
    stream = FileStream(write_file(tmp_path / "a.mha", DATA))
    change(tmp_path / "a.mha")

    with pytest.raises(FileChanged, match=r"'a\.mha'"):
        next(stream.parts(size))


def test_a_folder_in_the_place_of_a_file_is_called_so(tmp_path: Path) -> None:
    stream = FileStream(write_file(tmp_path / "a.mha", DATA))
    (tmp_path / "a.mha").unlink()
    (tmp_path / "a.mha").mkdir()

    with pytest.raises(FileChanged, match=r"'a\.mha' cannot be read: Is a directory"):
        stream.check()


@pytest.mark.parametrize("size", [2**30, 3000])
@pytest.mark.parametrize("change", CHANGES, ids=CHANGE_NAMES)
def test_a_file_that_changes_while_it_is_sent_has_no_proof(
    tmp_path: Path, change: Callable[[Path], object], size: int
) -> None:
    stream = FileStream(write_file(tmp_path / "a.mha", DATA))

    def send() -> None:
        for part in stream.parts(size):
            read_part(part)
            if part.number == 1:
                change(tmp_path / "a.mha")

    with pytest.raises(FileChanged, match=r"'a\.mha'"):
        send()
    assert stream.digests is None


def test_a_file_that_shrinks_under_its_sender_is_told(tmp_path: Path) -> None:
    stream = FileStream(write_file(tmp_path / "a.mha", b"x" * (3 * SLICE)))
    part = next(stream.parts(2**30))
    body = part.body()
    next(body)
    os.truncate(tmp_path / "a.mha", SLICE)

    with pytest.raises(FileChanged, match="became shorter"):
        list(body)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [100, 3])
def test_a_value_travels_as_a_json_file(size: int) -> None:
    stream = JsonStream(JsonContent("details.json", b'{"a": 1}', "json:x"))

    assert b"".join(read_parts(stream, size)) == b'{"a": 1}'
    assert stream.size == 8
    hashed = sha256(b'{"a": 1}')
    assert stream.digests == Digests("json:x", hashed, (("details.json", hashed, 8),))


# ── bundles ─────────────────────────────────────────────────────────────────────────────────


def make_source(folder: Path, count: int = 3) -> Source:
    files = [write_file(folder / f"IM{number}.dcm", DATA[number:]) for number in range(count)]
    return Source(tuple(files), "ct-image.zip", bundle=True)


def bundle_of(
    found: Source, *, count: int = 2, stop: Callable[[], bool] = lambda: False
) -> BundleStream:
    return BundleStream(found, bundle_size(found), Buffers(count), stop)


@pytest.mark.parametrize("size", [2**30, 10_000, 777])
def test_the_parts_of_a_bundle_are_a_zip_of_the_files(tmp_path: Path, size: int) -> None:
    found = make_source(tmp_path)
    stream = bundle_of(found)

    data = b"".join(read_parts(stream, size))

    assert len(data) == stream.size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [DATA, DATA[1:], DATA[2:]]
    names = ["IM0.dcm", "IM1.dcm", "IM2.dcm"]
    contents = [DATA, DATA[1:], DATA[2:]]
    files = tuple((name, sha256(c), len(c)) for name, c in zip(names, contents, strict=True))
    content = content_digest((name, hashed) for name, hashed, _ in files)
    assert stream.digests == Digests(content, None, files)


def test_a_bundle_has_the_same_parts_every_time(tmp_path: Path) -> None:
    found = make_source(tmp_path)

    assert read_parts(bundle_of(found), 5000) == read_parts(bundle_of(found), 5000)
    assert b"".join(read_parts(bundle_of(found), 5000)) == b"".join(
        map(bytes, bundle_stream(found))
    )


def test_a_part_of_a_bundle_can_be_sent_again(tmp_path: Path) -> None:
    for part in bundle_of(make_source(tmp_path)).parts(5000):
        assert read_part(part) == read_part(part)
        part.release()


def test_no_more_parts_of_bundles_are_held_than_there_are_buffers(tmp_path: Path) -> None:
    stream = bundle_of(make_source(tmp_path), count=2, stop=lambda: True)
    parts = stream.parts(5000)
    next(parts)
    second = next(parts)
    with pytest.raises(Stopped):
        next(parts)
    second.release()


def test_a_bundle_of_a_file_that_changed_gives_its_buffer_back(tmp_path: Path) -> None:
    buffers = Buffers(1)
    found = make_source(tmp_path)
    stream = BundleStream(found, bundle_size(found), buffers, lambda: False)
    touch_file(tmp_path / "IM1.dcm")

    with pytest.raises(FileChanged, match=r"'IM1\.dcm'"):
        read_parts(stream, 5000)
    assert buffers.take(lambda: True)


def test_slices_are_views_and_no_copies() -> None:
    data = bytes(2 * SLICE + 5)
    [part] = JsonStream(JsonContent("x", data, "json:x")).parts(2**30)

    pieces = list(part.slices())

    assert [len(piece) for piece in pieces] == [SLICE, SLICE, 5]
    assert all(isinstance(piece, memoryview) and piece.obj is data for piece in pieces)
