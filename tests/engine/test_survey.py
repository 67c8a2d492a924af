from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.digests import content_digest, image_digest, json_digest
from manifest_uploader.engine.local_files import Looking, remedy
from manifest_uploader.engine.looks import pool
from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.engine.survey import Scope, survey
from manifest_uploader.engine.target import check_rights, find_target
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.files.local_file import Source, sha256
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts, value_facts
from manifest_uploader.manifest.model import Case, FileValue, Manifest, TargetKind
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.model import Entry, Target
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.sandbox import Fault
from manifest_uploader.state.events import Confirmed, Done, Event, Gone, Opened, Started
from manifest_uploader.state.history import History
from tests.box import Box, Faulty, mha
from tests.e2e.data import dicom_slice, write_series
from tests.files.dicom.samples import slice_bytes
from tests.helpers import (
    PLACE,
    case,
    file_value,
    image_value,
    json_value,
    manifest,
    past_of_events,
    pk,
    step_id,
)
from tests.platform.servers import Reply, reply, scripted

Connect = Callable[..., Client]


# ── the target ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", list(TargetKind))
def test_the_target_is_found_by_its_slug(box: Box, kind: TargetKind) -> None:
    found = find_target(manifest(kind=kind), box.client)

    assert (found.kind, found.slug) == (kind, "lung")
    table = "algorithms" if kind is TargetKind.ALGORITHM else "targets"
    assert box.sql(f"SELECT slug FROM {table} WHERE pk = ?", found.pk) == [("lung",)]


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_misspelt_target_is_a_problem_with_a_hint(
    begin: Callable[..., Box], kind: TargetKind
) -> None:
    box = begin(
        reader_studies=("lungs",), archives=("lungs",), algorithms=("lungs=some-score->findings",)
    )

    with pytest.raises(ManifestInvalid) as caught:
        find_target(manifest(kind=kind), box.client)

    [problem] = caught.value.problems
    assert "'lung', or you may not see it" in problem.message
    assert (problem.place, problem.hint) == (PLACE, "did you mean 'lungs'?")


def test_an_account_that_sees_nothing_is_told_so(box: Box, connect: Connect) -> None:
    stranger = connect(box.running.url, token=box.running.token_without_rights)

    with pytest.raises(PlatformRefused, match="cannot see any reader study") as caught:
        find_target(manifest(), stranger)
    assert "may you edit that reader study?" in str(caught.value.hint)

    with pytest.raises(PlatformRefused, match="cannot see any algorithm") as caught:
        find_target(manifest(kind=TargetKind.ALGORITHM), stranger)
    assert "may you run that algorithm?" in str(caught.value.hint)


def test_what_in_a_list_is_no_target_is_passed_over(connect: Connect) -> None:
    entries = [None, {"pk": "x", "slug": "lung"}, {"pk": pk(3), "slug": "lung"}]
    with scripted(reply(200, {"results": entries})) as server:
        assert find_target(manifest(), connect(server.url)).pk == pk(3)


def test_an_archive_is_known_by_the_end_of_its_page(connect: Connect) -> None:
    entry = {"pk": pk(3), "url": "https://x/archives/lung/"}
    with scripted(reply(200, {"results": [entry]})) as server:
        found = find_target(manifest(kind=TargetKind.ARCHIVE), connect(server.url))

    assert (found.slug, found.pk) == ("lung", pk(3))


@pytest.mark.parametrize("kind", list(TargetKind))
def test_rights_are_asked_for_without_changing_anything(box: Box, kind: TargetKind) -> None:
    target = box.target(kind)

    check_rights(target, box.client)

    assert box.sql("SELECT COUNT(*) FROM items") == [(0,)]
    assert box.sql("SELECT COUNT(*) FROM algorithm_jobs") == [(0,)]


@pytest.mark.parametrize("kind", list(TargetKind))
def test_who_may_not_edit_is_told_before_anything_is_sent(
    box: Box, connect: Connect, kind: TargetKind
) -> None:
    stranger = connect(box.running.url, token=box.running.token_without_rights)

    with pytest.raises(PlatformRefused, match=r"you may not (edit|run) the"):
        check_rights(box.target(kind), stranger)


@pytest.mark.parametrize(
    "answer", [reply(200, {}), reply(400, ["No."]), reply(403, {"detail": "x"})]
)
def test_any_other_answer_gives_no_rights(connect: Connect, answer: Reply) -> None:
    with scripted(answer) as server, pytest.raises(PlatformRefused):
        check_rights(Target(TargetKind.READER_STUDY, "lung", pk(1)), connect(server.url))


# ── the platform ────────────────────────────────────────────────────────────────────────────


def made(name: str, item: str, *more: Event) -> list[Event]:
    return [
        Started(name, step_id(f"{name}:create"), title=f"uploading-{name}", order=10),
        Done(name, step_id(f"{name}:create"), pk=item),
        *more,
    ]


def look(
    box: Box, tmp_path: Path, *cases: Case, history: History | None = None, **scope: Any
) -> Facts:
    """What there is to know of cases, with the platform."""
    return survey(
        manifest(*cases),
        history or History(),
        root=Root(tmp_path.resolve(), follow_links=False, shown="in data"),
        scope=Scope(**scope),
        client=box.client,
        target=box.target(),
    )


def test_an_empty_target_is_known_to_be_empty(box: Box, tmp_path: Path) -> None:
    found = look(box, tmp_path)

    assert (found.items, found.titles, found.gone, found.highest_order) == (0, {}, frozenset(), 0)
    assert found.target == box.target()
    assert found.sockets["ct-image"].super_kind == "Image"
    assert found.sockets["details"].relative_path.endswith(".json")
    assert (found.rows, found.rows_used) == ({}, 0)


def test_titles_of_others_are_known_and_ours_are_not_among_them(box: Box, tmp_path: Path) -> None:
    ours, theirs = box.make("ours", order=10), box.make("theirs", order=70)

    found = look(box, tmp_path, history=past_of_events(*made("a", ours)))

    assert found.items == 2
    assert found.titles == {"theirs": theirs}
    assert found.highest_order == 70


def test_items_of_ours_that_were_deleted_are_gone(box: Box, tmp_path: Path) -> None:
    kept = box.make("kept")
    history = past_of_events(*made("a", kept), *made("b", pk(1)), *made("c", pk(2)))

    assert look(box, tmp_path, history=history).gone == {pk(1), pk(2)}


def test_items_that_were_known_to_be_gone_are_not_ours_any_more(box: Box, tmp_path: Path) -> None:
    history = past_of_events(*made("a", pk(1), Gone("a", step_id("a"), pk(1))))

    found = look(box, tmp_path, history=history)

    assert (found.items, found.gone) == (0, frozenset())


def test_an_item_that_a_list_does_not_show_is_asked_for(
    begin: Callable[..., Box], tmp_path: Path
) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    item = box.make("ours")
    empty = b'{"count": 1, "next": null, "results": []}'
    hook.before_it = lambda request: (
        Fault.answer(200, (), empty, "application/json") if request.kind == "item-list" else None
    )

    found = look(box, tmp_path, history=past_of_events(*made("a", item), *made("b", pk(1))))

    assert found.gone == {pk(1)}


def test_the_rows_of_earlier_uploads_are_known(box: Box, tmp_path: Path) -> None:
    begun, other = box.upload(), box.upload()
    opened = Opened("a", step_id("a/ct-image"), "ct-image", begun, "sid", 8, "stat:1:x")
    lost = Opened("b", step_id("b/ct-image"), "ct-image", pk(5), "sid", 8, "stat:1:x")

    found = look(box, tmp_path, history=past_of_events(opened, lost))

    assert found.rows == {begun: "Completed"}
    assert found.rows_used == 2
    assert other not in found.rows


def test_items_to_adopt_are_looked_at_in_passing(box: Box, tmp_path: Path) -> None:
    item = box.make("T")
    box.fill(item, {"interface": "some-score", "value": 2})
    one = case("a", json_value("some-score", 2), title="T")

    assert look(box, tmp_path, one).looked == {}
    found = look(box, tmp_path, one, adopt=True).looked["a"]

    assert (found.pk, list(found.sockets)) == (item, ["some-score"])


def with_made_up_images(box: Box, *numbers: int) -> None:
    for number in numbers:
        facts = {"name": "x", "width": 1, "height": 1, "depth": None, "files": []}
        box.sql("INSERT INTO images (pk, facts) VALUES (?, ?)", pk(number), json.dumps(facts))


def test_images_that_do_not_exist_are_known(box: Box, tmp_path: Path) -> None:
    with_made_up_images(box, 5)
    cases = [case(name, image_value("ct-image", number)) for name, number in (("a", 5), ("b", 6))]

    assert look(box, tmp_path, *cases).missing_images == {pk(6)}


def test_an_image_that_was_seen_in_an_item_of_ours_needs_no_look(
    begin: Callable[..., Box], tmp_path: Path
) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    entries = tuple(Entry(slug, image_digest(pk(5))) for slug in ("ct-image", "mr-image"))
    history = past_of_events(
        *made("a", box.make("a")),
        Started("a", step_id("a:fill"), title="a", entries=entries),
        Done("a", step_id("a:fill"), pk=pk(1)),
        Confirmed("a", step_id("a"), "mr-image", pk(5)),
    )

    found = look(box, tmp_path, case("b", image_value("ct-image", 5)), history=history)

    assert found.missing_images == frozenset()
    assert "image-get" not in hook.kinds()


def test_an_image_that_was_sent_but_not_seen_is_looked_for(box: Box, tmp_path: Path) -> None:
    entry = Entry("ct-image", image_digest(pk(5)))
    history = past_of_events(
        *made("a", box.make("a")),
        Started("a", step_id("a:fill"), title="a", entries=(entry,)),
        Done("a", step_id("a:fill"), pk=pk(1)),
    )

    found = look(box, tmp_path, case("a", image_value("ct-image", 5)), history=history)

    assert found.missing_images == {pk(5)}


def test_looking_changes_nothing(begin: Callable[..., Box], tmp_path: Path) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    box.make("theirs")
    hook.seen.clear()

    look(box, tmp_path, case("a", json_value("some-score", 1)), adopt=True)

    assert {request.method for request in hook.seen} == {"GET"}


# ── local files ─────────────────────────────────────────────────────────────────────────────


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def touch(path: Path) -> None:
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))


def one_value(facts: Facts) -> ValueFacts:
    assert facts.problems == ()
    [found] = facts.values.values()
    return found


def content_of(folder: Path, value: FileValue) -> tuple[str, str]:
    """(stat, content) of a value's files as they are now."""
    source = resolve(value, Root(folder.resolve(), follow_links=False))
    assert isinstance(source, Source)
    digest = content_digest((file.name, sha256(file)) for file in source.files)
    return value_facts(source).stat, digest


def filled(value: FileValue, stat: str, content: str | None, digest: str | None = None) -> History:
    """A case of which this value was filled and seen."""
    entry = Entry(value.socket, digest, stat=stat, upload=pk(7), content=content)
    return past_of_events(
        *made("a", pk(1)),
        Started("a", step_id("a:fill"), title="a", entries=(entry,)),
        Done("a", step_id("a:fill"), pk=pk(1)),
        Confirmed("a", step_id("a"), value.socket, "9"),
    )


CT = file_value("ct-image", "ct.mha")


def test_new_files_are_not_hashed(box: Box, tmp_path: Path) -> None:
    write(tmp_path, "ct.mha", mha())

    found = one_value(look(box, tmp_path, case("a", CT)))

    assert (found.files, found.size, found.name) == (1, len(mha()), "ct.mha")
    assert found.content is None


def test_several_files_are_one_bundle(box: Box, tmp_path: Path) -> None:
    write_series(tmp_path / "ct", 1, 3, side=4)

    found = one_value(look(box, tmp_path, case("a", file_value("ct-image", "ct/*.dcm"))))

    size = sum(path.stat().st_size for path in (tmp_path / "ct").iterdir())
    assert (found.files, found.size, found.name) == (3, size, "ct-image.zip")
    assert (found.slices, found.content) == (3, None)


def test_the_same_size_and_time_is_the_same_content(box: Box, tmp_path: Path) -> None:
    write(tmp_path, "ct.mha", b"one")
    stat, _ = content_of(tmp_path, CT)

    found = one_value(look(box, tmp_path, case("a", CT), history=filled(CT, stat, "files:known")))

    assert found.content == "files:known"


def test_every_file_is_read_on_demand(box: Box, tmp_path: Path) -> None:
    write(tmp_path, "ct.mha", mha())
    stat, content = content_of(tmp_path, CT)
    history = filled(CT, stat, "files:known")

    found = one_value(look(box, tmp_path, case("a", CT), history=history, checksum=True))

    assert found.content == content


REPORT = file_value("report", "a.pdf")
DETAILS = file_value("details", "a.json")


@pytest.mark.parametrize(
    ("value", "data"), [(CT, mha()), (REPORT, b"%PDF-1.7\n"), (DETAILS, b"[1]")]
)
def test_touched_files_are_read_and_compared(
    box: Box, tmp_path: Path, value: FileValue, data: bytes
) -> None:
    path = write(tmp_path, value.paths[0], data)
    stat, content = content_of(tmp_path, value)
    touch(path)

    found = one_value(look(box, tmp_path, case("a", value), history=filled(value, stat, content)))

    assert (found.content, found.stat != stat) == (content, True)


def test_files_of_another_size_need_no_reading(box: Box, tmp_path: Path) -> None:
    path = write(tmp_path, "ct.mha", mha())
    stat, content = content_of(tmp_path, CT)
    path.write_bytes(mha(bytes(48), size="4 4 3"))

    found = one_value(look(box, tmp_path, case("a", CT), history=filled(CT, stat, content)))

    assert found.content is None


def test_a_json_file_for_a_value_socket_has_the_digest_of_its_value(
    box: Box, tmp_path: Path
) -> None:
    write(tmp_path, "score.json", b" 2.0\n")

    found = one_value(look(box, tmp_path, case("a", file_value("some-score", "score.json"))))

    assert found.content == json_digest(2)


def problems(facts: Facts) -> list[str]:
    return [problem.message for problem in facts.problems]


@pytest.mark.parametrize(
    ("slug", "content", "words"),
    [
        ("some-score", b"{", "is not JSON"),
        ("some-score", b'"high"', "takes a number, not the text 'high'"),
        ("details", b"{'a': 1}", "is not JSON"),
        ("details", b"null", "null"),
        ("remark", b"5", "takes text, not 5"),
    ],
)
def test_json_that_does_not_fit_is_a_problem_before_anything_is_sent(
    box: Box, tmp_path: Path, slug: str, content: bytes, words: str
) -> None:
    write(tmp_path, "a.json", content)

    [found] = problems(look(box, tmp_path, case("a", file_value(slug, "a.json"))))

    assert found.startswith("'a.json'")
    assert words in found


@pytest.mark.parametrize(
    ("slug", "data"),
    [("report", b"%PDF-1.7\n{"), ("ct-image", mha()), ("no-such-socket", mha()), ("table", b"{")],
)
def test_what_need_not_be_json_is_not_read_as_such(
    box: Box, tmp_path: Path, slug: str, data: bytes
) -> None:
    write(tmp_path, "a.json", data)

    assert problems(look(box, tmp_path, case("a", file_value(slug, "a.json")))) == []


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("report", "a/report: 'a.json' is plain text; socket 'report' is for a PDF file"),
        (
            "ct-image",
            "a/ct-image: 'a.json' is plain text, not an image; socket 'ct-image' takes images",
        ),
    ],
)
def test_what_is_not_what_its_socket_takes_is_a_problem(
    box: Box, tmp_path: Path, slug: str, words: str
) -> None:
    write(tmp_path, "a.json", b"{")

    assert problems(look(box, tmp_path, case("a", file_value(slug, "a.json")))) == [words]


def test_missing_files_are_problems_of_all_cases(box: Box, tmp_path: Path) -> None:
    facts = look(box, tmp_path, case("a", file_value("ct-image", "x.mha")), case("b", REPORT))

    assert len(facts.problems) == 2
    assert facts.values == {}


@pytest.mark.parametrize("slug", ["ct-image", "report", "details"])
def test_patients_are_looked_for_in_whatever_is_sent(box: Box, tmp_path: Path, slug: str) -> None:
    write(tmp_path, "scan.json", slice_bytes(PatientID="12345"))

    [found, *_] = look(box, tmp_path, case("a", file_value(slug, "scan.json"))).problems

    assert found.message == (
        f"a/{slug}: DICOM files identify a patient: PatientID, for example 'scan.json'"
    )
    assert found.hint is not None
    root, copies = tmp_path.resolve(), f"{tmp_path.resolve()}-deidentified"
    assert (
        f"uploader deidentify --with-others {root} {copies}  and give  --root {copies} ;"
        in found.hint
    )
    assert "identifiable: [PatientID]" in found.hint
    assert "12345" not in found.message + found.hint


def test_the_hint_is_a_command_that_can_be_typed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "my x"):
        Path(folder).mkdir()

    plain = remedy(Root(Path("data").resolve(), follow_links=False, written="data"))
    spaced = remedy(Root(Path("my x").resolve(), follow_links=False, written="./my x/"))

    assert plain.command == "uploader deidentify --with-others data data-deidentified"
    assert plain.then == "write  root: data-deidentified"
    assert spaced.command == "uploader deidentify --with-others 'my x' 'my x-deidentified'"
    assert spaced.then == "write  root: my x-deidentified"


def test_copies_of_a_disk_lie_on_it() -> None:
    found = remedy(Root(Path("/"), follow_links=False))

    assert found.command.endswith("uploader deidentify --with-others / /files-deidentified")


def test_copies_of_the_manifests_own_folder_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path.resolve() / "study"
    home.mkdir()
    monkeypatch.chdir(home)

    found = remedy(Root(home, follow_links=False))

    assert found.command == f"uploader deidentify --with-others {home} {home}-deidentified"
    assert found.then == f"give  --root {home}-deidentified"


# ── what is remembered ──────────────────────────────────────────────────────────────────────


def settled(folder: Path, name: str, data: bytes) -> Path:
    """A file that has not changed for years."""
    path = write(folder, name, data)
    os.utime(path, ns=(10**18, 10**18))
    return path


def looked(folder: Path, *values: FileValue, **scope: Any) -> tuple[Facts, list[Looking]]:
    """What a look without the platform finds, and how far it was each time it told."""
    told: list[Looking] = []
    facts = survey(
        manifest(*(case(f"case {n}", value) for n, value in enumerate(values))),
        History(),
        root=Root(folder.resolve(), follow_links=False),
        scope=Scope(looks=folder / "lung.looks.jsonl", **scope),
        tell=told.append,
    )
    return facts, told


def test_a_second_look_is_free_and_says_the_same(tmp_path: Path) -> None:
    settled(tmp_path, "ct.mha", mha())
    for number in range(3):
        settled(tmp_path, f"bad/{number}.mha", mha()[:-number])

    first, told = looked(tmp_path, CT, file_value("mr-image", "bad/1.mha"))
    again, told_again = looked(tmp_path, CT, file_value("mr-image", "bad/1.mha"))

    assert (told, told_again) == ([Looking(1, 1), Looking(2, 2)], [Looking(1, 0), Looking(2, 0)])
    assert first == again
    assert problems(again) == ["case 1/mr-image: '1.mha' is cut short: 124 of 125 bytes"]
    assert (again.files, again.files_looked) == (2, 2), "they were looked into, by either command"


def test_a_changed_file_is_looked_into_again(tmp_path: Path) -> None:
    settled(tmp_path, "ct.mha", mha())
    looked(tmp_path, CT)
    settled(tmp_path, "ct.mha", mha()[:-1])

    facts, told = looked(tmp_path, CT)

    assert told == [Looking(1, 1)]
    assert problems(facts) == ["case 0/ct-image: 'ct.mha' is cut short: 124 of 125 bytes"]


def test_a_quick_look_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    for number in range(4):
        settled(tmp_path, f"ct/IM{number}", dicom_slice(1, number, side=4) if number != 2 else b"")
    value = file_value("ct-image", "ct/*")

    quick, _ = looked(tmp_path, value, quick=True)
    whole, told = looked(tmp_path, value)
    later, free = looked(tmp_path, value, quick=True)

    assert (problems(quick), quick.files, quick.files_looked) == ([], 4, 1)
    assert problems(whole) == problems(later) == ["case 0/ct-image: 'IM2' is empty"]
    assert (told, free) == ([Looking(1, 4)], [Looking(1, 0)])


def test_a_file_that_changes_while_it_is_looked_into_is_a_problem_of_its_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(tmp_path, "ct.mha", mha())
    settled(tmp_path, "mr.mha", mha())

    def look(source: Source, allowed: Any, *, quick: bool) -> ValueLook:
        settled(tmp_path, "ct.mha", mha() + b"more")
        return look_at_value(source, allowed, quick=quick)

    monkeypatch.setattr(pool, "look_at_value", look)
    facts, _ = looked(tmp_path, CT, file_value("mr-image", "mr.mha"))

    assert problems(facts) == ["case 0/ct-image: 'ct.mha' changed while it was read"]
    assert list(facts.values) == [("case 1", "mr-image")]


def test_what_is_wrong_is_told_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    values = [file_value("ct-image", f"{number}.mha") for number in range(120)]
    for number in range(120):
        settled(tmp_path, f"{number}.mha", mha()[:-1])

    facts, told = looked(tmp_path, *values)

    assert problems(facts) == [
        f"case {number}/ct-image: '{number}.mha' is cut short: 124 of 125 bytes"
        for number in range(120)
    ]
    assert told == [Looking(number, number) for number in range(1, 121)]


def test_without_a_platform_the_local_part_is_known(tmp_path: Path) -> None:
    write(tmp_path, "ct.mha", mha())
    write(tmp_path, "bad.json", b"{")
    whole: Manifest = manifest(case("a", CT, file_value("details", "bad.json")))

    facts = survey(
        whole,
        History(),
        root=Root(tmp_path.resolve(), follow_links=False),
        scope=Scope(),
    )

    assert facts.target is None
    assert list(facts.values) == [("a", "ct-image")]
    assert len(facts.problems) == 1


def test_a_look_ends_between_two_values_once_the_command_is_stopped(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, f"{number}.mha", mha())
    told: list[Looking] = []

    with pytest.raises(Interrupted):
        survey(
            manifest(*(case(str(n), file_value("ct-image", f"{n}.mha")) for n in range(3))),
            History(),
            root=Root(tmp_path.resolve(), follow_links=False),
            scope=Scope(),
            tell=told.append,
            stopping=lambda: bool(told),
        )

    assert told == [Looking(1, 1)]
