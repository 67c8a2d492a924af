"""The command `uploader sandbox`."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from manifest_uploader.sandbox.faults import Hook
from manifest_uploader.sandbox.judge import Unread
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.reader_answers import AnswerImpossible, plant_for
from manifest_uploader.sandbox.running import PortTaken, Running, start
from manifest_uploader.sandbox.show import as_table, delete_object, has_memory, read_items
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.sandbox.store import FolderUnusable, Store

_USUAL = SandboxOptions(dir=Path("sandbox"))
"""What is not said."""
_EXAMPLE = """example:
  uploader sandbox --reader-study lung-nodules --socket ct-image=Image --socket score=Float
then, in another terminal, with the address and token that it prints:
  export GRAND_CHALLENGE_API_URL=http://127.0.0.1:PORT/api/v1/
  export GRAND_CHALLENGE_AUTHORIZATION=TOKEN
  uploader run lung.yaml

an algorithm, whose jobs take an image and a number, and return JSON:
  uploader sandbox --socket ct-image=Image --socket age=Float \\
      --algorithm "nodules=ct-image+age->results-json-file"

what it holds:              uploader sandbox show --dir sandbox
delete an item, as a person does on the web page:
                            uploader sandbox delete --dir sandbox PK
answer a question, as a reader does there:
                            uploader sandbox answer --dir sandbox TITLE ANSWER
"""

_CODES = re.compile(r"\x1b\[\d+m")


def main(argv: list[str]) -> int:
    """Run the command; return its exit code."""
    try:
        if argv[:1] == ["show"]:
            return _show(argv[1:])
        if argv[:1] == ["delete"]:
            return _delete(argv[1:])
        if argv[:1] == ["answer"]:
            return _answer(argv[1:])
        return _run(argv)
    except OptionInvalid as error:
        return _say(2, error)
    except (FolderUnusable, PortTaken) as error:
        return _say(3, error)


def _say(code: int, error: Exception) -> int:
    sys.stderr.write(f"uploader sandbox: {error}\n")
    return code


def _run(argv: list[str]) -> int:
    arguments = make_parser().parse_args(argv)
    stop = threading.Event()
    _stop_on_signals(stop)
    with start(_options(arguments)) as running:
        has_colour = _wants_colour(arguments.color)
        _announce(running, as_json=arguments.json, has_colour=has_colour)
        # With a timeout, so that Ctrl-C works on Windows.
        while not stop.wait(0.5):
            pass
    return 0


def _stop_on_signals(stop: threading.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())


def _wants_colour(when: str) -> bool:
    """Whether standard output gets colours; old consoles of Windows do not know them."""
    if when != "auto" or os.environ.get("NO_COLOR"):
        return when == "always"
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and os.name != "nt"


def _announce(running: Running, *, as_json: bool, has_colour: bool = False) -> None:
    if as_json:
        ready = {
            "url": running.url,
            "token": running.token,
            "token_without_rights": running.token_without_rights,
            "ca": str(running.ca) if running.ca else None,
            "importer": running.importer,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
    else:
        text = _for_people(running)
        sys.stdout.write(text if has_colour else _CODES.sub("", text))
    sys.stdout.flush()


def _for_people(running: Running) -> str:
    lines = [
        "\x1b[32mThe sandbox is ready.\x1b[0m In another terminal:",
        f"  export GRAND_CHALLENGE_API_URL={running.url}",
        f"  export GRAND_CHALLENGE_AUTHORIZATION={running.token}",
    ]
    if running.ca:
        lines.append(f"  export SSL_CERT_FILE={running.ca}")
    lines.append(f"A token without rights: {running.token_without_rights}")
    if running.importer is None:
        lines.append("Images are accepted unread: the platform's own importer is not used.")
    return "\n".join([*lines, "\x1b[2mCtrl-C stops it; it remembers.\x1b[0m", ""])


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    parser = argparse.ArgumentParser(prog="uploader sandbox", allow_abbrev=False)
    add_arguments(parser)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command, and what its help says."""
    parser.description = "A stand-in for Grand Challenge on a loopback port, until Ctrl-C."
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--port", type=_port, default=_USUAL.port, metavar="N", help="0, the default: any free one")
    add("--dir", type=Path, default=_USUAL.dir, help="its memory (default: ./sandbox)")
    add("--tls", action="store_true", help="https with a throw-away CA")
    add("--reader-study", action="append", default=[], metavar="SLUG",
        help="make up a reader study")  # fmt: skip
    add("--archive", action="append", default=[], metavar="SLUG", help="make up an archive")
    add("--algorithm", action="append", default=[],
        metavar='"SLUG=INPUT+INPUT->OUTPUT[,credits=20][,not-ready][,view-only]"',
        help="make up an algorithm, in quotes because of the >; INPUT and OUTPUT: slugs of "
        "sockets; repeat it for another combination of inputs. credits: what a job costs; "
        "not-ready: it has no image that can run; view-only: the user may see it but not run "
        "it")  # fmt: skip
    add("--question", action="append", default=[], metavar='"STUDY=TYPE:TEXT|OPTION|OPTION"',
        help="ask a question in a reader study; TYPE as the platform spells it: Text, Bool, "
        "Number, Choice, 'Multiple choice' …; the last two need options")  # fmt: skip
    add("--job-delay", type=_seconds, default=_USUAL.job_delay_s, metavar="SECONDS",
        help="delay before each status of a job (%(default)g); inf: jobs never run")  # fmt: skip
    add("--job-limit", type=_count, default=_USUAL.job_limit, metavar="N",
        help="active jobs a user may have")  # fmt: skip
    add("--credits", type=_count, default=_USUAL.credits, metavar="N",
        help="what a user's jobs may cost per month")  # fmt: skip
    add("--fail-job", type=_count, action="append", default=[], metavar="N",
        help="let the Nth job that is started fail")  # fmt: skip
    add("--socket", action="append", default=[],
        metavar="SLUG=KIND[:file][,schema=FILE][,segments=0-1]",
        help="make up a socket; KIND as the platform spells it: Image, Float, "
        "'PDF file' …")  # fmt: skip
    add("--image", action="append", default=[], metavar="PK", help="make up an existing image")
    add("--import-delay", type=_seconds, default=_USUAL.import_delay_s, metavar="SECONDS",
        help="delay of each of an import's two stages (%(default)g); inf: imports never "
        "run")  # fmt: skip
    add("--upload-limit", type=_count, default=_USUAL.upload_limit, metavar="N",
        help="upload slots of a user (%(default)g)")  # fmt: skip
    add("--size-limit", type=_count, metavar="BYTES", help="bytes a user may hold (128 GiB)")
    add("--upload-ttl", type=_seconds, default=_USUAL.upload_ttl_s, metavar="SECONDS",
        help="how long an upload is kept (%(default)g)")  # fmt: skip
    add("--latency-ms", type=_count, default=_USUAL.latency_ms, metavar="N",
        help="milliseconds added to every answer")  # fmt: skip
    add("--connection-mbit", type=_rate, metavar="N", help="speed of one connection to storage")
    add("--no-title-in-answers", action="store_true",
        help="answer without titles, as newer platforms do")  # fmt: skip
    add("--no-upload-sessions", action="store_true",
        help="answer as a platform without upload sessions")  # fmt: skip
    add("--keep-bytes", action="store_true", help="keep contents after their import")
    add("--no-importer", action="store_true",
        help="accept every image unread, even if the platform's importer is installed")  # fmt: skip
    add("--json", action="store_true", help="print one JSON line when it is ready")
    add("--color", choices=("auto", "always", "never"), default="auto", metavar="WHEN",
        help="auto (on terminals), always or never")  # fmt: skip
    add("--hook", help=argparse.SUPPRESS)


def _options(arguments: argparse.Namespace) -> SandboxOptions:
    return SandboxOptions(
        dir=arguments.dir,
        port=arguments.port,
        tls=arguments.tls,
        reader_studies=tuple(arguments.reader_study),
        archives=tuple(arguments.archive),
        algorithms=tuple(arguments.algorithm),
        questions=tuple(arguments.question),
        job_delay_s=arguments.job_delay,
        job_limit=arguments.job_limit,
        credits=arguments.credits,
        failing_jobs=tuple(arguments.fail_job),
        sockets=tuple(arguments.socket),
        images=tuple(arguments.image),
        import_delay_s=arguments.import_delay,
        upload_limit=arguments.upload_limit,
        size_limit=arguments.size_limit,
        upload_ttl_s=arguments.upload_ttl,
        latency_ms=arguments.latency_ms,
        connection_mbit=arguments.connection_mbit,
        title_in_answers=not arguments.no_title_in_answers,
        upload_sessions=not arguments.no_upload_sessions,
        keep_bytes=arguments.keep_bytes,
        judge=Unread() if arguments.no_importer else None,
        hook=_load_hook(arguments.hook) if arguments.hook else None,
    )


def _load_hook(text: str) -> Hook:
    """Return the hook that MODULE:CALLABLE, or MODULE:CALLABLE:ARGUMENT, makes."""
    module, _, rest = text.partition(":")
    name, _, argument = rest.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
        hook: Hook = make(argument) if argument else make()
    except Exception as error:
        raise OptionInvalid(f"cannot use the hook '{text}': {error!r}") from error
    return hook


def _number(check: Callable[[float], bool], what: str, kind: type = float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not check(value):
            raise argparse.ArgumentTypeError(f"'{text}' is not {what}")
        return value

    return read


_seconds = _number(lambda value: value >= 0, "a number of seconds, 0 or more")
_count = _number(lambda value: value >= 0, "a whole number, 0 or more", int)
_rate = _number(lambda value: 0 < value < math.inf, "a number above 0")
_port = _number(lambda value: 0 <= value <= 65535, "a port: 0 to 65535", int)  # noqa: PLR2004


def _show(argv: list[str]) -> int:
    parser = _small_parser(
        "show",
        "Show what a sandbox holds, also while it runs.",
        "uploader sandbox show --dir sandbox",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line per item")
    arguments = parser.parse_args(argv)
    store = _open(arguments.dir, parser.error)
    try:
        items = list(read_items(store))
    finally:
        store.close()
    if arguments.json:
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    else:
        text = as_table(items) + "\n"
    sys.stdout.write(text)
    return 0


def _delete(argv: list[str]) -> int:
    parser = _small_parser(
        "delete",
        "Delete an item or an image, as a person does on the web page.",
        "uploader sandbox delete --dir sandbox 6cae04d9-f29e-43bf-8b4f-414a1712c245",
    )
    parser.add_argument("pk", metavar="PK", help="the pk of the item or image")
    arguments = parser.parse_args(argv)
    store = _open(arguments.dir, parser.error)
    try:
        if not delete_object(store, arguments.pk):
            parser.error(f"{arguments.dir} holds no item or image {arguments.pk}")
    finally:
        store.close()
    return 0


def _answer(argv: list[str]) -> int:
    parser = _small_parser(
        "answer",
        "Answer a question about a display set, as a reader does on the web page.",
        'uploader sandbox answer --dir sandbox --reader kim "Patient 1" yes',
    )
    parser.add_argument("--reader", default="reader", metavar="NAME", help="(default: reader)")
    parser.add_argument("--question", default="", metavar="TEXT", help="(default: the first one)")
    parser.add_argument("item", metavar="DISPLAY-SET", help="its title or pk")
    parser.add_argument("answer", metavar="ANSWER", help="JSON, or a text; an option's title")
    arguments = parser.parse_args(argv)
    store = _open(arguments.dir, parser.error)
    try:
        answer = json.loads(arguments.answer)
    except ValueError:
        answer = arguments.answer
    try:
        with store.transaction():
            place = (arguments.item, arguments.question)
            pk = plant_for(store, *place, answer, reader=arguments.reader)
    except AnswerImpossible as error:
        parser.error(str(error))
    finally:
        store.close()
    sys.stdout.write(pk + "\n")
    return 0


def _small_parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"uploader sandbox {name}",
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--dir", type=Path, default=_USUAL.dir, help="(default: ./sandbox)")
    return parser


def _open(folder: Path, complain: Callable[[str], NoReturn]) -> Store:
    if not has_memory(folder):
        complain(f"{folder} is not a sandbox's folder")
    return Store(folder)
