"""How many requests a run needs: its look, what it sends, and the wait for imports."""

from __future__ import annotations

from typing import Final

from manifest_uploader.files.parts import part_count, part_size
from manifest_uploader.plan.steps import CasePlan, Plan, Upload

_URLS_PER_REQUEST: Final = 1000
_LOOKS: Final = 4
"""Requests of the two looks at least that a run takes at imports: upload rows, and items."""
_FOR_A_TICKET: Final = 0.5
"""Quick imports are never asked for by their ticket, those of a few seconds once or twice."""


def request_count(case: CasePlan) -> int:
    """How many requests a case takes, without those that wait for its imports."""
    fill = (1 + case.fill.look_first) if case.fill is not None else 0
    if case.is_source and case.uploads and any(one.is_awaited for one in case.shared):
        fill += 2  # a look and a fill of their own for the images that it waits for
    uploads = sum(map(_for_upload, case.uploads))
    return uploads + len(case.tickets) + (case.create is not None) + fill


def _for_upload(upload: Upload) -> int:
    """The row, addresses for the parts, the parts, and the completion.

    A row of an earlier run is looked at, and its parts are listed, instead of being made.
    """
    parts = part_count(upload.size, part_size(upload.size))
    return (1 if upload.row is None else 2) + -(-parts // _URLS_PER_REQUEST) + parts + 1


def total_requests(plan: Plan, look: int) -> int:
    """About how many requests a run takes, if imports take a few seconds.

    Args:
        plan: what it does.
        look: the requests of the look that made the plan; a run looks in the same way.

    """
    tickets = sum(len(case.tickets) for case in plan.cases)
    waits = any(case.uploads or case.waits for case in plan.cases)
    sets = sum(len(case.sets) for case in plan.cases)  # their instances are counted
    watching = _LOOKS + round(_FOR_A_TICKET * tickets) + sets if waits else 0
    return look + sum(map(request_count, plan.cases)) + watching
