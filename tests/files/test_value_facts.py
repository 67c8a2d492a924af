from __future__ import annotations

from pathlib import Path

import pytest

from manifest_uploader.digests import content_digest, stat_digest
from manifest_uploader.files.local_file import FileChanged, Source, sha256
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import content, value_facts
from tests.helpers import file_value


def source_of(folder: Path, *contents: bytes) -> Source:
    """Files named `0.bin`, `1.bin` and so on, as one value."""
    for number, data in enumerate(contents):
        (folder / f"{number}.bin").write_bytes(data)
    found = resolve(file_value("ct-image", "*.bin"), Root(folder.resolve(), follow_links=False))
    assert isinstance(found, Source)
    return found


def test_the_facts_of_files_are_their_number_sizes_and_times(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"one", b"three")

    found = value_facts(source)

    assert (found.files, found.size, found.name) == (2, 8, "ct-image.zip")
    assert found.stat == stat_digest((one.name, one.size, one.mtime_ns) for one in source.files)


def test_facts_need_no_reading(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"one", b"three")
    before = value_facts(source)
    (tmp_path / "1.bin").unlink()

    found = value_facts(source)

    assert found == before
    assert (found.content, found.slices, found.extras) == (None, None, ())


def test_the_content_is_read_on_demand(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"one", b"three")

    assert content(source) == content_digest((one.name, sha256(one)) for one in source.files)
    (tmp_path / "1.bin").write_bytes(b"other")
    with pytest.raises(FileChanged):
        content(source)
