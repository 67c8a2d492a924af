from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import manifest_uploader as mu
from manifest_uploader.api.keywords import LookOptions, PlanOptions, RunOptions
from manifest_uploader.api.results import Status
from manifest_uploader.api.settings import Settings, make_settings
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.system import disk
from tests.commands.arguments import parsed
from tests.helpers import TOKEN

CASES = [mu.Case("ä", {"some-score": 1})]


def one(**more: Any) -> mu.Manifest:
    return mu.Manifest.from_cases(CASES, target="reader-study/lung", **more)


# ── files ───────────────────────────────────────────────────────────────────────────────────


def test_a_saved_manifest_is_its_file(tmp_path: Path) -> None:
    manifest = one()
    manifest.save(tmp_path / "lung.yaml")

    file = tmp_path / "lung.yaml"
    assert manifest.path == file
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == manifest.text.encode()
    file.write_text(manifest.text.replace("some-score: 1", "some-score: 2"), encoding="utf-8")
    assert manifest.cases[0].sockets == {"some-score": mu.Value(2)}
    assert mu.Manifest.load(file).cases == manifest.cases


def test_a_file_is_replaced_only_if_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "lung.yaml"
    one().save(file)
    one().save(file)
    with pytest.raises(mu.UsageError, match="exists and holds something else"):
        one(root="data").save(file)
    assert "root" not in file.read_text()

    one(root="data").save(file, overwrite=True)

    assert "root: data" in file.read_text()


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    one().save(tmp_path / "lung.yaml")
    monkeypatch.setattr(disk, "read_bytes", refuse)

    with pytest.raises(mu.UsageError, match=r"lung\.yaml' cannot be read: Permission denied"):
        one(root="data").save(tmp_path / "lung.yaml")


@pytest.mark.parametrize("name", ["scores.csv", "lung", "no/such/folder/lung.yaml"])
def test_a_name_that_cannot_be_used_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(mu.UsageError):
        one().save(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_what_has_no_file_cannot_be_sent() -> None:
    for act in (one().validate, one().plan, one().run, one().verify, one().status):
        with pytest.raises(mu.UsageError, match="save it first"):
            act()


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(mu.UsageError, match=r"file 'lung\.yaml' does not exist"):
        mu.Manifest.load("lung.yaml")


def test_problems_are_a_result_and_no_exception(tmp_path: Path) -> None:
    file = tmp_path / "lung.yaml"
    file.write_text("version: 1\ntarget: {kind: archive, slug: x}\ncases:\n- {nam: a}\n")
    manifest = mu.Manifest.load(file)

    found = manifest.validate(progress=False)

    assert not found.ok
    assert "unknown key 'nam'" in [one.message for one in found.problems]
    assert {one.place.line for one in found.problems if one.place} == {4}
    assert f"{file}:4:4: unknown key 'nam'\n  hint: " in str(found)
    with pytest.raises(mu.ManifestInvalid, match="unknown key 'nam'"):
        _ = manifest.cases


# ── options ─────────────────────────────────────────────────────────────────────────────────


def test_of_jobs_a_status_says_that_they_run() -> None:
    stand = CaseStanding("ä", "", Standing.IMPORTING, None, (), is_job=True)

    assert str(Status.of([stand])) == "ä: running\n1 case: 1 running"


def test_every_option_of_a_run_is_a_keyword() -> None:
    of_command_line = set(vars(parsed("lung.yaml")))
    shown_otherwise = {"manifest", "json", "verbose", "quiet", "log_file", "command", "words"}
    shown_otherwise |= {"color", "dry_run", "report"}
    own = {"sandbox", "quick"}

    assert of_command_line - shown_otherwise - own == set(get_type_hints(RunOptions))


def test_every_keyword_is_a_setting() -> None:
    for keywords in (LookOptions, PlanOptions, RunOptions):
        assert get_type_hints(keywords).keys() <= set(Settings.__struct_fields__)


def test_the_defaults_are_those_of_the_command_line() -> None:
    given = {name: tuple(x) if isinstance(x, list) else x for name, x in vars(parsed("m")).items()}
    defaults = make_settings("m", {"verify": False})

    names = [name for name in Settings.__struct_fields__ if name in given and name != "command"]
    assert len(names) > 20
    assert {n: getattr(defaults, n) for n in names} == {n: given[n] for n in names}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"retry_faild": True},
            "unknown option 'retry_faild'\n  hint: did you mean 'retry_failed'",
        ),
        ({"first": 0}, "first=0 cannot be used\n  hint: expected `int` >= 1"),
        ({"jobs": "8"}, "jobs='8' cannot be used"),
        ({"only": [1]}, r"only=\[1\] cannot be used"),
        ({"give_up_after": 0.0}, "give_up_after=0.0 cannot be used"),
        ({"command": "x"}, "unknown option 'command'"),
        ({"typed": True}, "unknown option 'typed'"),
        ({"token": TOKEN}, "unknown option 'token'\n  hint: did you mean 'token_file'"),
    ],
)
def test_a_wrong_option_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(mu.UsageError, match=message) as caught:
        make_settings("lung.yaml", given)

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("method", [mu.Manifest.plan, mu.Manifest.run])
def test_content_is_compared_only_when_the_platform_is(tmp_path: Path, method: Any) -> None:
    manifest = one()
    manifest.save(tmp_path / "lung.yaml")

    with pytest.raises(
        mu.UsageError,
        match="content=True works only with verify=True\n  hint: add verify=True",
    ):
        method(manifest, sandbox=True, content=True, progress=False)


def test_one_name_is_not_taken_for_its_letters() -> None:
    found = make_settings("m", {"only": "patient*", "state": Path("x") / "y", "first": None})

    assert (found.only, found.state) == (("patient*",), str(Path("x") / "y"))


# ── the package ─────────────────────────────────────────────────────────────────────────────


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    assert all(getattr(mu, name) is not None for name in mu.__all__)
    assert set(mu.__all__) <= set(dir(mu))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mu.nothing  # type: ignore[attr-defined]


def test_every_error_is_offered() -> None:
    from manifest_uploader import errors

    classes = {name for name, one in vars(errors).items() if isinstance(one, type)}
    assert classes | {"ManifestInvalid"} <= set(mu.__all__)


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import manifest_uploader; "
        "print(sorted(set(sys.modules) - before))"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(eval(ended.stdout)) <= {"__future__", "manifest_uploader"}
