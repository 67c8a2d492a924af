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
    CREATED = "created"
    FILLED = "filled"
    DONE = "done"
    FAILED = "failed"
    UNSURE = "unsure"
    CHANGED = "changed"
    GONE = "gone"


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


def standing_of(past: CaseHistory, *, at_work: bool = False) -> Standing:
    """Where a case stands, from its history alone.

    A fill without an outcome is unsure, unless a run is `at_work` on it.
    """
    if past.gone:
        return Standing.GONE
    if past.unsure or past.filling is not None:
        return Standing.FILLED if at_work and not past.unsure else Standing.UNSURE
    imports = {socket.standing for socket in past.sockets.values()}
    if past.reason is not None or has_failed(past):
        return Standing.FAILED
    if past.title is not None:
        is_waiting = "waiting" in imports or past.job == "running"
        return Standing.FILLED if is_waiting else Standing.DONE
    if past.item is not None or past.temporary is not None:
        return Standing.CREATED
    return Standing.UPLOADING if past.uploads or past.file_uploads else Standing.NEW


def has_failed(past: CaseHistory) -> bool:
    """Whether an import has failed, or the job that the item is."""
    imports = {socket.standing for socket in past.sockets.values()}
    return bool(imports & {"failed", "lost"}) or past.job in {"failed", "stuck"}


def case_standing(
    case: str, title: str, past: CaseHistory, *, at_work: bool = False
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
    return CaseStanding(case, title, standing, past.item, failed, unchecked)
