"""Arguments and environment become options; what comes of them becomes an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader import __version__
from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.manifest.problems import ManifestInvalid

if TYPE_CHECKING:  # these cost time that `--help` need not spend
    from manifest_uploader.engine.options import Options
    from manifest_uploader.engine.results import Summary
    from manifest_uploader.output.console import Lines
    from manifest_uploader.platform.address import Platform

DEFAULT_PLATFORM: Final = "https://grand-challenge.org/api/v1/"
_MOST_JOBS: Final = 32
_BUG: Final = 70


def command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code."""
    if arguments[:1] == ["sandbox"]:
        from manifest_uploader.commands import sandbox  # noqa: PLC0415 - late

        return sandbox.main(arguments[1:])
    if arguments[:1] == ["init"]:
        from manifest_uploader.init import make_parser as init_parser  # noqa: PLC0415 - late

        parser, arguments = init_parser(), arguments[1:]
    else:
        parser = make_parser()
    try:
        given = parser.parse_args(arguments)
        given.words = arguments
    except SystemExit as end:
        return int(end.code or 0)
    if given.command is None:
        parser.print_help(sys.stderr)
        return 2
    if given.command == "completion":  # every new shell waits for it
        return _completion(given)
    return _guarded(given)


def _guarded(given: argparse.Namespace) -> int:
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    try:
        with _logging(given):
            return _watched(given)
    except ManifestInvalid as invalid:
        if getattr(given, "json", False) and given.command == "validate":
            for problem in invalid.problems:
                console.say_json(console.problem_json(problem))
        console.say(console.problem_lines(invalid.problems))
        return invalid.exit_code
    except UploaderError as error:
        console.say(console.error_lines(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        console.silence(sys.stdout)
        return 1


def _watched(given: argparse.Namespace) -> int:
    """Do the command; a bug is one line for a person, and a traceback in the log."""
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    try:
        return _COMMANDS[given.command](given)
    except (UploaderError, BrokenPipeError):
        raise
    except Exception as bug:  # the last resort: no traceback reaches a person
        logging.getLogger(__package__).critical("bug", exc_info=True)
        safe = "what was sent is written down, the same command goes on"
        safe = safe if given.command in _SENDING else "nothing was sent"
        console.say(f"uploader: a bug: {type(bug).__name__}{_details(given)}; {safe}")
        return _BUG


def _details(given: argparse.Namespace) -> str:
    """Where a bug's traceback is, or how to get it; empty where a command keeps no log."""
    if not hasattr(given, "log_file"):
        return ""
    if given.log_file:
        return f" (the details are in {given.log_file})"
    return " (run again with --log-file FILE for the details)"


# ── the commands ────────────────────────────────────────────────────────────────────────────


def _run(given: argparse.Namespace) -> int:
    from manifest_uploader.engine import run  # noqa: PLC0415 - late
    from manifest_uploader.engine.progress import Observer  # noqa: PLC0415 - late
    from manifest_uploader.output import console  # noqa: PLC0415 - late
    from manifest_uploader.platform.responses import Interrupted  # noqa: PLC0415 - late

    screen = _screen(given)
    with _options(given) as options, _signals(screen) as (stop, caught):
        json_lines: list[Observer] = [console.JsonLines()] if given.json else []
        observers = [*json_lines, screen]
        try:
            summary = run.run(options, observers, stop)
        except (UploaderError, Interrupted) as error:
            if not caught:
                raise
            if isinstance(error, UploaderError):
                console.say(console.error_lines(error))
            return _stopped(caught)
        finally:
            if isinstance(screen, console.Live):
                screen.stop()
        for observer in observers:
            observer.ends(summary)
        return _stopped(caught) if caught else _exit_code(summary)


def _stopped(caught: list[int]) -> int:
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    console.say("stopped; the same command goes on where this ended")
    return 128 + caught[0]


def _exit_code(summary: Summary) -> int:
    from manifest_uploader.engine.results import End  # noqa: PLC0415 - late

    ends = {one.end for one in summary.ends}
    if ends & {End.FAILED, End.UNSURE, End.PENDING}:
        return 1
    return 4 if End.WAITING in ends else 0


def _screen(given: argparse.Namespace) -> Lines:
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    if sys.stderr.isatty() and not given.quiet and os.environ.get("TERM") != "dumb":
        return console.Live(verbose=given.verbose)
    return console.Lines(verbose=given.verbose, quiet=given.quiet)


def _validate(given: argparse.Namespace) -> int:
    from manifest_uploader.engine import run  # noqa: PLC0415 - late
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    given.offline = given.offline or not (given.sandbox or _has_token(given))
    with _options(given, offline=given.offline) as options:
        manifest = run.validate(options)
        where = "" if options.platform is not None else "; the platform was not asked"
        console.say(
            f"{manifest.path}: {console.cases_words(len(manifest.cases))}, no problem{where}"
        )
    return 0


def _plan(given: argparse.Namespace) -> int:
    from manifest_uploader.engine import run  # noqa: PLC0415 - late
    from manifest_uploader.output import console  # noqa: PLC0415 - late
    from manifest_uploader.plan.steps import total_size  # noqa: PLC0415 - late

    with _options(given) as options:
        plan, facts = run.plan(options)
        if given.json:
            for case in plan.cases:
                console.say_json(console.plan_json(case, calls=given.verbose))
            counts: dict[str, int] = {}
            for case in plan.cases:
                counts[case.action.value] = counts.get(case.action.value, 0) + 1
            console.say_json(
                {
                    "event": "summary",
                    "cases": {"total": len(plan.cases), **counts},
                    "uploads": sum(len(case.uploads) for case in plan.cases),
                    "bytes": total_size(plan),
                    "requests": sum(console.request_count(case) for case in plan.cases),
                    "rows_used": facts.rows_used,
                    "notes": list(plan.notes),
                }
            )
        console.say(console.plan_lines(plan, facts, given.upload_limit))
    return 1 if any(case.standing in {"gone", "failed"} for case in plan.cases) else 0


def _status(given: argparse.Namespace) -> int:
    from manifest_uploader.engine import run  # noqa: PLC0415 - late
    from manifest_uploader.engine.options import Options  # noqa: PLC0415 - late
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    if given.watch:
        from manifest_uploader.commands import others  # noqa: PLC0415 - late

        return others.watch(given.manifest, _state_path(given), json=given.json)
    options = Options(given.manifest, _state_path(given))
    stands = list(run.status(options))
    counts: dict[str, int] = {}
    for stand in stands:
        counts[stand.standing.value] = counts.get(stand.standing.value, 0) + 1
        if given.json:
            console.say_json(console.stand_json(stand))
        else:
            console.say(console.stand_line(stand), sys.stdout)
    if given.json:
        console.say_json({"event": "summary", "cases": {"total": len(stands), **counts}})
    else:
        parts = ", ".join(f"{count} {name}" for name, count in counts.items())
        console.say(f"{console.cases_words(len(stands))}: {parts}", sys.stdout)
    return 1 if counts.keys() & {"failed", "gone", "unsure"} else 0


def _schema(_: argparse.Namespace) -> int:
    from manifest_uploader.manifest.schema import schema_text  # noqa: PLC0415 - late
    from manifest_uploader.output import console  # noqa: PLC0415 - late

    console.write_out(schema_text())
    return 0


def _report(given: argparse.Namespace) -> int:
    from manifest_uploader.commands import others  # noqa: PLC0415 - late

    stem = _stem(given)
    page = stem.with_name(stem.name + ".report.html")
    state, receipts = _state_path(given), _receipts_path(given)
    return others.report(given, state=state, receipts=receipts, page=page)


def _login(given: argparse.Namespace) -> int:
    from manifest_uploader.commands import others  # noqa: PLC0415 - late

    return others.login(_address(given))


def _logout(given: argparse.Namespace) -> int:
    from manifest_uploader.commands import others  # noqa: PLC0415 - late

    return others.logout(_address(given))


def _completion(given: argparse.Namespace) -> int:
    from manifest_uploader.commands.completion import script  # noqa: PLC0415 - late

    sys.stdout.write(script(given.shell))
    return 0


def _init(given: argparse.Namespace) -> int:
    from manifest_uploader import init  # noqa: PLC0415 - late

    return init.init(given)


_SENDING: Final = {"run", "status"}
"""The commands that send, and the one that follows them: after a bug they say what is safe."""

_COMMANDS: Final = {
    "init": _init,
    "report": _report,
    "login": _login,
    "logout": _logout,
    "run": _run,
    "validate": _validate,
    "plan": _plan,
    "status": _status,
    "schema": _schema,
}


# ── options ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _options(given: argparse.Namespace, *, offline: bool = False) -> Iterator[Options]:
    """The options; a sandbox runs as long as they are used."""
    from manifest_uploader.engine.session import read_manifest  # noqa: PLC0415 - late

    whole = _plain_options(given)
    if offline:
        yield whole
    elif given.sandbox:
        from msgspec.structs import replace  # noqa: PLC0415 - late

        from manifest_uploader.commands import sandbox  # noqa: PLC0415 - late

        with sandbox.beside(given, _stem(given), read_manifest(whole).manifest) as running:
            yield replace(
                whole,
                platform=_platform(running.url, running.token),
                sandbox_id=running.id,
            )
    else:
        from msgspec.structs import replace  # noqa: PLC0415 - late

        yield replace(whole, platform=_platform(_address(given), _token(given)))


def _plain_options(given: argparse.Namespace) -> Options:
    from manifest_uploader.engine.options import Options  # noqa: PLC0415 - late
    from manifest_uploader.engine.scheduler import Policy  # noqa: PLC0415 - late
    from manifest_uploader.plan.inputs import Choices  # noqa: PLC0415 - late
    from manifest_uploader.platform.address import Patience  # noqa: PLC0415 - late

    return Options(
        given.manifest,
        _state_path(given),
        root=given.root or os.environ.get("UPLOADER_ROOT") or None,
        follow_links=given.follow_links,
        only=tuple(given.only),
        first=given.first,
        jobs=min(given.jobs, _MOST_JOBS),
        checksum=given.checksum,
        choices=Choices(
            adopt=given.adopt,
            recreate=given.recreate,
            retry_failed=given.retry_failed,
            new=given.new,
            upload_limit=given.upload_limit,
        ),
        policy=Policy(wait=not given.no_wait, wait_timeout_s=given.wait_timeout),
        patience=Patience(stall_s=given.stall_timeout, give_up_s=given.give_up_after),
        refused_after_s=given.refused_after,
        take_over=given.take_over,
        receipts=_receipts_path(given) if given.receipts else None,
        command=f"uploader {shlex.join(given.words)} --take-over",
    )


def _platform(address: str, token: str) -> Platform:
    from manifest_uploader.platform.address import parse_platform  # noqa: PLC0415 - late

    return parse_platform(address, token)


def _stem(given: argparse.Namespace) -> Path:
    path = Path(given.manifest)
    if not path.name:
        raise UsageError(f"'{given.manifest}' is no file")
    return path.with_suffix("") if path.suffix.lower() in {".yaml", ".yml"} else path


def _state_path(given: argparse.Namespace) -> Path:
    if given.state:
        path = Path(given.state)
        if not path.name:
            raise UsageError(f"'{given.state}' is no file")
        return path
    stem = _stem(given)
    return stem.with_name(stem.name + (".sandbox.state.jsonl" if given.sandbox else ".state.jsonl"))


def _receipts_path(given: argparse.Namespace) -> Path:
    stem = _stem(given)
    return stem.with_name(stem.name + ".receipts.jsonl")


def _address(given: argparse.Namespace) -> str:
    return given.platform or os.environ.get("GRAND_CHALLENGE_API_URL") or DEFAULT_PLATFORM


def _has_token(given: argparse.Namespace) -> bool:
    from manifest_uploader.platform import credentials  # noqa: PLC0415 - late

    where = {"token_file": given.token_file, "environment": os.environ}
    return credentials.is_there(**where, address=_address(given))


def _token(given: argparse.Namespace) -> str:
    """The token, from a file, the environment or the keyring.

    Raises:
        TokenRefused: there is none, or what is there is none.

    """
    from manifest_uploader.platform import credentials  # noqa: PLC0415 - late

    where = {"token_file": given.token_file, "environment": os.environ}
    return credentials.find(**where, address=_address(given))


# ── signals and logs ────────────────────────────────────────────────────────────────────────


@contextmanager
def _signals(screen: Lines) -> Iterator[tuple[threading.Event, list[int]]]:
    """The first signal asks the run to stop; the second ends the process at once."""
    from manifest_uploader.output.console import STOPPING  # noqa: PLC0415 - late

    stop = threading.Event()
    caught: list[int] = []

    def on_signal(number: int, _: object) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)
        stop.set()
        if not screen.tells_stopping:
            with suppress(OSError, ValueError):  # no stream may be written to from in here
                os.write(sys.stderr.fileno(), b"\n%s\n" % STOPPING.encode())

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop, caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _LogLine(logging.Formatter):
    """One line a message, whatever names and words are in it; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        from manifest_uploader.text import printable  # noqa: PLC0415 - late

        return printable(super().formatMessage(record))


@contextmanager
def _logging(given: argparse.Namespace) -> Iterator[None]:
    """Log into the file that is named, if one is; leaves logging as it was."""
    handlers = _handlers(getattr(given, "log_file", None))
    log = logging.getLogger(__package__)
    level, propagate = log.level, log.propagate
    log.setLevel(logging.DEBUG if getattr(given, "log_file", None) else logging.CRITICAL)
    log.propagate = False
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
        log.setLevel(level)
        log.propagate = propagate


def _handlers(log_file: str | None) -> list[logging.Handler]:
    """What takes the records: nothing, and the file."""
    if not log_file:
        return [logging.NullHandler()]
    try:
        handler = logging.FileHandler(log_file, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"'{log_file}' cannot be written: {error.strerror}") from None
    handler.setFormatter(_LogLine("%(asctime)s %(threadName)s %(message)s"))
    return [logging.NullHandler(), handler]


# ── arguments ───────────────────────────────────────────────────────────────────────────────


class _Help(Struct, frozen=True):
    """What a command's help says."""

    does: str
    example: str


_HELP: Final = {
    "init": _Help(
        "write a manifest from a folder, and a table if there is one",
        "uploader init mainfolder",
    ),
    "validate": _Help(
        "find everything that is wrong with a manifest and its files; change nothing",
        "uploader validate lung.yaml",
    ),
    "plan": _Help(
        "show what a run would do now; change nothing",
        "uploader plan lung.yaml",
    ),
    "run": _Help(
        "upload the cases, wait until the platform has imported them, say what became of each",
        "uploader run lung.yaml",
    ),
    "status": _Help(
        "show where each case stands, from the state file alone",
        "uploader status lung.yaml",
    ),
    "report": _Help(
        "write a page, and tables, of what is on the platform and how it went",
        "uploader report lung.yaml --csv lung.csv",
    ),
    "login": _Help(
        "keep the token in the keyring of this machine",
        "uploader login",
    ),
    "logout": _Help(
        "remove the token from the keyring of this machine",
        "uploader logout",
    ),
    "completion": _Help(
        "print what a shell needs to complete commands, options and files",
        "uploader completion bash",
    ),
    "schema": _Help(
        "print the manifest's JSON Schema, for editors",
        "uploader schema > manifest-v1.schema.json",
    ),
    "sandbox": _Help(
        "run a stand-in for the platform on this machine, to rehearse",
        "uploader sandbox --reader-study lung-nodules --socket ct-image=Image",
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(
        "uploader",
        description="Upload the cases of a YAML manifest to Grand Challenge, each exactly once.",
        epilog="example: uploader run --sandbox examples/reader-study/manifest.yaml",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"uploader {__version__}")
    others = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in _HELP.items():
        sub = others.add_parser(
            name,
            help=text.does,
            description=f"{text.does[0].upper()}{text.does[1:]}.",
            epilog=f"example: {text.example}",
            allow_abbrev=False,
        )
        if name in {"report", "login", "logout", "completion"}:
            _add_own(sub, name)
        elif name not in {"init", "schema", "sandbox"}:
            _add_options(sub, name)
    return parser


def _add_own(sub: argparse.ArgumentParser, name: str) -> None:
    from manifest_uploader.commands import arguments  # noqa: PLC0415 - late

    match name:
        case "report":
            arguments.add_report(sub)
        case "completion":
            arguments.add_completion(sub)
        case _:
            sub.add_argument("--platform", metavar="URL",
                             help=f"API address; default {DEFAULT_PLATFORM}")  # fmt: skip


def _add_options(sub: argparse.ArgumentParser, name: str) -> None:
    sub.add_argument("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    sub.add_argument("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    sub.add_argument("--json", action="store_true", help="JSON lines on standard output")
    sub.add_argument("--sandbox", action="store_true", help="rehearse: start a sandbox for this")
    sub.add_argument("--verbose", action="store_true", help="say more")
    sub.add_argument("--quiet", action="store_true", help="say less")
    sub.add_argument("--log-file", metavar="FILE", help="write everything there (no secrets)")
    if name == "status":
        sub.add_argument("--watch", action="store_true", help="follow a run until Ctrl-C")
        return
    _add_looking(sub)
    _add_acting(sub)
    if name == "validate":
        sub.add_argument("--offline", action="store_true", help="do not ask the platform")


def _add_looking(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--platform", metavar="URL", help=f"API address; default {DEFAULT_PLATFORM}")
    sub.add_argument("--token-file", metavar="FILE", help="holds the token")
    sub.add_argument("--socket", metavar="SPEC", action="append", default=[],
                     help="with --sandbox: SLUG=KIND instead of what is made out")  # fmt: skip
    sub.add_argument("--root", metavar="DIR", help="where the files are")
    sub.add_argument("--follow-links", action="store_true", help="let links lead out of the root")
    sub.add_argument("--only", metavar="NAME", action="append", default=[],
                     help="only these cases (a pattern with * and ?; repeatable)")  # fmt: skip
    sub.add_argument("--first", metavar="N", type=_count, help="only the first N cases")
    sub.add_argument("--checksum", action="store_true", help="hash every file")
    sub.add_argument("--adopt", action="store_true", help="take items that bear a case's title")
    sub.add_argument("--recreate", action="store_true", help="make deleted items anew")
    sub.add_argument("--retry-failed", action="store_true", help="send failed imports again")
    sub.add_argument("--new", action="store_true", help="untitled cases are new")


def _add_acting(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--jobs", metavar="N", type=_count, default=8, help="steps at a time (8)")
    sub.add_argument("--no-wait", action="store_true", help="do not wait for imports")
    sub.add_argument("--wait-timeout", metavar="SECONDS", type=_seconds, default=3600.0,
                     help="wait so long without any import arriving (3600)")  # fmt: skip
    sub.add_argument("--refused-after", metavar="SECONDS", type=_seconds, default=1800.0,
                     help="a file that stays so long without a word is refused (1800)")  # fmt: skip
    sub.add_argument("--give-up-after", metavar="SECONDS", type=_seconds, default=3600.0,
                     help="wait so long for a platform that does not answer (3600)")  # fmt: skip
    sub.add_argument("--stall-timeout", metavar="SECONDS", type=_seconds, default=60.0,
                     help="for a connection without a byte (60)")  # fmt: skip
    sub.add_argument("--upload-limit", metavar="N", type=_count, default=2000,
                     help="upload rows that the account may hold (2000)")  # fmt: skip
    sub.add_argument("--take-over", action="store_true", help="break another run's lock")
    sub.add_argument("--receipts", action="store_true",
                     help="write NAME.receipts.jsonl: the SHA-256 of every file sent")  # fmt: skip


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return found
