"""De-identified copies of DICOM files, which are sent without being written anywhere."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.files import copy_worker
from manifest_uploader.files.copies import CopyMaker, NoCopy
from manifest_uploader.files.deidentify_results import Outcome, Setup
from manifest_uploader.files.deidentify_worker import Deidentifier
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.local_file import FileChanged, LocalFile
from manifest_uploader.files.parts import Buffers, content_size, open_stream, part_count
from manifest_uploader.files.uid_key import fingerprint
from tests.e2e.slices import slice_of, write_set
from tests.files.dicom.samples import slice_bytes
from tests.files.helpers import stat_file
from tests.helpers import few_examples

KEY = "ab" * 32


@pytest.fixture(scope="module")
def maker() -> Iterator[CopyMaker]:
    with closing(CopyMaker(KEY, processes=2)) as made:
        yield made


def bytes_of(copy: DicomCopy, part: int = 1000) -> bytes:
    """What is sent of a copy, part by part, and each part twice."""
    stream = open_stream(copy, copy.size, buffers=Buffers(1), stopping=lambda: False)
    found = b""
    for one in stream.parts(part):
        data = b"".join(bytes(piece) for piece in one.body())
        assert len(data) == one.length
        assert one.read() == hashlib.md5(data).hexdigest()
        found += data
    assert len(found) == content_size(copy)
    stream.check()
    assert stream.digests is not None
    assert stream.digests.sha256 == hashlib.sha256(Path(copy.file.full).read_bytes()).hexdigest()
    return found


def written(folder: Path, content: bytes) -> LocalFile:
    path = folder / "a.dcm"
    path.write_bytes(content)
    return stat_file(path)


def test_a_copy_has_the_bytes_that_the_command_writes(maker: CopyMaker, tmp_path: Path) -> None:
    write_set(tmp_path / "from", 3)
    paths = sorted((tmp_path / "from").iterdir())
    worker = Deidentifier(Setup(str(tmp_path / "from"), str(tmp_path / "to"), KEY))
    done = worker.batch([path.name for path in paths])

    with ThreadPoolExecutor(3) as pool:
        copies = list(pool.map(maker.copy, map(stat_file, paths)))

    assert {one.outcome for one in done.files} == {Outcome.DONE}
    wanted = [(tmp_path / "to" / path.name).read_bytes() for path in paths]
    assert [bytes_of(copy) for copy in copies] == wanted
    assert {copy.made_by for copy in copies} == {fingerprint(KEY)}


@pytest.mark.parametrize(
    "make",
    [
        lambda: slice_bytes(PixelData=bytes(range(33)), Rows=3, Columns=11, BitsAllocated=8),
        lambda: slice_bytes(syntax="1.2.840.10008.1.2"),
        lambda: slice_bytes(syntax="1.2.840.10008.1.2.1.99"),
    ],
    ids=["odd", "implicit", "deflated"],
)
def test_any_encoding_is_copied_whole(
    maker: CopyMaker, tmp_path: Path, make: Callable[[], bytes]
) -> None:
    file = written(tmp_path, make())

    found = pydicom.dcmread(io.BytesIO(bytes_of(maker.copy(file), part=7)))

    assert found.PixelData.startswith(pydicom.dcmread(file.path).PixelData)


def test_the_parts_of_a_copy_make_its_bytes_however_they_are_cut(
    maker: CopyMaker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = maker.copy(written(tmp_path_factory.mktemp("parts"), slice_of(1)))
    whole = bytes_of(copy, part=copy.size)
    assert part_count(copy.size, copy.size) == 1

    @few_examples
    @given(st.integers(1, 2 * copy.size))
    def check(part: int) -> None:
        assert bytes_of(copy, part) == whole

    check()


def test_nothing_is_written_anywhere_and_the_original_stays(
    maker: CopyMaker, tmp_path: Path
) -> None:
    file = written(tmp_path, slice_of(1))
    before = file.path.read_bytes()

    copy = maker.copy(file)

    assert file.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file.path]
    scratch = [Path(worker._scratch) for worker in maker._crew._all]
    assert [list(one.iterdir()) for one in scratch] == [[]] * len(scratch)
    assert not any(bytes_of(copy)[:128])


def test_a_file_that_changed_is_not_copied(maker: CopyMaker, tmp_path: Path) -> None:
    file = written(tmp_path, slice_of(1))

    with pytest.raises(FileChanged, match=r"'a.dcm' changed after it was checked"):
        maker.copy(replace(file, mtime_ns=1))
    file.path.unlink()
    with pytest.raises(FileChanged, match=r"'a.dcm' cannot be read"):
        maker.copy(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (slice_of(1)[:-20], "'a.dcm' is cut short"),
        (slice_of(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.7"), "Secondary Capture"),
        (b"no DICOM at all", "'a.dcm' is damaged, or not a DICOM file"),
    ],
)
def test_what_cannot_be_copied_is_told(
    maker: CopyMaker, tmp_path: Path, content: bytes, why: str
) -> None:
    with pytest.raises(NoCopy) as caught:
        maker.copy(written(tmp_path, content))

    assert str(caught.value).startswith("it cannot be de-identified: ")
    assert why in str(caught.value)


def test_a_file_that_would_take_much_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_worker, "_MOST_HEAD", 100)
    answer = copy_worker.start(KEY, "")(msgspec.to_builtins(written(tmp_path, slice_of(1))))

    assert "save it with another transfer syntax" in answer["refused"]


def test_a_process_that_was_killed_costs_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, slice_of(1))
    with closing(CopyMaker(KEY, processes=1)) as maker:
        first = maker.copy(file)
        [worker] = maker._crew._all
        worker._process.kill()
        worker._process.wait()

        assert maker.copy(file) == first


def test_other_keys_and_no_other_thing_make_other_copies(tmp_path: Path) -> None:
    file = written(tmp_path, slice_of(1))
    with closing(CopyMaker(KEY)) as one, closing(CopyMaker("cd" * 32)) as other:
        copies = [one.copy(file), other.copy(file)]

    assert copies[0].made_by != copies[1].made_by
    assert bytes_of(copies[0]) != bytes_of(copies[1])
