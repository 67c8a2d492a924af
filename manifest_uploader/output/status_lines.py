"""Where each case stands, as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from manifest_uploader.output.failure_lines import failures_text
from manifest_uploader.output.formatting import cases_words
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


def stand_line(stand: CaseStanding) -> Block:
    """Where one case stands, and why."""
    words = failures_text(stand)
    item = f" ({stand.item})" if stand.item else ""
    doubt = f"; adopted, content not checked: {', '.join(stand.unchecked)}"
    said = (f": {words}" if words else "") + (doubt if stand.unchecked else "")
    return line(
        f"{stand.case}: ",
        (stand.standing.value, TONES[stand.standing]),
        said,
        (item, Tone.QUIET),
    )


def counts_text(counts: Mapping[Standing, int]) -> Block:
    """How many cases stand where, in the order in which cases go on."""
    found = [
        line(f"{counts[one]:,} ", (one.value, TONES[one])) for one in Standing if counts.get(one)
    ]
    pieces = [piece for one in found for piece in (", ", one)][1:]
    return line(*pieces)


def status_line(counts: Mapping[Standing, int]) -> Block:
    """How many cases there are, and how many of them stand where."""
    return line(f"{cases_words(sum(counts.values()))}: ", counts_text(counts))
