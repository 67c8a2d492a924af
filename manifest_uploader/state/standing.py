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


def standing_of(past: CaseHistory, *, at_work: bool = False) -> Standing:
    """Where a case stands, from its history alone.

    A fill without an outcome is unconfirmed, unless a run is `at_work` on it.
    """
    if past.gone:
        return Standing.DELETED
    if past.unsure or past.filling is not None:
        return Standing.IMPORTING if at_work and not past.unsure else Standing.UNCONFIRMED
    imports = {socket.standing for socket in past.sockets.values()}
    if past.reason is not None or imports & {"failed", "lost"}:
        return Standing.FAILED
    if past.title is not None:
        return Standing.IMPORTING if "waiting" in imports else Standing.DONE
    has_begun = past.item is not None or past.temporary is not None or bool(past.uploads)
    return Standing.UPLOADING if has_begun else Standing.NEW


def case_standing(
    case: str, title: str, past: CaseHistory, *, at_work: bool = False
) -> CaseStanding:
    """Where a case of the manifest stands, and why, from its history alone.

    `at_work` is as for `standing_of`.
    """
    failed = tuple(socket.failure for socket in past.sockets.values() if socket.failure is not None)
    if not failed and past.reason is not None:
        failed = (Failure(None, past.reason),)
    unchecked = tuple(slug for slug, one in past.sockets.items() if one.is_unchecked)
    standing = standing_of(past, at_work=at_work)
    return CaseStanding(case, title, standing, past.item, failed, unchecked)
