"""Writes manifests and state files for the tests of reports, without runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from manifest_uploader.state.file import Stored, read

STUDY = "lung-nodules"
PLATFORM = "grand-challenge.org/api/v1/"
NOON = 1_795_428_000.0
"""2026-11-23 10:00:00 UTC."""
Line = dict[str, Any]


def pk(*seed: object) -> str:
    """A pk that depends on the seed only."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, repr(seed)))


def binding(platform: str = PLATFORM, slug: str = STUDY, kind: str = "reader-study") -> Line:
    """The first line of a state file."""
    target = {"kind": kind, "slug": slug, "pk": pk("target", slug)}
    return {
        "format": "manifest-uploader state",
        "version": 1,
        "platform": platform,
        "target": target,
    }


def upload_lines(
    case: str, socket: str, at: float, *, size: int = 1024, took: float = 2.0
) -> list[Line]:
    """The lines of an upload that was opened and done."""
    step = {"case": case, "step": f"{case}/{socket}", "socket": socket, "pk": pk(case, socket)}
    opened = {"storage_id": "x", "part_size": 8388608, "stat": "stat:1:a"}
    sha256 = {"sha256": pk(case).replace("-", "") * 2}
    return [
        {"time": at, "event": "opened", **step, **opened},
        {"time": at + took, "event": "done", **step, "size": size, "files": 1, **sha256},
    ]


def filled_lines(
    case: str, uploads: Sequence[str], values: Sequence[str], at: float, *, title: str = ""
) -> list[Line]:
    """The lines of an item that was created and filled at one time."""
    create, fill = f"{case}:create", f"{case}:fill"
    entries = [{"socket": one, "upload": pk(case, one)} for one in uploads]
    entries += [{"socket": one, "digest": "json:1"} for one in values]
    shown = title or case
    return [
        {"time": at, "event": "started", "case": case, "step": create, "title": "uploading-x"},
        {"time": at, "event": "done", "case": case, "step": create, "pk": pk(case)},
        {"time": at, "event": "started", "case": case, "step": fill, "title": shown,
         "entries": entries},
        {"time": at, "event": "done", "case": case, "step": fill, "pk": pk(case)},
    ]  # fmt: skip


def confirmed(case: str, socket: str, at: float, *, image: bool = True) -> Line:
    """The line of a confirmed value."""
    mark = pk(case, socket, "image") if image else "17"
    step = f"{case}/{socket}"
    return {"time": at, "event": "confirmed", "case": case, "step": step, "socket": socket,
            "pk": mark}  # fmt: skip


def import_failed(case: str, socket: str, at: float, words: str) -> Line:
    """The line of a failed import."""
    step = f"{case}/{socket}"
    return {"time": at, "event": "import-failed", "case": case, "step": step, "socket": socket,
            "words": words}  # fmt: skip


def whole_case(case: str, at: float, *, title: str = "", words: str | None = None) -> list[Line]:
    """The lines of a case with an image and a score; with words, the image's import failed."""
    lines = upload_lines(case, "ct-image", at)
    lines += filled_lines(case, ["ct-image"], ["some-score"], at + 2, title=title)
    lines.append(confirmed(case, "some-score", at + 2, image=False))
    if words is None:
        return [*lines, confirmed(case, "ct-image", at + 9)]
    return [*lines, import_failed(case, "ct-image", at + 9, words)]


def entry(case: str, **more: Any) -> Line:
    """A manifest's entry for such a case."""
    return {"name": case, "sockets": {"ct-image": {"file": f"{case}/ct.mha"}, "some-score": 2.5},
            **more}  # fmt: skip


def write_state(path: Path, lines: Iterable[Line], *, first: Line | None = None) -> Path:
    """Write a state file."""
    whole = [first or binding(), *lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in whole))
    return path


def write_manifest(path: Path, entries: Sequence[Line], kind: str = "reader-study") -> Path:
    """Write a manifest."""
    whole = {"version": 1, "target": {"kind": kind, "slug": STUDY}, "cases": list(entries)}
    path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def read_stored(folder: Path, lines: Iterable[Line]) -> Stored:
    """Write a state file and read it."""
    return read(write_state(folder / "state.jsonl", lines))


def write_eventful_run(folder: Path, cases: int) -> Path:
    """Write the manifest and state of a run with two failures, a pause, a stop and a resume."""
    names = [f"patient-{number:03}" for number in range(1, cases + 1)]
    lines: list[Line] = []
    for number, name in enumerate(names):
        at = NOON + 3 * number + (7200 if number >= cases // 2 else 0)
        words = "1 file could not be imported." if number in {12, 27} else None
        lines += whole_case(name, at, title=f"Patient {number + 1}", words=words)
        if 10 <= number < 15:
            lines.append({"time": at, "event": "paused", "case": name, "step": f"{name}/ct-image",
                          "socket": "ct-image", "why": "too many uploads"})  # fmt: skip
    entries = [
        entry(name, title=f"Patient {number}", order=number) for number, name in enumerate(names, 1)
    ]
    write_state(folder / "big.state.jsonl", sorted(lines, key=lambda line: line["time"]))
    return write_manifest(folder / "big.yaml", entries)
