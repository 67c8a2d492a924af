"""One description for many cases, from the folder to the platform."""

from pathlib import Path

import pytest
import yaml

from tests.e2e.data import mask, mha
from tests.e2e.helpers import STUDY, Box, served
from tests.e2e.short_form import SHORT as DESCRIPTION

SHORT = (
    DESCRIPTION
    + """\
exclude: [patient-4]
cases:
  - name: patient-2
    title: The second
"""
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with served(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def study(folder: Path, sandbox) -> Box:
    """Four patients: the third has no score, and only the first has a segmentation."""
    box = Box(folder, sandbox)
    for number in range(1, 5):
        box.write(mha(number), f"patient-{number}", "ct.mha")
    box.write(mask(1), "patient-1", "airways.mha")
    table = "patient,rank,score\npatient-1,10,2.5\npatient-2,20,3\npatient-3,30,\npatient-4,40,1\n"
    (folder / "scores.csv").write_text(table)
    box.manifest.write_text(SHORT)
    return box


def entries(box: Box) -> None:
    """What the description stands for, as an explicit manifest."""
    for number, order, score in ((1, 10, 2.5), (2, 20, 3), (3, 30, None)):
        name = f"patient-{number}"
        sockets = {"ct-image": {"file": f"{name}/ct.mha"}}
        if number == 1:
            sockets["airway-segmentation"] = {"file": f"{name}/airways.mha"}
        if score is not None:
            sockets["some-score"] = score
        title = "The second" if number == 2 else f"Patient {number}"
        box.add(name, sockets, title=title, order=order)


def test_it_continues_what_the_explicit_form_began_and_changes_what_changes(tmp_path, sandbox):
    box = study(tmp_path, sandbox)
    entries(box)
    box.save()
    box.run().expect(0)
    box.check()

    box.manifest.write_text(SHORT)
    again = box.run().expect(0)

    assert again.summary["uploads"] == again.summary["bytes_sent"] == 0
    assert again.ends["unchanged"] == again.ends["done"] == 3
    box.check()

    table = tmp_path / "scores.csv"
    table.write_text(table.read_text().replace("2.5", "7.25"))
    (box.data / "patient-3" / "airways.mha").write_bytes(mask(3))
    box.run().expect(0)

    box.entries[0]["sockets"]["some-score"] = 7.25
    box.entries[2]["sockets"]["airway-segmentation"] = {"file": "patient-3/airways.mha"}
    box.check()
    assert box("status").expect(0).out.count("done") >= 3


def test_problems_stand_at_the_description_and_name_their_cases(tmp_path, sandbox):
    box = study(tmp_path, sandbox)
    (box.data / "patient-2" / "ct.mha").unlink()
    (box.data / "patient-3" / "ct.mha").unlink()
    (box.data / "patient-1" / "airways.mha").write_bytes(b"")

    ran = box("validate", "--offline").expect(2)

    assert (
        "lung.yaml:10:22 (patient-2, patient-3): file 'patient-2/ct.mha' does not exist" in ran.err
    )
    assert "lung.yaml:11:33 (patient-1): " in ran.err
    assert "3 problems; nothing was sent" in ran.err
    lines = box("validate", "--offline", "--json").expect(2).lines
    assert [(line["line"], line["case"]) for line in lines if line["line"] == 10] == [
        (10, "patient-2"),
        (10, "patient-3"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("patient-{number}", "patient_*"), "4:7: no folder or file matches 'patient_*' (in data)"),
        (("scores.csv", "score.csv"), "5:8: table 'score.csv' does not exist"),
        (
            ("root: data", "root: date"),
            "3:7: root 'date' does not exist\n  hint: correct 'root', or",
        ),
        (("scores.csv", "scores.xls"), "5:8: table 'scores.xls' does not exist"),
        (("column: score", "column: scores"), "12:26: the table has no column 'scores'"),
        (
            ("table: scores.csv", "table: {file: scores.csv, sheet: a}"),
            "'sheet' is for Excel files",
        ),
    ],
)
def test_what_cannot_be_found_is_said_at_its_line(tmp_path, change, said):
    box = study(tmp_path, None)
    box.manifest.write_text(SHORT.replace(*change))

    ran = box("validate", "--offline").expect(2)

    assert said in ran.err


def test_what_is_odd_is_told(tmp_path):
    box = study(tmp_path, None)
    (tmp_path / "scores.csv").write_text("patient,rank,score\npatient-1,1,2\npatient-9,2,3\n")
    (box.data / "patient-5").mkdir()
    box.manifest.write_text(SHORT.replace("{file: ct.mha}", "{file: ct.mha, optional: true}"))

    ran = box("validate", "--offline").expect(0)

    assert "rows of scores.csv without a case: patient-9 (line 3)" in ran.err
    assert (
        "cases without a row in scores.csv: patient-2, patient-3, patient-4 and 1 more" in ran.err
    )
    assert "cases left out because no socket has a file or value: patient-5" in ran.err


def test_a_text_among_numbers_is_told_where_no_platform_is_asked(tmp_path):
    box = study(tmp_path, None)
    table = tmp_path / "scores.csv"
    table.write_text(table.read_text().replace("2,20,3", "2,20,n/a"))
    said = (
        "lung.yaml:12:26 (patient-2): warning: socket 'some-score' has numbers in other cases, "
        "and here the text 'n/a'"
    )

    offline = box("validate", "--offline").expect(0).err
    planned = box("plan", "--sandbox").expect(0).err
    refused = box("plan", "--sandbox", "--socket", "some-score=Float").expect(2).err

    assert (offline.count(said), planned.count(said), refused.count(said)) == (1, 1, 0)
    assert "lung.yaml:12:26 (patient-2): socket 'some-score' of kind 'Float' takes" in refused


def test_names_and_endings_match_as_everywhere(tmp_path):
    box = Box(tmp_path)
    for name in ("Mu\u0308ller 10.MHA", "Mu\u0308ller 9.mha", ".hidden.mha"):
        box.write(mha(name), "scans", name)
    box.manifest.write_text(
        "version: 1\ntarget: {kind: archive, slug: a}\nroot: data\n"
        'each: "scans/Müller {n}.mha"\n'
        'case: {name: "M{n}", sockets: {ct-image: {file: "{file}"}}}\n'
    )

    ran = box("validate", "--offline", "--json").expect(0)

    assert "2 cases, no problem" in ran.err + ran.out


def test_expand_prints_the_explicit_manifest_and_both_plan_the_same(tmp_path, sandbox):
    box = study(tmp_path, sandbox)
    entries(box)
    for entry in box.entries:
        entry["title"] = f"New {entry['title']}"
    new = SHORT.replace("title: ", "title: New ").replace('New "', '"New ')
    box.manifest.write_text(new)
    short = box("expand").expect(0)

    box.name = "explicit"
    box.manifest.write_text(short.out)
    printed = yaml.safe_load(short.out)
    assert printed["cases"] == box.entries
    assert (printed["target"]["slug"], printed["root"]) == (STUDY, "data")

    explicit = box("plan", "--json").expect(0)
    again = box("expand").expect(0)
    box.name = "lung"
    assert box("plan", "--json").expect(0).plan == explicit.plan
    assert yaml.safe_load(again.out) == printed


def test_expand_keeps_the_names_of_images(tmp_path):
    box = Box(tmp_path)
    box.write("", "patient-1", "a.dcm")
    box.write("", "patient-1", "b.dcm")
    named = '{files: "*.dcm", name: "CT: {name}"}'
    box.manifest.write_text(
        "version: 1\ntarget: {kind: archive, slug: lung}\nroot: data\n"
        f'each: "patient-*"\ncase:\n  sockets:\n    dicom-set: {named}\n'
    )

    printed = yaml.safe_load(box("expand").expect(0).out)

    [case] = printed["cases"]
    assert case["sockets"] == {"dicom-set": {"files": "patient-1/*.dcm", "name": "CT: patient-1"}}


def test_expand_says_what_is_odd_and_refuses_what_is_wrong(tmp_path):
    box = study(tmp_path, None)
    (tmp_path / "scores.csv").write_text("patient,rank,score\npatient-1,1,2\npatient-9,2,3\n")

    assert "patient-9 (line 3)" in box("expand").expect(0).err
    box.manifest.write_text(SHORT.replace("column: score", "column: x"))
    assert "has no column 'x'" in box("expand").expect(2).err


def test_plan_says_which_cases_are_new_gone_or_changed(tmp_path, sandbox):
    box = study(tmp_path, sandbox)
    box.manifest.write_text(
        SHORT.replace("Patient {number}", "P{number}").replace("The sec", "Sec")
    )
    box.run().expect(0)
    assert "since the last run: no case was added, removed or changed" in box("plan").expect(0).out

    box.write(mha(5), "patient-5", "ct.mha")
    (tmp_path / "scores.csv").write_text("patient,rank,score\npatient-1,10,9\npatient-2,20,3\n")
    (box.data / "patient-3").rename(tmp_path / "patient-3")

    said = box("plan").expect(0).out
    assert (
        "since the last run: 1 new (patient-5), 1 removed (patient-3), 1 changed (patient-1)"
        in said
    )
    assert box("plan").expect(0).out == said
    assert "1 removed (patient-3)" in box.run().expect(0).err
    nothing = "since the last run: no case was added, removed or changed"
    said = box.run().expect(0).err
    assert nothing in said
    assert "removed from the manifest" not in said

    (tmp_path / "patient-3").rename(box.data / "patient-3")
    assert "since the last run: 1 back (patient-3)" in box.run().expect(0).err
    assert nothing in box("plan").expect(0).out
    (box.data / "patient-3").rename(tmp_path / "patient-3")
    assert "since the last run: 1 removed (patient-3)" in box("plan").expect(0).out


MISTAKEN = """\
version: 1
target: {kind: reader-study, slug: lung-nodules}
root: data
each: "patient-{number}"
table: scores.csv
case:
  title: {column: label}
  order: {column: rank}
  sockets:
    ct-image: {file: "*.mha"}
    findings: {file: findings.json, optional: true}
    remark: "read by {reader}"
exclude: [patient-011]
cases:
  - name: patient-07
    title: seven
  - name: patient-10
    sockets: {findings: {file: by-hand/findings.json}}
"""


def test_ten_mistakes_are_reported_at_the_description_with_their_cases(tmp_path):
    box = Box(tmp_path)
    rows = ["patient,label,rank,reader"]
    for number in range(1, 12):
        box.write(mha(number), f"patient-{number}", "ct.mha")
        rows.append(f"patient-{number},P{number},{number},R")
    (box.data / "patient-1" / "ct.mha").unlink()
    box.write(mha(0), "patient-2", "other.mha")
    box.write(b"", "patient-3", "ct.mha")
    box.write("{", "patient-4", "findings.json")
    rows[5] = "patient-5,<b>five</b>,5,R"
    rows[6] = "patient-6,P6,first,R"
    rows[8] = "patient-8,P7,8,R"
    rows[9] = "patient-9,P9,9,"
    (tmp_path / "scores.csv").write_text("\n".join(rows))
    box.manifest.write_text(MISTAKEN)

    err = box("validate", "--offline").expect(2).err

    for line in (
        "lung.yaml:10:22 (patient-1): no file matches 'patient-1/*.mha' (in data)",
        "lung.yaml:10:22 (patient-2): 'patient-2/*.mha' matches 2 files",
        "lung.yaml:10:22 (patient-3): ",
        "lung.yaml:11:22 (patient-4): 'findings.json': ",
        "lung.yaml:7:19 (patient-5): title '<b>five</b>' has an HTML tag",
        "lung.yaml:8:19 (patient-6): order must be a whole number, not 'first'",
        "lung.yaml:7:19 (patient-8): title 'P7' is used twice",
        "lung.yaml:12:13 (patient-9): 'reader' is empty in scores.csv",
        "lung.yaml:15:11: no case is named 'patient-07'\n  hint: did you mean 'patient-7'?",
        "lung.yaml:18:32 (patient-10): file 'by-hand/findings.json' does not exist",
        "lung.yaml:13:11: no case is named 'patient-011'\n  hint: did you mean 'patient-11'?",
    ):
        assert line in err
    assert "11 problems; nothing was sent" in err
    assert "warning: no case" not in err


def test_other_commands_know_the_cases_too(tmp_path, sandbox):
    box = study(tmp_path, sandbox)
    box.manifest.write_text(
        SHORT.replace("Patient {number}", "O{number}").replace("The sec", "Osec")
    )
    box.run("--only", "patient-2").expect(0)

    assert box("plan", "--json", "--only", "patient-[12]").expect(0).plan.keys() == {
        "patient-1",
        "patient-2",
    }
    assert "3 cases compared: 2 differences" in box("verify").expect(1).out
    assert "patient-2" in box("report", "--csv", "-").expect(0).out
    assert len(box("plan", "--sandbox", "--json").expect(0).plan) == 3


def test_one_scan_may_be_in_every_case(tmp_path: Path, sandbox) -> None:
    box = study(tmp_path, sandbox)
    planning = "    mr-image: {same-as: patient-1/ct-image}\n"
    box.manifest.write_text(
        SHORT.replace("exclude:", planning + "exclude:")
        .replace("lung-nodules", STUDY)
        .replace("Patient {", "Scan {")
        .replace("The second", "Scan two")
    )

    planned = box("plan", "--json").expect(0).plan
    shown = yaml.safe_load(box("expand").expect(0).out)
    wrong = box.manifest.read_text().replace("patient-1/ct-image", "patient-11/ct-image")
    box.manifest.write_text(wrong)
    told = box("validate", "--offline").expect(2).err

    assert {name: case["shared"] for name, case in planned.items()} == {
        f"patient-{number}": {"mr-image": "patient-1/ct-image"} for number in (1, 2, 3)
    }
    assert shown["cases"][1]["sockets"]["mr-image"] == {"same-as": "patient-1/ct-image"}
    assert "lung.yaml:13:25" in told
    assert "no case is named 'patient-11'" in told


def test_a_scan_of_a_case_that_has_nothing_or_is_excluded_is_told(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(1, 6):
        box.write(mha(number), f"patient-{number}", "ct.mha")
    uses = {3: "patient-1", 4: "patient-2", 5: "patiemt-1"}
    box.manifest.write_text(
        SHORT.split("table:")[0]
        + "case:\n  sockets:\n    ct-image: {file: ct.mha}\n"
        + "exclude: [patient-2]\n"
        + "cases:\n"
        + "  - {name: patient-1, sockets: {ct-image: null}}\n"
        + "".join(
            f"  - {{name: patient-{number}, sockets: {{mr-image: {{same-as: {name}/ct-image}}}}}}\n"
            for number, name in uses.items()
        )
    )

    told = box("validate", "--offline").expect(2).err

    assert ": case 'patient-1' has no socket 'ct-image'" in told
    assert ": case 'patient-2' is excluded" in told
    assert "cases left out because no socket has a file or value: patient-1\n" in told
    assert ": no case is named 'patiemt-1'\n  hint: did you mean 'patient-1'?" in told


def test_a_scan_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Its socket is optional, and its case has nothing else."""
    box = Box(tmp_path)
    for number in (1, 2):
        box.write(mha(number), f"patient-{number}", "ct.mha")
    sockets = "    mr-image: {same-as: patient-1/ct-image}\n"
    head = SHORT.split("table:")[0] + "case:\n  sockets:\n"
    box.manifest.write_text(
        head
        + "    ct-image: {file: gone.mha, optional: true}\ncases:\n"
        + "  - name: patient-2\n    sockets:\n  "
        + sockets
    )

    told = box("validate", "--offline").expect(2).err

    assert "case 'patient-1' has no socket 'ct-image'" in told
