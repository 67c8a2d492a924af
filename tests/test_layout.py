"""What is shipped is whole, and nothing in it comes from where it was made."""

from __future__ import annotations

import email
import email.policy
import json
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

import manifest_uploader
from tests.entry import uploader

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "manifest_uploader" / "guide"
SCHEMA = ROOT / "schemas" / "manifest-v1.schema.json"
PLACES = (
    *("/wo" + "rk/", "/fa" + "rm", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"),
    *("pypi." + "org", "python" + "hosted", "npm" + "js", "debian." + "org", "crates." + "io"),
)
"""Folders of a machine, and hosts of registries; put together so that this file has none."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", build],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return zipfile.ZipFile(folder / ended.stdout.split()[-1])


def test_the_wheel_holds_the_schema_and_the_guide_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()

    assert wheel.read("manifest_uploader/schemas/manifest-v1.schema.json") == SCHEMA.read_bytes()
    assert "manifest_uploader/py.typed" in names
    topics = {f"manifest_uploader/guide/{path.name}" for path in GUIDE.glob("*.md")}
    assert topics
    assert topics <= set(names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"manifest_uploader"}


def test_the_description_is_the_readme_and_leads_to_no_file_beside_it(
    wheel: zipfile.ZipFile,
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    [name] = (one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name), policy=email.policy.default)
    text = str(metadata.get_payload())

    assert metadata["Description-Content-Type"] == "text/markdown"
    assert re.findall(r"^#+ .*", text, re.MULTILINE) == re.findall(r"^#+ .*", readme, re.MULTILINE)
    assert text.count("```") == readme.count("```")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert all(one.startswith("https://") for one in links), links
    assert "<!--" not in text


@pytest.mark.skipif(find_spec("twine") is None, reason="the extra 'test' installs twine")
def test_an_index_can_render_the_description(wheel: zipfile.ZipFile) -> None:
    check = (sys.executable, "-m", "twine", "check", "--strict", str(wheel.filename))

    ended = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "PASSED" in ended.stdout


def test_an_installed_wheel_finds_its_schema(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    installed = str(tmp_path / "installed")
    alone = (
        f"import sys; sys.path.insert(0, {installed!r})\n"
        f"import manifest_uploader; assert manifest_uploader.__file__.startswith({installed!r})\n"
        "from manifest_uploader.__main__ import main; main()"
    )

    ended = uploader("schema", cwd=tmp_path, entry=(sys.executable, "-c", alone))

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == SCHEMA.read_text(encoding="utf-8")


def test_the_schema_that_is_printed_is_draft_2020_12(tmp_path: Path) -> None:
    ended = uploader("schema", cwd=tmp_path)

    assert (ended.code, ended.err) == (0, "")
    schema = json.loads(ended.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_version_is_the_newest_of_the_changelog(tmp_path: Path) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.MULTILINE)

    assert [name for name, _ in headings][:2] == ["Unreleased", manifest_uploader.__version__]
    assert all(date for name, date in headings if name != "Unreleased")
    ended = uploader("--version", cwd=tmp_path)
    assert ended.out == f"uploader {manifest_uploader.__version__}\n"


def test_the_citation_names_the_newest_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    version, date = citation["version"], citation["date-released"]

    assert version == manifest_uploader.__version__
    assert f"## [{version}] - {date}\n" in changelog


def test_no_tracked_file_names_a_folder_or_a_host_of_its_makers() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]

    found = [
        f"{path.relative_to(ROOT)}: {place}"
        for path in paths
        if path.is_file()
        for place in PLACES
        if place.encode() in path.read_bytes()
    ]

    assert len(paths) > 50
    assert found == []


def test_ci_is_strict() -> None:
    script = ROOT / ".ci" / "run"

    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in script.read_text(encoding="utf-8")


PAGES = ("README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", "tests/benchmark/RESULTS.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files_that_are_kept(page: str) -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {ROOT / name for name in kept.stdout.splitlines()}
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]

    places = [((ROOT / page).parent / link).resolve() for link in links]

    assert not [str(one) for one in places if one not in files and not one.is_dir()]
