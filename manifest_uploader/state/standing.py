"""Where each case stands, from the history alone."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from manifest_uploader.state.events import Failure
from manifest_uploader.state.history import CaseHistory


class Standing(StrEnum):
    """Where a case stands."""

    NEW = "new"
    UPLOADING = "uploading"
    """Something of it is sent, or its item is there and holds nothing yet."""
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    """What became of its last change is not known."""
    CHANGED = "changed"
    """It was done, and not all of a change to it is sent."""
    DELETED = "deleted"


class CaseStanding(Struct, frozen=True):
    """Where one case stands, and why."""

    case: str
    title: str
    standing: Standing
    item: str | None
    failures: tuple[Failure, ...]
    """Of the imports, or else of the last step."""
    unchecked: tuple[str, ...] = ()
    """The sockets of adopted values whose content nobody compared with the files."""
    is_job: bool = False
    """Its item is a job of an algorithm."""


def standing_of(past: CaseHistory, *, at_work: bool = False) -> Standing:
    """Where a case stands, from its history alone.

    A fill without an outcome is unconfirmed, unless a run is `at_work` on it.
    """
    if past.gone:
        return Standing.DELETED
    if past.unsure or past.filling is not None:
        return Standing.IMPORTING if at_work and not past.unsure else Standing.UNCONFIRMED
    imports = {socket.standing for socket in past.sockets.values()}
    if past.reason is not None or has_failed(past):
        return Standing.FAILED
    if past.title is not None:
        if "waiting" in imports or past.job == "running":
            return Standing.IMPORTING
        return Standing.CHANGED if past.has_unused_uploads else Standing.DONE
    has_begun = past.item is not None or past.temporary is not None or past.has_unused_uploads
    return Standing.UPLOADING if has_begun else Standing.NEW


def has_failed(past: CaseHistory) -> bool:
    """Whether an import has failed, or the job that the item is."""
    imports = {socket.standing for socket in past.sockets.values()}
    return bool(imports & {"failed", "lost"}) or past.job in {"failed", "stuck"}


def case_standing(
    case: str, title: str, past: CaseHistory, *, at_work: bool = False, is_job: bool = False
) -> CaseStanding:
    """Where a case of the manifest stands, and why, from its history alone.

    `at_work` is as for `standing_of`.
    """
    failed = tuple(socket.failure for socket in past.sockets.values() if socket.failure is not None)
    failed = tuple(dict.fromkeys((*failed, *past.job_failures)))
    if not failed and past.reason is not None:
        failed = (Failure(None, past.reason),)
    unchecked = tuple(slug for slug, one in past.sockets.items() if one.is_unchecked)
    standing = standing_of(past, at_work=at_work)
    return CaseStanding(case, title, standing, past.item, failed, unchecked, is_job)
