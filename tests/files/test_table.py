"""Tables are read without guessing; whatever is ambiguous is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import read_each
from manifest_uploader.files.table import Dialect, NotUtf8, guess_encoding, read
from manifest_uploader.init.entries import case_keys
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.tables import Table, cell_text, index_rows, parse_cell


def read_table(folder: Path, text: str | bytes, name: str = "scores.csv", **more: Any) -> Table:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, Dialect(**more))


def parsed_cells(table: Table) -> list[list[Any]]:
    return [
        [parse_cell(cell, decimal_comma=table.decimal_comma) for cell in row.cells.values()]
        for row in table.rows
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\nx,1\ny,2\n",
        "a;b\nx;1\ny;2\n",
        "a\tb\nx\t1\ny\t2\n",
        "a,b\r\nx,1\r\n\r\ny,2",
        "\ufeffa,b\nx,1\ny,2\n",
        'sep=;\r\n"a";"b"\r\n"x";1\r\ny;2\r\n',
        "a,b\nx,1\ny,2\n".encode("utf-16"),
        " a , b \n x , 1 \n y , 2 \n",
    ],
)
def test_delimiter_and_encoding_are_recognised(tmp_path: Path, text: str | bytes) -> None:
    table = read_table(tmp_path, text)

    assert table.columns == ("a", "b")
    assert parsed_cells(table) == [["x", 1], ["y", 2]]
    assert table.notices == ()


def test_a_delimiter_in_quotes_does_not_split_a_cell(tmp_path: Path) -> None:
    table = read_table(tmp_path, 'a;b\n"x, y";1\n"z;""w""";2\n')

    assert parsed_cells(table) == [["x, y", 1], ['z;"w"', 2]]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1", 1),
        ("-1.50", -1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("007", "007"),
        ("+5", "+5"),
        (".5", ".5"),
        ("1e999", "1e999"),
        ("NaN", "NaN"),
        ("n/a", "n/a"),
        ("2024-01-01", "2024-01-01"),
        ("", ""),
        (2.5, 2.5),
        (True, True),
    ],
)
def test_a_cell_is_a_number_a_boolean_or_text(cell: Any, value: Any) -> None:
    assert (type(value), value) == (type(parse_cell(cell)), parse_cell(cell))


def test_a_decimal_comma_is_noticed_or_read_if_requested(tmp_path: Path) -> None:
    text = "p;score\na;2,1\nb;3\n"

    plain, asked = read_table(tmp_path, text), read_table(tmp_path, text, decimal_comma=True)

    assert parsed_cells(plain) == [["a", "2,1"], ["b", 3]]
    assert "decimal comma" in plain.notices[0]
    assert "'score'" in plain.notices[0]
    assert "line 2" in plain.notices[0]
    assert parsed_cells(asked) == [["a", 2.1], ["b", 3]]
    assert asked.notices == ()


def test_rows_with_too_many_or_too_few_cells_are_named(tmp_path: Path) -> None:
    table = read_table(tmp_path, "p,score,x\na,2,1,4\nb,3\nc,4,5\nd,1,2\n")

    assert parsed_cells(table) == [["b", 3, ""], ["c", 4, 5], ["d", 1, 2]]
    assert "more cells" in table.notices[0]
    assert table.notices[0].endswith("line 2")
    assert table.notices[1].endswith("line 3")


def test_line_numbers_count_the_lines_inside_cells(tmp_path: Path) -> None:
    table = read_table(tmp_path, 'a,b\n"x\ny",1\nz,2\n')

    assert [(row.line, row.cells["a"]) for row in table.rows] == [(2, "x\ny"), (4, "z")]


def test_keys_are_texts_as_they_are_written(tmp_path: Path) -> None:
    rows_by_key = index_rows(read_table(tmp_path, "p,v\n1.0,a\n007,b\n,c\n"), ("p",))

    assert sorted(rows_by_key.rows) == [("007",), ("1.0",)]
    assert rows_by_key.without_key == (4,)


def test_rows_that_contradict_each_other_are_not_used(tmp_path: Path) -> None:
    rows_by_key = index_rows(read_table(tmp_path, "p,v\na,1\na,2\nb,3\nb,3\n"), ("p",))

    assert list(rows_by_key.rows) == [("b",)]
    assert rows_by_key.conflicting == {("a",): (2, 3)}


def test_several_columns_may_be_the_key(tmp_path: Path) -> None:
    rows_by_key = index_rows(read_table(tmp_path, "p,s,v\na,1,x\na,2,y\n"), ("p", "s"))

    assert list(rows_by_key.rows) == [("a", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", b"a,b\n\xe4,1\n", "is not UTF-8"),
        ("a.xls", "x", "is not a table"),
        ("a.xlsx", "x", "is not a readable .xlsx file"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused(
    tmp_path: Path, name: str, text: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_table(tmp_path, text, name)


def test_a_missing_or_ambiguous_column_is_refused(tmp_path: Path) -> None:
    table = read_table(tmp_path, "patient,score,score\na,1,2\n")

    with pytest.raises(UsageError, match="no column 'patients'") as refused:
        table.check_column("patients")
    assert refused.value.hint == "did you mean 'patient'?"
    with pytest.raises(UsageError, match="2 columns 'score'"):
        table.check_column("score")


def test_a_workbook_keeps_its_types(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["patient", "score", "good", "text"], ["a", 3.0, True, "007"], ["b", 2.5, None, 1]):
        sheet.append(row)
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "a.xlsx")
    book.close()

    table = read(tmp_path / "a.xlsx")

    assert table.columns == ("patient", "score", "good", "text")
    assert parsed_cells(table) == [["a", 3, True, "007"], ["b", 2.5, "", 1]]
    assert [cell_text(row.cells["score"]) for row in table.rows] == ["3", "2.5"]
    assert read(tmp_path / "a.xlsx", Dialect(sheet="other")).columns == ("x",)
    with pytest.raises(UsageError, match="no sheet 'third'"):
        read(tmp_path / "a.xlsx", Dialect(sheet="third"))


def test_a_column_without_a_name_is_noticed_and_the_others_are_used(tmp_path: Path) -> None:
    table = read_table(tmp_path, "a,,b,\nx,1,2,later\ny,,3\nz,,4,,\n")

    assert parsed_cells(table) == [["x", 2], ["y", 3], ["z", 4]]
    assert [list(row.cells) for row in table.rows] == [["a", "b"]] * 3
    assert table.notices == (
        "scores.csv: columns without a name in the header, which cannot be used: column 2, 4",
    )


def test_a_date_in_a_workbook_has_no_time(tmp_path: Path) -> None:
    from datetime import date, datetime

    from openpyxl import Workbook

    book = Workbook()
    assert book.active is not None
    for row in (["day", "moment"], [date(2024, 1, 2), datetime(2024, 1, 2, 3, 4)]):  # noqa: DTZ001
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    book.close()

    assert parsed_cells(read(tmp_path / "a.xlsx")) == [["2024-01-02", "2024-01-02 03:04:00"]]


@pytest.mark.parametrize(("folder", "cell"), [("u\u0308", "\u00fc"), ("\u00fc", "u\u0308")])
def test_composed_and_decomposed_accents_are_the_same_key(
    tmp_path: Path, folder: str, cell: str
) -> None:
    rows_by_key = index_rows(read_table(tmp_path, f"a,b\n{cell},1\n"), ("a",))

    assert (
        next(case_keys(FoundCase(folder, is_file=False), read_each("*"), ("a",)))
        in rows_by_key.rows
    )


def test_a_number_that_a_workbook_shows_with_leading_zeros_is_text(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["id", "score"], [7, 7], [12.5, 1]):
        sheet.append(row)
    for place in ("A2", "A3"):
        sheet[place].number_format = "000"
    book.save(tmp_path / "a.xlsx")
    book.close()

    table = read(tmp_path / "a.xlsx")

    assert parsed_cells(table) == [["007", 7], [12.5, 1]]
    assert list(index_rows(table, ("id",)).rows) == [("007",), ("12.5",)]


@pytest.mark.parametrize("row", ['x,"1', 'x,"1"2'])
def test_a_missing_quote_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(UsageError, match=r"scores.csv:[24]: this is not a row of a table"):
        read_table(tmp_path, f"a,b\n{row}\ny,2\nz,3\n")


def test_what_cannot_be_seen_of_a_table_can_be_said(tmp_path: Path) -> None:
    windows = read_table(tmp_path, "name|weight\nJürgen|2\n".encode("cp1252"), separator="|",
                         encoding="cp1252")  # fmt: skip

    assert parsed_cells(windows) == [["Jürgen", 2]]
    with pytest.raises(UsageError, match="unknown encoding 'cp-1252-x'"):
        read_table(tmp_path, "a\n1\n", encoding="cp-1252-x")
    with pytest.raises(UsageError, match="is not utf-8") as named:
        read_table(tmp_path, b"a\n\xff\n", encoding="utf-8")
    assert (
        named.value.hint == "name the encoding that it has, or save it as 'CSV UTF-8' and name none"
    )


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "mac-roman"])
def test_the_encoding_of_a_table_is_guessed_from_its_letters(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Größe;Müller;Jäger;Ältere\n1,5;2;3;4\n".encode(encoding))

    assert guess_encoding(path) == (encoding, ("Größe", "Müller", "Jäger"))
    with pytest.raises(NotUtf8) as refused:
        read(path)
    assert "--encoding cp1252" in (refused.value.hint or "")


def test_what_excel_shows_instead_of_a_value_is_told_and_counts_as_empty(tmp_path: Path) -> None:
    table = read_table(tmp_path, "p;v\na;#N/A\nb;#DIV/0!\nc;#NV\nd;########\ne;#1\nf;2\n")

    assert [row.cells["v"] for row in table.rows] == ["", "", "", "", "#1", "2"]
    [notice] = table.notices
    assert notice == (
        "scores.csv: column 'v' has cells in which Excel shows #N/A, #DIV/0!, #NV, ######## "
        "instead of a value; they are treated as empty: line 2, 3, 4, 5"
    )
    assert table.notices_of == {"v": (notice,)}


def test_errors_formulas_without_results_and_hidden_rows_of_a_workbook_are_told(
    tmp_path: Path,
) -> None:
    from openpyxl import Workbook

    book = Workbook()
    assert book.active is not None
    for row in (["p", "v", "w"], ["a", 1, "=1+1"], ["b", "#N/A", 5], ["c", 3, 6]):
        book.active.append(row)
    book.active["B3"].data_type = "e"
    book.active.auto_filter.ref = "A1:C4"
    book.active.row_dimensions[4].hidden = True
    for name in ("a.xlsx", "a.xlsm"):
        book.save(tmp_path / name)
    book.close()

    table = read(tmp_path / "a.xlsm")

    assert parsed_cells(table) == [["a", 1, ""], ["b", "", 5], ["c", 3, 6]]
    error, formula, hidden = table.notices
    assert error == (
        "a.xlsm: column 'v' has cells in which Excel shows #N/A instead of a value; they are "
        "treated as empty: line 3"
    )
    assert formula == (
        "a.xlsm: column 'w' has formulas whose results are not in the file (open it in Excel and "
        "save it); they are treated as empty: line 2"
    )
    assert hidden == ("a.xlsm: hidden rows (by a filter or by hand), which are used anyway: line 4")
    assert parsed_cells(read(tmp_path / "a.xlsx")) == parsed_cells(table)
