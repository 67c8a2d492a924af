"""What terminals show, as scenes that are recorded: `python -m tests.output.scenes` writes them.

With `--svg DIR` it also draws them, to be looked at.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from manifest_uploader.commands.doctor import command as doctor
from manifest_uploader.commands.doctor.findings import note, ok, skipped, wrong
from manifest_uploader.engine.progress import Importing, Load, Sending
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.errors import UsageError
from manifest_uploader.init import command
from manifest_uploader.init.dialogue import Question
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import Options
from manifest_uploader.init.terminal import Terminal, prompt
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.output import plan_lines, screen, status_lines, watch_screen
from manifest_uploader.output.formatting import problem_lines
from manifest_uploader.output.live_view import DRAWN, Signs, Size
from manifest_uploader.output.paint import painted, wrapped
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import Failure
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import Block, block, rows_of
from tests.helpers import (
    STUDY,
    case,
    facts_of,
    file_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    plan_of,
)
from tests.output.records import progress_of, summary_of

FOLDER: Final = Path(__file__).with_name("screens")
WIDTHS: Final = (80, 120)
_MIB: Final = 2**20
_TONES: Final = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
_CODE: Final = re.compile(r"\x1b\[([\d;]*)m")
PAGE: Final = "https://grand-challenge.org/reader-studies/lung/display-sets/{}/".format
LONG: Final = "a name with blanks, as a PACS writes it 2024-01-01 T2w"
WIDE: Final = "患者-山田 太郎"


class Paper:
    """A terminal of some width, and the lines on it."""

    def __init__(self, width: int, signs: Signs = DRAWN) -> None:
        self.size, self.signs = Size(width, 24), signs
        self.lines: list[Block] = []
        self.live: list[Block] = []
        self.is_shown = False

    def start(self) -> None:
        self.is_shown = True

    def stop(self) -> None:
        self.live, self.is_shown = [], False

    def print(self, text: str) -> None:
        self.lines += rows_of(wrapped(block(text), self.size.width))

    def show(self, lines: list[str]) -> None:
        self.live = rows_of(wrapped(block(*lines), self.size.width - 1))

    @property
    def rows(self) -> list[Block]:
        """What is to be seen."""
        return [*self.lines, *self.live]


# ── run ─────────────────────────────────────────────────────────────────────────────────────


class Run:
    """A run that a terminal shows, with a clock of its own."""

    def __init__(self, paper: Paper) -> None:
        self.now = 1000.0
        with self._clock():
            self.observer = screen.Live()
        self.observer._area = paper  # type: ignore[assignment]
        self.observer._tell = paper.print

    def _clock(self) -> Any:
        return mock.patch.object(time, "monotonic", self._now)

    def _now(self) -> float:
        return self.now

    def tick(self, after_s: float, **more: Any) -> None:
        """What is shown so many seconds later."""
        self.now += after_s
        usual: dict[str, Any] = {"cases": 7, "ended": 2, "total_bytes": 3400 * _MIB}
        with self._clock():
            self.observer.tick(progress_of(**{**usual, **more}))

    def ended(self, *ends: CaseEnd) -> None:
        for end in ends:
            self.observer.case_ended(end)

    def summary(self, *ends: CaseEnd, **more: Any) -> None:
        traffic = Traffic(1793, 2, 3400 * _MIB)
        self.observer.ends(summary_of(*ends, uploads=7, traffic=traffic, elapsed_s=97.0, **more))


def _plan(**more: Any) -> Plan:
    names = ("patient-001", "patient-002", "patient-003", LONG, WIDE, "patient-006", "patient-007")
    cases = [case(name, file_value("ct-image"), json_value("some-score", 2)) for name in names]
    sizes = {(name, "ct-image"): facts_of(size=486 * _MIB) for name in names}
    return plan_of(*cases, values=sizes, **more)


def _begun(paper: Paper, plan: Plan | None = None) -> Run:
    run = Run(paper)
    run.observer.begins(plan or _plan(), STUDY)
    return run


SENDING: Final = (
    Sending("patient-003", "ct-image", "ct-image.zip", 512 * _MIB, 312 * _MIB),
    Sending(LONG, "ct-image", "ct-image.zip", 486 * _MIB, 13 * _MIB),
    Sending(WIDE, "airway-segmentation", "気道.nii.gz", 900, 300),
    Sending("patient-006", "dicom-set", "0001.dcm", 16 * _MIB, 8 * _MIB, uploads=8),
)
IMPORTING: Final = (
    Importing("patient-001", "ct-image", 72.0),
    Importing(WIDE, "ct-image", 3.0),
)
MISSING: Final = Failure(
    "ct-image", "1 file could not be imported", "patient-002/ct/*.dcm", of_import=True
)
DONE: Final = [CaseEnd(one, End.DONE) for one in ("patient-001", WIDE, LONG, "patient-006")]


def run_fresh(paper: Paper) -> None:
    run = _begun(paper)
    run.ended(*DONE[:2])
    more = {"sending": SENDING, "importing": IMPORTING, "speed": 38.2 * _MIB}
    run.tick(42.0, sent_bytes=1200 * _MIB, waiting=5, **more)


def run_done(paper: Paper) -> None:
    run = _begun(paper)
    run.ended(*DONE)
    run.summary(*DONE)


def run_resumed(paper: Paper) -> None:
    from tests.plan.test_cases import done

    past = past_of_events(*done("patient-001"), *done("patient-002", item=3))
    run = _begun(paper, _plan(history=past))
    run.tick(5.0, ended=2, sent_bytes=0, total_bytes=2430 * _MIB, sending=SENDING[:1])


def run_failing(paper: Paper) -> None:
    run = _begun(paper)
    taken = Failure(None, "the title 'Patient 3' is taken by another item")
    unknown = Failure(None, "the connection broke while the item was filled")
    ends = (
        *(
            CaseEnd(one, End.FAILED, failures=(MISSING,), url=PAGE(pk(number)))
            for number, one in enumerate(("patient-002", LONG), 1)
        ),
        CaseEnd("patient-003", End.FAILED, failures=(taken,)),
        CaseEnd("patient-006", End.UNSURE, failures=(unknown,), url=PAGE(pk(6))),
    )
    run.ended(DONE[0], *ends)
    left = "12 sockets were removed from the manifest; their values stay on the platform: a/b, c/d"
    run.summary(*DONE[:2], *ends, notes=(f"{left}, e/f and 9 more",))


def run_limited(paper: Paper) -> None:
    run = _begun(paper)
    words = "You have created too many uploads. Please try again later."
    run.tick(1.0, sent_bytes=900 * _MIB, waiting=1, paused=words, importing=IMPORTING)
    run.tick(130.0, sent_bytes=900 * _MIB, waiting=2, paused=words, importing=IMPORTING, eased=True)


def run_troubled(paper: Paper) -> None:
    run = _begun(paper)
    trouble = "no connection to grand-challenge.org (the host name is not known)"
    run.tick(42.0, sent_bytes=900 * _MIB, sending=SENDING[:2], trouble=trouble, silent_s=12.0)


def run_stopping(paper: Paper) -> None:
    run = _begun(paper)
    run.tick(42.0, sent_bytes=900 * _MIB, sending=SENDING[:2], stopping=True)


def run_stopped(paper: Paper) -> None:
    run = _begun(paper)
    run.summary(
        *DONE[:2], CaseEnd("patient-002", End.WAITING), CaseEnd(LONG, End.PENDING), stopped=True
    )


def run_of_jobs(paper: Paper) -> None:
    run = _begun(paper)
    words = "You have too many active jobs, please try again after they have completed"
    jobs = tuple(replace(one, socket="", is_job=True) for one in IMPORTING)
    more = {"waiting": 3, "importing": jobs, "sent_bytes": 3400 * _MIB}
    run.tick(1.0, paused=words, paused_jobs=True, **more)
    run.tick(30.0, paused=words, paused_jobs=True, **more)


def run_of_workers(paper: Paper) -> None:
    run = _begun(paper)
    run.observer.note("Dask's dashboard: http://192.0.2.7:8787/status")
    run.tick(1.0, workers=())
    run.observer.note("worker 'node9' has ended; others take over what it did not send")
    crew = [Load(f"node{number}", number % 3, number * 431 * _MIB) for number in range(1, 9)]
    more = {"sending": SENDING, "speed": 380.2 * _MIB, "workers": (*crew, Load("node1/2", 1, 0))}
    run.tick(42.0, sent_bytes=1200 * _MIB, waiting=2, importing=IMPORTING, **more)


# ── other commands ──────────────────────────────────────────────────────────────────────────


def plan(paper: Paper) -> None:
    from tests.plan.test_cases import done

    names = ("patient-001", "patient-002", LONG, WIDE)
    cases = [case(name, file_value("ct-image"), json_value("some-score", 2)) for name in names]
    history = past_of_events(*done("patient-002", item=3), *done("patient-009", item=4))
    given = inputs(*cases, history=history, rows_used=7)
    made = plan_of(*cases, history=history)
    paper.print(plan_lines.plan_lines(made, given.facts, 2000, "uploader run lung.yaml"))


def validate(paper: Paper) -> None:
    def at(line: int, column: int, name: str = "") -> Place:
        return Place("lung.yaml", line, column, name)

    problems = [
        Problem("unknown key 'titel'", at(8, 5), "did you mean 'title'?"),
        Problem("no file matches 'ct/*.dcm' (in data)", at(14, 17, "patient-002")),
        Problem("no file matches 'ct/*.dcm' (in data)", at(14, 17, LONG)),
        Problem(
            "socket 'some-score' of kind 'Float' takes a number, not the text '.5', which YAML "
            "reads as text",
            at(19, 19),
            "write 0.5",
        ),
    ]
    odd = Problem("1 slice is probably missing: between 'IM7' and 'IM9'", at(14, 17, WIDE))
    paper.print(problem_lines(problems, [odd]))


def _stands() -> Iterator[CaseStanding]:
    yield CaseStanding("patient-001", "", Standing.DONE, pk(1), ())
    yield CaseStanding("patient-002", "", Standing.FAILED, pk(2), (MISSING,))
    yield CaseStanding(LONG, "", Standing.IMPORTING, pk(3), ())
    yield CaseStanding(WIDE, "", Standing.UPLOADING, None, ())
    yield CaseStanding("patient-006", "", Standing.DELETED, pk(6), ())
    yield CaseStanding("patient-007", "", Standing.NEW, None, ())


def _counts() -> dict[Standing, int]:
    return {one.standing: 1 for one in _stands()}


def status(paper: Paper) -> None:
    for stand in _stands():
        paper.print(status_lines.stand_line(stand))
    paper.print(status_lines.status_line(_counts()))
    following = status_lines.status_next(_counts(), "uploader run lung.yaml", None)
    paper.print(following or "")


def _watched(**more: Any) -> watch_screen.View:
    holder = "alice on node17 since 2026-03-02 10:32:00"
    usual: dict[str, Any] = {"paused": None, "holder": holder}
    return watch_screen.View(_counts(), (), 1200 * _MIB, **{**usual, **more})


def watch(paper: Paper) -> None:
    view = _watched(paused="You have created too many uploads. Please try again later.")
    ended = [one for one in _stands() if one.standing in watch_screen._ENDED]
    paper.show([*watch_screen.live_lines(view, paper.size, ended, paper.signs)])


def watch_over(paper: Paper) -> None:
    view = _watched(holder=None, is_last=True)
    paper.show([*watch_screen.live_lines(view, paper.size, [*_stands()][:2], paper.signs)])


def doctor_lines(paper: Paper) -> None:
    hint = "name the file with your hospital's certificates: export SSL_CERT_FILE=…/ca.pem"
    found = (
        ok("uploader", "0.2.0, Python 3.11.7 (64 bit), Linux 6.8.0"),
        note(
            "extras",
            "not installed, and needed only for 'tables of Excel' and 'the importer's verdict'",
            "python3.11 -m pip install 'manifest-uploader[xlsx,importer]'",
        ),
        ok("disk", "74.5 GiB free in '/scratch/lung-nodules'"),
        ok("open files", "up to 32 jobs at a time"),
        wrong("network", "the certificate of grand-challenge.org is not trusted", hint),
        skipped("token", "it is from the keyring; the platform was not reached"),
    )
    for one in found:
        paper.print(doctor._line(one))
    paper.print(doctor._end({one.verdict: 1 for one in found}))


def init(paper: Paper) -> None:
    terminal = Terminal()
    with (
        mock.patch("manifest_uploader.init.terminal.show", paper.print),
        mock.patch("manifest_uploader.init.command.say", paper.print),
    ):
        found = "CT 'Thorax 1.0 B70f', 3 slices, in all 12 cases"
        terminal.tell(block(found, "  1 ct-image  Image"))
        paper.print(prompt(Question("Socket", "ct-image")))
        terminal.refuse(UsageError("'Some Score' is not a slug", hint="write some-score"))
        paper.print(prompt(Question("Your study: the URL of its page, or the last part of that")))
        notices = Notices()
        notices.add("cases without a row in scores.csv", "patient-003", LONG, WIDE)
        options = Options("data", slug="lung", each="patient-*", output="lung.yaml")
        command._say_noticed(notices, options)
        command._say_next(options, mock.Mock(root=lambda: "data"), asked=False)


SCENES: Final[dict[str, Callable[[Paper], None]]] = {
    "run-fresh": run_fresh,
    "run-done": run_done,
    "run-resumed": run_resumed,
    "run-failing": run_failing,
    "run-limited": run_limited,
    "run-troubled": run_troubled,
    "run-stopping": run_stopping,
    "run-stopped": run_stopped,
    "run-of-jobs": run_of_jobs,
    "run-of-workers": run_of_workers,
    "plan": plan,
    "validate": validate,
    "status": status,
    "watch": watch,
    "watch-over": watch_over,
    "doctor": doctor_lines,
    "init": init,
}


# ── recording ───────────────────────────────────────────────────────────────────────────────


def rows_of_scene(name: str, width: int, signs: Signs = DRAWN) -> list[Block]:
    """The lines of a scene on a terminal of this width."""
    paper = Paper(width, signs)
    SCENES[name](paper)
    return paper.rows


def console_of(name: str, width: int) -> Console:
    """A console that has recorded a scene."""
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        _environ={},
    )
    for row in rows_of_scene(name, width):
        console.print(Text.from_ansi(painted(row)), soft_wrap=True)
    return console


def recorded(name: str, width: int) -> str:
    """What rich exports of a scene, with the names of tones: `{green}done{/}`."""

    def named(found: re.Match[str]) -> str:
        return f"{{{_TONES[found[1]]}}}" if found[1] in _TONES else "{/}"

    text: str = console_of(name, width).export_text(styles=True)
    return "\n".join(line.rstrip() for line in _CODE.sub(named, text).split("\n"))


def file_of(name: str, width: int) -> Path:
    """Where a scene is recorded."""
    return FOLDER / f"{name}-{width}.txt"


def main(arguments: list[str]) -> None:
    """Record every scene at every width."""
    FOLDER.mkdir(exist_ok=True)
    for name in SCENES:
        for width in WIDTHS:
            file_of(name, width).write_text(recorded(name, width), encoding="utf-8", newline="\n")
            if arguments[:1] == ["--svg"]:
                path = Path(arguments[1], f"{name}-{width}.svg")
                console_of(name, width).save_svg(str(path), title=f"{name} ({width})")


if __name__ == "__main__":
    main(sys.argv[1:])
