"""Finds imports of earlier runs that the platform has lost, so that they can be sent again.

Jobs that seemed to be stuck are looked at, too: one that has ended is not started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.session import Session
from manifest_uploader.plan.inputs import PlanInputs, recorded
from manifest_uploader.plan.jobs import last_looks
from manifest_uploader.plan.steps import Watch
from manifest_uploader.plan.values import waits_of
from manifest_uploader.state.events import Event

_OLD_S: Final = 600.0
"""A younger import may still be under way; the run waits for it."""


def find_lost(
    session: Session,
    inputs: PlanInputs,
    *,
    refused_after_s: float,
    now: Callable[[], float] = time.time,
) -> list[Event]:
    """What one look shows about old imports, before it is decided which are sent again.

    Without `--retry-failed` the run waits for them, and notices the same after some time.
    """
    pasts = [(case, recorded(case, inputs)) for case in inputs.manifest.cases]
    waits = tuple(
        replace(wait, case=inputs.renamed.get(case.name, case.name))
        for case, past in pasts
        for wait in (*waits_of(case, past, inputs), *last_looks(case, past))
        if (wait.job or now() - wait.since > _OLD_S) and wait.item not in inputs.facts.gone
    )
    if not waits:
        return []
    watcher = Watcher(
        session.client,
        session.target,
        sessions=inputs.history.sessions,
        refused_after_s=refused_after_s,
        target_size=inputs.facts.items,
        gone_before_s=0.0,
        clock=now,
    )
    found = watcher.watch(Watch(waits))
    return [one for one in found if isinstance(one, Event)]
