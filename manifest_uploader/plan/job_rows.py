"""What became of each case's job, and what its outputs are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.plan.fetched import CaseFiles, FetchedFile, FileState
from manifest_uploader.platform.model import Interface

_FAILED: Final = frozenset({"Failed", "Cancelled"})
_IN_PLACE: Final = frozenset({FileState.FETCHED, FileState.THERE, FileState.CHANGED})


class JobState(StrEnum):
    """How far a job is."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RUNNING = "running"
    ABSENT = "absent"
    """The case has none on the platform."""


class JobRow(Struct, frozen=True):
    """A case and its job."""

    case: str
    job: str | None
    """Its pk; None: the case has none on the platform."""
    status: str | None
    """In the platform's words."""
    page: str | None
    """The address of its page."""
    outputs: Mapping[str, Json]
    """By socket: a number, a boolean or a text; else the names of the files, separated by `; `."""

    @property
    def state(self) -> JobState:
        """How far the job is."""
        if self.job is None:
            return JobState.ABSENT
        if self.status == "Succeeded":
            return JobState.SUCCEEDED
        return JobState.FAILED if self.status in _FAILED else JobState.RUNNING


def job_rows(
    cases: Iterable[CaseFiles], files: Iterable[FetchedFile], page_of: Callable[[str], str]
) -> tuple[JobRow, ...]:
    """A row for each case, in their order.

    Args:
        cases: with their jobs.
        files: that were fetched.
        page_of: the page of the job with a pk.

    """
    names: dict[tuple[str, str | None], list[str]] = {}
    for one in files:
        if one.is_output and one.name is not None and one.state in _IN_PLACE:
            names.setdefault((one.case, one.socket), []).append(one.name)
    return tuple(_row(one, names, page_of) for one in cases)


def _row(
    one: CaseFiles,
    names: Mapping[tuple[str, str | None], list[str]],
    page_of: Callable[[str], str],
) -> JobRow:
    case, item = one.case.name, one.item
    if item is None:
        return JobRow(case, None, None, None, {})
    outputs: dict[str, Json] = {}
    for slug in item.outputs:
        found = one.values.get(slug)
        if found is not None and isinstance(found.value, bool | int | float | str):
            outputs[slug] = found.value
        elif (case, slug) in names:
            outputs[slug] = "; ".join(names[case, slug])
    return JobRow(case, item.pk, item.status, page_of(item.pk), outputs)


def output_sockets(cases: Iterable[CaseFiles], interfaces: Iterable[Interface]) -> tuple[str, ...]:
    """The outputs that the cases' jobs have, or will have, in the algorithm's order."""
    listed = list(cases)
    inputs = {frozenset(value.socket for value in one.case.values) for one in listed}
    order: dict[str, None] = {}
    expected: set[str] = set()
    for interface in interfaces:
        order |= dict.fromkeys(interface.outputs)
        if frozenset(interface.inputs) in inputs:
            expected.update(interface.outputs)
    for one in listed:
        if one.item is not None:
            order |= dict.fromkeys(one.item.outputs)
            expected.update(one.item.outputs)
    return tuple(slug for slug in order if slug in expected)
