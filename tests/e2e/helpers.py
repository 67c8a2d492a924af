"""What the end-to-end tests share: sandboxes, a folder with a manifest, the command line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from manifest_uploader.sandbox import Running, SandboxOptions, start
from manifest_uploader.sandbox.show import read_items
from manifest_uploader.sandbox.store import Store
from manifest_uploader.state.file import read
from manifest_uploader.state.history import fold
from manifest_uploader.state.standing import standing_of
from tests import forked
from tests.e2e.data import json_lines, mask, mha, sha256, write
from tests.judging import shared_judge

ROOT = Path(__file__).parents[2]
FULL = bool(os.environ.get("E2E_FULL"))
"""Every bar at its full size."""
STUDY, ARCHIVE = "lung-nodules", "lung-archive"
SOCKETS = (
    *("ct-image=Image", "mr-image=Image", "airway-segmentation=Segmentation,segments=0-1"),
    *("some-score=Float", "count=Integer", "is-good=Bool", "remark=String", "findings=Anything"),
    *("details=Anything:file", "report=PDF file", "table=CSV file"),
    "dicom-set=DICOM Image Set",
)
Entry = dict[str, Any]
"""One entry of a manifest's cases, as YAML reads it."""


# ── sandboxes ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Served:
    """A sandbox that runs, in this process or in one of its own."""

    dir: Path
    url: str
    token: str
    token_without_rights: str
    running: Running | None = None
    ca: str | None = None
    """The certificate to trust, with TLS."""


@contextlib.contextmanager
def served(folder: Path, **more: Any) -> Iterator[Served]:
    """Run a sandbox in this process: it takes a hook, and counts its requests."""
    made_up = {"reader_studies": (STUDY,), "archives": (ARCHIVE,), "sockets": SOCKETS}
    usual = {"import_delay_s": 0.0, "judge": shared_judge()}
    options = SandboxOptions(dir=folder, **{**made_up, **usual, **more})
    with start(options) as running:
        yield Served(folder, running.url, running.token, running.token_without_rights, running)


@contextlib.contextmanager
def served_apart(folder: Path, *arguments: str, **popen: Any) -> Iterator[Served]:
    """Run `uploader sandbox` as a process of its own."""
    made_up = [f"--reader-study={STUDY}", f"--archive={ARCHIVE}"]
    made_up += [f"--socket={one}" for one in SOCKETS]
    process = subprocess.Popen(
        [*UPLOADER, "sandbox", "--json", "--dir", str(folder), *made_up, *arguments],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
        **popen,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        names = ("url", "token", "token_without_rights", "ca")
        yield Served(folder, **{name: ready[name] for name in names})
    finally:
        process.terminate()
        process.communicate(timeout=30)


def items_of(folder: Path) -> list[Entry]:
    """What a sandbox holds, as `uploader sandbox show --json` lists it."""
    store = Store(folder)
    try:
        return list(read_items(store))
    finally:
        store.close()


# ── the command line ────────────────────────────────────────────────────────────────────────

UPLOADER = (sys.executable, "-m", "manifest_uploader")


def environment(**more: str | None) -> dict[str, str]:
    """The environment of a command: ours without a proxy and without other platforms."""
    names = ("GRAND_CHALLENGE_", "UPLOADER_", "SSL_CERT_", "PYTHONIOENCODING")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(names) and not name.upper().endswith("_PROXY")
    }
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    given = {"PYTHONPATH": path, "TERM": "dumb", **more}
    return kept | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Entry]:
        """Standard output as JSON lines."""
        return list(json_lines(self.out))

    @property
    def summary(self) -> Entry:
        """The last JSON line."""
        last = self.lines[-1]
        assert last["event"] == "summary", last
        return last

    @property
    def ends(self) -> Entry:
        """The summary's counts of cases."""
        found: Entry = self.summary["cases"]
        return found

    def events(self, name: str, socket: str | None = None) -> list[Entry]:
        """The events of one name, and of one socket."""
        return [
            line
            for line in self.lines
            if line["event"] == name and socket in (None, line.get("socket"))
        ]

    @property
    def plan(self) -> dict[str, Entry]:
        """The cases of `plan --json` or `status --json`."""
        return {line["case"]: line for line in self.lines if "case" in line}

    @property
    def failures(self) -> dict[str, list[str]]:
        """Case → why it failed, as the end of a run tells people: grouped by reason."""
        found: dict[str, list[str]] = {}
        reason = None
        for line in (self.err + self.out).partition("\nFailed: ")[2].splitlines()[1:]:
            if not line.startswith("  "):
                break
            if not line.startswith("    "):
                reason = line.strip()
            elif not line.startswith("    → "):
                assert reason is not None, line
                found.setdefault(line.split()[0], []).append(reason)
        return found

    def expect(self, code: int) -> Ran:
        """Itself, if it ended with this exit code, and without a traceback."""
        assert "Traceback" not in self.err + self.out, self.err
        assert "a bug" not in self.err, self.err
        assert self.code == code, f"exit {self.code} instead of {code}\n{self.err}\n{self.out}"
        return self


def wait_for(look: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """What is looked for, once it is there."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return found


def side_by_side(scenarios: Mapping[str, Callable[[], object]]) -> None:
    """Act out scenarios at the same time: most of their time is waiting; raise all that failed."""
    with ThreadPoolExecutor(4) as pool:
        under_way = {name: pool.submit(act) for name, act in scenarios.items()}
    failed = []
    for name, future in under_way.items():
        if isinstance(error := future.exception(), Exception):
            error.add_note(f"in the scenario '{name}'")
            failed.append(error)
    if failed:
        raise ExceptionGroup("scenarios", failed)


@dataclass
class Box:
    """A folder with a manifest and its files, and the command line for it."""

    folder: Path
    served: Served | None = None
    entries: list[Entry] = field(default_factory=list)
    kind: str = "reader-study"
    slug: str = STUDY
    name: str = "lung"

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.folder / f"{self.name}.yaml"

    @property
    def state(self) -> Path:
        """The state file."""
        return self.folder / f"{self.name}.state.jsonl"

    @property
    def data(self) -> Path:
        """Where the files are."""
        return self.folder / "data"

    def write(self, content: bytes | str, *names: str) -> Path:
        """Write a file below the root."""
        return write(self.data.joinpath(*names), content)

    def save(self, **more: Any) -> None:
        """Write the manifest of the entries."""
        whole = {
            "version": 1,
            "target": {"kind": self.kind, "slug": self.slug},
            "root": "data",
            **more,
            "cases": self.entries,
        }
        self.data.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        self.manifest.write_text(text, encoding="utf-8")

    def load(self) -> None:
        """Take the entries from the manifest."""
        self.entries = yaml.safe_load(self.manifest.read_text(encoding="utf-8"))["cases"]

    def add(self, name: str, sockets: Mapping[str, Any], **more: Any) -> Entry:
        """Add a case to the entries."""
        self.entries.append({"name": name, **more, "sockets": dict(sockets)})
        return self.entries[-1]

    def add_usual(self, name: str) -> Entry:
        """Add a case of an image, a segmentation and a score, with its files."""
        self.write(mha(name), name, "ct.mha")
        self.write(mask(name), name, "airways.mha")
        sockets = {
            "ct-image": {"file": f"{name}/ct.mha"},
            "airway-segmentation": {"file": f"{name}/airways.mha"},
            "some-score": len(self.entries) + 0.5,
        }
        return self.add(name, sockets)

    def add_score(self, name: str, score: float = 1.5) -> Entry:
        """Add a case of nothing but a score."""
        return self.add(name, {"some-score": score})

    def environment(self, **more: str | None) -> dict[str, str]:
        """The environment of a command for the sandbox."""
        given: dict[str, str | None] = {}
        if self.served is not None:
            given["GRAND_CHALLENGE_API_URL"] = self.served.url
            given["GRAND_CHALLENGE_AUTHORIZATION"] = self.served.token
        return environment(**{**given, **more})

    def spawn(self, command: str, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
        """Start a command for the manifest, in its folder."""
        given: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environment(),
            "cwd": self.folder,
            "text": True,
            "encoding": "utf-8",
        }
        words = [*UPLOADER, command, self.manifest.name, *arguments]
        return subprocess.Popen(words, **{**given, **popen})

    def __call__(self, command: str, *arguments: str, seconds: float = 60, **popen: Any) -> Ran:
        """What comes of a command for the manifest: with `popen`, in a new interpreter."""
        if popen.keys() - {"env"}:
            return ended(self.spawn(command, *arguments, **popen), seconds=seconds)
        words = [command, self.manifest.name, *arguments]
        given = popen.get("env", self.environment())
        found = forked.run(words, cwd=self.folder, environment=given, seconds=seconds)
        return Ran(found.code, found.out, found.err)

    def run(self, *arguments: str, **more: Any) -> Ran:
        """What comes of `run --json`."""
        return self("run", "--json", *arguments, **more)

    # -- what is on the platform --

    def items(self) -> list[Entry]:
        """What the sandbox holds in the target."""
        assert self.served is not None
        return [item for item in items_of(self.served.dir) if item["slug"] == self.slug]

    def by_title(self) -> dict[str, Entry]:
        """The items by title; each title once."""
        items = self.items()
        found = {str(item["title"]): item for item in items}
        assert len(found) == len(items), sorted(item["title"] for item in items)
        return found

    def check(self, special: Mapping[str, Entry] | None = None) -> None:
        """Fail unless the target holds exactly one item a case, with all values and bytes.

        `special` says by case what sockets hold that cannot be told from the manifest.
        """
        items = self.by_title()
        assert {title_of(entry) for entry in self.entries} == items.keys()
        for entry in self.entries:
            item = items[title_of(entry)]
            wanted = self.wanted(entry) | (special or {}).get(entry["name"], {})
            assert wanted == held(item), entry["name"]
            assert entry.get("order", item["order"]) == item["order"]

    def check_state(self) -> None:
        """Fail unless the state file says that every case is done."""
        past = fold(read(self.state).events).cases
        assert {name: standing_of(one).value for name, one in past.items()} == {
            entry["name"]: "done" for entry in self.entries
        }

    def wanted(self, entry: Entry) -> Entry:
        """What an entry's sockets shall hold: values, or what files are and contain."""
        return {slug: self._wanted(value) for slug, value in entry["sockets"].items()}

    def _wanted(self, value: Any) -> Any:
        match value:
            case {"value": inner}:
                return inner
            case {"image": pk}:
                return pk
            case {"file": str() as path}:
                return self._contents([path])
            case {"files": str() as path}:
                return self._contents([path])
            case {"files": list() as paths}:
                return self._contents(paths)
            case _:
                return value

    def _contents(self, paths: Sequence[str]) -> list[str]:
        files = [
            file
            for path in paths
            for file in ([self.data / path] if (self.data / path).is_file() else self._glob(path))
        ]
        assert files, paths
        return sorted(sha256(file) for file in files)

    def _glob(self, path: str) -> list[Path]:
        if (self.data / path).is_dir():
            path += "/**/*"
        return [one for one in self.data.glob(path) if one.is_file()]


def title_of(entry: Entry) -> str:
    """The title that an entry's item bears."""
    return str(entry.get("title", entry["name"])).strip()


def held(item: Entry) -> Entry:
    """What an item's sockets hold, in the form of `Box.wanted`."""
    return {slug: _held(value) for slug, value in item["values"].items()}


def _held(value: Entry) -> Any:
    match value:
        case {"value": inner}:
            return inner
        case {"image": pk, "files": []}:
            return pk
        case {"files": files}:
            return sorted(file["sha256"] for file in files)
        case _:
            return [value["file"]["sha256"]]


def ended(process: subprocess.Popen[str], *, seconds: float = 60) -> Ran:
    """What comes of a command that was started; one that hangs is ended and fails."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end within {seconds} s\n{err}\n{out}") from None
    return Ran(process.returncode, out or "", err or "")
