"""New cases are added at the end of the list, and every existing byte is kept."""

from __future__ import annotations

import pytest

from manifest_uploader.errors import UsageError
from manifest_uploader.init import update
from manifest_uploader.init.compose import Entry, OneFile
from manifest_uploader.init.update import extend, find_known_cases, recall_command
from manifest_uploader.manifest.parser import parse

HEAD = "version: 1\ntarget: {kind: archive, slug: a}\n"
NEW_ENTRIES = (
    Entry("p2", "Second", sockets=(("ct", OneFile("p2/ct.mha")), ("score", 2))),
    Entry("p3", sockets=(("ct", OneFile("p3/ct.mha")),)),
)


def add_entries(text: str) -> str:
    """Add the entries, check that nothing else changes, and return the added text."""
    new = extend(text.encode(), "m.yaml", NEW_ENTRIES).decode()
    start = next((n for n, (a, b) in enumerate(zip(text, new, strict=False)) if a != b), len(text))
    length = len(new) - len(text)
    ends = [n for n in range(start + 1) if text[n:] == new[n + length :] and text[:n] == new[:n]]
    assert ends, "something else was changed"
    cases = parse(new, "m.yaml").cases
    assert [case.name for case in cases][-2:] == ["p2", "p3"]
    assert [len(case.values) for case in cases][-2:] == [2, 1]
    return new[ends[-1] : ends[-1] + length]


def test_the_files_own_indentation_is_kept() -> None:
    four = HEAD + (
        "cases:\n-   name: p1\n    sockets:\n        ct:\n            file: p1/ct.mha\n"
        "-   name: p0\n    sockets:\n        ct:\n            file: p0/ct.mha\n"
    )

    assert add_entries(four) == (
        "-   name: p2\n    title: Second\n    sockets:\n        ct:\n"
        "            file: p2/ct.mha\n        score: 2\n"
        "-   name: p3\n    sockets:\n        ct:\n            file: p3/ct.mha\n"
    )


def test_empty_lines_between_cases_are_kept_up() -> None:
    text = HEAD + "cases:\n  - name: p0\n    sockets: {s: 1}\n\n  - name: p1\n    sockets: {s: 1}\n"

    assert add_entries(text).startswith("\n  - name: p2\n")
    assert "\n\n  - name: p3" in add_entries(text)


@pytest.mark.parametrize(
    "text",
    [
        "cases:\n  - name: p1\n    sockets:\n      s: 1",
        "cases:\n  - name: p1 # mine\n    sockets:\n      s: 1 # one\n      # t: 2\n\n# the end\n",
        "cases:\n  - name: p1\n    sockets:\n      s: 1\nroot: data\n",
        "cases:\r\n  - name: p1\r\n    sockets:\r\n      s: 1\r\n",
        "cases:\n  - name: p1\n    sockets:\n      s: |+\n        a\n\n\n",
        "cases:\n  - name: p1\n    sockets:\n      s: >-\n        a\n        b\n",
        "cases:\n  - name: p1\n    sockets:\n      s: a\n        b\n        c\n",
        'cases:\n  - name: p1\n    sockets:\n      s: "a\n        b"\n',
        "cases:\n  - {name: p1, sockets: {s: 1}}\n  - name: p0\n    sockets: {s: {value: [\n1]}}\n",
        "cases:\n  - &a\n    name: p1\n    sockets: &b {s: 1}\n  - name: p0\n    sockets: *b\n",
        "cases:\n  - name: p1\n    sockets:\n      s: 'a\u2028b'\n",
        "cases:\n  -\n    name: p1\n    sockets:\n      s: 1\n...\n",
        "\ufeffcases:\n  - name: p1\n    sockets:\n      s: 1\n",
    ],
)
def test_entries_are_added_however_the_list_ends(text: str) -> None:
    if text.startswith("\ufeff"):
        text = "\ufeff" + HEAD + text[1:]
    else:
        text = HEAD.replace("\n", "\r\n") + text if "\r\n" in text else HEAD + text

    new = add_entries(text)

    assert ("\r\n" in new) == ("\r\n" in text)
    assert new.count("\r\n") in (0, new.count("\n"))


def test_entries_are_added_after_the_comments_of_the_last_case() -> None:
    text = HEAD + "cases:\n  - name: p1\n    sockets:\n      s: 1\n      # t: 2\n# the end\n"

    new = extend(text.encode(), "m.yaml", NEW_ENTRIES).decode()

    assert "      # t: 2\n\n  - name: p2\n" in new
    assert new.endswith("# the end\n")


def test_a_list_in_brackets_is_refused() -> None:
    text = HEAD + "cases: [{name: p1, sockets: {s: 1}}]\n"

    with pytest.raises(UsageError, match="written with brackets"):
        extend(text.encode(), "m.yaml", NEW_ENTRIES)


def test_text_that_would_change_a_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "cases:\n  - name: p1\n    sockets:\n      s: 1\n"
    damage = ["      t: 2", "  - name: p2", "    sockets:", "      s: 1"]
    monkeypatch.setattr(update, "case_lines", lambda *_: damage)

    with pytest.raises(UsageError, match="without changing it"):
        extend(text.encode(), "m.yaml", NEW_ENTRIES[:1])


def test_cases_that_are_commented_out_are_known() -> None:
    text = HEAD + (
        "cases:\n  - name: p1\n    sockets:\n      ct: {files: p1/ct/*.dcm}\n"
        '  # - name: "p 7" # not wanted\n  #   sockets:\n'
    )

    known = find_known_cases(parse(text, "m.yaml"), text)

    assert known.names == {"p1", "p 7"}
    assert known.without_files == {"p 7"}
    assert known.paths == {"p1", "p1/ct", "p1/ct/*.dcm"}


def test_the_command_is_recalled_from_the_head() -> None:
    head = "# by:\n#\n#     uploader init data --slug a --each 'patient *'\n#\n"

    assert recall_command(head + HEAD) == ["data", "--slug", "a", "--each", "patient *"]
    assert recall_command(HEAD) is None
    assert recall_command("#  uploader init 'unfinished\n" + HEAD) is None
