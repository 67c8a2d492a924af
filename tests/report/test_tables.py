"""The CSV and JSON tables are harmless in a spreadsheet and easy to join."""

from __future__ import annotations

import csv
import io
import json

import pytest

from manifest_uploader.output.csv_cells import safe
from manifest_uploader.report.rows import File, Row
from manifest_uploader.report.tables import COLUMNS, csv_bytes, json_bytes
from manifest_uploader.state.standing import Standing

ROW = Row(
    *("patient-1", "Patient 1", 7, Standing.DONE, "11111111-aaaa", None, "ct-image"),
    standing=Standing.DONE,
    files=(File("ct.mha", "ab" * 32, 5),),
    size=5,
    sha256="ab" * 32,
    sent=1_795_428_000.4,
)


def csv_rows(rows: list[Row]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_bytes(rows).decode("utf-8-sig"), newline="")))


def test_csv_and_json_have_all_columns() -> None:
    assert list(COLUMNS) == list(csv_rows([ROW])[0])
    assert list(COLUMNS) == list(json.loads(json_bytes([ROW]))[0])


def test_times_are_iso_in_utc_and_unknown_times_are_empty() -> None:
    row = csv_rows([ROW])[0]

    assert (row["sent"], row["confirmed"]) == ("2026-11-23T10:00:00Z", "")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+1", "'+1"),
        ("-2.5", "'-2.5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", " '=1"),
        ("\t=1", "\\x09=1"),
        ("\r=1", "\\x0d=1"),
        ('x;"=1"', 'x;"\'=1"'),
        ("a\nb", "a\\x0ab"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200fb", "a\\u200fb"),
        ("＝1", "'＝1"),
        ("patient-1; x", "patient-1; x"),
        ("a=b", "a=b"),
    ],
)
def test_text_that_looks_like_a_formula_is_escaped(text: str, cell: str) -> None:
    assert cell == safe(text)


def test_numbers_stay_numbers_and_text_that_spells_one_is_text() -> None:
    from dataclasses import replace

    values = [-2.5, 3, "-2.5", True, {"side": "left"}, None]

    found = [row["value"] for row in csv_rows([replace(ROW, value=value) for value in values])]

    assert found == ["-2.5", "3", "'-2.5", "true", '{"side": "left"}', ""]


def test_only_text_beyond_ascii_gets_a_byte_order_mark() -> None:
    from dataclasses import replace

    umlaut = replace(ROW, case="Jörg")

    assert csv_bytes([ROW]).startswith(b"case,")
    assert csv_bytes([umlaut]).startswith("\ufeffcase,".encode())
    assert csv_rows([umlaut])[0]["case"] == "Jörg"


def test_many_files_are_abbreviated_in_csv_but_not_in_json() -> None:
    from dataclasses import replace

    row = replace(ROW, files=tuple(File(f"IM{n:04}.dcm", "ab" * 32, 1) for n in range(2000)))

    assert csv_rows([row])[0]["files"] == "IM0000.dcm … IM1999.dcm (2000 files)"
    assert len(json.loads(json_bytes([row]))[0]["files"]) == 2000


def test_json_escapes_hostile_names_without_changing_them() -> None:
    from dataclasses import replace

    name = "<script>\u202e\n\x1b[2J"
    text = json_bytes([replace(ROW, case=name)])

    assert text.isascii()
    assert b"\x1b" not in text
    assert json.loads(text)[0]["case"] == name
