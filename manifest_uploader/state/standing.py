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
    """Of its imports; else of its last step."""


def standing_of(past: CaseHistory) -> Standing:
    """Where a case stands, by what is written down alone."""
    if past.gone:
        return Standing.GONE
    if past.unsure or past.filling is not None:
        return Standing.UNSURE
    ends = {socket.standing for socket in past.sockets.values()}
    if past.words is not None or ends & {"failed", "lost"}:
        return Standing.FAILED
    if past.title is not None:
        return Standing.FILLED if "waiting" in ends else Standing.DONE
    if past.item is not None or past.temporary is not None:
        return Standing.CREATED
    return Standing.UPLOADING if past.uploads else Standing.NEW


def case_standing(case: str, title: str, past: CaseHistory) -> CaseStanding:
    """Where a case of the manifest stands, by what is written down."""
    failed = tuple(socket.failure for socket in past.sockets.values() if socket.failure is not None)
    if not failed and past.words is not None:
        failed = (Failure(None, past.words),)
    return CaseStanding(case, title, standing_of(past), past.item, failed)
