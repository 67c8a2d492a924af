from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from manifest_uploader import cli
from tests.e2e.data import dicom_slice, mha, write

MANIFEST = "version: 1\ntarget: {kind: archive, slug: lung}\ncases:\n- {name: a, sockets: {x: 1}}\n"


def test_validating_needs_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(MANIFEST)

    assert cli.command(["validate", "lung.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "lung.yaml: 1 case, no problem; the platform was not asked\n"
    assert err == ""


def test_every_problem_is_a_json_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(MANIFEST.replace("name: a", "nam: a"))

    assert cli.command(["validate", "lung.yaml", "--json"]) == 2
    out, err = capsys.readouterr()
    problems = [json.loads(line) for line in out.splitlines()]
    assert problems
    assert {problem["line"] for problem in problems} == {4}
    assert f"{len(problems)} problem" in err


# ── files ───────────────────────────────────────────────────────────────────────────────────

SERIES = (
    "version: 1\n"
    "target: {kind: archive, slug: lung}\n"
    "cases:\n"
    "- {name: a, sockets: {ct: {files: ct/*}}}\n"
    "- {name: b, sockets: {ct: {file: b.mha}, table: {file: b.csv}}}\n"
)
GAP = "1 slice is probably missing between 'IM4' and 'IM6': 2 mm, not 1 mm"


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A series without one of its slices, an image, and an empty table."""
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(SERIES)
    for number in (1, 2, 3, 4, 6, 7, 8, 9):
        write(Path(f"ct/IM{number}"), dicom_slice(1, number, side=4))
    write(Path("b.mha"), mha(1))
    write(Path("b.csv"), b"")
    for path in [*Path("ct").iterdir(), Path("b.mha"), Path("b.csv")]:
        os.utime(path, (1e9, 1e9))


@pytest.mark.usefixtures("series")
def test_the_last_line_says_how_many_files_were_looked_into(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for end in (
        "read 10 files",
        "read 10 files",  # the second time by remembering
    ):
        assert cli.command(["validate", "lung.yaml"]) == 0
        out, err = capsys.readouterr()
        assert out == f"lung.yaml: 2 cases, no problem; {end}; the platform was not asked\n"
        assert err == (
            f"lung.yaml:4:35: warning: a/ct: {GAP}\n"
            "  hint: look for the missing slices; the image is sent as it is\n"
            "lung.yaml:5:56: warning: b/table: 'b.csv' is empty; it is sent as it is\n"
        )


@pytest.mark.usefixtures("series")
def test_a_quick_look_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command(["validate", "lung.yaml", "--quick"]) == 0

    said, err = capsys.readouterr()
    assert said.endswith("; read 3 of 10 files (--quick); the platform was not asked\n")
    assert GAP not in err


@pytest.mark.usefixtures("series")
def test_warnings_are_json_lines_beside_problems(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ct/IM3").write_bytes(b"")

    assert cli.command(["validate", "lung.yaml", "--json"]) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(one["severity"], one["line"], one["message"]) for one in found] == [
        ("problem", 4, "a/ct: 'IM3' is empty"),
        ("warning", 5, "b/table: 'b.csv' is empty; it is sent as it is"),
    ]


@pytest.mark.usefixtures("series")
def test_the_importer_is_asked_about_images_and_its_verdicts_are_remembered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.command(["validate", "lung.yaml", "--import"]) == 0
    first, warnings = capsys.readouterr()
    monkeypatch.setattr("manifest_uploader.engine.import_check.import_check", never)
    assert cli.command(["validate", "lung.yaml", "--import"]) == 0

    assert first.splitlines()[-1] == (
        "lung.yaml: 2 cases, no problem; read 10 files; "
        "the platform's importer accepts 2 images; the platform was not asked"
    )
    assert capsys.readouterr() == (first, warnings)


def never(bundles: Iterable[object], **_: object) -> Iterator[object]:
    """An importer that is asked about nothing."""
    assert list(bundles) == []
    yield from ()


@pytest.mark.usefixtures("series")
def test_what_the_importer_leaves_out_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--quick` it is the only one that looks at every file."""
    Path("ct/IM6").write_bytes(b"")

    assert cli.command(["validate", "lung.yaml", "--import", "--quick"]) == 2

    said = capsys.readouterr().err
    assert "lung.yaml:4:35: a/ct: the importer leaves out 'IM6'\n" in said
    assert said.endswith("1 problem; nothing was sent\n")


@pytest.mark.usefixtures("series")
def test_without_the_importer_it_is_said_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest_uploader.files.importer.find_spec", lambda _: None)

    assert cli.command(["validate", "lung.yaml", "--import"]) == 3

    assert "-m pip install panimg" in capsys.readouterr().err
