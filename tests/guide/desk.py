"""A reader who copies the commands of a page into a terminal, in a home of their own.

One shell session goes through a whole page: its folder and its environment stay from block to
block. The platform is a sandbox, and the study is a copy of the example, as README's first study
makes it.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import pydicom

from manifest_uploader.state import lock
from tests.entry import ENTRY, environment, items_of, platform, uploader
from tests.guide.pages import README, ROOT, UPLOADED, Block, blocks

SOCKETS = (
    *("ct-image=Image", "airway-segmentation=Segmentation", "some-score=Float"),
    *("report=PDF file", "findings=Anything"),
)
STUDY = ("--no-importer", "--reader-study", "lung-nodules", *(f"--socket={one}" for one in SOCKETS))
_LEFT_BY_RUNS = shutil.ignore_patterns("*.sandbox", "*.jsonl", "*.lock", "*.html")
_SESSION = """\
[ ! -e "$SESSION" ] || {{ . "$SESSION"; cd "$(cat "$SESSION.folder")"; }}
trap 'code=$?; export -p > "$SESSION"; pwd > "$SESSION.folder"; exit $code' EXIT
{text}"""
"""Goes on where the block before has ended."""


@dataclass(frozen=True)
class Program:
    """What the reader has installed: an environment's `bin` folder, or this Python's package."""

    folder: Path | None = None
    text: str | None = None
    """The text of the program `uploader`, if it is none that starts this Python."""

    def install(self, venv: Path) -> None:
        """Let `.venv` of the reader's repository be it."""
        if self.folder is not None:
            venv.symlink_to(self.folder.parent)
            return
        (venv / "bin").mkdir(parents=True)
        programs = {
            name: f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
            for name, words in (("uploader", ENTRY), ("python", ENTRY[:1]))
        }
        if self.text is not None:
            programs["uploader"] = self.text
        for name, text in programs.items():
            program = venv / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
        activate = f"export PATH={shlex.quote(str(venv / 'bin'))}:$PATH\n"
        (venv / "bin" / "activate").write_text(activate)


THIS = Program()


@dataclass
class Desk:
    """A reader's home, and everything that a page's commands touch."""

    home: Path
    ready: dict[str, str]
    program: Program
    rest: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def repository(self) -> Path:
        return self.home / "uploader"

    @property
    def study(self) -> Path:
        return self.repository / "lung-study"

    @property
    def manifest(self) -> Path:
        return self.study / "manifest.yaml"

    @property
    def memory(self) -> Path:
        """What the platform remembers."""
        return self.home.parent / "platform"

    def set_up(self) -> None:
        """Lay out the repository's examples and the program."""
        self.home.mkdir()
        examples = self.repository / "examples"
        shutil.copytree(ROOT / "examples", examples, ignore=_LEFT_BY_RUNS)
        self.program.install(self.repository / ".venv")
        shutil.copy(certifi.where(), self.home / "hospital-ca.pem")

    def open_topic(self, uploaded: Path | None) -> None:
        """Sit in the study's folder with a token; `uploaded` is a study that was uploaded."""
        example = self.repository / "examples" / "reader-study"
        shutil.copytree(uploaded or example, self.study)
        token = f"export GRAND_CHALLENGE_AUTHORIZATION={self.ready['token']}"
        code, seen = self.shell(f". .venv/bin/activate; cd lung-study; {token}")
        assert code == 0, seen

    def shell(self, text: str, *, given: str = "") -> tuple[int, str]:
        """Run what a reader types; the exit code, and all that is seen."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _SESSION.format(text=text)],
            cwd=self.repository,
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
        who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in person.items()}
        path = {} if self.program.folder is None else {"PYTHONPATH": None}
        return environment(
            GRAND_CHALLENGE_API_URL=self.ready["url"],
            SESSION=str(self.home / ".session"),
            HOME=str(self.home),
            XDG_DATA_HOME=None,
            PYTHON_KEYRING_BACKEND="keyrings.alt.file.PlaintextKeyring",
            GIT_CONFIG_NOSYSTEM="1",
            **who,
            **path,
        )

    def walk(self, page: Path) -> Iterator[tuple[Block, str]]:
        """Run a page from its first line to its last."""
        last, seen = None, ""
        with self.rest:
            for block in blocks(page):
                if block.file is not None:
                    folder = Path((self.home / ".session.folder").read_text().strip())
                    (folder / block.file).write_text(block.text, encoding="utf-8")
                elif block.is_run:
                    last, seen = block, self.run(block)
                elif block.note == "output of the same again":
                    assert last is not None
                    yield block, self.run(last)
                elif block.note == "output":
                    yield block, seen

    def run(self, block: Block) -> str:
        """Run a block as its comment says; what is seen."""
        text, given = block.text, ""
        match block.note:
            case "runs until it is stopped":
                return self.run_until_ready(block)
            case "the main job":
                text = text.rpartition(" && ")[2]  # the tests have no index of packages
            case "reads the token":
                given = f"{self.ready['token']}\n"
        if block.language == "python":
            text = f"python - <<'END'\n{text}END\n"
        with SITUATIONS[block.before](self) if block.before else contextlib.nullcontext():
            code, seen = self.shell(text, given=given)
        assert code == block.code, f"{block.place}: exit {code}\n{text}\n{seen}"
        return seen

    def run_until_ready(self, block: Block) -> str:
        process = subprocess.Popen(
            ["bash", "-c", _SESSION.format(text=f"exec {block.text}")],
            cwd=self.repository,
            env=self.environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout is not None
        seen = ""
        while "Ctrl-C" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        process.terminate()
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return seen + rest


# ── what happened before ────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def two_mistakes(desk: Desk) -> Iterator[None]:
    right = desk.manifest.read_text(encoding="utf-8")
    wrong = right.replace("title: Patient 1 ", "titel: Patient 1 ", 1)
    desk.manifest.write_text(wrong.replace("patient-002/ct/", "patient-02/ct/"), encoding="utf-8")
    yield
    desk.manifest.write_text(right, encoding="utf-8")


@contextlib.contextmanager
def a_slice_is_empty(desk: Desk) -> Iterator[None]:
    file = desk.study / "data" / "patient-002" / "ct" / "IM0003.dcm"
    right = file.read_bytes()
    file.write_bytes(b"")
    yield
    file.write_bytes(right)


@contextlib.contextmanager
def a_file_is_replaced(desk: Desk) -> Iterator[None]:
    file = desk.study / "data" / "patient-001" / "airways.mha"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([1 - data[-1]]))  # another voxel is part of the airways
    yield


@contextlib.contextmanager
def the_state_file_is_deleted(desk: Desk) -> Iterator[None]:
    (desk.study / "manifest.state.jsonl").unlink()
    yield


@contextlib.contextmanager
def a_case_is_deleted(desk: Desk) -> Iterator[None]:
    pk = items_of(desk.memory)[0]["pk"]
    assert uploader("sandbox", "delete", "--dir", desk.memory, pk, cwd=desk.home).code == 0
    yield


@contextlib.contextmanager
def another_run_holds_the_lock(desk: Desk) -> Iterator[None]:
    state = desk.study / "manifest.state.jsonl"
    desk.rest.enter_context(lock.held(state, take_over=False, command=""))
    yield


@contextlib.contextmanager
def a_slice_names_its_patient(desk: Desk) -> Iterator[None]:
    file = min((desk.study / "data" / "patient-002" / "ct").iterdir())
    right = file.read_bytes()
    named = pydicom.dcmread(file)
    named.PatientName, named.PatientBirthDate = "Doe^Jane", "19700101"
    named.save_as(file)
    yield
    file.write_bytes(right)


@contextlib.contextmanager
def the_study_is_in_git(desk: Desk) -> Iterator[None]:
    code, seen = desk.shell(
        "git init -q -b main . && git commit -q --allow-empty -m begin && "
        "git init -q --bare ~/remote.git && git remote add origin ~/remote.git && "
        "git push -q -u origin main"
    )
    assert code == 0, seen
    yield


@contextlib.contextmanager
def the_token_is_in_its_file(desk: Desk) -> Iterator[None]:
    (desk.home / ".grand-challenge-token").write_text(desk.ready["token"])
    yield


SITUATIONS: dict[str, Callable[[Desk], contextlib.AbstractContextManager[None]]] = {
    "two mistakes": two_mistakes,
    "a slice is empty": a_slice_is_empty,
    "a file is replaced": a_file_is_replaced,
    "the state file is deleted": the_state_file_is_deleted,
    "a case is deleted on the web page": a_case_is_deleted,
    "another run holds the lock": another_run_holds_the_lock,
    "a slice names its patient": a_slice_names_its_patient,
    "the study is in git": the_study_is_in_git,
    "the token is in its file": the_token_is_in_its_file,
}


# ── a page from its first line to its last ──────────────────────────────────────────────────


@dataclass(frozen=True)
class Prepared:
    """What all topics share."""

    study: Path
    """A study that was uploaded."""
    memory: Path
    """What its platform remembers."""
    empty: dict[str, str]
    """Another platform, with an empty study; topics only look at it."""


@contextlib.contextmanager
def prepared(folder: Path) -> Iterator[Prepared]:
    """Upload the example once, and run an empty platform, for all topics."""
    study, memory = folder / "study", folder / "memory"
    shutil.copytree(ROOT / "examples" / "reader-study", study, ignore=_LEFT_BY_RUNS)
    with platform(memory, *STUDY) as ready:
        where = {"GRAND_CHALLENGE_API_URL": ready["url"]}
        given = environment(**where, GRAND_CHALLENGE_AUTHORIZATION=ready["token"])
        ended = uploader("run", "manifest.yaml", cwd=study, given=given)
    assert ended.code == 0, ended.err
    with platform(folder / "empty", *STUDY) as ready:
        yield Prepared(study, memory, ready)


def walk_topic(
    page: Path, folder: Path, prepared: Prepared, program: Program = THIS
) -> Iterator[tuple[Block, str]]:
    """Run a topic's page: each of its output blocks, and what was seen."""
    with contextlib.ExitStack() as rest:
        ready, study = prepared.empty, None
        if UPLOADED in page.read_text(encoding="utf-8"):
            shutil.copytree(prepared.memory, folder / "platform")
            ready, study = rest.enter_context(platform(folder / "platform", *STUDY)), prepared.study
        desk = Desk(folder / "home", ready, program)
        desk.set_up()
        desk.open_topic(study)
        yield from desk.walk(page)


def walk_readme(folder: Path, program: Program = THIS) -> Iterator[tuple[Block, str]]:
    """Run README: each of its output blocks, and what was seen."""
    with platform(folder / "platform", *STUDY) as ready:
        desk = Desk(folder / "home", ready, program)
        desk.set_up()
        yield from desk.walk(README)
