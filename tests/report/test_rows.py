"""A manifest and the records of a state file make one row for each value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.manifest.parser import parse
from manifest_uploader.report.links import links_of
from manifest_uploader.report.rows import File, Row, make_rows
from manifest_uploader.state.receipts import Receipt
from tests.report.helpers import (
    NOON,
    entry,
    filled_lines,
    pk,
    read_stored,
    upload_lines,
    whole_case,
    write_manifest,
)


def rows_of(
    folder: Path, entries: list[dict[str, Any]], lines: list[dict[str, Any]], **more: Any
) -> tuple[Row, ...]:
    path = write_manifest(folder / "m.yaml", entries)
    kept = read_stored(folder, lines)
    manifest = parse(path.read_bytes(), "m.yaml")
    given = {"receipts": (), "links": links_of(kept.binding), **more}
    return make_rows(manifest, kept.events, **given)


def test_a_done_case_has_one_row_for_each_value(tmp_path: Path) -> None:
    lines = whole_case("a", NOON, title="Patient A")

    image, score = rows_of(tmp_path, [entry("a", title="Patient A", order=3)], lines)

    assert ("a", "Patient A", 3, "done", pk("a")) == (
        *(image.case, image.title, image.order, image.state, image.item),
    )
    page = f"https://grand-challenge.org/reader-studies/lung-nodules/display-sets/{pk('a')}/"
    assert page == image.page
    assert ("ct-image", (File("a/ct.mha"),), 1024) == (image.socket, image.files, image.size)
    assert pk("a", "ct-image", "image") == image.image
    assert (image.sent, image.confirmed) == (NOON + 2, NOON + 9)
    assert (image.standing, image.words) == ("done", None)
    assert (score.socket, score.value, score.size, score.image) == ("some-score", 2.5, None, None)
    assert (score.sent, score.confirmed) == (NOON + 2, NOON + 2)


def test_only_the_row_of_a_failed_import_has_its_message(tmp_path: Path) -> None:
    lines = whole_case("a", NOON, words="1 file could not be imported.")

    image, score = rows_of(tmp_path, [entry("a")], lines)

    assert (image.state, image.standing) == ("failed", "failed")
    assert image.words == "1 file could not be imported."
    assert image.remedy is not None
    assert image.remedy.startswith("Is it a whole image")
    assert image.confirmed is None
    assert (score.standing, score.words) == ("done", None)


def test_the_values_of_a_case_that_was_not_started_are_new(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, [entry("a")], [])

    assert [(row.standing, row.item, row.sent) for row in rows] == [
        ("new", None, None),
        ("new", None, None),
    ]


def test_a_value_is_uploaded_until_its_item_is_filled(tmp_path: Path) -> None:
    image, score = rows_of(tmp_path, [entry("a")], upload_lines("a", "ct-image", NOON))

    assert (image.standing, image.sent, image.size) == ("uploading", NOON + 2, 1024)
    assert score.standing == "new"


def test_a_failed_steps_message_is_dropped_when_the_step_starts_again(tmp_path: Path) -> None:
    step = {"case": "a", "step": "a/ct-image", "socket": "ct-image"}
    failed = {"time": NOON, "event": "failed", **step, "words": "gone", "final": True}

    before = rows_of(tmp_path, [entry("a")], [failed])
    after = rows_of(tmp_path, [entry("a")], [failed, *upload_lines("a", "ct-image", NOON + 1)])

    assert (before[0].standing, before[0].words) == ("failed", "gone")
    assert (after[0].standing, after[0].words) == ("uploading", None)


def test_a_row_has_the_files_of_its_receipt(tmp_path: Path) -> None:
    files = (("IM1.dcm", "0" * 64, 5), ("IM2.dcm", "1" * 64, 6))
    receipt = Receipt("a", "ct-image", pk("a", "ct-image"), files)

    image, _ = rows_of(tmp_path, [entry("a")], whole_case("a", NOON), receipts=[receipt])

    assert (File("IM1.dcm", "0" * 64, 5), File("IM2.dcm", "1" * 64, 6)) == image.files


def test_a_deleted_item_has_no_page(tmp_path: Path) -> None:
    gone = {"time": NOON + 60, "event": "gone", "case": "a", "step": "a:create", "item": pk("a")}

    image, _ = rows_of(tmp_path, [entry("a")], [*whole_case("a", NOON), gone])

    assert (image.state, image.standing, image.page) == ("deleted", "deleted", None)


def test_a_done_case_with_a_new_value_has_changed(tmp_path: Path) -> None:
    more = entry("a")
    more["sockets"]["findings"] = 1

    rows = rows_of(tmp_path, [more], whole_case("a", NOON))

    assert {"changed"} == {row.state for row in rows}
    assert [row.standing for row in rows] == ["done", "done", "new"]


def test_values_that_are_no_longer_in_the_manifest_are_kept(tmp_path: Path) -> None:
    lines = [*whole_case("a", NOON), *whole_case("b", NOON)]
    only_score = {"name": "a", "sockets": {"some-score": 2.5}}

    rows = rows_of(tmp_path, [only_score], lines)

    assert [
        *(("a", "some-score", None), ("a", "ct-image", "no longer in the manifest")),
        *(("b", "ct-image", "no longer in the manifest"),),
        *(("b", "some-score", "no longer in the manifest"),),
    ] == [(row.case, row.socket, row.words) for row in rows]


def test_a_value_that_is_filled_again_is_no_longer_confirmed(tmp_path: Path) -> None:
    again = filled_lines("a", ["ct-image"], ["some-score"], NOON + 60)[2:]

    image, _ = rows_of(tmp_path, [entry("a")], [*whole_case("a", NOON), *again])

    assert (image.standing, image.confirmed) == ("importing", None)


def test_a_renamed_case_keeps_its_times(tmp_path: Path) -> None:
    renamed = {"time": NOON + 60, "event": "renamed", "case": "b", "step": "b:create", "was": "a"}

    image, _ = rows_of(tmp_path, [entry("b")], [*whole_case("a", NOON), renamed])

    assert (image.case, image.standing, image.confirmed) == ("b", "done", NOON + 9)


def test_a_fill_without_an_outcome_is_unconfirmed_unless_a_run_is_at_work(tmp_path: Path) -> None:
    lines = filled_lines("a", ["ct-image"], ["some-score"], NOON)[:3]

    left = rows_of(tmp_path, [entry("a")], lines)
    at_work = rows_of(tmp_path, [entry("a")], lines, at_work=True)

    assert {("unconfirmed", "unconfirmed")} == {(row.state, row.standing) for row in left}
    assert {("importing", "importing")} == {(row.state, row.standing) for row in at_work}


def test_the_title_is_the_one_on_the_platform(tmp_path: Path) -> None:
    lines = filled_lines("a", [], ["some-score"], NOON, title="Old")

    rows = rows_of(tmp_path, [entry("a", title="New")], lines)

    assert {"Old"} == {row.title for row in rows}


@pytest.mark.parametrize(
    ("platform", "kind", "page"),
    [
        ("grand-challenge.org/api/v1/", "reader-study", "https://grand-challenge.org/reader-studies/s/display-sets/p/"),
        ("grand-challenge.org/api/v1/", "archive", "https://grand-challenge.org/archives/s/items/p/"),
        ("gc.example.org/sub/api/v1/", "archive", "https://gc.example.org/sub/archives/s/items/p/"),
        ("sandbox 7d6e", "archive", None),
        ("127.0.0.1/api/v1/", "archive", None),
        ("localhost/api/v1/", "archive", None),
        ('a.org/api/v1/"><script>', "archive", None),
        ("a.org@evil.org/api/v1/", "archive", None),
        ("javascript:alert(1)//", "archive", None),
    ],
)  # fmt: skip
def test_only_a_plain_platform_makes_a_pages_address(
    platform: str, kind: str, page: str | None
) -> None:
    from manifest_uploader.manifest.model import TargetKind
    from manifest_uploader.state.file import Binding

    links = links_of(Binding(platform, TargetKind(kind), "s", "t"))

    assert page == links.item("p")


@pytest.mark.parametrize(
    ("bound", "address", "page"),
    [
        ("127.0.0.1/api/v1/", "http://127.0.0.1:8000/api/v1/", "http://127.0.0.1:8000/archives/s/"),
        ("gc.example.org/api/v1/", "https://gc.example.org:8443/api/v1/", "https://gc.example.org:8443/archives/s/"),
        ("grand-challenge.org/api/v1/", "http://127.0.0.1:8000/api/v1/", "https://grand-challenge.org/archives/s/"),
        ("sandbox 7d6e", "http://127.0.0.1:8000/api/v1/", None),
    ],
)  # fmt: skip
def test_the_users_address_gives_the_port_of_its_own_state_only(
    bound: str, address: str, page: str | None
) -> None:
    from manifest_uploader.manifest.model import TargetKind
    from manifest_uploader.platform.address import Platform
    from manifest_uploader.state.file import Binding

    links = links_of(Binding(bound, TargetKind.ARCHIVE, "s", "t"), Platform(address, ""))

    assert page == links.target
