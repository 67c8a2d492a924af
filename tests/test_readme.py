"""README.md is true to the letter: its commands are run, and its outputs are theirs.

A comment above a block says what a shell cannot: what happened before, how the command ends, or
why it is not run here. The reader's study is a copy of an example, the platform is a sandbox.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest

from manifest_uploader.manifest.parser import parse
from manifest_uploader.state import lock
from tests.entry import ENTRY, environment, items_of, platform, uploader

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOKEN = "GRAND_CHALLENGE_AUTHORIZATION"
NOT_RUN = {
    "for Windows",
    "the tests have an environment of their own",
    ".ci/run does it",
}
"""Every reason for which a command of README is not run by this test."""

VOLATILE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "PK"),
    (r"\b[0-9a-f]{64}\b", "TOKEN"),
    (r"\b[\d.]+ s\b", "TIME"),
    (r"\b\d+ requests\b", "N requests"),
    (r'"(requests|elapsed_s)": [\d.]+', r'"\1": N'),
    (r"held by .* since [\d: -]+ ", "held by SOMEBODY "),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"(?m)^(\d+ of \d+ cases? finished|looking (at|into)|listing|waiting for|planning).*\n", ""),
)
"""What differs from run to run, and what stands for it in a comparison."""


# ── reading ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment above it."""

    language: str
    text: str
    note: str
    line: int

    @property
    def code(self) -> int:
        """The exit code that the comment promises."""
        found = re.search(r"exit (\d+)", self.note)
        return int(found[1]) if found else 0

    @property
    def before(self) -> str | None:
        """What happened before."""
        found = re.match(r"before: ([^;]+)", self.note)
        return found[1] if found else None

    @property
    def is_run(self) -> bool:
        """Whether this test runs it."""
        return self.language == "sh" and not self.note.startswith(("not run here", "the tests"))


def blocks(text: str) -> list[Block]:
    pattern = r"(?:^<!-- (?P<note>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$"
    return [
        Block(
            found["language"], found["text"], found["note"] or "", text[: found.start()].count("\n")
        )
        for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL)
    ]


def masked(output: str) -> list[str]:
    """The lines without what differs from run to run; cases end in any order."""
    for pattern, stands_for in VOLATILE:
        output = re.sub(pattern, stands_for, output)
    return sorted(output.splitlines())


# ── the reader's desk ───────────────────────────────────────────────────────────────────────


@dataclass
class Desk:
    """A reader's folder with a study, and everything that README's commands touch."""

    home: Path
    ready: dict[str, str]
    rest: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    token: dict[str, str] = field(default_factory=dict)
    """In the environment, from README's `export` on."""

    @property
    def study(self) -> Path:
        return self.home / "lung-study"

    @property
    def repository(self) -> Path:
        return self.home / "repository"

    def set_up(self) -> None:
        """Lay out the repository's examples, the study's data, its git and the program."""
        shutil.copytree(ROOT / "examples", self.repository / "examples", ignore=_LEFT_BY_RUNS)
        data = self.repository / "examples" / "reader-study" / "data"
        shutil.copytree(data, self.study / "data")
        for folder in (self.home / "bin", self.repository / ".venv" / "bin"):
            folder.mkdir(parents=True)
            program = folder / "uploader"
            program.write_text(f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n')
            program.chmod(0o755)
        (self.study / "lung.yaml").write_text(first_manifest().text, encoding="utf-8")
        self.shell(
            "git init -q -b main . && git commit -q --allow-empty -m begin && "
            "git init -q --bare ../remote.git && git remote add origin ../remote.git && "
            "git push -q -u origin main"
        )

    def shell(self, text: str, *, given: str = "", cwd: Path | None = None) -> tuple[int, str]:
        """Run what a reader types; the exit code, and all that is seen."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=cwd or self.study,
            env=self.environment(),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return ended.returncode, ended.stdout

    def environment(self) -> dict[str, str]:
        person = {"NAME": "Reader", "EMAIL": "reader@example.org"}
        given = environment(
            GRAND_CHALLENGE_API_URL=self.ready["url"],
            **self.token,
            HOME=str(self.home),
            PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring",
            GIT_CONFIG_NOSYSTEM="1",
        )
        who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in person.items()}
        return {**given, **who, "PATH": f"{self.home / 'bin'}:{given['PATH']}"}

    def run(self, block: Block) -> str:
        """Run a block as its comment says; what is seen."""
        if block.note == "runs until it is stopped":
            return self.run_until_ready(block)
        text, cwd = block.text, self.study
        if block.note == "the main job":
            text, cwd = text.rpartition(" && ")[2], self.repository
        given = f"{self.ready['token']}\n" if block.note == "reads the token" else ""
        with SITUATIONS[block.before](self) if block.before else contextlib.nullcontext():
            code, seen = self.shell(text, given=given, cwd=cwd)
        if f"export {TOKEN}=" in block.text:
            self.token = {TOKEN: self.ready["token"]}
        assert code == block.code, f"README.md:{block.line}: exit {code}\n{text}\n{seen}"
        return seen

    def run_until_ready(self, block: Block) -> str:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {block.text}"],
            cwd=self.study,
            env=self.environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout is not None
        seen = ""
        while "Ctrl-C" not in seen:
            seen += process.stdout.readline()
        process.terminate()
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return seen + rest


_LEFT_BY_RUNS = shutil.ignore_patterns("*.sandbox", "*.state.jsonl", "*.lock")


# ── what happened before ────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def two_mistakes(inputs: Desk) -> Iterator[None]:
    manifest = inputs.study / "lung.yaml"
    right = manifest.read_text(encoding="utf-8")
    wrong = right.replace("title: Patient 1 ", "titel: Patient 1 ", 1)
    manifest.write_text(wrong.replace("patient-002/ct/", "patient-02/ct/"), encoding="utf-8")
    yield
    manifest.write_text(right, encoding="utf-8")


@contextlib.contextmanager
def a_slice_is_empty(inputs: Desk) -> Iterator[None]:
    file = inputs.study / "data" / "patient-002" / "ct" / "IM0003.dcm"
    right = file.read_bytes()
    file.write_bytes(b"")
    yield
    file.write_bytes(right)


@contextlib.contextmanager
def a_file_is_replaced(inputs: Desk) -> Iterator[None]:
    data = inputs.study / "data"
    shutil.copy(data / "patient-003" / "airways.mha", data / "patient-001" / "airways.mha")
    yield


@contextlib.contextmanager
def the_state_file_is_deleted(inputs: Desk) -> Iterator[None]:
    (inputs.study / "lung.state.jsonl").unlink()
    yield


@contextlib.contextmanager
def a_case_is_deleted(inputs: Desk) -> Iterator[None]:
    memory = inputs.home / "platform"
    pk = items_of(memory)[0]["pk"]
    assert uploader("sandbox", "delete", "--dir", memory, pk, cwd=inputs.home).code == 0
    yield


@contextlib.contextmanager
def another_run_holds_the_lock(inputs: Desk) -> Iterator[None]:
    state = inputs.study / "lung.state.jsonl"
    inputs.rest.enter_context(lock.held(state, take_over=False, command=""))
    yield


@contextlib.contextmanager
def a_slice_names_its_patient(inputs: Desk) -> Iterator[None]:
    file = min((inputs.study / "data" / "patient-002" / "ct").iterdir())
    right = file.read_bytes()
    named = pydicom.dcmread(file)
    named.PatientName, named.PatientBirthDate = "Doe^Jane", "19700101"
    named.save_as(file)
    yield
    file.write_bytes(right)


SITUATIONS: dict[str, Callable[[Desk], contextlib.AbstractContextManager[None]]] = {
    "two mistakes": two_mistakes,
    "a slice is empty": a_slice_is_empty,
    "a file is replaced": a_file_is_replaced,
    "the state file is deleted": the_state_file_is_deleted,
    "a case is deleted on the web page": a_case_is_deleted,
    "another run holds the lock": another_run_holds_the_lock,
    "a slice names its patient": a_slice_names_its_patient,
}


# ── tests ───────────────────────────────────────────────────────────────────────────────────


def walk(tmp_path: Path) -> Iterator[tuple[Block, str]]:
    """Run README from its first line to its last: every output block, and what was seen."""
    sockets = ("ct-image=Image", "airway-segmentation=Segmentation", "some-score=Float")
    options = [word for one in sockets for word in ("--socket", one)]
    study = ("--reader-study", "lung-nodules")
    with platform(tmp_path / "platform", *study, *options) as ready:
        inputs = Desk(tmp_path, ready)
        inputs.set_up()
        last, seen = None, ""
        with inputs.rest:
            for block in blocks(README):
                if block.is_run:
                    last, seen = block, inputs.run(block)
                elif block.note == "output of the same again":
                    assert last is not None
                    yield block, inputs.run(last)
                elif block.note == "output":
                    yield block, seen


@pytest.mark.skipif(sys.platform == "win32", reason="README's commands are for a POSIX shell")
def test_every_command_does_what_readme_shows(tmp_path: Path) -> None:
    outputs = list(walk(tmp_path))

    assert len(outputs) > 10
    for block, seen in outputs:
        assert masked(seen) == masked(block.text), f"README.md:{block.line}: it is\n{seen}"


def test_what_is_not_run_is_listed_with_its_reason() -> None:
    prefix = "not run here: "
    reasons = {block.note.removeprefix(prefix) for block in blocks(README) if prefix in block.note}

    assert reasons == NOT_RUN
    unmarked = [block for block in blocks(README) if block.language not in {"sh", "yaml", ""}]
    assert all(block.note for block in unmarked)


def test_every_fence_is_read() -> None:
    assert README.count("\n```") == 2 * len(blocks(README))


def test_outputs_that_differ_are_noticed() -> None:
    shown = "patient-1: done\nall 2 cases done; sent 5 B, 22 requests, 0.7 s"

    assert masked(shown) == masked(shown.replace("22", "23").replace("0.7", "12"))
    assert masked(shown) != masked(shown.replace("5 B", "6 B"))


def test_the_two_lines_of_set_up_are_those_that_ci_runs() -> None:
    main, tests = (
        [block.text.rstrip("\n") for block in blocks(README) if block.note == note]
        for note in ("the main job", "the tests")
    )
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert main[0].endswith(".venv/bin/uploader run --sandbox examples/reader-study/manifest.yaml")
    assert tests[0].endswith(".venv/bin/python -m pytest")
    assert "\n" not in main[0] + tests[0]
    assert all(f"$(line '{name}')" in script for name in ("the main job", "the tests"))


def test_the_yaml_blocks_are_manifests() -> None:
    texts = [block.text for block in blocks(README) if block.language == "yaml"]
    head = "version: 1\ntarget: {kind: archive, slug: lung}\ncases:\n"
    head += "- name: patient-001\n  sockets:\n"

    whole = [text for text in texts if text.startswith("version:")]
    parts = [text for text in texts if not text.startswith(("version:", "#"))]
    for text in whole:
        manifest = parse(text.encode(), "README.md")
        assert (manifest.short is not None) == ("\neach:" in text)
        assert manifest.short or manifest.cases
    for text in parts:
        indented = "".join(f"    {line}\n" for line in text.splitlines())
        assert parse((head + indented).encode(), "README.md").cases[0].values

    assert (len(whole), len(parts)) == (3, 1)


def test_every_option_is_told_and_every_option_told_exists(tmp_path: Path) -> None:
    helps = {
        command: uploader(command, "--help", cwd=tmp_path).out
        for command in re.findall(
            r"^    ([a-z]+)\b", uploader("--help", cwd=tmp_path).out, re.MULTILINE
        )
    }
    to_tell = _options("".join(helps[name] for name in ("validate", "plan", "run", "status")))
    of_others = _options(
        "\n".join(re.findall(r"^(?:#SBATCH|git|ruff|.*pip) .*$", README, re.MULTILINE))
    )

    known, told = _options("".join(helps.values())), _options(README)

    assert to_tell - told == set()
    assert told - known - of_others == set()
    assert {name for name in helps if f"uploader {name}" not in README} == set()


def _options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", text))


def first_manifest() -> Block:
    return next(block for block in blocks(README) if block.text.startswith("version:"))
