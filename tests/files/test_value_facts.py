from __future__ import annotations

from pathlib import Path

import pytest

from manifest_uploader.files.local_file import Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import value_facts
from tests.e2e.data import dicom_slice
from tests.helpers import file_value

SLICE = dicom_slice(1, 0, side=4)


@pytest.mark.parametrize(
    ("contents", "slices"),
    [
        ((SLICE, SLICE, SLICE), 3),
        ((SLICE, SLICE, b"a note"), None),
        ((SLICE, b"", SLICE), None),
        ((SLICE,), None),
        ((b"x" * 200, b"y" * 200), None),
    ],
)
def test_the_slices_of_several_dicom_files_are_counted(
    tmp_path: Path, contents: tuple[bytes, ...], slices: int | None
) -> None:
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.bin").write_bytes(content)
    source = resolve(file_value("ct-image", "*.bin"), Root(tmp_path.resolve(), follow_links=False))
    assert isinstance(source, Source)

    found = value_facts(source)

    assert (found.files, found.slices) == (len(contents), slices)


def test_files_that_are_gone_by_now_are_not_counted(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.bin").write_bytes(SLICE)
    source = resolve(file_value("ct-image", "*.bin"), Root(tmp_path.resolve(), follow_links=False))
    assert isinstance(source, Source)
    (tmp_path / "1.bin").unlink()

    assert value_facts(source).slices is None
