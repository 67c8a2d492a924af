"""Names: accents composed or not, letters of either case, junctions that lead in circles."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import read_each
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.selection import select
from manifest_uploader.plan.inputs import renamed_cases
from manifest_uploader.state.events import Done, Started
from manifest_uploader.text import did_you_mean
from tests.e2e.data import mha, write
from tests.e2e.helpers import Box
from tests.entry import environment, uploader
from tests.files.helpers import (
    file_value,
    find_problem,
    find_source,
    make_files,
    make_link,
    root_at,
    upload_names,
)
from tests.helpers import past_of_events, pk, step_id
from tests.manifest.helpers import HEAD, problems_of
from tests.simulated import VARIABLE, System, install

NFC, NFD = "M\u00fcller", "Mu\u0308ller"
SPELLINGS = pytest.mark.parametrize(("written", "there"), [(NFC, NFD), (NFD, NFC)])


# ── accents ─────────────────────────────────────────────────────────────────────────────────


def keeps_spellings(folder: Path) -> bool:
    """Whether this disk has two names for what is one."""
    (folder / NFC).touch()
    is_kept = not (folder / NFD).exists()
    (folder / NFC).unlink()
    return is_kept


@SPELLINGS
@pytest.mark.parametrize("form", ["{}/ct/a.dcm", "{}/ct", "{}/ct/*.dcm", "{}*/**/*.dcm", "*/ct/*"])
def test_files_are_found_however_their_accents_are_composed(
    tmp_path: Path, written: str, there: str, form: str
) -> None:
    make_files(tmp_path, [f"{there}/ct/a.dcm"])

    assert upload_names(tmp_path, form.format(written)) == ["a.dcm"]


def test_a_wildcard_stands_for_an_accented_letter(tmp_path: Path) -> None:
    make_files(tmp_path, [f"{NFD}.dcm"])

    assert upload_names(tmp_path, "M?ller.dcm") == [f"{NFC}.dcm"]


def test_two_files_that_a_disk_tells_apart_are_both_taken_as_they_are_written(
    tmp_path: Path,
) -> None:
    if not keeps_spellings(tmp_path):
        pytest.skip("this disk does not tell them apart")
    make_files(tmp_path, {f"{NFC}.raw": b"1", f"{NFD}.raw": b"22"})

    found = [find_source(tmp_path, f"{name}.raw", single=True).size for name in (NFC, NFD)]

    assert found == [1, 2]


@SPELLINGS
def test_a_case_is_chosen_however_its_accents_are_composed(written: str, there: str) -> None:
    whole = parse(f"{HEAD}cases:\n- name: {there}\n  sockets: {{x: 1}}\n", "m.yaml")

    assert select(whole, only=(written,), first=None).cases == whole.cases
    assert select(whole, only=(f"{written[:-1]}*",), first=None).cases == whole.cases


def test_two_cases_may_not_differ_only_in_that() -> None:
    cases = "".join(f"- name: {name}\n  sockets: {{x: 1}}\n" for name in (NFC, NFD))

    assert any("is used twice" in one for one in problems_of(f"{HEAD}cases:\n{cases}"))


@SPELLINGS
def test_a_case_keeps_its_item_when_its_name_is_composed_anew(written: str, there: str) -> None:
    whole = parse(f"{HEAD}cases:\n- name: {written}\n  sockets: {{x: 1}}\n", "m.yaml")
    history = past_of_events(
        Started(there, step_id(f"{there}:create"), title="uploading-1", order=0),
        Done(there, step_id(f"{there}:create"), pk=pk(1)),
    )

    assert renamed_cases(whole, history, frozenset({written})) == {written: there}


def test_on_a_disk_that_decomposes_two_spellings_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, {f"{NFC}.dcm": b"1", "b.dcm": b"2"})
    install(System(names="decomposed"), monkeypatch)

    names = upload_names(tmp_path, f"{NFC}.dcm", f"{NFD}.dcm", "b.dcm")

    assert names == [f"{NFC}.dcm", "b.dcm"]


@SPELLINGS
def test_init_finds_cases_and_rows_however_they_are_spelt(
    tmp_path: Path, written: str, there: str
) -> None:
    for name in (f"{there} 1", f"{there} 2"):
        write(tmp_path / "data" / name / "ct.mha", mha(name))
    table = f"n\u00e4me,score\n{written} 1,1\n{written} 2,2\n"
    (tmp_path / "scores.csv").write_text(table, encoding="utf-8")

    given = ["--slug", "lung", "--each", f"{written} *", "--socket", "ct=ct.mha"]
    given += ["--table", "scores.csv", "--key", "na\u0308me", "--socket", "some-score=@score"]
    ran = uploader("init", "data", *given, "--explicit", cwd=tmp_path).expect(0)

    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    found = parse(text, "manifest.yaml")
    assert [(case.name, len(case.values)) for case in found.cases] == [
        (f"{NFC} 1", 2),
        (f"{NFC} 2", 2),
    ], ran.err
    for case in found.cases:
        assert not isinstance(resolve(case.values[0], root_at(tmp_path / "data")), tuple)  # type: ignore[arg-type]

    explicit = yaml.safe_load(text)
    uploader("init", "data", *given, "--force", cwd=tmp_path).expect(0)
    assert "each:" in (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    short = uploader("expand", "manifest.yaml", cwd=tmp_path).expect(0)
    assert yaml.safe_load(short.out)["cases"] == explicit["cases"]


def test_the_names_of_a_pattern_are_composed() -> None:
    [part] = read_each("{patient}-ct")

    assert [names for _, names in part.match([f"{NFD}-ct"])] == [{"patient": NFC}]


# ── hints ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "meant", "what"),
    [
        (NFD, NFC, "character 2 is LATIN SMALL LETTER U"),
        ("p\u0430tient", "patient", "character 2 is CYRILLIC SMALL LETTER A"),
        ("patient\u00a01", "patient 1", "character 8 is NO-BREAK SPACE"),
        ("patient\u20111", "patient-1", "character 8 is NON-BREAKING HYPHEN"),
        ("pa\u200btient", "patient", "character 3 is ZERO WIDTH SPACE"),
        ("patient", "patient\u200b", "the end is missing"),
    ],
)
def test_a_hint_says_where_two_words_differ_that_look_the_same(
    word: str, meant: str, what: str
) -> None:
    hint = did_you_mean(word, [meant])

    assert hint == (f"did you mean '{meant}'? They look the same, but in what you wrote {what}")


def test_a_hint_shows_words_that_differ_as_they_are() -> None:
    assert did_you_mean("titel", ["title"]) == "did you mean 'title'?"
    assert did_you_mean("Title", ["title"]) == "did you mean 'title'?"


def test_a_file_whose_name_only_looks_the_same_is_told(tmp_path: Path) -> None:
    make_files(tmp_path, ["patient/sc\u0430n.mha"])

    _, hint = find_problem(tmp_path, "patient/scan.mha", single=True)

    assert hint is not None
    assert "They look the same" in hint


def test_a_case_whose_name_only_looks_the_same_is_told() -> None:
    whole = parse(f"{HEAD}cases:\n- name: patient-1\n  sockets: {{x: 1}}\n", "m.yaml")

    with pytest.raises(UsageError) as caught:
        select(whole, only=("p\u0430tient-1",), first=None)

    assert "They look the same" in (caught.value.hint or "")


# ── case ────────────────────────────────────────────────────────────────────────────────────


def test_on_a_disk_that_ignores_case_two_spellings_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, {"CT/IM1.dcm": b"1", "CT/IM2.dcm": b"2"})
    install(System(names="any case", numbers="none"), monkeypatch)

    assert upload_names(tmp_path, "CT/IM1.dcm", "ct/im1.dcm", "CT/IM2.dcm") == [
        "IM1.dcm",
        "IM2.dcm",
    ]


def test_elsewhere_they_are_two(tmp_path: Path) -> None:
    make_files(tmp_path, {"a/IM1.dcm": b"1", "A/im1.dcm": b"2"})
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this disk ignores case")

    found = resolve(file_value("a/IM1.dcm", "A/im1.dcm"), root_at(tmp_path))

    assert not isinstance(found, tuple)
    assert [file.name for file in found.files] == ["0001-IM1.dcm", "0002-im1.dcm"]


def test_a_report_does_not_take_the_manifests_place_in_another_spelling(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.add_score("a")
    box.save()
    there = environment(**{VARIABLE: "windows"})

    ran = uploader("report", "lung.yaml", "--csv", "LUNG.yaml", cwd=tmp_path, given=there)

    assert ran.code == 2
    assert "needed for something else" in ran.err
    parse(box.manifest.read_bytes(), "lung.yaml")


# ── circles ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["links", "junctions"])
def circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder that holds a way back to itself, and two that hold ways to each other."""
    make_files(tmp_path, ["p/a.dcm", "x/b.dcm", "y/c.dcm"])
    for path, target in (("p/back", "p"), ("x/y", "y"), ("y/x", "x"), ("p/root", ".")):
        make_link(tmp_path / path, tmp_path / target)
    if request.param == "junctions":
        install(System(junctions=True), monkeypatch)
    return tmp_path


@pytest.mark.parametrize("follow", [False, True])
def test_a_search_does_not_go_in_circles(circle: Path, follow: bool) -> None:
    found = resolve(file_value("p"), root_at(circle, follow_links=follow))

    assert not isinstance(found, tuple)
    names = [file.name for file in found.files]
    assert names.count("a.dcm") == 1
    assert len(names) == len(set(names))


def test_init_does_not_go_in_circles(circle: Path) -> None:
    given = [
        "--slug",
        "lung",
        "--each",
        "?",
        "--socket",
        "ct=**/*.dcm",
        "--no-series-check",
        "--explicit",
    ]
    ran = uploader("init", ".", *given, cwd=circle, given=environment(**{VARIABLE: "windows"}))

    assert ran.code == 0, ran.err
    found = parse((circle / "manifest.yaml").read_bytes(), "manifest.yaml")
    assert [case.name for case in found.cases] == ["p", "x", "y"]
