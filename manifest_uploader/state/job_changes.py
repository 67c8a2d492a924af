"""What events about algorithm jobs change in the history of a case; only the fold calls this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest_uploader.state.events import Failed, Paused
from manifest_uploader.state.steps import StepKind

if TYPE_CHECKING:
    from manifest_uploader.state.history import CaseHistory


def restarted(past: CaseHistory) -> None:
    """A job is about to be started, perhaps in place of one that failed."""
    if past.job is not None:
        past.former += (past.item,) if past.item is not None else ()
        past.item = past.job = past.title = None
        past.job_failures, past.sockets = (), {}


def succeeded(past: CaseHistory) -> None:
    """The job has succeeded."""
    past.job, past.job_failures, past.reason = "succeeded", (), None


def failed(past: CaseHistory, event: Failed) -> None:
    """The job has failed, or seems to be stuck."""
    past.job, past.job_failures = "failed" if event.final else "stuck", event.reasons
    past.creating = past.temporary = None
    past.unsure = False


def paused(past: CaseHistory, event: Paused) -> None:
    """There was no room for a job, so none was started; a pause of uploads changes nothing."""
    if event.step.kind is StepKind.CREATE:
        past.creating = past.temporary = None
