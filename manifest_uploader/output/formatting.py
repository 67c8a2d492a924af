"""Counts, sizes, times, problems and errors as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from manifest_uploader.errors import UploaderError
from manifest_uploader.manifest.problems import Problem, format_problem, grouped
from manifest_uploader.text import Block, Tone, block, line, with_hint

_KIB: Final = 1024


def counted(count: int, noun: str) -> str:
    """`1 upload`, `3,000 uploads`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def cases_words(count: int) -> str:
    """`1 case`, `3 cases`."""
    return counted(count, "case")


def size_words(size: float) -> str:
    """A size in bytes: `512 B`, `3.0 MiB`."""
    return " ".join(_number_and_unit(size))


def share_words(part: float, whole: float) -> str:
    """Sizes in bytes: `1.2 of 3.4 GiB`, or `900 KiB of 3.4 GiB` if the units differ."""
    number, unit = _number_and_unit(part)
    first = number if unit == _number_and_unit(whole)[1] else f"{number} {unit}"
    return f"{first} of {size_words(whole)}"


def _number_and_unit(size: float) -> tuple[str, str]:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < _KIB:
            return (f"{size:.0f}" if unit == "B" else f"{size:.1f}"), unit
        size /= _KIB
    return f"{size:.1f}", "TiB"


def time_words(seconds: float) -> str:
    """A length of time: `1.3 s`, `59 s`, `2 min`, `2 h 30 min`."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


def problem_lines(problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> Block:
    """Every warning and every problem, and how many problems there are."""
    every = tuple(problems)
    found = [format_problem(problem, cases) for problem, cases in grouped(every)]
    end = line((counted(len(every), "problem"), Tone.BAD), "; nothing was sent")
    them = "it" if len(every) == 1 else "them"
    again = next_line(f"fix {them}, then run the same command again")
    return block(*warning_lines(warnings), *found, end, again)


def warning_lines(warnings: Iterable[Problem]) -> list[Block]:
    """Every warning, marked as one."""
    return [format_problem(one, cases, "warning:") for one, cases in grouped(warnings)]


def next_line(what: str) -> Block:
    """What to do next, as the last line."""
    return line(("Next:", Tone.ADVICE), " ", what)


def note_line(note: str, tone: Tone = Tone.QUIET) -> Block:
    """Something to know, marked as such."""
    return line(("note:", tone), " ", note)


def error_lines(error: UploaderError) -> Block:
    """The error that ends a command, and what to do about it."""
    return with_hint(line(("uploader:", Tone.BAD), " ", error.message), error.hint)
