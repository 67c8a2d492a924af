"""What a JSON file must be for the platform to take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest_uploader.files import json_file
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from tests.files.helpers import stat_file


def json_source(folder: Path, data: bytes) -> Source:
    path = folder / "a.json"
    path.write_bytes(data)
    return Source((stat_file(path),), path.name, bundle=False)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"0", 0),
        (b"-1.5e3", -1500.0),
        (b'""', ""),
        (b"false", False),
        (b"[]", []),
        (b' {"a": [1, null, {"b": "\xc3\xa4"}]}\n', {"a": [1, None, {"b": "ä"}]}),
        (b'"\\ud83d\\ude00 \\u00e4"', "😀 ä"),
    ],
)
def test_json_is_read(tmp_path: Path, data: bytes, value: object) -> None:
    assert read_json(json_source(tmp_path, data)) == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"null", "contains null, which the platform cannot store"),
        (b"", "is not JSON: Expecting value (line 1, column 1)"),
        (b'{\n  "a": 1,\n}', "(line "),
        (b"{'a': 1}", "is not JSON: Expecting property name"),
        (b"[1] [2]", "is not JSON: Extra data (line 1, column 5)"),
        (b'{"a": NaN}', "contains NaN, which is not JSON"),
        (b"[-Infinity]", "contains -Infinity, which is not JSON"),
        (b"[1e999]", "contains 1e999, a number too large to store"),
        (b"9" * 5000, "contains an integer with thousands of digits"),
        (b'["\\u0000"]', "contains a NUL character, which the platform cannot store"),
        (b'{"\\u0000": 1}', "contains a NUL character, which the platform cannot store"),
        (b'{"a": ["\\ud83d"]}', "contains half a surrogate pair, which is not text"),
        (b'{"a": 1, "b": 2, "a": 3}', "has the key 'a' twice in one object"),
        (b'["\xff"]', "is not UTF-8 (byte 3)"),
        (b"\xef\xbb\xbf1", "begins with a byte order mark"),
        (b"[" * 201 + b"]" * 201, "is nested more than 200 levels deep"),
        (b"[" * 99999 + b"]" * 99999, "is nested more than 200 levels deep"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "is nested more than 200 levels deep"),
    ],
)
def test_what_is_no_json_or_cannot_be_stored_is_refused(
    tmp_path: Path, data: bytes, words: str
) -> None:
    with pytest.raises(JsonUnreadable) as caught:
        read_json(json_source(tmp_path, data))

    assert words in str(caught.value)


def test_json_must_be_below_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_file, "LIMIT", 10)

    assert read_json(json_source(tmp_path, b"123456789")) == 123456789
    with pytest.raises(JsonUnreadable, match="is 15 MiB or larger"):
        read_json(json_source(tmp_path, b"1234567890"))


def test_json_may_be_nested_as_deep_as_anyone_needs(tmp_path: Path) -> None:
    found = read_json(json_source(tmp_path, b"[" * 200 + b"]" * 200))

    assert str(found) == "[" * 200 + "]" * 200


def test_a_file_that_changed_is_not_read(tmp_path: Path) -> None:
    given = json_source(tmp_path, b"1")
    (tmp_path / "a.json").write_bytes(b"12")

    with pytest.raises(FileChanged, match=r"'a\.json' changed after it was checked"):
        read_json(given)
