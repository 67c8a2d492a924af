"""What the tests of broken runs share: cases with every kind of socket, and what became of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.sandbox.store import Store
from tests.crash.driver import Kill, uploader
from tests.e2e.data import dicom_slice, mask, mha
from tests.e2e.helpers import Box, Entry, Ran, Served, served

IMAGE = "11111111-2222-4333-8444-555555555555"
"""An image that the platform already has."""
SOCKETS = (
    *("ct-image=Image", "mr-image=Image", "previous-ct=Image"),
    *("airway-segmentation=Segmentation,segments=0-1", "report=PDF file", "table=CSV file"),
    *("details=Anything:file", "measures=Anything:file", "protocol=Anything"),
    *("some-score=Float", "count=Integer", "is-good=Bool", "remark=String", "findings=Anything"),
    *("points=Anything", "grade=String"),
)
LINES_A_CASE = 40
"""Of the state, about: seven uploads of three, a creation and a fill of two, fifteen seen."""


@dataclass
class Rich(Box):
    """Cases that have a value of every kind."""

    root: Path = Path("data")
    """Where the files are; several manifests may share them."""

    JSON_FILES: ClassVar = {"details", "measures"}

    @property
    def data(self) -> Path:
        return self.root

    def add_rich(self, name: str, **more: Any) -> Entry:
        """Add a case, and write its files unless they are there."""
        if not (self.data / name).exists():
            self._write_files(name)
        sockets = {
            "ct-image": {"file": f"{name}/ct.mha"},
            "mr-image": {"files": f"{name}/mr/*.dcm"},
            "previous-ct": {"image": IMAGE},
            "airway-segmentation": {"file": f"{name}/airways.mha"},
            "report": {"file": f"{name}/report.pdf"},
            "table": {"file": f"{name}/empty.csv"},
            "details": {"value": {"side": "links", "ä": [1, 2.5, None]}},
            "measures": {"file": f"{name}/measures.json"},
            "protocol": {"file": f"{name}/protocol.json"},
            "some-score": len(self.entries) + 0.5,
            "count": 0,
            "is-good": False,
            "remark": "",
            "findings": {"value": {}},
            "points": {"value": []},
            "grade": f"grade of {name}",
        }
        return self.add(name, sockets, **more)

    def _write_files(self, name: str) -> None:
        for number in range(3):
            series = 10 + len(self.entries)
            self.write(dicom_slice(series, number, side=16), name, "mr", f"IM{number}.dcm")
        self.write(mha(name), name, "ct.mha")
        self.write(mask(name), name, "airways.mha")
        self.write(b"%PDF-1.4 " + name.encode(), name, "report.pdf")
        self.write(b"", name, "empty.csv")
        self.write(json.dumps({"of": name, "mm": [1.5, 2]}), name, "measures.json")
        self.write(json.dumps([name, True, 0]), name, "protocol.json")

    def wanted(self, entry: Entry) -> Entry:
        """As the sandbox shows it: JSON in a file socket is a file."""
        found = super().wanted(entry)
        for slug, value in entry["sockets"].items():
            if slug in self.JSON_FILES and "value" in value:
                data = json.dumps(value["value"], ensure_ascii=False).encode()
                found[slug] = [hashlib.sha256(data).hexdigest()]
            elif slug == "protocol":
                found[slug] = json.loads((self.data / value["file"]).read_bytes())
        return found

    def go(
        self,
        *arguments: str,
        kill: Kill | None = None,
        pause_s: float = 0.03,
        seconds: float = 90.0,
    ) -> Ran:
        """What comes of `run --json` in a forked process."""
        return uploader(
            ["run", "--json", self.manifest.name, "--root", str(self.root), *arguments],
            cwd=self.folder,
            environment=self.environment(),
            kill=kill,
            pause_s=pause_s,
            seconds=seconds,
        )


@contextlib.contextmanager
def platform(folder: Path, **more: Any) -> Iterator[Served]:
    """A sandbox in this process that has all the sockets and the existing image."""
    given: dict[str, Any] = {"sockets": SOCKETS, "images": (IMAGE,), "import_delay_s": 0.02}
    with served(folder / "sandbox", **{**given, **more}) as running:
        yield running


def rich_box(folder: Path, served: Served | None, cases: int, *, root: Path) -> Rich:
    """A folder with a manifest of so many cases with every kind of socket."""
    box = Rich(folder, served, root=root)
    for number in range(cases):
        box.add_rich(f"patient-{number}")
    box.save()
    return box


def small_box(folder: Path, served: Served | None, cases: int = 1, *, root: Path) -> Rich:
    """A folder with a manifest of cases of a report, a JSON file and a score."""
    box = Rich(folder, served, root=root)
    for number in range(cases):
        name = f"patient-{number}"
        box.write(b"%PDF-1.4 " + name.encode(), name, "report.pdf")
        sockets = {
            "report": {"file": f"{name}/report.pdf"},
            "details": {"value": [name]},
            "some-score": number + 0.5,
        }
        box.add(name, sockets)
    box.save()
    return box


class Recorder:
    """A hook that only counts what might change something on the platform."""

    def __init__(self) -> None:
        self.changes = 0
        self.kinds: list[str] = []

    def before(self, request: Seen) -> Fault | None:
        self.changes += request.method != "GET"
        self.kinds.append(request.kind)
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def lines_of(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_bytes().splitlines())


def store_number(served: Served, query: str, *values: Any) -> int:
    """The number that a query of the sandbox's memory gives."""
    store = Store(served.dir)
    try:
        return store.number(query, *values)
    finally:
        store.close()


def store_change(served: Served, statement: str, *values: Any) -> int:
    """Change the sandbox's memory behind its back; how many rows were changed."""
    store = Store(served.dir)
    try:
        return store.change(statement, *values)
    finally:
        store.close()


def side_by_side(work: Any, tasks: Sequence[Any], *, at_once: int = 4) -> list[Any]:
    """What comes of a function for every task, several at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, tasks))


__all__ = ["Kill", "Rich", "mask", "mha"]
