from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.engine import upload as upload_module
from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.imports import outstanding
from manifest_uploader.engine.local_files import Looking
from manifest_uploader.engine.options import Options, Policy
from manifest_uploader.engine.progress import Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.engine.run import plan, run, status, validate
from manifest_uploader.errors import StateUnwritable, TokenRefused
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Action, Create, Plan, total_size
from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.platform.model import Target
from manifest_uploader.sandbox import Fault
from manifest_uploader.sandbox import uploads as sandbox_uploads
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import Done, Event, Started
from manifest_uploader.state.standing import Standing
from manifest_uploader.state.steps import StepId
from manifest_uploader.state.writer import Writer
from tests.box import Box, Faulty, mha
from tests.helpers import messages

HEAD = "version: 1\ntarget: {kind: reader-study, slug: lung}\ncases:\n"
CASE = "- {{name: {0}, sockets: {{ct-image: {{file: {0}.mha}}, some-score: 1.5}}}}\n"


@dataclass
class Watching:
    """An observer that notes what it is told."""

    told: list[Any] = field(default_factory=list)
    doings: list[Doing] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None

    def looking(self, looking: Looking) -> None:
        self.told.append(looking)

    def doing(self, doing: Doing) -> None:
        self.doings.append(doing)

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        self.told += warnings

    def begins(self, plan: Plan, target: Target) -> None:
        self.told.append(plan)

    def event(self, event: Event) -> None:
        self.on_event(event)
        self.told.append(event)

    def case_ended(self, end: CaseEnd) -> None:
        self.told.append(end)

    def tick(self, progress: Progress) -> None:
        self.told.append(progress)

    def note(self, text: str) -> None:
        self.told.append(text)

    def ends(self, summary: Summary) -> None:
        self.told.append(summary)

    def all_of(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


@dataclass
class RunSetup:
    """A manifest of cases for a sandbox."""

    box: Box
    hook: Faulty
    folder: Path
    options: Options
    watching: Watching = field(default_factory=Watching)

    def write(self, *names: str) -> None:
        Path(self.options.manifest).write_text(HEAD + "".join(CASE.format(name) for name in names))
        for number, name in enumerate(names):
            (self.folder / f"{name}.mha").write_bytes(mha(bytes([number]) * 32))

    def run(self, *, stop: threading.Event | None = None, **more: Any) -> dict[str, CaseEnd]:
        self.hook.seen.clear()
        self.watching.told.clear()
        options = replace(self.options, **more)
        self.summary = run(options, [self.watching], stop or threading.Event())
        return {end.case: end for end in self.summary.ends}

    def items(self) -> list[str]:
        return sorted(title for (title,) in self.box.sql("SELECT title FROM items"))


@pytest.fixture
def session(begin: Callable[..., Box], tmp_path: Path) -> RunSetup:
    hook = Faulty()
    box = begin(hook=hook)
    made = RunSetup(
        box,
        hook,
        tmp_path,
        Options(
            str(tmp_path / "lung.yaml"),
            tmp_path / "lung.state.jsonl",
            parse_platform(box.running.url, box.running.token),
            jobs=3,
            patience=Patience(stall_s=5, give_up_s=5, first_pause_s=0.001),
        ),
    )
    made.write("a", "b")
    return made


# ── looking ─────────────────────────────────────────────────────────────────────────────────


def test_validating_and_planning_change_and_write_nothing(session: RunSetup) -> None:
    assert [one.name for one in validate(session.options)[0].cases] == ["a", "b"]
    found, facts = plan(session.options)

    assert [case.action for case in found.cases] == [Action.CREATE] * 2
    assert facts.items == 0
    assert session.items() == []
    assert {path.name for path in session.folder.iterdir()} == {
        *("lung.yaml", "a.mha", "b.mha", "sandbox")
    }
    assert session.box.rows() == {}


def test_the_look_is_told_before_the_plan_and_warnings_with_it(session: RunSetup) -> None:
    for name in ("1", "2"):
        (session.folder / f"{name}.txt").write_text("notes")
    (session.folder / "a.mha").rename(session.folder / "3.mha")
    text = Path(session.options.manifest).read_text()
    files = "{files: [1.txt, 2.txt, 3.mha]}"
    Path(session.options.manifest).write_text(text.replace("{file: a.mha}", files))

    session.run()

    looked, done, warning, plan = session.watching.told[:4]
    assert (looked, done) == (Looking(1, 3), Looking(2, 4))
    assert (warning.message, warning.place.line) == (
        "a/ct-image: the platform leaves out '1.txt', '2.txt': not part of the image",
        4,
    )
    assert isinstance(plan, Plan)


def test_a_plan_is_what_a_run_does(session: RunSetup) -> None:
    planned, _ = plan(session.options)

    session.run()

    [done] = session.watching.all_of(Plan)
    assert [(case.case, case.action, case.sockets) for case in done.cases] == [
        (case.case, case.action, case.sockets) for case in planned.cases
    ]


def test_where_each_case_stands_is_known_without_a_platform(session: RunSetup) -> None:
    assert [stand.standing for stand in status(session.options)] == [Standing.NEW] * 2

    session.run(only=("a",))

    found = {
        stand.case: stand.standing for stand in status(replace(session.options, platform=None))
    }
    assert found == {"a": Standing.DONE, "b": Standing.NEW}


# ── running ─────────────────────────────────────────────────────────────────────────────────


def test_a_run_does_it_all_and_a_second_one_nothing(session: RunSetup) -> None:
    first = session.run()
    assert {end.end for end in first.values()} == {End.DONE}
    assert (session.summary.uploads, session.summary.leftovers, session.summary.notes) == (
        2,
        (),
        (),
    )
    assert session.items() == ["a", "b"]

    second = session.run()

    assert all(end.unchanged for end in second.values())
    assert session.summary.traffic.bytes_sent == 0
    assert {request.method for request in session.hook.seen} - {"GET"} == {"POST"}
    assert [r.kind for r in session.hook.seen if r.method == "POST"] == ["item-create"]
    assert session.items() == ["a", "b"]


def test_whoever_watches_is_told_after_it_was_written_down(session: RunSetup) -> None:
    def check(event: Event) -> None:
        if isinstance(event, Started) and event.socket is not None:
            return
        assert event in state_file.read(session.options.state).events

    session.watching.on_event = check

    session.run()

    assert len(session.watching.all_of(Done)) == 6
    assert sorted(end.case for end in session.watching.all_of(CaseEnd)) == ["a", "b"]
    assert session.watching.all_of(Progress)


def test_what_must_not_be_sent_twice_is_on_the_disk_before_it_is_sent(
    session: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a request finds in the state file counts only as far as it was synced."""
    on_disk, real = [b""], os.fsync

    def note(handle: int) -> None:
        real(handle)
        on_disk.append(
            session.options.state.read_bytes() if session.options.state.exists() else b""
        )

    monkeypatch.setattr(os, "fsync", note)
    found: list[tuple[str, int]] = []
    session.hook.before_it = lambda seen: found.append(
        (seen.kind, on_disk[-1].count(b":create" if seen.kind == "item-create" else b":fill"))
    )

    session.run()

    creations = [count for kind, count in found if kind == "item-create"]
    fills = [count for kind, count in found if kind == "item-fill"]
    assert creations[0] == 0, "the probe of rights, before anything is written"
    assert len(creations) == 3
    assert all(count >= number for number, count in enumerate(creations))
    assert all(count > number for number, count in enumerate(fills))


def test_a_disk_that_fills_up_stops_the_run_before_anything_unwritten_is_sent(
    session: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Writer.append

    def full(self: Writer, events: Any) -> None:
        events = list(events)
        fills = [one for one in events if isinstance(one, Started) and one.step.kind == "fill"]
        if fills:
            raise StateUnwritable("no space left")
        real(self, events)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", full)
        with pytest.raises(StateUnwritable):
            session.run()
    assert "item-fill" not in session.hook.kinds()

    assert {end.end for end in session.run().values()} == {End.DONE}
    assert session.items() == ["a", "b"]


def test_what_recovery_finds_out_is_kept_for_the_next_run(session: RunSetup) -> None:
    """A creation took effect, and its run was killed before it could record that."""
    session.run(only=("b",))
    title = "uploading-00000000000a"
    item = session.box.make(title)
    writer = Writer(session.options.state)
    writer.append([Started("a", StepId.create("a"), title=title, time=1e9)])
    writer.close()
    session.hook.before_it = lambda seen: (
        Fault.answer(400, (), b'["No."]', "application/json") if seen.kind == "item-fill" else None
    )

    assert session.run()["a"].end is End.FAILED

    found = state_file.read(session.options.state).events
    created = [
        one
        for one in found
        if one == Done("a", StepId.create("a"), pk=item, again=True, time=one.time)
    ]
    assert len(created) == 1
    assert sorted(session.items()) == ["b", title]


def test_a_run_that_is_stopped_is_gone_on_with(session: RunSetup) -> None:
    stop = threading.Event()
    session.hook.after_it = lambda seen: stop.set() if seen.kind == "item-create" else None
    session.write("a", "b", "c", "d")

    first = session.run(stop=stop, jobs=1)
    assert End.PENDING in {end.end for end in first.values()}
    session.hook.after_it = lambda _: None

    assert {end.end for end in session.run().values()} == {End.DONE}
    assert session.items() == ["a", "b", "c", "d"]
    assert session.summary.leftovers == ()


def test_after_a_resume_only_what_is_left_counts(
    session: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "part_size", lambda _: 64 * 1024)
    monkeypatch.setattr(sandbox_uploads, "_SMALLEST_PART", 1)
    stop, image = threading.Event(), mha(bytes(256 * 1024), size="64 64 64")
    session.write("a")
    (session.folder / "a.mha").write_bytes(image)
    session.hook.after_it = lambda seen: stop.set() if seen.kind == "part" else None
    session.run(stop=stop, jobs=1)
    sent = session.summary.traffic.bytes_sent
    session.hook.after_it = lambda _: None

    session.run()

    first, last = (session.watching.all_of(Progress)[number] for number in (0, -1))
    assert 0 < sent < len(image) == first.total_bytes
    assert last.total_bytes == last.sent_bytes == session.summary.traffic.bytes_sent
    assert last.total_bytes <= len(image) - sent + 64 * 1024
    assert not last.is_sending


def test_what_a_failed_case_does_not_send_is_not_waited_for(session: RunSetup) -> None:
    refused = Fault.answer(400, (), b'["No."]', "application/json")
    session.hook.before_it = lambda seen: refused if seen.kind == "upload-create" else None

    session.run()

    assert session.watching.all_of(Progress)[-1].total_bytes == 0


def test_a_token_that_is_refused_in_the_middle_ends_the_run_and_loses_nothing(
    session: RunSetup,
) -> None:
    refused = Fault.answer(401, (), b'{"detail": "Invalid token."}', "application/json")
    session.hook.before_it = lambda seen: refused if seen.kind == "item-fill" else None

    with pytest.raises(TokenRefused):
        session.run()
    session.hook.before_it = lambda _: None

    assert {end.end for end in session.run().values()} == {End.DONE}
    assert session.summary.uploads == 0
    assert session.items() == ["a", "b"]


def test_an_item_that_was_never_filled_is_told_as_left_over(session: RunSetup) -> None:
    refused = Fault.answer(400, (), b'["No."]', "application/json")
    session.hook.before_it = lambda seen: refused if seen.kind == "item-fill" else None

    ends = session.run(only=("a",))

    assert messages(ends["a"]) == ("No.",)
    [(name, item)] = session.summary.leftovers
    assert name == "a"
    assert session.box.sql("SELECT pk FROM items") == [(item,)]


# ── imports ─────────────────────────────────────────────────────────────────────────────────


def test_imports_can_be_left_to_the_next_run(begin: Callable[..., Box], session: RunSetup) -> None:
    first = session.run(policy=Policy(wait=False))
    assert {end.end for end in first.values()} <= {End.WAITING, End.DONE}
    session.box.settle()

    second = session.run()

    assert {end.end for end in second.values()} == {End.DONE}
    assert session.summary.traffic.bytes_sent == 0


@pytest.mark.usefixtures("unlooked")
def test_a_failed_import_is_sent_again_only_when_mended_or_asked_for(
    session: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outstanding, "_PATIENCE_S", 0.1)
    (session.folder / "b.mha").write_bytes(b"no image")
    first = session.run()
    assert (first["a"].end, first["b"].end) == (End.DONE, End.FAILED)

    again = session.run()
    assert messages(again["b"]) == messages(first["b"])
    assert (session.summary.uploads, session.hook.kinds().count("item-fill")) == (0, 0)

    asked = session.run(choices=Choices(retry_failed=True))
    assert asked["b"].end is End.FAILED
    assert (session.summary.uploads, session.hook.kinds().count("item-fill")) == (0, 1)

    (session.folder / "b.mha").write_bytes(mha(bytes([9]) * 32))
    assert session.run()["b"].end is End.DONE
    assert session.summary.uploads == 1
    assert session.items() == ["a", "b"]


def test_a_change_that_was_refused_and_taken_back_is_over(session: RunSetup) -> None:
    session.run()
    manifest = Path(session.options.manifest)
    text = manifest.read_text()
    manifest.write_text(text.replace("- {name: b,", "- {name: b, title: a2,"))
    refused = Fault.answer(400, (), b'["No."]', "application/json")
    session.hook.before_it = lambda seen: refused if seen.kind == "item-fill" else None
    assert session.run()["b"].end is End.FAILED
    manifest.write_text(text)

    ends = session.run()

    assert (ends["b"].end, messages(ends["b"])) == (End.DONE, ())
    assert [stand.standing for stand in status(session.options)] == [Standing.DONE] * 2


def test_the_bytes_to_send_are_those_of_the_plan(session: RunSetup) -> None:
    planned, _ = plan(session.options)

    assert total_size(planned) == sum(
        (session.folder / f"{name}.mha").stat().st_size for name in "ab"
    )
    assert all(isinstance(one.create, Create) for one in planned.cases)
