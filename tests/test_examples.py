"""Every example does what its reader is promised: checked, sent, seen, and never sent twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.entry import Ran, items_of, uploader

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/manifest.yaml"))
A_YEAR_S = 365 * 24 * 3600
_LEFT_BY_RUNS = shutil.ignore_patterns("*.sandbox", "*.jsonl", "*.lock")

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda folder: folder.name)


def test_there_are_examples() -> None:
    found = {folder.name for folder in EXAMPLES}

    assert {"reader-study", "classic", "archive", "algorithm"} <= found


@every_example
def test_an_example_has_no_problem(example: Path, tmp_path: Path) -> None:
    folder = copy_of(example, tmp_path)
    before = set(folder.rglob("*"))

    ended = uploader("validate", "--offline", "manifest.yaml", cwd=folder)

    assert (ended.code, ended.err) == (0, "")
    assert ", no problem; read " in ended.out
    assert set(folder.rglob("*")) - before == {folder / "manifest.looks.jsonl"}


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda folder: folder.name)
def sent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of an example that was sent, without a complaint."""
    folder = copy_of(request.param, tmp_path_factory.mktemp("sent"))
    ended = run(folder)
    manifest = manifest_of(folder)
    cases = len(manifest["cases"])
    is_algorithm = manifest["target"]["kind"] == "algorithm"
    end = "jobs succeeded" if is_algorithm else "cases uploaded and verified"
    assert (ended.code, ended.ends["done"]) == (0, cases), ended.err
    assert f"Finished: all {cases} {end}; " in ended.err
    return folder


def test_an_example_arrives_whole(sent: Path) -> None:
    manifest = manifest_of(sent)

    items = items_of(sent / "manifest.sandbox")

    assert [(item["kind"], item["slug"]) for item in items] == [target_of(manifest)] * len(items)
    held = {
        item["title"]: {slug: content_of(value) for slug, value in item["values"].items()}
        for item in items
    }
    if manifest["target"]["kind"] == "algorithm":  # jobs have no titles
        assert {item["status"] for item in items} == {"Succeeded"}
        values = [{slug: content_of(one) for slug, one in job["values"].items()} for job in items]
        assert in_order(expected_items(sent, manifest).values()) == in_order(values)
        return
    assert held == expected_items(sent, manifest)
    orders = {item["title"]: item["order"] for item in items}
    wanted = {title_of(case): case["order"] for case in manifest["cases"] if "order" in case}
    assert wanted.items() <= orders.items()


def test_an_example_is_not_sent_twice(sent: Path, tmp_path: Path) -> None:
    before = items_of(sent / "manifest.sandbox")
    assert_nothing_is_sent(sent)

    moved = Path(shutil.copytree(sent, tmp_path / "moved elsewhere"))
    make_all_files_older(moved)
    assert_nothing_is_sent(moved)

    anew = Path(shutil.copytree(moved, tmp_path / "anew", copy_function=shutil.copyfile))
    assert_nothing_is_sent(anew)
    assert items_of(anew / "manifest.sandbox") == before


@every_example
def test_git_overlooks_what_a_rehearsal_leaves(example: Path) -> None:
    left = [
        "manifest.sandbox/x",
        "manifest.sandbox.state.jsonl",
        "manifest.sandbox.state.jsonl.lock",
        "manifest.looks.jsonl",
        "manifest.imports.jsonl",
    ]

    ended = subprocess.run(
        ["git", "check-ignore", *left],
        cwd=example,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout.splitlines() == left


# ── what a run is ───────────────────────────────────────────────────────────────────────────


def copy_of(example: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example, tmp_path / example.name, ignore=_LEFT_BY_RUNS))


def run(folder: Path) -> Ran:
    return uploader("run", "--sandbox", "--json", "manifest.yaml", cwd=folder)


def assert_nothing_is_sent(folder: Path) -> None:
    ended = run(folder)

    assert ended.code == 0, ended.err
    cases = ended.summary["cases"]
    assert (ended.summary["bytes_sent"], ended.summary["uploads"]) == (0, 0)
    assert cases["total"] == cases["done"] == cases["unchanged"] > 0
    assert " up to date); sent 0 B in 0 uploads, " in ended.err


def make_all_files_older(folder: Path) -> None:
    """What `touch` does, without depending on how fine the clock of the disk is."""
    for path in folder.rglob("*"):
        if path.is_file() and "manifest.sandbox" not in str(path):
            then = path.stat().st_mtime - A_YEAR_S
            os.utime(path, (then, then))


# ── what a manifest says, read without the uploader's help ──────────────────────────────────


def manifest_of(folder: Path) -> dict[str, Any]:
    text = (folder / "manifest.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def target_of(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["target"]["kind"], manifest["target"]["slug"]


def title_of(case: dict[str, Any]) -> str:
    return str(case.get("title", case["name"]))


def expected_items(folder: Path, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    root = folder / manifest.get("root", ".")
    return {
        title_of(case): {slug: expected(root, value) for slug, value in case["sockets"].items()}
        for case in manifest["cases"]
    }


def expected(root: Path, value: Any) -> Any:
    match value:
        case {"image": address}:
            return ("image", str(address).rstrip("/").rpartition("/")[2])
        case {"value": inner}:
            return ("value", inner)
        case {"files": patterns} | {"file": patterns}:
            listed = patterns if isinstance(patterns, list) else [patterns]
            paths = {path for pattern in listed for path in files_of(root, pattern)}
            assert paths
            return ("sha256", sorted(sha256(path) for path in paths))
        case plain:
            return ("value", plain)


def files_of(root: Path, pattern: str) -> list[Path]:
    path = root / pattern
    if path.is_dir():
        return [inner for inner in path.iterdir() if inner.is_file()]
    return [path] if path.is_file() else list(root.glob(pattern))


def in_order(values: Iterable[dict[str, Any]]) -> list[str]:
    """The values of items without titles, in an order of their own."""
    return sorted(repr(sorted(one.items())) for one in values)


def content_of(value: dict[str, Any]) -> Any:
    """A value that the sandbox shows, in the form of `expected`."""
    match value:
        case {"file": file}:
            return ("sha256", [file["sha256"]])
        case {"image": _, "files": [_, *_] as files}:
            return ("sha256", sorted(file["sha256"] for file in files))
        case {"image": pk}:
            return ("image", pk)
        case _:
            return ("value", value["value"])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_reading_above_sees_a_wrong_value(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(b"a")

    assert content_of(json.loads('{"value": 2.1}')) == ("value", 2.1)
    assert ("sha256", [hashlib.sha256(b"a").hexdigest()]) == expected(tmp_path, {"files": "*.mha"})
    assert expected(tmp_path, {"file": "a.mha"}) != content_of({"file": {"sha256": "0" * 64}})
