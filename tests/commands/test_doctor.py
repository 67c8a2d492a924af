from __future__ import annotations

import json
import shutil
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from manifest_uploader.commands.doctor import machine
from manifest_uploader.commands.doctor.connection import check_network, check_proxy
from manifest_uploader.commands.doctor.findings import Verdict
from manifest_uploader.system.extras import EXTRAS, Extra, install_command
from tests.entry import environment, platform, uploader

MANIFEST = """\
version: 1
target: {kind: reader-study, slug: lung}
cases:
- {name: a, sockets: {some-score: 1}}
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    sockets = ("--socket", "some-score=Float", "--credits", "0")
    nodules = ("--algorithm", "nodules=some-score->results-json-file")
    options = ("--reader-study", "lung", *sockets, *nodules)
    with platform(tmp_path_factory.mktemp("box"), *options) as ready:
        yield ready


def _given(ready: Mapping[str, Any], token: str | None = None) -> dict[str, str]:
    found = {**environment(), "GRAND_CHALLENGE_API_URL": ready["url"]}
    return found if token is None else {**found, "GRAND_CHALLENGE_AUTHORIZATION": token}


def _checks(out: str) -> dict[str, dict[str, Any]]:
    """The checks of `--json` by topic, the summary left out."""
    lines = [json.loads(line) for line in out.splitlines()]
    return {one["check"]: one for one in lines if "check" in one}


def test_nothing_is_in_the_way_of_an_editor(ready: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "lung.yaml").write_text(MANIFEST)

    ran = uploader("doctor", "lung.yaml", cwd=tmp_path, given=_given(ready, ready["token"]))

    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[-1] == "everything is ready for an upload"
    assert "ok       rights        you may edit the reader study 'lung'" in lines
    assert "of the account 'sandbox-user'" in ran.out
    assert ready["token"] not in ran.out
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lung.yaml"]


def test_of_an_algorithm_it_tells_whether_jobs_can_be_started(
    ready: dict[str, Any], tmp_path: Path
) -> None:
    algorithm = MANIFEST.replace("reader-study, slug: lung", "algorithm, slug: nodules")
    (tmp_path / "nodules.yaml").write_text(algorithm)

    given = _given(ready, ready["token"])
    ran = uploader("doctor", "nodules.yaml", "--json", cwd=tmp_path, given=given)

    found = _checks(ran.out)
    assert (ran.code, found["rights"]["verdict"]) == (0, "ok")
    assert found["rights"]["message"] == "you may run the algorithm 'nodules'"
    assert found["algorithm"]["verdict"] == "note"
    assert found["algorithm"]["hint"] == "You have run out of algorithm credits"


def test_rights_that_are_missing_are_told(ready: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "lung.yaml").write_text(MANIFEST)
    given = _given(ready, ready["token_without_rights"])

    ran = uploader("doctor", "lung.yaml", "--json", cwd=tmp_path, given=given)

    assert ran.code == 1
    found = _checks(ran.out)
    assert found["token"]["verdict"] == "ok"
    assert found["rights"]["message"] == (
        "your account cannot see any reader study, including 'lung'"
    )
    assert json.loads(ran.out.splitlines()[-1])["wrong"] == 1


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "no API token found"),
        ("abc", "the content of GRAND_CHALLENGE_AUTHORIZATION is not a valid token"),
        ("0" * 64, "the platform refuses the one from the environment variable GRAND_CHALLENGE_"),
    ],
)
def test_a_token_that_cannot_be_used_is_told(
    ready: dict[str, Any], tmp_path: Path, token: str | None, words: str
) -> None:
    ran = uploader("doctor", "--json", cwd=tmp_path, given=_given(ready, token))

    found = _checks(ran.out)["token"]
    assert (ran.code, found["verdict"]) == (1, "wrong")
    assert found["message"].startswith(words)
    assert "profile page" in found["hint"] or "64 characters" in found["hint"]


def test_what_depends_on_a_platform_out_of_reach_is_skipped(tmp_path: Path) -> None:
    given = {**environment(), "GRAND_CHALLENGE_AUTHORIZATION": "1" * 64}
    address = "http://127.0.0.1:9/api/v1/"

    ran = uploader("doctor", "--json", "--platform", address, cwd=tmp_path, given=given)

    found = _checks(ran.out)
    assert ran.code == 1
    assert found["network"]["message"].startswith("no connection (refused)")
    assert found["token"]["verdict"] == "skipped"


@pytest.mark.parametrize(
    ("name", "text", "topic", "words"),
    [
        ("lung.yaml", "version: 1\n", "manifest", "'lung.yaml' has"),
        ("other.yaml", "", "manifest", "file 'lung.yaml' does not exist"),
        ("lung.yaml", MANIFEST.replace("lung", "lungs"), "rights", "the platform has no reader"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told(
    ready: dict[str, Any], tmp_path: Path, name: str, text: str, topic: str, words: str
) -> None:
    (tmp_path / name).write_text(text)

    given = _given(ready, ready["token"])
    ran = uploader("doctor", "lung.yaml", "--json", cwd=tmp_path, given=given)

    assert ran.code == 1
    assert _checks(ran.out)[topic]["message"].startswith(words)


def test_another_server_is_not_taken_for_the_platform(ready: dict[str, Any]) -> None:
    url = ready["url"].replace("api/v1/", "")
    [found] = check_network(url)
    assert found.verdict is Verdict.WRONG
    assert found.words == f"what answers at {url} is not the API of Grand Challenge (404)"


@pytest.mark.parametrize(
    ("gap_s", "words"),
    [
        (0.0, "right"),
        (-600.0, "10 min behind the platform's"),
        (7200.0, "2 h 0 min ahead of the platform's"),
    ],
)
def test_a_wrong_clock_is_told(ready: dict[str, Any], gap_s: float, words: str) -> None:
    now = round(time.time() + gap_s)  # the platform tells whole seconds
    *_, clock = check_network(ready["url"], now=lambda: now)
    assert clock.topic == "clock"
    assert clock.words == words


def test_a_proxy_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.org:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    [found] = check_proxy()
    assert "http://proxy.example.org:3128" in found.words
    assert "secret" not in found.words


def test_a_certificate_file_that_is_missing_is_told(ready: dict[str, Any], tmp_path: Path) -> None:
    given = {**_given(ready, ready["token"]), "SSL_CERT_FILE": "nowhere.pem"}
    found = _checks(uploader("doctor", "--json", cwd=tmp_path, given=given).out)
    assert found["certificates"]["message"] == "the certificates in 'nowhere.pem' cannot be read"


# ── this machine ────────────────────────────────────────────────────────────────────────────


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(50 << 20, Verdict.WRONG), (500 << 20, Verdict.NOTE), (5 << 30, Verdict.OK)],
)
def test_a_full_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, verdict: Verdict
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))
    [found] = machine.check_folder(tmp_path)
    assert (found.topic, found.verdict) == ("disk", verdict)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    [found] = machine.check_folder(tmp_path / "missing")
    assert (found.topic, found.verdict) == ("folder", Verdict.WRONG)
    assert found.words.startswith(f"'{tmp_path / 'missing'}' cannot be written: ")


def test_few_open_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "open_limit", lambda: 100)
    [found] = machine.check_open_files()
    assert found.verdict is Verdict.NOTE
    assert found.words == "only 100 may be open, enough for 10 jobs at a time"


def test_missing_extras_are_told_with_what_to_type() -> None:
    extras = {**EXTRAS, "xlsx": Extra(("openpyxl",), ("no_such_module",), "tables of Excel")}
    [found] = machine.check_extras(extras)
    assert found.verdict is Verdict.NOTE
    assert found.words == "not installed, and needed only for 'tables of Excel'"
    assert found.remedy == install_command("xlsx")
    assert found.remedy.endswith("-m pip install openpyxl")


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    promised = {
        name: tuple(requirement.partition(">=")[0] for requirement in requirements)
        for name, requirements in project["optional-dependencies"].items()
        if name not in {"test", "dev"}
    }
    assert {name: one.packages for name, one in EXTRAS.items()} == promised
    assert all(one.is_installed for one in EXTRAS.values())
