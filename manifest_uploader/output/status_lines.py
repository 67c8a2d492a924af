"""Where each case stands, as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from manifest_uploader.output.failure_lines import failures_text
from manifest_uploader.output.formatting import cases_words, next_line
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import Block, Tone, line

TONES: Final = {
    Standing.NEW: Tone.QUIET,
    Standing.UPLOADING: Tone.WARNING,
    Standing.IMPORTING: Tone.WARNING,
    Standing.DONE: Tone.GOOD,
    Standing.FAILED: Tone.BAD,
    Standing.UNCONFIRMED: Tone.WARNING,
    Standing.CHANGED: Tone.WARNING,
    Standing.DELETED: Tone.BAD,
}


def word_of(standing: Standing, *, jobs: bool = False) -> str:
    """The standing in a word; with `jobs`, of a case that is an algorithm's job."""
    return "running" if jobs and standing is Standing.IMPORTING else standing.value


def stand_line(stand: CaseStanding) -> Block:
    """Where one case stands, and why."""
    words = failures_text(stand)
    item = f" ({stand.item})" if stand.item else ""
    doubt = f"; adopted, content not checked: {', '.join(stand.unchecked)}"
    said = (f": {words}" if words else "") + (doubt if stand.unchecked else "")
    return line(
        f"{stand.case}: ",
        (word_of(stand.standing, jobs=stand.is_job), TONES[stand.standing]),
        said,
        (item, Tone.QUIET),
    )


def counts_text(counts: Mapping[Standing, int], *, jobs: bool = False) -> Block:
    """How many cases stand where, in the order in which cases go on."""
    found = [
        line(f"{counts[one]:,} ", (word_of(one, jobs=jobs), TONES[one]))
        for one in Standing
        if counts.get(one)
    ]
    pieces = [piece for one in found for piece in (", ", one)][1:]
    return line(*pieces)


def status_line(counts: Mapping[Standing, int], *, jobs: bool = False) -> Block:
    """How many cases there are, and how many of them stand where."""
    return line(f"{cases_words(sum(counts.values()))}: ", counts_text(counts, jobs=jobs))


def status_next(
    counts: Mapping[Standing, int], run: str, watch: str | None, *, jobs: bool = False
) -> Block | None:
    """What to do next; None if every case is done.

    Args:
        counts: how many cases stand where.
        run: the command that goes on.
        watch: the command that follows the run that is at work; None: there is none.
        jobs: the cases are jobs of an algorithm.

    """
    left = {one for one, count in counts.items() if count} - {Standing.DONE}
    if not left:
        return None
    if watch is not None:
        return next_line(f"a run is in progress; to follow it: {watch}")
    if Standing.DELETED in left:
        return next_line(f"to recreate what was deleted: {run} --recreate")
    if left & {Standing.FAILED, Standing.UNCONFIRMED}:
        return next_line(f"fix what failed, then: {run}")
    if left == {Standing.IMPORTING}:
        return next_line(f"to wait for the {'jobs' if jobs else 'imports'}: {run}")
    return next_line(f"to upload what is missing: {run}")
