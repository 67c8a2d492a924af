"""What events about algorithm jobs change in the history of a case; only the fold calls this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from manifest_uploader.state.events import Failed, Failure, Paused
from manifest_uploader.state.steps import StepKind

if TYPE_CHECKING:
    from manifest_uploader.state.history import CaseHistory


def restarted(past: CaseHistory) -> None:
    """A job is about to be started, perhaps in place of one that failed."""
    if past.job is not None:
        past.former += (past.item,) if past.item is not None else ()
        past.item = past.job = past.title = None
        past.sockets = {}


def succeeded(past: CaseHistory) -> None:
    """The job has succeeded, so that its inputs were there, whatever it looked like before."""
    past.job, past.job_failures, past.reason = "succeeded", (), None
    _have_arrived(past)


def goes_on(past: CaseHistory) -> None:
    """The job, which seemed to be stuck, has all its inputs and is run after all."""
    past.job, past.job_failures, past.reason = "running", (), None
    _have_arrived(past)


def _have_arrived(past: CaseHistory) -> None:
    """The inputs were there, whatever it looked like before."""
    for slug, socket in past.sockets.items():
        is_incomplete = socket.failure is not None and socket.failure.incomplete
        if socket.standing in {"failed", "lost"} and not is_incomplete:
            past.sockets[slug] = replace(socket, standing="confirmed", failure=None)


def failed(past: CaseHistory, event: Failed) -> None:
    """The job has failed, or seems to be stuck."""
    past.job, past.job_failures = "failed" if event.final else "stuck", event.reasons
    past.creating = past.temporary = None
    past.unsure = False


def begun(past: CaseHistory) -> None:
    """The job was started."""
    past.job, past.job_failures = "running", ()


def not_started(past: CaseHistory, words: str | None = None) -> None:
    """No job was started, as the platform said; one that failed before is the case's again."""
    past.creating = past.temporary = None
    if past.former and past.item is None:
        *others, past.item = past.former
        past.former, past.job, past.reason = tuple(others), "failed", None
        past.job_failures = (Failure(None, words),) if words else past.job_failures


def paused(past: CaseHistory, event: Paused) -> None:
    """There was no room for a job, so none was started; a pause of uploads changes nothing."""
    if event.step.kind is StepKind.CREATE:
        not_started(past)
