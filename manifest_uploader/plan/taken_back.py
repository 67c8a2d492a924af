"""Decides what is forgotten of a case because the manifest no longer wants it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from manifest_uploader.manifest.model import Case
from manifest_uploader.state.events import Failed
from manifest_uploader.state.history import CaseHistory, with_events
from manifest_uploader.state.steps import StepId


def forget_uploads(
    case: Case, past: CaseHistory, sent: Collection[str]
) -> tuple[CaseHistory, tuple[Failed, ...]]:
    """Forget the uploads for sockets that are not `sent`: no fill will use them."""
    begun = (*past.uploads, *(socket for socket, _ in past.file_uploads))
    unused = dict.fromkeys(socket for socket in begun if socket not in sent)
    forgotten = tuple(
        Failed(case.name, StepId.upload(case.name, socket), socket=socket, words="", final=False)
        for socket in unused
    )
    if not forgotten:
        return past, ()
    return replace(with_events(past, forgotten), reason=past.reason), forgotten


def forget_failures(case: Case, past: CaseHistory) -> tuple[CaseHistory, tuple[Failed, ...]]:
    """Forget the failures of a case with nothing to send."""
    wanted = {value.socket for value in case.values}
    if past.reason is None and past.sockets.keys() <= wanted:
        return past, ()
    sockets = {slug: socket for slug, socket in past.sockets.items() if slug in wanted}
    settled = (
        (Failed(case.name, StepId.whole(case.name), words="", final=False),)
        if past.reason is not None
        else ()
    )
    return replace(past, sockets=sockets, reason=None), settled
