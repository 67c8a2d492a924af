"""Whatever the names of folders and files, a manifest names exactly the intended files."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manifest_uploader.cli import command
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.root import find_root
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.manifest.parser import parse
from tests.e2e.data import write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses most names")

NAMES = st.text(
    st.one_of(
        st.sampled_from("ab01[]*?{}!#&:-'\"., <>@%~"), st.characters(exclude_characters="/\0")
    ),
    min_size=1,
    max_size=12,
).filter(lambda name: name[0] != "." and len(name.encode(errors="replace")) < 200)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
@example(["a", "b"])
def test_each_value_names_exactly_the_files_of_its_case(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = [name for name in names if can_be_made(Path(folder, "data", name))]
        for name in made:
            for inner in ("ct/1.png", "ct/2.png", "ct/x.txt", "airways.mha", f"{name}.pdf"):
                with contextlib.suppress(OSError):
                    write(Path(folder, "data", name, inner), os.fsencode(inner))

        files_by_case_and_socket = init_and_read_files(Path(folder)) if made else {}

        if names == ["a", "b"]:
            sockets = [(name, socket) for name in names for socket in "irs"]
            assert sorted(files_by_case_and_socket) == sockets
        for files in files_by_case_and_socket.values():
            assert files in (
                {"airways.mha"},
                {"ct/1.png", "ct/2.png"},
                *({f"{name}.pdf"} for name in made),
            )


def can_be_made(path: Path) -> bool:
    try:
        path.mkdir(parents=True)
    except (OSError, UnicodeEncodeError):
        return False
    return True


def init_and_read_files(folder: Path) -> dict[tuple[str, str], set[str]]:
    """Write a manifest; return the files it names, by the case's folder and the socket."""
    out = str(folder / "manifest.yaml")
    words = ["--slug", "a", "--each", "*", "--output", out, "--socket", "i=ct/*.png"]
    words += ["--socket", "s=airways.mha", "--socket", "r={name}.pdf"]
    ended = command(["init", str(folder / "data"), "--explicit", *words])
    if ended == 2:
        return {}
    manifest = parse((folder / "manifest.yaml").read_bytes(), out)
    root = find_root(manifest, root=None, follow_links=False)
    found: dict[tuple[str, str], set[str]] = {}
    for case in manifest.cases:
        for value in case.values:
            assert isinstance(value, FileValue)
            source = resolve(value, root)
            if isinstance(source, Source):
                paths = [file.path.relative_to(root.path) for file in source.files]
                assert len({path.parts[0] for path in paths}) == 1
                inner = {"/".join(path.parts[1:]) for path in paths}
                found[paths[0].parts[0], value.socket] = inner
            else:
                assert value.socket == "r", source  # the platform rejects such file names
    return found
