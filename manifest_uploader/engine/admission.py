"""Decides in which order cases begin. Pure."""

from __future__ import annotations

from manifest_uploader.plan.reuse import sources_first
from manifest_uploader.plan.steps import CasePlan


def in_order_of_beginning(cases: tuple[CasePlan, ...], rows_free: int) -> tuple[CasePlan, ...]:
    """The cases in the manifest's order, but each after those whose images it waits for.

    If not all can have their upload rows at once, those that hold some begin first: otherwise the
    others could take the rows that these lack, and then nobody would have all of theirs.

    Args:
        cases: in the manifest's order.
        rows_free: how many more upload rows the account may hold.

    """
    needed = sum(upload.row is None for case in cases for upload in case.uploads)
    if needed > rows_free:
        cases = tuple(sorted(cases, key=lambda case: not _holds_rows(case)))
    return sources_first(cases)


def _holds_rows(case: CasePlan) -> bool:
    """Whether uploads of a case that is to be sent are on the platform."""
    entries = [entry for task in (case.create, case.fill) if task for entry in task.entries]
    return (
        any(one.complete for one in case.sets)
        or any(upload.row is not None for upload in case.uploads)
        or any(entry.upload is not None for entry in entries)
    )
