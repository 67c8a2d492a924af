"""Why cases failed, as text for people: once as it happens, and grouped at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from manifest_uploader.engine.causes import failure_text, likely_cause
from manifest_uploader.engine.results import CaseEnd
from manifest_uploader.output.formatting import counted
from manifest_uploader.plan.steps import CasePlan
from manifest_uploader.state.events import Failure
from manifest_uploader.state.standing import CaseStanding
from manifest_uploader.text import Block, Tone, line, printable

_GROUPS_SHOWN: Final = 20
_CASES_SHOWN: Final = 20
"""Cases that one group names."""
_SHORT: Final = 100
"""Longest reason in the line of a case that has just failed, in characters."""


def failures_text(case: CaseEnd | CaseStanding | CasePlan) -> str | None:
    """Why a case failed or is unfinished; None if there is nothing to say about it."""
    text = "; ".join(dict.fromkeys(map(failure_text, case.failures))) or None
    return text or (case.reason if isinstance(case, CasePlan) else None)


def short_reason(end: CaseEnd) -> str:
    """The first reason of a case that failed, in a few words; the end of the run says all."""
    if not end.failures:
        return ""
    first = end.failures[0]
    words = first.message if first.socket is None else f"{first.socket}: {first.message}"
    more = f" (and {len(end.failures) - 1} more)" if len(end.failures) > 1 else ""
    words = printable(words)
    cut = words if len(words) <= _SHORT else f"{words[: _SHORT - 1].rpartition(' ')[0]} …"
    return f": {cut}{more}"


class _Alike(Struct):
    """Cases that failed for the same reason."""

    failure: Failure
    """The first of them."""
    cases: dict[str, tuple[str | None, str | None]]
    """Case → its files, and its item's page."""


def failure_groups(ends: Sequence[CaseEnd], tone: Tone) -> list[Block]:
    """The reasons, each once with what to do, and below it the cases with files and pages."""
    groups = list(_alike(ends).values())
    found = [one for group in groups[:_GROUPS_SHOWN] for one in _group_lines(group, tone)]
    if len(groups) > _GROUPS_SHOWN:
        more = len(groups) - _GROUPS_SHOWN
        found.append(line(f"  and {counted(more, 'more reason')}; 'uploader status' names all"))
    return found


def _alike(ends: Iterable[CaseEnd]) -> dict[tuple[str | None, str, bool], _Alike]:
    groups: dict[tuple[str | None, str, bool], _Alike] = {}
    for end in ends:
        for failure in end.failures:
            key = (failure.socket, failure.message, failure.of_import)
            group = groups.setdefault(key, _Alike(failure, {}))
            group.cases.setdefault(end.case, (failure.source, end.url))
    return groups


def _group_lines(group: _Alike, tone: Tone) -> list[Block]:
    failure = group.failure
    where = f"{failure.socket}: " if failure.socket is not None else ""
    found = [line("  ", (f"{where}{failure.message}", tone))]
    for case, (files, page) in list(group.cases.items())[:_CASES_SHOWN]:
        files_text = f"  {files}" if files else ""
        found.append(
            line(f"    {case}{files_text}", *([("  " + page, Tone.QUIET)] if page else []))
        )
    if (more := len(group.cases) - _CASES_SHOWN) > 0:
        found.append(line(f"    and {more:,} more"))
    if (cause := likely_cause(failure)) is not None:
        found.append(line("    → ", (cause, Tone.ADVICE)))
    return found
