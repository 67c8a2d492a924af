"""Folders that cannot be written, full disks, names of what is not there: one clear sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifest_uploader.cli import command
from tests.e2e.helpers import Box, Ran, Served, environment, served
from tests.simulated import SYSTEMS, VARIABLE

INIT = ("init", "data", "--slug", "x", "--each", "*", "--socket", "ct=ct.mha")
WRITERS: dict[str, tuple[str, ...]] = {
    "run": ("run", "lung.yaml"),
    "run in a new folder": ("run", "lung.yaml", "--state", "new/folder/s.jsonl"),
    "report": ("report", "lung.yaml"),
    "report of tables": ("report", "lung.yaml", "--csv", "a.csv", "--json", "a.json"),
    "init": INIT,
    "init anew": (*INIT, "--output", "old.yaml", "--force"),
    "deidentify": ("deidentify", "data", "out"),
    "a log": ("validate", "lung.yaml", "--log-file", "x.log"),
}
READERS: dict[str, tuple[str, ...]] = {
    "validate": ("validate", "lung.yaml"),
    "plan": ("plan", "lung.yaml"),
    "status": ("status", "lung.yaml"),
    "report to standard output": ("report", "lung.yaml", "--csv", "-", "--output", os.devnull),
    "schema": ("schema",),
}
SAYS = {
    "read-only": "Read-only file system",
    "denied": "Permission denied",
    "full": "No space left on device",
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture
def box(platform: Served, tmp_path: Path) -> Box:
    found = Box(tmp_path, platform)
    found.add_usual("a")
    found.save()
    shutil.copy(found.manifest, tmp_path / "old.yaml")
    return found


def run_in(box: Box, *words: str, system: str | None = None) -> Ran:
    from tests import forked

    there = box.environment(**{VARIABLE: system})
    found = forked.run(words, cwd=box.folder, environment=there, seconds=20)
    return Ran(found.code, found.out, found.err)


def check_sentence(ran: Ran) -> str:
    """The one sentence, which names no number and calls nothing a bug."""
    assert ran.code in {2, 3}, ran.err
    first, *hints = ran.err.splitlines()
    assert first.startswith("uploader: ")
    assert all(line.startswith("  hint: ") for line in hints), ran.err
    for word in ("rrno", "WinError", "Traceback", "a bug", "None"):
        assert word not in ran.err
    return first


# ── disks ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("system", SAYS)
@pytest.mark.parametrize("what", WRITERS)
def test_what_cannot_be_written_is_told(box: Box, what: str, system: str) -> None:
    before = sorted(box.folder.rglob("*"))

    said = check_sentence(run_in(box, *WRITERS[what], system=system))

    assert said.endswith(f" cannot be written: {SAYS[system]}")
    assert sorted(box.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("system", "helps"),
    [
        ("read-only", "get write permission there"),
        ("denied", "get write permission there"),
        ("full", "make room"),
    ],
)
def test_the_hint_fits_the_reason(box: Box, system: str, helps: str) -> None:
    err = run_in(box, *WRITERS["run"], system=system).err

    assert f"hint: nothing was sent; {helps}, or name another place for the state" in err


@pytest.mark.parametrize("what", READERS)
def test_what_writes_nothing_needs_no_room(box: Box, what: str) -> None:
    assert SYSTEMS["full"].writes
    run_in(box, *READERS[what], system="full").expect(0)


def test_a_state_on_a_disk_that_fills_up_ends_the_run_and_is_whole(box: Box) -> None:
    prefix = _on_a_tiny_disk(box.folder / "tiny")
    words = [*prefix, sys.executable, "-m", "manifest_uploader", "run", "lung.yaml"]
    for number in range(60):
        box.add_score(f"case-{number}")
    box.save()

    ended = subprocess.run(
        [*words, "--state", "tiny/s.jsonl"],
        cwd=box.folder,
        env=box.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert ended.returncode == 3, ended.stderr
    assert "s.jsonl cannot be written: No space left on device" in ended.stderr


def _on_a_tiny_disk(folder: Path) -> list[str]:
    """What runs a command with a disk of a few pages in this folder, where the system lets us."""
    folder.mkdir()
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    script = f'mount -t tmpfs -o size=12k tiny {folder} && exec "$@"'
    prefix = [unshare or "", "--mount", "--map-root-user", "sh", "-c", script, "-"]
    if sys.platform != "linux" or unshare is None or mount is None:
        pytest.skip("there are no disks of one's own here")
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may mount nothing")
    return prefix


# ── names ───────────────────────────────────────────────────────────────────────────────────

NAMES = [
    (("report", "lung.yaml", "--output", "no/a.html"), "folder 'no' does not exist"),
    (("report", "lung.yaml", "--csv", "no/such/a.csv"), "folder 'no/such' does not exist"),
    (("report", "lung.yaml", "--json", "lung.yaml/a.json"), "'lung.yaml' is not a folder"),
    (("report", "lung.yaml", "--output", "data"), "it is a folder"),
    ((*INIT, "--output", "no/m.yaml"), "does not exist"),
    ((*INIT, "--output", "data", "--force"), "it is a folder"),
    ((*INIT, "--table", "no.csv", "--key", "a"), "No such file"),
    (("validate", "lung.yaml", "--log-file", "no/log"), "folder 'no' does not exist"),
    (("validate", "lung.yaml", "--log-file", "data"), "it is a folder"),
    (("status", "lung.yaml", "--state", "no.jsonl"), "state file 'no.jsonl' does not exist"),
    (("status", "lung.yaml", "--state", "data"), "'data' is a folder, not a state file"),
    (("status", "lung.yaml", "--watch", "--state", "data"), "'data' is a folder, not a state"),
    (("verify", "lung.yaml", "--state", "no.jsonl"), "state file 'no.jsonl' does not exist"),
    (("verify", "lung.yaml", "--state", "data"), "'data' is a folder, not a state file"),
    (("report", "lung.yaml", "--state", "no.jsonl"), "state file 'no.jsonl' does not exist"),
    (("report", "lung.yaml", "--state", "data"), "'data' is a folder, not a state file"),
    (("validate", "data"), "'data' is a folder, not a manifest"),
    (("status", "data"), "'data' is a folder, not a manifest"),
    (("status", "no.yaml"), "file 'no.yaml' does not exist"),
    (("plan", "lung.yaml", "--token-file", "no"), "'no' cannot be read: No such file"),
    (("plan", "lung.yaml", "--token-file", "data"), "'data' cannot be read: Is a directory"),
    (("run", "lung.yaml", "--state", "lung.yaml/s.jsonl"), "'lung.yaml' is not a folder"),
    (("run", "lung.yaml", "--state", "data"), "'data' is a folder, not a state file"),
    (("deidentify", "no", "out"), "'no' does not exist"),
    (("deidentify", "data", "lung.yaml"), "'lung.yaml' is not a folder"),
    (("sandbox", "show", "--dir", "no"), "no sandbox"),
]


@pytest.mark.parametrize(("words", "says"), NAMES, ids=[" ".join(one[0][:5]) for one in NAMES])
def test_what_is_not_there_is_told(
    box: Box,
    words: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(box.folder)
    for name, value in box.environment().items():
        monkeypatch.setenv(name, value)

    code = command(list(words))

    ran = Ran(code, *capsys.readouterr())
    if words[0] == "sandbox":
        assert (ran.code in {2, 3}, "rrno" in ran.err) == (True, False), ran.err
    else:
        assert says in check_sentence(ran)
    assert not (box.folder / "lung.state.jsonl").exists()


def test_a_run_that_refuses_leaves_no_folder_for_its_state(box: Box) -> None:
    (box.folder / "data" / "a").rename(box.folder / "elsewhere")
    refused = box("run", "--state", "u/nodir/s.jsonl").expect(2)
    left = (box.folder / "u").exists()

    (box.folder / "elsewhere").rename(box.folder / "data" / "a")
    box("run", "--state", "u/nodir/s.jsonl").expect(0)

    assert "'a/ct.mha' does not exist" in refused.err
    assert not left
    assert [one.name for one in (box.folder / "u" / "nodir").glob("*.jsonl")]


def test_an_empty_token_file_is_told(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(box.folder)
    (box.folder / "token").write_text(" \n", encoding="utf-8")

    assert command(["plan", "lung.yaml", "--token-file", "token"]) == 3

    assert "the token file 'token' is empty\n  hint: put the token into it" in (
        capsys.readouterr().err
    )


def test_a_folder_that_cannot_be_read_is_told_once(box: Box) -> None:
    prefix = _without_rights(box.folder)
    (box.folder / "data").chmod(0)

    ended = subprocess.run(
        [*prefix, sys.executable, "-m", "manifest_uploader", "validate", "lung.yaml"],
        cwd=box.folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    (box.folder / "data").chmod(0o755)

    assert ended.returncode == 2
    assert "cannot be read: Permission denied" in ended.stderr
    assert "does not exist" not in ended.stderr


def _without_rights(folder: Path) -> list[str]:
    """What runs a command without an administrator's right to read and write everything."""
    if not hasattr(os, "geteuid"):
        pytest.skip("folders have no such permissions here")
    setpriv = shutil.which("setpriv")
    if os.geteuid():
        return []
    if setpriv is None:
        pytest.skip("an administrator may read everything")
    caps = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={caps}", f"--inh-caps={caps}"]
