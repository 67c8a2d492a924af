"""`uploader init --output`: what it may replace, and what names no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest_uploader.cli import command
from tests.init import trees

OPTIONS = ("--slug", "airways", "--each", "patient*_folder", "--socket", "ct-image=ct.mhd")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    trees.write_mhd_patients(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str) -> int:
    return command(["init", "mainfolder", *OPTIONS, *arguments])


def test_force_replaces_no_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = min(folder.rglob("*.mha"))
    before = image.read_bytes()

    assert init("--force", "--output", str(image.relative_to(folder))) == 2

    assert image.read_bytes() == before
    said = capsys.readouterr().err
    assert "is not a manifest; it stays as it is\n  hint: --force replaces manifests only" in said


@pytest.mark.parametrize("name", ["lung.yml", "LUNG.YAML", "lung.txt"])
def test_force_replaces_a_manifest_whatever_it_is_called(folder: Path, name: str) -> None:
    assert init("--output", name) == 0
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"airways", b"others"))

    assert init("--force", "--output", name) == 0

    assert b"slug: airways" in path.read_bytes()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("-", "'init' writes to a file, not to standard output"),
        ("", "--output names no file"),
        ("mainfolder", "'mainfolder' cannot be written: it is a folder\n  hint: name the file"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--force",)])
def test_what_names_no_file_is_told(
    output: str, words: str, more: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))

    assert init("--output", output, *more) == 2

    assert words in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before
