from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from manifest_uploader.engine.options import Options
from manifest_uploader.engine.progress import Looking
from manifest_uploader.engine.reading import Watching, read_manifest
from manifest_uploader.engine.session import (
    Session,
    gather,
    open_session,
    recover_session,
    temporary_title,
)
from manifest_uploader.errors import StateMismatch, UsageError
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.platform.address import parse_platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.state.events import Done, Event, Failed, Started
from manifest_uploader.state.file import Binding
from manifest_uploader.state.writer import Writer
from tests.box import Box, Faulty, mha
from tests.helpers import step_id

HEAD = "version: 1\ntarget: {kind: reader-study, slug: lung}\ncases:\n"


@pytest.fixture
def hook() -> Faulty:
    return Faulty()


@pytest.fixture
def box(begin: Callable[..., Box], hook: Faulty) -> Box:
    return begin(hook=hook)


@pytest.fixture
def options(tmp_path: Path, box: Box) -> Options:
    """A manifest of two scores for the sandbox."""
    path = tmp_path / "lung.yaml"
    path.write_text(
        HEAD
        + "- {name: a, sockets: {some-score: 1}}\n"
        + "- {name: b, title: B, sockets: {some-score: 2}}\n"
    )
    platform = parse_platform(box.running.url, box.running.token)
    return Options(str(path), tmp_path / "lung.state.jsonl", platform)


def rewrite(options: Options, text: str) -> None:
    Path(options.manifest).write_text(text)


def opened(options: Options, box: Box) -> Session:
    return open_session(options, read_manifest(options), box.client)


def recovered(session: Session) -> list[Event]:
    """What was found out, without the time at which it was recorded."""
    return [replace(event, time=0.0) for event in recover_session(session)]


def remember(options: Options, box: Box, *events: Event) -> None:
    """A state of an earlier run."""
    writer = Writer(options.state)
    target = box.target()
    writer.bind(Binding(f"sandbox {box.running.id}", target.kind, target.slug, target.pk))
    writer.append(replace(event, time=1e9) for event in events)
    writer.close()


# ── the manifest ────────────────────────────────────────────────────────────────────────────


def test_the_chosen_cases_are_read_and_all_names_known(options: Options) -> None:
    found = read_manifest(replace(options, only=("b",)))

    assert [case.name for case in found.manifest.cases] == ["b"]
    assert found.names == {"a", "b"}


def test_a_manifest_that_is_not_there_is_a_usage_error(options: Options, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_manifest(replace(options, manifest=str(tmp_path / "none.yaml")))
    with pytest.raises(UsageError, match="is a folder, not a manifest"):
        read_manifest(replace(options, manifest=str(tmp_path)))


# ── the session ───────────────────────────────────────────────────────────────────────────────


def test_a_sandbox_is_known_by_its_id_whatever_its_port(options: Options, box: Box) -> None:
    found = opened(options, box)

    assert found.binding.platform == f"sandbox {box.running.id}"
    assert (found.binding.slug, found.binding.pk) == ("lung", box.target().pk)


def test_a_state_of_another_target_is_not_used(options: Options, box: Box) -> None:
    writer = Writer(options.state)
    target = box.target()
    writer.bind(Binding("elsewhere/api/v1/", target.kind, target.slug, target.pk))
    writer.close()

    with pytest.raises(StateMismatch):
        opened(options, box)


def test_problems_of_text_files_and_platform_are_told_together(options: Options, box: Box) -> None:
    rewrite(
        options,
        HEAD
        + "- {name: a, titel: T, sockets: {some-score: 1}}\n"
        + "- {name: b, sockets: {ct-image: {file: none.mha}}}\n"
        + "- {name: c, sockets: {some-scor: 1}}\n",
    )

    with pytest.raises(ManifestInvalid) as caught:
        opened(options, box)

    found = [problem.message for problem in caught.value.problems]
    assert "unknown key 'titel'" in found[0]
    assert any("none.mha" in message for message in found)
    assert any("no socket 'some-scor'" in message for message in found)


@pytest.mark.parametrize("platform", ["answers", "has no such target", "refuses"])
def test_files_of_an_invalid_manifest_are_looked_into_once_and_that_is_watched(
    options: Options, box: Box, connect: Callable[..., Client], platform: str
) -> None:
    (Path(options.manifest).parent / "a.mha").write_bytes(mha()[:-1])
    head = HEAD.replace("lung", "lungs") if platform == "has no such target" else HEAD
    rewrite(options, head + "- {name: a, titel: T, sockets: {ct-image: {file: a.mha}}}\n")
    client = box.client
    if platform == "refuses":
        client = connect(box.running.url, token=box.running.token_without_rights)
    told: list[Looking] = []

    with pytest.raises(ManifestInvalid) as caught:
        open_session(options, read_manifest(options), client, Watching(told.append))

    assert told == [Looking(1, 1)]
    found = [problem.message for problem in caught.value.problems]
    assert [("titel" in one, "cut short" in one) for one in found[-2:]] == [
        (True, False),
        (False, True),
    ]
    assert ("no reader study 'lungs'" in found[0]) is (platform == "has no such target")


def test_a_look_at_an_invalid_manifest_can_be_stopped(options: Options, box: Box) -> None:
    (Path(options.manifest).parent / "a.mha").write_bytes(mha())
    rewrite(options, HEAD + "- {name: a, titel: T, sockets: {ct-image: {file: a.mha}}}\n")

    with pytest.raises(Interrupted):
        open_session(options, read_manifest(options), box.client, Watching(stopping=lambda: True))


def test_problems_are_gathered_before_rights_are_asked_for(
    options: Options, box: Box, hook: Faulty
) -> None:
    rewrite(options, HEAD + "- {name: a, sockets: {nope: 1}}\n")
    session = open_session(options, read_manifest(options), box.client)
    hook.seen.clear()

    with pytest.raises(ManifestInvalid):
        gather(options, session)

    assert {request.method for request in hook.seen} == {"GET"}


def test_nothing_is_asked_of_sessions_before_the_first_byte(
    options: Options, box: Box, hook: Faulty
) -> None:
    (Path(options.manifest).parent / "a.mha").write_bytes(mha())
    rewrite(options, HEAD + "- {name: a, sockets: {ct-image: {file: a.mha}}}\n")

    gather(options, opened(options, box))

    assert not [request for request in hook.seen if "upload-sessions" in request.path]


# ── settling ────────────────────────────────────────────────────────────────────────────────


def test_what_nobody_saw_the_end_of_is_settled_first(options: Options, box: Box) -> None:
    item = box.make("uploading-1")
    remember(options, box, Started("a", step_id("a:create"), title="uploading-1"))
    session = opened(options, box)

    found = recovered(session)

    assert found == [Done("a", step_id("a:create"), pk=item, again=True)]
    assert session.ledger.history.cases["a"].item == item


def test_cases_that_were_not_chosen_are_left_alone(options: Options, box: Box) -> None:
    box.make("uploading-1")
    remember(options, box, Started("a", step_id("a:create"), title="uploading-1"))

    assert recovered(opened(replace(options, only=("b",)), box)) == []


@pytest.mark.parametrize("acted", [True, False])
def test_a_case_is_settled_under_the_name_it_had(options: Options, box: Box, acted: bool) -> None:
    """It was renamed after its run was killed; by its title it is known again."""
    item = box.make("B" if acted else "uploading-1")
    remember(
        options,
        box,
        Started("old", step_id("old:create"), title="uploading-1"),
        Done("old", step_id("old:create"), pk=item),
        Started("old", step_id("old:fill"), title="B", temporary="uploading-1"),
    )
    session = opened(options, box)

    found = recovered(session)

    end: Event = (
        Done("old", step_id("old:fill"), pk=item, again=True)
        if acted
        else Failed("old", step_id("old:fill"), words="", final=False)
    )
    assert found == [end]
    inputs = gather(options, session)
    assert inputs.renamed == ({"b": "old"} if acted else {})


def test_temporary_titles_are_ours_alone() -> None:
    found = {temporary_title() for _ in range(100)}

    assert len(found) == 100
    assert all(re.fullmatch(r"uploading-[0-9a-f]{12}", title) for title in found)
