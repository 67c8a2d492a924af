"""Says which images the platform's importer makes of files: asks panimg, or accepts everything."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from manifest_uploader.sandbox.store import new_pk
from manifest_uploader.sandbox.unpacking import StoredFile, Unpacked

_WORKER = Path(__file__).with_name("panimg_worker.py")
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open a console


@dataclass(frozen=True)
class Picture:
    """An image that an importer made."""

    pk: str
    facts: Mapping[str, Any]
    """Its record, by the names that panimg uses."""
    file: Path | None
    """The image as the importer wrote it; None if that is not one file."""


@dataclass(frozen=True)
class Verdict:
    """What an importer made of files."""

    images: tuple[Picture, ...]
    left: int = 0
    """How many files it did not use: their contents are lost."""


class ImportImpossible(Exception):
    """Says in the platform's words why its importer failed at files."""


class JudgeClosed(Exception):
    """Says that the sandbox ends: the import is to be done at its next start."""


class Judge(Protocol):
    """Says which images files make."""

    @property
    def name(self) -> str | None:
        """The importer and its version; None if files are not read."""

    def prepare(self) -> None:
        """Begin what takes long, in the background: there will be images."""

    def judge(self, files: Unpacked) -> Verdict:
        """Return the images; raise ImportImpossible or JudgeClosed."""

    def close(self) -> None:
        """Stop; what is being judged now raises JudgeClosed."""


class Panimg:
    """Asks panimg, in a process that starts when it is first needed and ends with this one."""

    def __init__(self, release: str) -> None:
        """Start nothing yet; `release` is the version of the package."""
        self.name = f"panimg {release}"
        self._asking = threading.Lock()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start the process; it is ready a second later."""
        with suppress(JudgeClosed):
            self._started()

    def judge(self, files: Unpacked) -> Verdict:
        """Return the images, one question at a time."""
        question = json.dumps({"given": str(files.given), "made": str(files.made)})
        with self._asking:
            answer = self._ask(question)
        if self._closed:
            raise JudgeClosed
        if not answer:
            self._stop()
            raise ImportImpossible("An unexpected error occurred")
        return _verdict(json.loads(answer), files.made)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        with self._starting:
            self._closed = True
        self._stop()

    def _ask(self, question: str) -> str:
        """Return the answer; nothing if the process has died."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError, ValueError):
            process.stdin.write(question + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        return ""

    def _started(self) -> subprocess.Popen[str]:
        with self._starting:
            if self._closed:
                raise JudgeClosed
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603 - our own script
                    # -P: the script's folder holds modules named like others' packages
                    [sys.executable, "-P", "-W", "ignore", str(_WORKER)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="ascii",
                    creationflags=_NO_WINDOW,
                )
            return self._process

    def _stop(self) -> None:
        with self._starting:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


def _verdict(answer: dict[str, Any], made: Path) -> Verdict:
    if answer.get("error") == "too large":
        raise ImportImpossible(
            "The uploaded images were too large to process, please try again with smaller images"
        )
    if "error" in answer:
        raise ImportImpossible("An unexpected error occurred")
    pictures = tuple(_picture(facts, made) for facts in answer["images"])
    return Verdict(pictures, len(answer["left"]))


def _picture(facts: dict[str, Any], made: Path) -> Picture:
    files = facts.pop("files")
    return Picture(facts.pop("pk"), facts, made / files[0]["path"] if files else None)


class Unread:
    """Takes all files for one image, and reads only as much of them as its name needs."""

    name = None

    def prepare(self) -> None:
        """Do nothing."""

    def judge(self, files: Unpacked) -> Verdict:
        """Return one image: of as many slices as there are DICOM files, else of unknown size."""
        slices = [file for file in files.files if _is_dicom(file)]
        facts = _of_slices(slices) if slices else {"name": _main_file(files.files)}
        if not files.files:
            return Verdict(())
        only = files.files[0].path if len(files.files) == 1 else None
        return Verdict((Picture(new_pk(), facts, only),))

    def close(self) -> None:
        """Do nothing."""


def _is_dicom(file: StoredFile) -> bool:
    with file.path.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _of_slices(slices: list[StoredFile]) -> dict[str, Any]:
    """Return the record of an image of DICOM slices, of which only the first is read."""
    from pydicom import dcmread  # noqa: PLC0415 - it takes 0.3 s, and most starts need none

    tags = ["StudyInstanceUID", "Rows", "Columns"]
    found = dcmread(slices[0].path, stop_before_pixels=True, specific_tags=tags, force=True)
    return {
        "name": f"{found.get('StudyInstanceUID', '')}-0",
        "width": found.get("Columns"),
        "height": found.get("Rows"),
        "depth": len(slices),
    }


def _main_file(files: tuple[StoredFile, ...]) -> str:
    """Return the name that the platform would give the image: a header's, else the first file's."""
    for file in files:
        if file.path.suffix.lower() in {".mhd", ".mrxs"}:
            return file.path.name
    return next((file.path.name for file in files), "")


def find_judge() -> Judge:
    """Return a judge that asks panimg if it is installed, else one that accepts everything."""
    try:
        return Panimg(version("panimg"))
    except PackageNotFoundError:
        return Unread()
