"""Many files as one stored zip stream."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest_uploader.files import local_file, zip_stream
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.files.zip_stream import bundle_size, bundle_stream
from tests.files.helpers import stat_file

CHUNK = 256 * 1024
"""Largest chunk of a stream, in bytes."""

entry_names = st.text(
    st.characters(exclude_characters="/\\\0", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=40,
)
contents = st.one_of(
    st.binary(max_size=100), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]).map(bytes)
)


def make_source(folder: Path, files: dict[str, bytes]) -> Source:
    """Files that are numbered on the disk and have these names in the bundle."""
    entries = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(data)
        entries.append(stat_file(path, name))
    return Source(tuple(entries), "ct.zip", bundle=True)


def bundle_bytes(source: Source) -> bytes:
    return b"".join(bundle_stream(source))


def unzip(data: bytes) -> dict[str, bytes]:
    """Name → data, as `zipfile` reads it; it checks the CRCs."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(files=st.dictionaries(entry_names, contents, min_size=1, max_size=6))
def test_a_bundle_is_as_long_as_foretold_and_reads_back_and_repeats(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    source = make_source(tmp_path, files)

    first, second = bundle_bytes(source), bundle_bytes(source)

    assert len(first) == bundle_size(source)
    assert first == second
    assert list(unzip(first).items()) == list(files.items())


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.dictionaries(entry_names, st.binary(max_size=300), min_size=1, max_size=6),
    limit=st.integers(1, 400),
    many=st.integers(1, 7),
)
def test_long_fields_are_used_wherever_short_ones_do_not_do(
    tmp_path: Path, files: dict[str, bytes], limit: int, many: int
) -> None:
    """Zip64 begins at 4 GiB and 65,535 files; here it is made to begin much earlier."""
    source = make_source(tmp_path, files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_stream, "_needs_zip64", lambda number: number >= limit)
        patch.setattr(zip_stream, "_count_needs_zip64", lambda number: number >= many)
        size, data = bundle_size(source), bundle_bytes(source)

    assert len(data) == size
    assert list(unzip(data).items()) == list(files.items())


@pytest.mark.parametrize("size", [0xFFFF_FFFE, 0xFFFF_FFFF, 5 * 2**30])
def test_a_bundle_of_huge_files_has_long_fields(tmp_path: Path, size: int) -> None:
    files = (file_of_size("a", size), file_of_size("b", 1))

    long = size >= 0xFFFF_FFFF
    expected = 2 * (30 + 1 + 16 + 46 + 1) + size + 1 + 22
    expected += (20 + 8) + (4 + 16) if long else 0  # the first file's size
    expected += (4 + 8) + 76  # the second's offset, and the end's

    assert bundle_size(Source(files, "ct.zip", bundle=True)) == expected


def file_of_size(name: str, size: int) -> LocalFile:
    return LocalFile(name, name, size, 0)


@pytest.mark.parametrize(("count", "end"), [(65_534, 22), (65_535, 98)])
def test_very_many_files_are_counted_in_a_long_field(count: int, end: int) -> None:
    files = tuple(file_of_size(f"{number:05}", 0) for number in range(count))

    assert bundle_size(Source(files, "ct.zip", bundle=True)) == count * (30 + 16 + 46 + 10) + end


def test_neither_time_nor_rights_nor_place_of_files_change_the_bytes(tmp_path: Path) -> None:
    bundles = []
    for folder, seconds, rights in [("a", 5, 0o644), ("b", 1_700_000_000, 0o600)]:
        (tmp_path / folder).mkdir()
        make_source(tmp_path / folder, {"x": b"1", "ä": b"2"})
        for path in (tmp_path / folder).iterdir():
            os.utime(path, (seconds, seconds))
            path.chmod(rights)
        files = (stat_file(tmp_path / folder / "0", "x"), stat_file(tmp_path / folder / "1", "ä"))
        bundles.append(bundle_bytes(Source(files, "ct.zip", bundle=True)))

    assert bundles[0] == bundles[1]


def test_the_bytes_are_the_same_on_every_system_and_in_every_version(tmp_path: Path) -> None:
    source = make_source(tmp_path, {"IM1.dcm": b"one", "s/ä.raw": b""})

    known = "a74d6948a0b8ed7eddfc08a51acfc05366227c3e9d430fe78da4f86ff2670ad0"

    assert hashlib.sha256(bundle_bytes(source)).hexdigest() == known


def test_entries_are_stored_readable_and_of_no_date(tmp_path: Path) -> None:
    data = bundle_bytes(make_source(tmp_path, {"a/b.dat": b"123"}))

    [info] = zipfile.ZipFile(io.BytesIO(data)).infolist()

    assert (info.compress_type, info.date_time) == (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))
    assert (info.create_system, info.external_attr >> 16) == (3, 0o100644)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
def test_unzip_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    source = make_source(tmp_path / "x", {"a.dcm": b"1" * 300_000, "s/b.dat": b"", "ä": b"2"})
    (tmp_path / "b.zip").write_bytes(bundle_bytes(source))

    told = subprocess.run(
        ["unzip", "-tqq", "b.zip"], cwd=tmp_path, capture_output=True, check=False
    )

    assert (told.returncode, told.stdout, told.stderr) == (0, b"", b"")


def test_chunks_are_full_but_never_too_large(tmp_path: Path) -> None:
    source = make_source(tmp_path, {f"{number}.dcm": bytes(3000) for number in range(500)})

    sizes = [len(chunk) for chunk in bundle_stream(source)]

    assert max(sizes) <= CHUNK
    assert len(sizes) <= sum(sizes) / CHUNK * 1.1 + 1


def test_chunks_may_be_kept_while_the_next_is_made(tmp_path: Path) -> None:
    source = make_source(tmp_path, {"a": b"1" * CHUNK, "b": b"2" * CHUNK})

    kept = list(bundle_stream(source))

    assert unzip(b"".join(kept)) == {"a": b"1" * CHUNK, "b": b"2" * CHUNK}


def test_each_file_is_told_with_its_hash(tmp_path: Path) -> None:
    files = {"a": b"1" * (CHUNK + 1), "b": b""}
    source = make_source(tmp_path, files)
    told: list[tuple[str, str]] = []

    for _ in bundle_stream(source, lambda file, sha256: told.append((file.name, sha256))):
        pass

    assert told == [(name, hashlib.sha256(data).hexdigest()) for name, data in files.items()]


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "replaced", "gone"])
def test_a_file_that_changed_before_it_was_read_ends_the_stream(
    tmp_path: Path, change: str
) -> None:
    source = make_source(tmp_path, {"a": b"1", "b.dcm": b"22"})

    change_file(change, tmp_path / "1")

    with pytest.raises(FileChanged, match=r"'b\.dcm'"):
        bundle_bytes(source)


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "replaced", "gone"])
def test_a_file_that_changes_while_it_is_read_ends_the_stream(tmp_path: Path, change: str) -> None:
    if os.name == "nt" and change in ("replaced", "gone"):
        pytest.skip("Windows keeps an open file where it is")
    source = make_source(tmp_path, {"a": b"1" * (3 * CHUNK)})
    told: list[str] = []
    stream = bundle_stream(source, lambda file, sha256: told.append(sha256))
    next(stream)

    change_file(change, tmp_path / "0")

    with pytest.raises(FileChanged, match="'a'"):
        exhaust(stream)
    assert told == []


def test_a_file_that_ends_too_early_ends_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(tmp_path, {"a": b"12345"})
    monkeypatch.setattr(local_file, "check_same", lambda file: None)
    (tmp_path / "0").write_bytes(b"1")

    with pytest.raises(FileChanged, match="'a' became shorter while it was read"):
        bundle_bytes(source)


def exhaust(stream: Iterator[bytes]) -> None:
    for _ in stream:
        pass


def change_file(change: str, path: Path) -> None:
    """Change a file; a replaced one keeps its size."""
    before = path.stat()
    match change:
        case "longer":
            with path.open("ab") as stream:
                stream.write(b"x")
        case "shorter":
            os.truncate(path, 1)
        case "touched":
            os.utime(path, (5, 5))
        case "replaced":
            other = path.with_name("new")
            shutil.copy(path, other)
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
            other.replace(path)
        case "gone":
            path.unlink()


def test_a_stream_left_half_way_closes_its_file(tmp_path: Path) -> None:
    source = make_source(tmp_path, {"a": b"1" * (3 * CHUNK)})
    stream = bundle_stream(source)
    next(stream)

    stream.close()  # type: ignore[attr-defined]

    (tmp_path / "0").unlink()  # on Windows an open file cannot be removed
    assert list(stream) == []


def test_a_bundle_holds_no_more_memory_than_a_few_chunks(tmp_path: Path) -> None:
    import tracemalloc

    source = make_source(tmp_path, {f"{number}": bytes(CHUNK * 4) for number in range(40)})
    tracemalloc.start()

    exhaust(bundle_stream(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 6 * CHUNK


def test_the_local_header_says_that_sizes_follow_and_names_are_utf8(tmp_path: Path) -> None:
    data = bundle_bytes(make_source(tmp_path, {"ä": b"1"}))

    [flags] = struct.unpack_from("<H", data, 6)

    assert flags == 0x0808
