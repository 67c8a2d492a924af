"""The command line keeps its word: options, exit codes, the shapes of its JSON."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.helpers import (
    FULL,
    STUDY,
    UPLOADER,
    Box,
    Ran,
    Served,
    ended,
    environment,
    served,
    wait_for,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EVENTS = {"started", "opened", "done", "failed", "unsure", "paused", "confirmed", "import-failed"}
ENDS = ("done", "failed", "unsure", "waiting", "pending")
SUMMARY = {"event", "cases", "uploads", "bytes_sent", "requests", "retries", "elapsed_s"}
NOBODY = "http://127.0.0.1:9/api/v1/"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "sandbox", reader_studies=(STUDY, "other-study")) as sandbox:
        yield sandbox


@pytest.fixture
def box(tmp_path: Path, sandbox: Served) -> Box:
    """Three cases that are not yet on the platform."""
    box = Box(tmp_path / "lung", sandbox)
    for number in range(3):
        box.add_usual(f"case-{number}")
    box.save()
    return box


@pytest.fixture
def scores(tmp_path: Path, sandbox: Served) -> Box:
    """Two cases of nothing but a score."""
    box = Box(tmp_path / "scores", sandbox)
    box.add_score("one")
    box.add_score("two")
    box.save()
    return box


def command(*words: str, **more: str) -> Ran:
    """What comes of a command without a manifest."""
    done = subprocess.run(
        [*UPLOADER, *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def add_up(counts: dict[str, int]) -> None:
    assert set(counts) == {"total", *ENDS, "unchanged"}
    assert sum(counts[end] for end in ENDS) == counts["total"]
    assert counts["unchanged"] <= counts["done"]


# ── shapes ──────────────────────────────────────────────────────────────────────────────────


def test_json_lines_have_the_promised_shapes_and_add_up(box: Box) -> None:
    assert box.served is not None
    assert box.served.running is not None
    before = box("status", "--json").expect(0)
    assert {line["state"] for line in before.plan.values()} == {"new"}
    assert {line["item"] for line in before.plan.values()} == {None}

    planned = box("plan", "--json").expect(0)
    for line in planned.plan.values():
        assert {"case", "title", "state", "action", "item"} <= line.keys()
        assert (line["state"], line["action"], line["item"]) == ("new", "create", None)
    assert planned.summary["cases"]["total"] == 3
    assert not box.state.exists()
    assert box.items() == []

    requests = box.served.running.requests()
    ran = box.run().expect(0)
    for line in ran.lines[:-1]:
        assert {"event", "case", "socket", "step"} <= line.keys()
        assert line["event"] in EVENTS
    summary = ran.summary
    assert set(summary) == SUMMARY
    add_up(summary["cases"])
    assert summary["uploads"] == planned.summary["uploads"] == 6
    sizes = [file.stat().st_size for file in box.data.rglob("*.mha")]
    assert summary["bytes_sent"] == planned.summary["bytes"] == sum(sizes)
    assert summary["requests"] == box.served.running.requests() - requests
    assert summary["retries"] == 0

    pks = {title: item["pk"] for title, item in box.by_title().items()}
    after = box("status", "--json").expect(0)
    for line in after.plan.values():
        assert {"case", "title", "state", "item"} <= line.keys()
        assert (line["state"], line["item"]) == ("done", pks[line["title"]])
    again = box("plan", "--json").expect(0)
    for line in again.plan.values():
        assert (line["state"], line["action"]) == ("done", "nothing")
        assert line["item"] == pks[line["title"]]
    validated = box("validate", "--json").expect(0)
    assert validated.out == ""


def test_the_state_holds_no_secret_no_address_and_no_path(box: Box) -> None:
    assert box.served is not None

    ran = box.run("--verbose", "--log-file", "uploader.log").expect(0)

    log = (box.folder / "uploader.log").read_text(encoding="utf-8")
    state = box.state.read_text(encoding="utf-8")
    for text in (ran.out, ran.err, log, state):
        assert box.served.token not in text
        assert "X-Amz-" not in text
    assert str(box.folder) not in state
    assert "http" not in state
    assert log.count("\n") > 20


def test_without_json_the_result_is_on_standard_output_and_all_else_is_not(box: Box) -> None:
    ran = box("run").expect(0)

    [line] = ran.out.splitlines()
    assert line.startswith("Finished: all 3 cases uploaded and verified; sent ")
    first, *told = ran.err.splitlines()
    assert first.startswith(f"reader study {STUDY}: 3 cases: 3 new; ")
    assert {f"case-{number}: done" for number in range(3)} == set(told)


def test_quiet_says_only_how_it_ended(scores: Box) -> None:
    ran = scores("run", "--quiet").expect(0)

    [line] = ran.out.splitlines()
    assert line.startswith("Finished: all 2 cases uploaded and verified; sent ")
    assert ran.err == ""


# ── choosing ────────────────────────────────────────────────────────────────────────────────


def test_only_and_first_choose_cases_and_leave_the_others(box: Box) -> None:
    first = box.run("--first", "1").expect(0)
    assert (first.ends["total"], set(box.by_title())) == (1, {"case-0"})
    planned = box("plan", "--json", "--only", "case-0", "--only", "*-2").expect(0)
    assert {name: line["action"] for name, line in planned.plan.items()} == {
        "case-0": "nothing",
        "case-2": "create",
    }
    only = box.run("--only", "case-[12]", "--first", "1").expect(0)
    assert {line["case"] for line in only.events("confirmed")} == {"case-1"}
    assert "removed from the manifest" not in only.err

    ran = box.run().expect(0)

    assert (ran.ends["total"], ran.ends["unchanged"]) == (3, 2)
    box.check()
    wrong = box.run("--only", "kase-1").expect(2)
    assert "no case is named 'kase-1'" in wrong.err
    assert "did you mean 'case-1'?" in wrong.err


# ── waiting ─────────────────────────────────────────────────────────────────────────────────


def test_not_waiting_ends_with_4_and_a_later_run_sees_it_through(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    box = Box(tmp_path)
    box.add_usual("one")
    box.add_score("two")
    box.save()
    with served(folder, import_delay_s=math.inf) as box.served:
        ran = box.run("--no-wait").expect(4)
        assert (ran.ends["waiting"], ran.ends["done"]) == (1, 1)
        add_up(ran.ends)
        assert "run the same command" in ran.err
        assert box("status", "--json").expect(0).plan["one"]["state"] == "importing"
        planned = box("plan", "--json").expect(0)
        assert planned.plan["one"]["action"] == "wait"

        started = time.monotonic()
        waited = box.run("--wait-timeout", "1").expect(4)
        assert time.monotonic() - started < 20
        assert waited.ends["waiting"] == 1
        assert waited.summary["bytes_sent"] == 0

    with served(folder) as box.served:
        ran = box.run().expect(0)
        assert (ran.ends["done"], ran.summary["bytes_sent"]) == (2, 0)
        box.check()


# ── where things are ────────────────────────────────────────────────────────────────────────


def test_state_and_root_are_where_they_are_said_to_be(box: Box, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    box.data.rename(elsewhere)
    state = tmp_path / "states" / "own.jsonl"

    missing = box.run("--state", str(state)).expect(2)
    assert "root" in missing.err
    over = box.environment(UPLOADER_ROOT=str(tmp_path / "nowhere"))
    by_option = box.run("--state", str(state), "--root", str(elsewhere), env=over).expect(0)
    assert by_option.ends["done"] == 3
    assert state.exists()
    assert not box.state.exists()
    given = box.environment(UPLOADER_ROOT=str(elsewhere))
    by_environment = box.run("--state", str(state), env=given).expect(0)
    assert by_environment.ends["unchanged"] == 3
    elsewhere.rename(box.data)
    box.check()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_lead_out_of_the_root_only_when_asked(box: Box, tmp_path: Path) -> None:
    outside = tmp_path / "scratch"
    (box.data / "case-1").rename(outside)
    (box.data / "case-1").symlink_to(outside)

    refused = box.run().expect(2)
    ran = box.run("--follow-links").expect(0)

    assert "--follow-links" in refused.err
    assert refused.err.count("'case-1' leads out of the root by a link") == 2
    assert ran.ends["done"] == 3
    box.check()


# ── usage ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "lung.yaml", "--frist", "2"],
        ["run", "lung.yaml", "--first", "0"],
        ["run", "lung.yaml", "--jobs", "many"],
        ["run", "lung.yaml", "--wait-timeout", "-1"],
        ["run", "nowhere.yaml"],
        ["run", "."],
        ["run", "lung.yaml", "--state", "."],
        ["upload", "lung.yaml"],
        [],
        ["run", "lung.yaml", "--platform", "http://example.org/api/v1/"],
        ["run", "lung.yaml", "--platform", "ftp://127.0.0.1/api/v1/"],
        ["run", "lung.yaml", "--platform", "https://user:secret@example.org/api/v1/"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_changes_nothing(scores: Box, words: list[str]) -> None:
    scores.manifest.rename(scores.folder / "lung.yaml")
    process = subprocess.run(
        [*UPLOADER, *words],
        cwd=scores.folder,
        env=scores.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    ran = Ran(process.returncode, process.stdout, process.stderr).expect(2)

    assert ran.err.strip()
    assert "secret" not in ran.err
    assert scores.items() == []
    assert not scores.state.exists()


@pytest.mark.parametrize("name", ["validate", "plan", "run", "status", "schema", "sandbox"])
def test_every_commands_help_has_an_example(name: str) -> None:
    ran = command(name, "--help").expect(0)

    assert f"uploader {name}" in ran.out.partition("example")[2]


def test_schema_and_version_are_printed() -> None:
    schema = json.loads(command("schema").expect(0).out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert re.fullmatch(r"uploader \d+\.\d+\S*\n", command("--version").expect(0).out)


# ── token and platform ──────────────────────────────────────────────────────────────────────


def test_without_a_token_that_the_platform_takes_it_ends_with_3(scores: Box) -> None:
    assert scores.served is not None
    token = "GRAND_CHALLENGE_AUTHORIZATION"
    none = scores.run(env=scores.environment(**{token: None})).expect(3)
    assert token in none.err
    assert "--sandbox" in none.err
    malformed = scores.run(env=scores.environment(**{token: "abc"})).expect(3)
    assert "64" in malformed.err
    assert "abc" not in malformed.err
    wrong = scores.run(env=scores.environment(**{token: "0" * 64})).expect(3)
    assert "Invalid token." in wrong.err
    stranger = scores.environment(**{token: scores.served.token_without_rights})
    without_rights = scores.run(env=stranger).expect(3)
    assert STUDY in without_rights.err
    assert scores.items() == []
    assert not scores.state.exists()

    file = scores.folder / "token"
    file.write_text(f"Bearer {scores.served.token}\n")
    ran = scores.run("--token-file", "token", env=scores.environment(**{token: "0" * 64}))
    assert ran.expect(0).ends["done"] == 2
    missing = scores.run("--token-file", "nowhere").expect(3)
    assert "nowhere" in missing.err


def test_an_unknown_target_is_a_problem_at_its_place(scores: Box) -> None:
    scores.slug = "lung-nodles"
    scores.save()

    ran = scores.run().expect(2)

    assert ran.err.startswith("lung.yaml:4:9: the platform has no reader study 'lung-nodles'")
    assert "did you mean 'lung-nodules'?" in ran.err


@pytest.mark.parametrize("scheme", ["http", *(["https"] if FULL else [])])
def test_a_platform_that_does_not_answer_is_given_up_after_a_while(
    scores: Box, scheme: str
) -> None:
    url = NOBODY.replace("http", scheme)
    started = time.monotonic()

    ran = scores.run("--platform", url, "--give-up-after", "1").expect(3)

    assert time.monotonic() - started < 15
    assert "gave up after 1 s" in ran.err
    assert not scores.state.exists()


def test_a_platform_that_stalls_is_given_up_after_a_while(scores: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/api/v1/"

        patience = ["--stall-timeout", "0.5", "--give-up-after", "1"]
        ran = scores.run("--platform", url, *patience).expect(3)

    assert "no data for 0.5 s" in ran.err


# ── stopping ────────────────────────────────────────────────────────────────────────────────


def signalled(process: subprocess.Popen[str], number: int, after: str) -> Ran:
    """What comes of a run that gets a signal once one of its lines names an event."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == after:
            break
    process.send_signal(number)
    return ended(process, seconds=40)


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
@pytest.mark.parametrize(
    ("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), *([("SIGHUP", 129)] if FULL else [])]
)
def test_a_signal_stops_in_order_and_the_same_command_goes_on(
    tmp_path: Path, number: str, code: int
) -> None:
    with served(tmp_path / "sandbox", latency_ms=20) as sandbox:
        box = Box(tmp_path, sandbox)
        for index in range(8):
            box.add_usual(f"case-{index}")
        box.save()

        process = box.spawn("run", "--json", "--jobs", "2")
        ran = signalled(process, getattr(signal, number), "done").expect(code)

        assert "stopped; the same command continues where this ended" in ran.err
        add_up(ran.ends)
        assert ran.ends["pending"] > 0
        assert not list(box.folder.glob("*.lock"))
        assert box.run().expect(0).ends["done"] == 8
        box.check()


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_a_signal_ends_waiting_for_imports_and_for_a_platform_that_is_away(
    tmp_path: Path,
) -> None:
    with served(tmp_path / "sandbox", import_delay_s=math.inf) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_usual("one")
        box.save()
        process = box.spawn("run", "--json")
        started = time.monotonic()
        waiting = signalled(process, signal.SIGINT, "confirmed").expect(130)
        assert waiting.ends["waiting"] == 1

    away = box.spawn("run", "--json", env=box.environment(GRAND_CHALLENGE_API_URL=NOBODY))
    wait_for(lambda: list(box.folder.glob("*.lock")))
    away.send_signal(signal.SIGINT)
    ended(away).expect(130)
    assert time.monotonic() - started < 30


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", latency_ms=3000) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("one")
        box.save()
        process = box.spawn("run", "--json")
        wait_for(lambda: list(box.folder.glob("*.lock")))
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Stopping after current uploads." not in (line := process.stderr.readline()):
            assert line, "it ended without a word"
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)

        ended(process).expect(130)

        assert time.monotonic() - sent < 2.5


# ── the state ───────────────────────────────────────────────────────────────────────────────


def test_a_state_of_another_target_or_platform_or_a_damaged_one_ends_with_3(
    scores: Box, tmp_path: Path
) -> None:
    scores.run().expect(0)
    whole = scores.state.read_bytes()

    scores.slug = "other-study"
    scores.save()
    target = scores.run().expect(3)
    assert STUDY in target.err
    assert "other-study" in target.err
    assert scores.items() == []

    scores.slug = STUDY
    scores.save()
    with served(tmp_path / "another") as another:
        mine, scores.served = scores.served, another
        platform = scores.run().expect(3)
        assert "belongs to the platform" in platform.err
        assert scores.items() == []
        scores.served = mine

    lines = whole.splitlines(keepends=True)
    scores.state.write_bytes(b"".join([*lines[:2], b"{\n", *lines[2:]]))
    damaged = scores.run().expect(3)
    assert f"{scores.state.name}:3: damaged" in damaged.err

    scores.state.write_bytes(whole + b'{"torn": ')
    assert scores.run().expect(0).ends["unchanged"] == 2
    scores.check()


def test_a_second_run_is_kept_out_and_told_who_runs_and_how_to_take_over(box: Box) -> None:
    assert box.served is not None
    lock = box.state.with_name(box.state.name + ".lock")
    holder = {
        "user": "alice",
        "host": "node17.example.org",
        "boot": 1_700_000_000,
        "pid": 4242,
        "start": 1_700_000_100.5,
        "since": "2026-01-05 10:32:00",
        "key": "0123456789abcdef",
    }
    lock.write_text(json.dumps(holder))

    ran = box.run("--jobs", "2", "--only", "case-[12]").expect(3)

    assert "held by alice on node17.example.org, pid 4242, since 2026-01-05 10:32:00" in ran.err
    assert box.items() == []
    assert json.loads(lock.read_text()) == holder
    words = shlex.split(ran.err.partition("know that it is dead: ")[2])
    assert words[0] == "uploader"
    taken = subprocess.run(
        [*UPLOADER, *words[1:]],
        cwd=box.folder,
        env=box.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert taken.returncode == 0, taken.stderr
    assert set(box.by_title()) == {"case-1", "case-2"}
    assert not lock.exists()


def test_a_run_that_lives_keeps_a_second_one_out(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=math.inf) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_usual("one")
        box.save()
        first = box.spawn("run", "--json", "--wait-timeout", "20")
        wait_for(box.items)

        second = box.run().expect(3)
        first.kill()
        ended(first)
        third = box.run("--no-wait").expect(4)

    assert f"pid {first.pid}, " in second.err
    assert socket.gethostname() in second.err
    assert third.ends["waiting"] == 1


# ── consoles ────────────────────────────────────────────────────────────────────────────────


def test_a_console_of_few_characters_and_hostile_names_do_no_harm(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox)
        box.add("Größe", {"some-score": 1}, title="患者 – ∑")
        box.add("plain", {"some-score": 2})
        box.save()
        small = box.environment(PYTHONIOENCODING="cp1252", PYTHONUTF8="0")

        plain = box("plan", env=small, encoding="cp1252").expect(0)
        ran = box.run("--verbose", env=small, encoding="cp1252").expect(0)
        stands = box("status", env=small, encoding="cp1252").expect(0)
        box.check()

    assert "Größe: done" in ran.err
    assert r"Größe: new, titled '\u60a3\u8005 – \u2211'" in plain.out
    assert "Größe: done" in stands.out


@pytest.mark.skipif(os.name == "nt", reason="pipes are others there")
def test_a_reader_that_goes_away_makes_no_traceback(box: Box) -> None:
    process = box.spawn("run", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None

    ran = ended(process)

    assert "Traceback" not in ran.err
    assert "Exception ignored" not in ran.err
    assert "bug" not in ran.err
    box.run().expect(0)
    box.check()


@pytest.mark.skipif(os.name == "nt", reason="a shell of its own")
@pytest.mark.parametrize("name", ["plan", "schema"])
def test_a_pipe_into_head_makes_no_traceback(box: Box, name: str) -> None:
    words = shlex.join([*UPLOADER, name, *([] if name == "schema" else ["lung.yaml", "--json"])])
    piped = in_shell(box, f"{words} | head -c 1")

    assert piped.out == "{"
    assert "Traceback" not in piped.err
    assert "Exception ignored" not in piped.err


@pytest.mark.skipif(os.name == "nt", reason="a shell of its own")
def test_a_run_needs_no_standard_error(box: Box) -> None:
    words = shlex.join([*UPLOADER, "run", "lung.yaml", "--first"])
    places = ("<&- >&- 2>&-", "2>/dev/full") if Path("/dev/full").exists() else ("<&- >&- 2>&-",)
    for count, place in enumerate(places, start=1):
        ran = in_shell(box, f"{words} {count} {place}")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("Finished: ") == (">&-" not in place.split())
        assert len(box.items()) == count

    if Path("/dev/full").exists():
        full = in_shell(box, f"{shlex.join(UPLOADER)} run lung.yaml --json >/dev/full").expect(3)
        assert "standard output cannot be written" in full.err
    box.run().expect(0)
    box.check()


def in_shell(box: Box, words: str) -> Ran:
    """What comes of a line in a shell."""
    done = subprocess.run(
        ["sh", "-c", words],
        cwd=box.folder,
        env=box.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


# ── rehearsing ──────────────────────────────────────────────────────────────────────────────


def test_a_rehearsal_needs_no_token_and_remembers(box: Box) -> None:
    nothing = environment(GRAND_CHALLENGE_API_URL=NOBODY)

    first = box.run("--sandbox", env=nothing).expect(0)
    second = box.run("--sandbox", env=nothing).expect(0)

    assert (first.ends["done"], first.ends["unchanged"]) == (3, 0)
    assert (second.summary["bytes_sent"], second.ends["unchanged"]) == (0, 3)
    assert (box.folder / "lung.sandbox.state.jsonl").exists()
    assert not box.state.exists()
    assert box.items() == []
