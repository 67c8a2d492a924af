"""`uploader deidentify`: applies the platform's own procedure to a folder of DICOM files."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from manifest_uploader.commands.arguments import count
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import exit_on_sigterm
from manifest_uploader.errors import UsageError
from manifest_uploader.files.crew import usable_cores
from manifest_uploader.files.deidentify import Folders, deidentify, find_files, open_folders
from manifest_uploader.files.deidentify_results import Batch, FileResult, Outcome
from manifest_uploader.files.listing import natural
from manifest_uploader.output.formatting import counted, note_line
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.live_area import LiveArea, can_redraw
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.text import Block, Piece, Tone, line

_FINE: Final = {Outcome.DONE, Outcome.ALREADY_DONE, Outcome.COPIED, Outcome.IGNORED, Outcome.LOOP}
_COPIES: Final = {Outcome.DONE, Outcome.ALREADY_DONE, Outcome.COPIED}
_SHOWN: Final = 20
"""Files of one outcome that are named without `--verbose`."""
_LINE_EVERY_S: Final = 30.0
_REDRAWN_EVERY_S: Final = 0.1
_DETAILS: Final = """\
PatientName, dates, private attributes and so on are removed or replaced, and UIDs are replaced,
the same way each time. Folders and files keep their names, which may name patients, too: check
them. SRC is not changed. Files that are not DICOM are left out, or copied unchecked
(--with-others). DST is a new folder; the same command continues an earlier run. The key
that makes the UIDs is kept in DST.key: do not publish it.

example: uploader deidentify scans scans-without-names
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `deidentify`."""
    parser.epilog = _DETAILS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("source", metavar="SRC", help="the folder with the originals")
    add("target", metavar="DST", help="a new folder for the copies, or an earlier result")
    add("--key", metavar="FILE", help="the file with the key for new UIDs; default: DST.key")
    add("--with-others", action="store_true",
        help="also copy files that are not DICOM, as they are")  # fmt: skip
    add("--jobs", metavar="N", type=count, help="files at a time (one for each core)")
    add("--json", action="store_true", help="JSON lines on standard output")
    add("--verbose", action="store_true", help="name every file that was left out")
    add("--quiet", action="store_true", help="print less")
    add("--log-file", metavar="FILE", help="write the details of an error to this file")


def run(given: argparse.Namespace) -> int:
    """De-identify; the code is 1 if a file is not among the copies that should be."""
    folders = open_folders(given.source, given.target, given.key)
    names, skipped = find_files(folders)
    if not names and not skipped:
        raise UsageError(
            f"'{given.source}' contains no file", hint="name the folder of the originals"
        )
    total = Total(skipped)
    exit_on_sigterm()
    try:
        with _progress(quiet=given.quiet or given.json) as progress:
            found = deidentify(
                *(folders, names), processes=given.jobs or usable_cores(), others=given.with_others
            )
            for batch in found:
                total.add(batch)
                progress.tell(f"{total.files:,} of {counted(len(names), 'file')}")
    except KeyboardInterrupt:
        say("stopped; the same command continues where this ended")
        return 130
    total.others.sort(key=lambda one: natural(one.name))
    if given.json:
        for one in total.others:
            write_json(_file_json(one))
        write_json(_summary_json(total, folders))
    else:
        for text in _summary(total):
            print_out(text)
    for text in _trouble(total, verbose=given.verbose):
        say(text)
    if not given.quiet:
        for text in _notes(total, folders):
            say(text)
    return 1 if total.outcomes.keys() - _FINE else 0


class Total:
    """What became of all files so far."""

    def __init__(self, others: Iterable[FileResult]) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.others: list[FileResult] = []
        """Those that have no copy; sorted by their names once all are there."""
        self.burned_in: list[str] = []
        self.with_names = 0
        """Copies whose path contains a word of the original's PatientName."""
        self.removed: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        self.new_uids: Counter[str] = Counter()
        for one in others:
            self._add(one)

    @property
    def files(self) -> int:
        """How many files have been seen to."""
        return self.outcomes.total()

    def add(self, batch: Batch) -> None:
        """Add what became of some files."""
        for one in batch.files:
            self._add(one)
        self.removed.update(batch.removed)
        self.replaced.update(batch.replaced)
        self.new_uids.update(batch.new_uids)

    def _add(self, one: FileResult) -> None:
        self.outcomes[one.outcome] += 1
        self.with_names += one.path_names_patient
        if one.burned_in:
            self.burned_in.append(one.name)
        if one.outcome not in _COPIES:
            self.others.append(one)


# ── words ───────────────────────────────────────────────────────────────────────────────────


def _summary(total: Total) -> Iterator[Block]:
    """How many files, and which attributes in how many of them."""
    done, before = total.outcomes[Outcome.DONE], total.outcomes[Outcome.ALREADY_DONE]
    copied = total.outcomes[Outcome.COPIED]
    as_they_are = f"{copied:,} copied as they are, " if copied else ""
    left = total.files - done - before - copied
    yield line(
        f"{counted(total.files, 'file')}: ",
        *_in_tone(f"{done:,} de-identified", Tone.GOOD, done),
        f", {before:,} already done, {as_they_are}",
        *_in_tone(f"{left:,} left out", Tone.WARNING, left),
    )
    for what, found in (
        ("removed", total.removed),
        ("replaced by dummy values", total.replaced),
        ("replaced by new UIDs", total.new_uids),
    ):
        ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        words = [f"{_attribute(word)} ({files:,})" for word, files in ordered]
        if words:
            yield line((f"{what}:", Tone.STRONG), f" {', '.join(words)}")


def _in_tone(words: str, tone: Tone, number: int) -> list[Piece]:
    """The words, in a tone unless they count nothing."""
    return [(words, tone) if number else words]


def _attribute(word: str) -> str:
    return {"private": "private attributes", "unknown": "unknown attributes"}.get(word, word)


def _trouble(total: Total, *, verbose: bool) -> Iterator[Block]:
    """A line for each file that has no copy; without `verbose`, not for all of them."""
    for outcome in Outcome:
        found = [one for one in total.others if one.outcome is outcome]
        if outcome in _FINE and not verbose:
            continue
        tone = Tone.QUIET if outcome in _FINE else Tone.BAD
        for one in found if verbose else found[:_SHOWN]:
            say_not_copied = "" if outcome is Outcome.LOOP else "; it was not copied"
            yield line((f"'{one.name}':", tone), f" {_reason(one)}{say_not_copied}")
        if len(found) > _SHOWN and not verbose:
            yield line(f"{len(found) - _SHOWN:,} more like that (--verbose names them all)")


def _reason(one: FileResult) -> str:
    match one.outcome:
        case Outcome.CUT_OFF:
            return _cut_off(one)
        case Outcome.DAMAGED if one.about:
            return f"its header has no {one.about}"
        case Outcome.NOT_DICOM if one.about:
            return f"it is {one.about}"
        case _:
            return _REASONS[one.outcome].format(about=one.about)


_REASONS: Final = {
    Outcome.IGNORED: "it is hidden, or an index or a system's file",
    Outcome.NOT_DICOM: "it is not DICOM",
    Outcome.REJECTED: "the platform's procedure does not cover its kind, {about}",
    Outcome.DAMAGED: "its header is damaged",
    Outcome.UNREADABLE: "it cannot be read: {about}",
    Outcome.NOT_OURS: "DST has another file of that name, which was kept",
    Outcome.UNWRITABLE: "its copy cannot be written: {about}",
    Outcome.LOOP: "it is a link back to a folder above it, or to DST, and was not followed",
    Outcome.CRASHED: "the process that worked on it crashed; memory may be short",
}


def _cut_off(one: FileResult) -> str:
    if not one.expected:
        return "its pixel data has no end"
    if not one.found:
        return "it has no pixel data"
    return f"its pixel data is cut off: {one.found:,} of {one.expected:,} bytes"


def _notes(total: Total, folders: Folders) -> Iterator[Block]:
    """What a person has to look at, or to keep."""
    if total.outcomes[Outcome.NOT_DICOM]:
        yield note_line("--with-others also copies files that are not DICOM, as they are")
    if total.burned_in:
        first = ", ".join(f"'{name}'" for name in total.burned_in[:3])
        more = " …" * (len(total.burned_in) > 3)  # noqa: PLR2004
        yield note_line(
            f"{counted(len(total.burned_in), 'file')} may show the patient's name in the picture "
            f"(BurnedInAnnotation): check {first}{more}",
            Tone.WARNING,
        )
    if total.with_names:
        yield note_line(
            f"the paths of {counted(total.with_names, 'file')} contain a word of their "
            "PatientName: rename files and folders in DST before you share them",
            Tone.WARNING,
        )
    if folders.key is None:
        yield note_line(
            f"the key that makes the new UIDs is in '{folders.key_file}': keep it to continue "
            "later, and do not publish it"
        )


def _file_json(one: FileResult) -> dict[str, Any]:
    facts = {"about": one.about, "expected": one.expected, "found": one.found}
    return {
        "event": "left-out",
        "file": one.name,
        "outcome": one.outcome.value,
        **{name: fact for name, fact in facts.items() if fact},
    }


def _summary_json(total: Total, folders: Folders) -> dict[str, Any]:
    return {
        "event": "summary",
        "files": {"total": total.files, **{one.value: total.outcomes[one] for one in Outcome}},
        "removed": dict(total.removed),
        "replaced": dict(total.replaced),
        "new_uids": dict(total.new_uids),
        "burned_in": len(total.burned_in),
        "paths_with_names": total.with_names,
        "key": str(folders.key_file),
    }


# ── progress ────────────────────────────────────────────────────────────────────────────────


class Progress(Protocol):
    """Tells a person how far the command is."""

    def tell(self, words: str) -> None:
        """Tell it, or not, if it was told just now."""


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """On a terminal a line that is redrawn, else one every 30 s; none if `quiet`."""
    if quiet or not can_redraw(sys.stderr):
        yield _Lines(quiet=quiet)
        return
    area = LiveArea(stderr=True, transient=True)
    area.start()
    try:
        yield _Live(area)
    finally:
        area.stop()


class _Lines:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._last = quiet, time.monotonic()

    def tell(self, words: str) -> None:
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            say(words)


class _Live:
    def __init__(self, area: LiveArea) -> None:
        self._area, self._last = area, 0.0

    def tell(self, words: str) -> None:
        if time.monotonic() - self._last >= _REDRAWN_EVERY_S:
            self._last = time.monotonic()
            self._area.show([words])
