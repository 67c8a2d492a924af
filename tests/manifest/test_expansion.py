"""One description for many cases: what it stands for, and what is said about it."""

import pytest

from manifest_uploader.manifest.expansion import expand
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import format_problem, grouped
from manifest_uploader.manifest.tables import Row, Table
from tests.manifest.helpers import HEAD, problems_of

SHORT = """\
each: "patient-{number}"
case:
  title: "Patient {number}"
  sockets:
    ct-image: {files: "ct/*.dcm"}
"""


def found(*numbers):
    return [FoundCase(f"patient-{n}", is_file=False, names={"number": n}) for n in numbers]


def rows(*cells, columns=("patient", "score"), **more):
    made = [Row(n, dict(zip(columns, row, strict=True))) for n, row in enumerate(cells, 2)]
    return Table("scores.csv", columns, tuple(made), **more)


def expanded(text, cases, table=None):
    return expand(parse(HEAD + text, "m.yaml"), cases, table)


def cases_of(text, cases, table=None):
    expansion = expanded(text, cases, table)
    assert expansion.problems == ()
    return [one.case for one in expansion.cases]


def said(text, cases, table=None):
    expansion = expanded(text, cases, table)
    return [str(format_problem(*one)) for one in grouped(expansion.problems)]


def told(text, cases, table=None):
    return [one.message for one in expanded(text, cases, table).remarks]


def plain(case):
    values = {one.socket: getattr(one, "paths", getattr(one, "value", None)) for one in case.values}
    return case.name, case.title, case.order, values


# ── what it stands for ──────────────────────────────────────────────────────────────────────


def test_the_name_of_an_image_may_hold_names():
    text = SHORT.replace('"ct/*.dcm"}', '"ct/*.dcm", name: "CT of {name}", optional: true}')

    [case] = cases_of(text, found("001"))

    [value] = case.values
    assert (value.paths, value.image_name) == (("patient-001/ct/*.dcm",), "CT of patient-001")
    long = text.replace("CT of", "x" * 250)
    assert ["has 262 characters" in one for one in said(long, found("001"))] == [True]


def test_each_folder_is_a_case():
    first, second = cases_of(SHORT, found("001", "002"))

    assert plain(first) == (
        "patient-001",
        "Patient 001",
        None,
        {"ct-image": ("patient-001/ct/*.dcm",)},
    )
    assert plain(second)[:2] == ("patient-002", "Patient 002")
    assert (first.values[0].place.line, first.values[0].place.case) == (9, "patient-001")


def test_a_case_is_named_by_its_path_or_by_name():
    nested = [FoundCase("a/b/c", is_file=False), FoundCase("a/d.nii.gz", is_file=True)]
    short = 'each: "**/*"\ncase: {sockets: {x: "{name}, {file}"}}\n'
    named = short.replace("case: {", 'case: {name: "n{name}", ')

    assert [plain(one)[0] for one in cases_of(short, nested)] == ["a-b-c", "a-d"]
    assert [plain(one)[3]["x"] for one in cases_of(short, nested)] == ["c, c", "d, d.nii.gz"]
    assert [one.name for one in cases_of(named, nested)] == ["nc", "nd"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("ct/*.dcm", "s/p/ct/*.dcm"),
        (".", "s/p"),
        ("./ct", "s/p/ct"),
        ("../masks/{p}.mha", "s/masks/p.mha"),
        ("{{x}}.mha", "s/p/{x}.mha"),
        ("[{odd}]*", "s/p/[a[*]]*"),
        ("{odd}", "s/p/a*"),
    ],
)
def test_paths_are_relative_to_the_folder_of_the_case(written, path):
    short = f'each: "s/{{p}}{{odd}}"\ncase: {{sockets: {{x: {{files: "{written}"}}}}}}\n'
    folder = FoundCase("s/p", is_file=False, names={"p": "p", "odd": "a*"})

    assert cases_of(short, [folder])[0].values[0].paths == (path,)


def test_paths_of_a_file_are_relative_to_its_folder():
    sockets = '{a: {file: "{file}"}, b: {file: "../m/{id}.mha"}}'
    short = f'each: "images/{{id}}.mha"\ncase: {{sockets: {sockets}}}\n'
    [case] = cases_of(short, [FoundCase("images/7.MHA", is_file=True, names={"id": "7"})])

    assert plain(case) == (
        "images-7",
        "images-7",
        None,
        {"a": ("images/7.MHA",), "b": ("m/7.mha",)},
    )


def test_a_path_that_leads_out_of_the_root_is_said_with_its_case():
    [line] = said(SHORT.replace("ct/*.dcm", "../../x"), found("1", "2"))

    assert line.startswith("m.yaml:9:23 (patient-1, patient-2): path '../x' leads out of the root")


TABLE = """\
each: "patient-{number}"
table: scores.csv
key: patient
case:
  title: {column: label}
  order: {column: rank}
  sockets:
    some-score: {column: score}
    remark: "seen by {reader}, {{}}"
    findings: {value: {by: ["{reader}"], n: 1}}
"""
COLUMNS = ("patient", "label", "rank", "score", "reader")


def test_cells_are_typed_as_the_table_has_them_and_empty_ones_leave_things_out():
    table = rows(
        ("patient-1", "One", "3", "2.5", "R1"),
        ("patient-2", "Two", "", "", "7"),
        ("patient-3", "007", 4, "true", "x"),
        columns=COLUMNS,
    )

    one, two, three = cases_of(TABLE, found("1", "2", "3"), table)

    texts = {"remark": "seen by R1, {}", "findings": {"by": ["R1"], "n": 1}}
    assert plain(one) == ("patient-1", "One", 3, {"some-score": 2.5, **texts})
    assert plain(two)[:3] == ("patient-2", "Two", None)
    assert "some-score" not in plain(two)[3]
    assert plain(two)[3]["remark"] == "seen by 7, {}"
    assert plain(three)[1:3] == ("007", 4)
    assert plain(three)[3]["some-score"] is True


def test_a_title_that_the_table_lacks_is_a_problem_unless_the_case_has_another():
    short = with_score().replace('"Patient {number}"', "{column: label}")
    columns = ("patient", "score", "label")
    table = rows(("patient-1", 1, "One"), ("patient-2", 2, ""), columns=columns)
    titled = short + "cases: [{name: patient-2, title: Two}, {name: patient-3, title: Three}]\n"

    empty, unknown = said(short, found("1", "2", "3"), table)

    hint = "\n  hint: fill it in, or give the case a title below 'cases:'"
    assert empty == f"m.yaml:8:19 (patient-2): 'label' is empty in scores.csv{hint}"
    what = "'label' has no value: there is no row in scores.csv"
    assert unknown == f"m.yaml:8:19 (patient-3): {what}{hint}"
    cases = cases_of(titled, found("1", "2", "3"), table)
    assert [one.title for one in cases] == ["One", "Two", "Three"]


def test_a_decimal_comma_is_read_if_the_table_says_so():
    table = rows(("patient-1", "2,5"), decimal_comma=True)
    short = SHORT.replace("case:", "table: {file: s.csv, decimal: ','}\ncase:")
    short = short.replace("sockets:", "sockets:\n    x: {column: score}")

    assert cases_of(short, found("1"), table)[0].values[0].value == 2.5


def with_score(keys="table: scores.csv\n"):
    return SHORT.replace("case:", f"{keys}case:") + "    x: {column: score}\n"


@pytest.mark.parametrize("key", ["patient-1", "PATIENT", "1"])
def test_a_row_is_found_by_name_path_or_named_part(key):
    columns = ("number" if key == "1" else "patient", "score")
    table = rows((key, 5), columns=columns)

    if key == "PATIENT":
        [line] = said(with_score(), found("1"), table)
        assert "no row of scores.csv matches a case: 'patient' has 'PATIENT'" in line
        assert told(with_score(), found("1"), table) == [], "the problem names both"
    else:
        assert cases_of(with_score(), found("1"), table)[0].values[1].value == 5


def test_several_key_columns_are_named_parts():
    short = 'each: "{a}/{b}"\ntable: t.csv\nkey: [a, b]\ncase: {sockets: {x: {column: score}}}\n'
    table = rows(("1", "2", 5), ("1", "3", 6), columns=("a", "b", "score"))
    folders = [FoundCase(f"1/{b}", is_file=False, names={"a": "1", "b": b}) for b in "23"]

    assert [one.values[0].value for one in cases_of(short, folders, table)] == [5, 6]


def test_rows_and_folders_without_each_other_are_told():
    table = rows(("patient-1", 1), ("patient-9", 2), ("", 3))

    assert told(with_score(), found("1", "2"), table) == [
        "rows of scores.csv without a case: patient-9 (line 3)",
        "rows of scores.csv without 'patient': line 4",
        "cases without a row in scores.csv: patient-2",
    ]


def test_rows_that_contradict_each_other_are_a_problem():
    [line] = said(with_score(), found("1", "2"), rows(("patient-1", 1), ("patient-1", 2)))

    assert "(patient-1): lines 2 and 3 of scores.csv are both for this case and differ" in line


def test_a_row_that_fits_two_folders_by_their_last_names_is_a_problem():
    short = 'each: "*/*"\ntable: t.csv\ncase: {sockets: {x: {column: score}}}\n'
    folders = [FoundCase("a/p", is_file=False), FoundCase("b/p", is_file=False)]

    [line] = said(short, folders, rows(("p", 1)))

    assert "(b-p): line 2 of scores.csv is for 'a/p' too" in line


# ── exceptions ──────────────────────────────────────────────────────────────────────────────


EXCEPTIONS = """\
exclude: [patient-013, "test-*"]
cases:
  - name: patient-007
    title: Seven
    sockets: {ct-image: {file: by-hand/p007.mha}, extra: 1}
"""


def test_an_exception_overrides_key_by_key():
    short = SHORT + "    mask: {file: m.mha}\n" + EXCEPTIONS

    seven, eight = cases_of(short, found("007", "008", "013"))

    values = {"ct-image": ("by-hand/p007.mha",), "mask": ("patient-007/m.mha",), "extra": 1}
    assert plain(seven) == ("patient-007", "Seven", None, values)
    assert seven.values[0].place.line == 15
    assert plain(eight)[1] == "Patient 008"


def test_an_empty_socket_leaves_it_out():
    short = SHORT + "    mask: {file: m.mha}\ncases: [{name: patient-1, sockets: {mask: null}}]\n"

    assert [one.socket for one in cases_of(short, found("1"))[0].values] == ["ct-image"]


def test_cases_may_come_before_each():
    swapped = EXCEPTIONS + SHORT

    assert cases_of(swapped, found("007"))[0].title == "Seven"


def test_a_misspelt_exception_is_a_problem_and_another_case_is_told():
    misspelt = SHORT + "cases: [{name: patient-07, sockets: {x: 1}}]\n"
    nameless = SHORT + "cases: [{name: phantom, title: P}]\n"
    other = SHORT + "cases: [{name: phantom, sockets: {x: 1}}]\n"

    assert (
        "no case is named 'patient-07'\n  hint: did you mean 'patient-007'?"
        in said(misspelt, found("007"))[0]
    )
    assert "no case is named 'phantom'" in said(nameless, found("007"))[0]
    assert [one.name for one in cases_of(other, found("007"))] == ["patient-007", "phantom"]
    assert told(other, found("007")) == [
        "'phantom' matches no case of 'each', so it is a case of its own"
    ]


def test_an_exclusion_that_excludes_nothing_is_told_and_a_misspelt_one_is_a_problem():
    gone = SHORT + "exclude: [patient-013]\n"

    assert told(gone, found("1")) == ["no case is named 'patient-013'"]
    assert "did you mean 'patient-13'?" in said(gone, found("13"))[0]


# ── problems ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            ('{number}"\n  s', '{nubmer}"\n  s'),
            "m.yaml:7:10: 'nubmer' is neither a name in 'each' nor a column of a table",
        ),
        (("ct/*.dcm", "{x}/*"), "m.yaml:9:23: 'x' is neither a name"),
        (
            ('{files: "ct/*.dcm"}', "{column: score}"),
            "m.yaml:9:24: 'score' is a column of a table, but there is no table",
        ),
        (("Patient {number}", "Patient"), "m.yaml:7:10 (patient-2): title 'Patient' is used twice"),
    ],
)
def test_what_the_description_says_wrong_is_said_at_its_line(change, line):
    [first] = said(SHORT.replace(*change), found("1", "2"))

    assert first.startswith(line)


def test_what_differs_only_in_what_it_quotes_is_one_line_if_it_is_much():
    html = SHORT.replace("Patient {number}", "<b>{number}")

    assert len(said(html, found("1", "2"))) == 2
    [line] = said(html, found(*"123456"))
    assert line.startswith("m.yaml:7:10 (patient-1, patient-2, patient-3 and 3 more): title '<b>1'")


def test_names_that_no_case_may_have_are_said_with_the_case():
    lines = said(SHORT, [FoundCase("patient-a:b", is_file=False, names={"number": "a:b"})])

    assert lines[0].startswith("m.yaml:5:7 (patient-a:b): name 'patient-a:b' has '/' or ':' in it")


def test_two_folders_of_one_name_are_a_problem():
    folders = [FoundCase("a/b", is_file=False), FoundCase("a-b", is_file=False)]

    [line] = said('each: "**/*"\ncase: {sockets: {x: 1}}\n', folders)

    assert "(a-b): name 'a-b' is used twice: 'a/b' has it too" in line


def test_an_empty_cell_in_a_text_is_a_problem():
    table = rows(("patient-1", "a"), ("patient-2", ""))
    short = with_score().replace("Patient {number}", "{score}")

    [line] = said(short, found("1", "2"), table)

    assert line.startswith("m.yaml:8:10 (patient-2): 'score' is empty in scores.csv")


def test_a_column_that_the_table_has_not_is_said_once():
    text = with_score() + "cases:\n  - {name: patient-1, title: One}\n"
    given = (text, found("1", "2"), rows(("patient-1", 1), columns=("patient", "scroe")))

    [line] = said(*given)

    assert told(*given) == [], "no case was looked at, so none is without a row"
    assert line.startswith(
        "m.yaml:11:17: the table has no column 'score'\n  hint: did you mean 'scroe'?"
    )


def test_very_many_problems_end():
    lines = said(SHORT.replace("Patient {number}", "<b>"), found(*map(str, range(3000))))

    assert len(lines) < 10


def test_a_case_in_which_nothing_is_left_has_no_values():
    short = with_score().replace('    ct-image: {files: "ct/*.dcm"}\n', "")

    one, two = cases_of(short, found("1", "2"), rows(("patient-1", 1), ("patient-2", "")))

    assert (one.name, len(one.values)) == ("patient-1", 1)
    assert (two.name, two.values, two.place.case) == ("patient-2", (), "patient-2")


@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        ("case: {sockets: {x: 1}}\n", "'each' is missing"),
        ("each: '*'\n", "'case' is missing"),
        ("each: '*'\ncase: {title: a}\n", "case has no sockets"),
        ("each: '*'\ncase: {sockets: {}}\n", "sockets is empty"),
        ("each: '*'\ncase: [a]\n", "case must be a mapping, not a list"),
        ("each: '../*'\ncase: {sockets: {x: 1}}\n", "pattern '../*' leads out of the root"),
        ("each: '/a/*'\ncase: {sockets: {x: 1}}\n", "path '/a/*' is absolute"),
        ("each: 'a\\*'\ncase: {sockets: {x: 1}}\n", "path 'a\\*' has backslashes"),
        ("each: '**'\ncase: {sockets: {x: 1}}\n", "pattern '**' matches everything"),
        ("each: '.'\ncase: {sockets: {x: 1}}\n", "pattern '.' matches no folder below the root"),
        (
            "each: 'a{}'\ncase: {sockets: {x: 1}}\n",
            "pattern 'a{}' has a brace without a name in it",
        ),
        (
            "each: '*'\ncase: {title: 'a}', sockets: {x: 1}}\n",
            "'a}' has a brace without a name in it",
        ),
        ("each: '*'\ncase: {order: 3, sockets: {x: 1}}\n", "order must be a column here, not 3"),
        ("each: '*'\ncase: {order: {col: a}, sockets: {x: 1}}\n", "unknown key 'col'"),
        (
            "each: '*'\ncase: {sockets: {x: {file: a, files: b}}}\n",
            "socket 'x' has both 'file' and 'files'",
        ),
        (
            "each: '*'\ncase: {sockets: {x: {file: a, optional: true, value: 1}}}\n",
            "socket 'x' has both 'file' and 'value'",
        ),
        (
            "each: '*'\ncase: {sockets: {x: {optional: true}}}\n",
            "socket 'x' needs one of files, file, value, column, image and same-as",
        ),
        (
            "each: '*'\ncase: {sockets: {x: {value: 1, optional: true}}}\n",
            "socket 'x' is optional without files",
        ),
        (
            "each: '*'\ncase: {sockets: {x: {file: a, optional: 1}}}\n",
            "optional can only be true, not 1",
        ),
        ("each: '*'\ncase: {sockets: {x: [1]}}\n", "socket 'x' cannot be a bare list"),
        ("each: '*'\nkey: a\ncase: {sockets: {x: 1}}\n", "'table' is missing"),
        ("each: '*'\ntable: {separator: ';'}\ncase: {sockets: {x: 1}}\n", "the table has no file"),
        (
            "each: '*'\ntable: {file: a.csv, decimal: x}\ncase: {sockets: {x: 1}}\n",
            "decimal cannot be 'x'",
        ),
        ("each: '*'\ncase: {sockets: {x: 1}}\nexclude: a\n", "exclude must be a list, not 'a'"),
        ("each: '*'\ncase: {sockets: {x: 1}}\ncases: [{title: a}]\n", "this case has no name"),
        (
            "each: '*'\ncase: {sockets: {x: 1}}\ncases: [{name: a}]\n",
            "this exception changes nothing",
        ),
        (
            "each: '*'\ncase: {sockets: {x: 1}}\ncases: [{name: a, sockets: {x: {column: b}}}]\n",
            "socket 'x' needs one of files",
        ),
    ],
)
def test_the_schema_judges_the_form(text, said_of_it):
    lines = problems_of(HEAD + text)

    assert any(f": {said_of_it}" in line for line in lines), lines


def test_an_archive_has_no_order_in_the_description_either():
    archive = HEAD.replace("reader-study", "archive")
    text = "each: '*'\ntable: t.csv\ncase: {order: {column: a}, sockets: {x: 1}}\n"

    assert any("an archive has no order" in line for line in problems_of(archive + text))
    assert any("an archive has no order" in line for line in problems_of(text + archive))
