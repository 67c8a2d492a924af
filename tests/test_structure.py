"""The structure that pyproject.toml and the packages promise, and that the promises are kept."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "manifest_uploader"
MODULES = sorted(PACKAGE.rglob("*.py"))

FORBIDDEN = [
    *(("sandbox/serve.py", f"manifest_uploader.{name}.model") for name in ("manifest", "platform")),
    ("sandbox/serve.py", "manifest_uploader.files.dicom"),
    ("sandbox/serve.py", "manifest_uploader.engine.run"),
    *(
        (importer, "manifest_uploader.sandbox")
        for importer in (
            *("cli.py", "errors.py", "text.py", "digests.py", "manifest/model.py"),
            *("files/dicom/look.py", "platform/items.py", "state/lock.py", "plan/cases.py"),
            *("engine/run.py", "output/screen.py", "init/command.py", "report/page.py"),
        )
    ),
    ("output/screen.py", "httpx"),
    ("plan/cases.py", "os"),
    ("manifest/model.py", "manifest_uploader.platform.items"),
]
"""(module, what it must not import)."""


def test_every_forbidden_import_is_rejected(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "manifest_uploader")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, imported in FORBIDDEN:
        with (tmp_path / "manifest_uploader" / module).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")

    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 1
    rejected = set(re.findall(r"(manifest_uploader[\w.]*) -> ([\w.]+) \(l", ended.stdout))
    expected = {
        ("manifest_uploader." + module.removesuffix(".py").replace("/", "."), imported)
        for module, imported in FORBIDDEN
    }
    assert expected - rejected == set()


def test_the_package_stays_small_at_the_top_and_its_modules_short() -> None:
    folders = [one for one in PACKAGE.iterdir() if one.is_dir() and one.name != "__pycache__"]
    files = [one for one in PACKAGE.iterdir() if one.is_file()]

    assert len(folders) <= 15  # the guide is text and one module
    assert len(files) <= 8
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lengths.items() if count > 400} == {}


@pytest.mark.parametrize(
    "package", ["api", "engine", "files", "manifest", "plan", "platform", "state"]
)
def test_a_package_lists_every_module_that_others_use(package: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / package / "__init__.py").read_text()))
    assert docstring is not None

    used = {
        module.split(".")[2]
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] != package
        for module in _imports_of(path)
        if module.startswith(f"manifest_uploader.{package}.")
    }

    assert {module for module in used if f"`{module}`" not in docstring} == set()


def test_only_delivery_and_sockets_know_what_a_socket_takes() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in _nodes_of(path)
        if isinstance(node, ast.Attribute) and node.attr == "super_kind"
        if path.relative_to(PACKAGE).parts[0] != "sandbox"
    }

    assert readers == {"plan/delivery.py", "platform/sockets.py"}


def test_only_their_own_modules_know_the_kinds_of_targets() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in _nodes_of(path)
        if isinstance(node, ast.Attribute) and node.attr in {"READER_STUDY", "ARCHIVE", "ALGORITHM"}
        if path.relative_to(PACKAGE).parts[0] in {"plan", "engine", "platform", "output", "report"}
    }

    own = {"reader_study", "archive", "algorithm"}
    assert readers == {f"platform/targets/{name}.py" for name in own}


@cache
def _nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def _imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in _nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found
