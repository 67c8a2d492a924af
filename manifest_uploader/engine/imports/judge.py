"""Decides how an import ended, from what the platform showed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import Final

from msgspec import Struct, field

from manifest_uploader.engine.outcomes import Outcome
from manifest_uploader.plan.steps import Wait, Watch
from manifest_uploader.platform.images import ImageSeen
from manifest_uploader.platform.items import holds
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.platform.sessions import FailedImport, TicketSeen
from manifest_uploader.state.events import Confirmed, Done, Failed, Gone, ImportFailed
from manifest_uploader.state.steps import StepId

ROW_LIFE_S: Final = 86_400.0
"""Grand Challenge: upload rows older than a day are deleted, imported or not."""
_GONE_WITHOUT_VALUE_S: Final = 600.0
"""How long after its row is gone a value may appear; usually seconds to minutes."""
GONE_BEFORE_S: Final = 60.0
"""The same, of a row that was gone when this run first looked, if the fill is older than that."""
_REFUSED_ONCE_PASSED_S: Final = 120.0
"""How long a silent file socket waits once a later file has arrived."""


class Seen(Struct, frozen=True):
    """What one look at the platform showed."""

    now: float
    """Seconds since 1970."""
    items: Mapping[str, ItemSeen | None]
    """By pk; None: the item no longer exists. Items that were not looked at are missing."""
    gone_since: Mapping[str, float]
    """Upload pk → when its row was first missing."""
    sessions: tuple[FailedImport, ...]
    """Failed import sessions without tickets, as far as they were listed."""
    first_seen: Mapping[str, float]
    """Session pk → when it was first noticed, in any run."""
    latest_file: float
    """When the latest of the files that have arrived was sent."""
    tickets: Mapping[str, TicketSeen] = field(default_factory=dict)
    """Our own sessions by pk, as far as they were looked at."""
    images: Mapping[str, ImageSeen] = field(default_factory=dict)
    """Images that have arrived, by pk, as far as they were looked at."""
    rows: Collection[str] = frozenset()
    """Uploads whose rows exist: what an item holds is not theirs, because imports use them up."""
    gone_before: Collection[str] = ()
    """Pks of uploads whose rows were missing from the first look on: nobody knows since when."""
    gone_before_s: float = GONE_BEFORE_S
    """How long after the first look their values may appear."""
    progress: Mapping[str, float] = field(default_factory=dict)
    """Pk of a job → when it last showed another input."""


class Evidence(Enum):
    """What a verdict rests on."""

    ITEM = auto()
    """What the item holds, or that it is gone."""
    TICKET = auto()
    """The session that the fill named."""
    NAMED_SESSION = auto()
    """A failed session that names the upload."""
    UNNAMED_SESSION = auto()
    """A failed session that names no upload, but the socket."""
    SILENCE = auto()
    """The upload's row is gone, or stays, for too long."""


class Verdict(Struct, frozen=True):
    """How an import has ended."""

    event: Confirmed | ImportFailed | Gone | Done | Failed
    evidence: Evidence


class _Failure(Struct, frozen=True):
    message: str
    evidence: Evidence
    lost: bool = False


def judge(wait: Wait, seen: Seen, *, refused_after_s: float, rivals: int = 1) -> Verdict | None:
    """How an import has ended; None: that is not known yet.

    Args:
        wait: what the item was given.
        seen: what a look showed.
        refused_after_s: when a file that stays without a message counts as refused.
        rivals: how many waits, this one included, an unnamed session of the socket may mean.

    """
    if wait.item in seen.items and seen.items[wait.item] is None:
        return Verdict(Gone(wait.case, StepId.fill(wait.case), wait.item), Evidence.ITEM)
    step = StepId.upload(wait.case, wait.socket)
    item = seen.items.get(wait.item)
    if wait.job:
        return None if item is None else _judge_job(wait, item, seen, refused_after_s)
    if item is not None and wait.upload not in seen.rows:
        held = arrived(wait, item)
        if held is not None and not _is_of_another(held, seen.tickets.get(wait.ticket or "")):
            return _judge_arrived(wait, held, seen)
    found = _failure(wait, seen, item, refused_after_s=refused_after_s, rivals=rivals)
    if found is None:
        return None
    event = ImportFailed(wait.case, step, wait.socket, found.message, wait.source, lost=found.lost)
    return Verdict(event, found.evidence)


def arrived(wait: Wait, item: ItemSeen) -> SocketSeen | None:
    """What the socket holds, if it is the value that is waited for."""
    return holds(Entry(wait.socket, wait.digest, before=wait.before), item)


# ── jobs ────────────────────────────────────────────────────────────────────────────────────


CANCELLED: Final = "Cancelled"
"""The status of a job with an input that could not be imported."""
VALIDATING: Final = "Validating inputs"
"""The status of a job whose inputs are not all there; it may have it for ever."""
_JOB_FAILED: Final = (
    "the job failed: the algorithm stopped, or one of its outputs is not valid; "
    "the job's page may tell why"
)
_JOB_CANCELLED: Final = "the job was cancelled, because an input could not be imported"


def _judge_job(wait: Wait, item: ItemSeen, seen: Seen, stuck_after_s: float) -> Verdict | None:
    """How a job has ended; None while it may go on."""
    step = StepId.job(wait.case)
    match item.status:
        case "Succeeded":
            return Verdict(Done(wait.case, step, pk=wait.item), Evidence.ITEM)
        case "Failed":
            return Verdict(Failed(wait.case, step, words=_JOB_FAILED, final=True), Evidence.ITEM)
        case status if status == CANCELLED:
            failed = Failed(wait.case, step, words=_JOB_CANCELLED, final=True)
            return Verdict(failed, Evidence.ITEM)
        case status if wait.last_look:
            goes_on = Done(wait.case, StepId.create(wait.case), pk=wait.item)
            return None if status in {None, VALIDATING} else Verdict(goes_on, Evidence.ITEM)
        case status if status == VALIDATING:
            since = max(wait.since, seen.progress.get(wait.item, wait.since))
            if seen.now - since >= stuck_after_s:
                failed = Failed(wait.case, step, words=_stuck(stuck_after_s), final=False)
                return Verdict(failed, Evidence.SILENCE)
    return None


def _stuck(stuck_after_s: float) -> str:
    return (
        "the job is stuck: the platform has been validating its inputs for more than "
        f"{stuck_after_s:,.0f} s; an input that cannot be read keeps a job there forever, and a "
        "busy platform for hours"
    )


# ── what arrived ────────────────────────────────────────────────────────────────────────────


def image_to_count(wait: Wait, held: SocketSeen) -> str | None:
    """The pk of an image that arrived, if its slices have to be counted."""
    return held.image if wait.upload is not None and wait.slices is not None else None


def ticket_to_read(wait: Wait, held: SocketSeen) -> str | None:
    """The ticket of an image that arrived, which names its image: another may have come instead.

    Its message also says whether files were left out.
    """
    return wait.ticket if held.image is not None else None


def _is_of_another(held: SocketSeen, ticket: TicketSeen | None) -> bool:
    """Whether the item holds an image that the ticket's import did not make.

    A session that has succeeded without naming an image does not tell.
    """
    if ticket is None or held.image is None or held.image in ticket.images:
        return False
    return bool(ticket.images) or not ticket.has_succeeded


def _lacks_slices(wait: Wait, image: ImageSeen | None) -> bool:
    if wait.slices is None or image is None or image.slices is None:
        return False
    return image.slices < wait.slices


def _judge_arrived(wait: Wait, held: SocketSeen, seen: Seen) -> Verdict | None:
    """A value that arrived is complete, or lacks slices; None: its image was not shown yet."""
    step = StepId.upload(wait.case, wait.socket)
    pk = image_to_count(wait, held)
    image = seen.images.get(pk) if pk is not None else None
    if pk is not None and image is None:
        return None
    says = _message(seen.tickets.get(wait.ticket or ""))
    if image is not None and _lacks_slices(wait, image):
        if wait.last_look:
            return None  # it counts as failed already
        words = f"{image.slices} of {wait.slices} slices arrived" + (f"; {says}" if says else "")
        return Verdict(
            ImportFailed(
                *(wait.case, step, wait.socket, words, wait.source),
                arrived=image.slices,
                expected=wait.slices,
            ),
            Evidence.ITEM,
        )
    remark = says if wait.slices is None and wait.bundle else None
    if image is not None and image.slices is None:
        remark = "the platform does not say how many slices arrived"
    confirmed = Confirmed(wait.case, step, wait.socket, held.shown, remark)
    return Verdict(confirmed, Evidence.ITEM)


def _message(ticket: TicketSeen | None) -> str | None:
    """What the platform says about an import, without a full stop; None if nothing."""
    words = ticket.message.strip().rstrip(".") if ticket is not None else ""
    return f"the platform says: {words}" if words else None


# ── what failed ─────────────────────────────────────────────────────────────────────────────


def _failure(  # noqa: PLR0911 - one return for each rule, in the order of their certainty
    wait: Wait, seen: Seen, item: ItemSeen | None, *, refused_after_s: float, rivals: int
) -> _Failure | None:
    """Why the import has failed, if it has for certain."""
    if wait.upload is None:
        return None if item is None else _Failure(_OTHER_VALUE, Evidence.ITEM)
    gone_since = seen.gone_since.get(wait.upload)
    if (ticket := _failed_ticket(wait, seen)) is not None:
        return _Failure(ticket.message or _NO_WORDS, Evidence.TICKET)
    if named := _named_failures(wait, seen):
        return _Failure(_joined(named), Evidence.NAMED_SESSION)
    if gone_since is None:
        silent = not wait.image and _is_refused(wait, seen, refused_after_s)
        return _Failure(_SILENT, Evidence.SILENCE) if silent else None
    if item is None:
        return None
    if seen.now - wait.since > ROW_LIFE_S:
        return _Failure(_CLEANED_UP, Evidence.SILENCE, lost=True)
    unnamed = unnamed_failures(wait, seen)
    if unnamed and (rivals == 1 or len(unnamed) >= rivals):
        also = " (or this is another case's failure: several cases fit)" if rivals > 1 else ""
        return _Failure(_joined(unnamed) + also, Evidence.UNNAMED_SESSION)
    if seen.now - gone_since > _GONE_WITHOUT_VALUE_S:
        return _Failure(_SET_REFUSED if wait.is_set else _NO_VALUE, Evidence.SILENCE)
    if _is_lost(wait, seen, gone_since):
        return _Failure(_SET_REFUSED if wait.is_set else _LOST, Evidence.SILENCE)
    return None


_OTHER_VALUE: Final = "the platform accepted the value but holds a different one"
_SILENT: Final = (
    "the platform kept the file but did not import it, and gives no reason; JSON files have to "
    "match the socket's schema"
)
_CLEANED_UP: Final = "the platform deleted the upload before it was imported"
_NO_VALUE: Final = "the platform received the upload ten minutes ago, but made no value from it"
_LOST: Final = "the platform received the upload before this run began, but made no value from it"
_SET_REFUSED: Final = (
    "the platform accepted the files of the image set but made no image from them, and gives "
    "no reason (usual ones: a file that is not CT, MR or whole slide, or files whose UIDs "
    "differ); --retry-failed sends all of them again"
)
_NO_WORDS: Final = "the import failed, and the platform gives no reason"


def _failed_ticket(wait: Wait, seen: Seen) -> TicketSeen | None:
    """The wait's own ticket, if its import has failed.

    One that failed without a reason found its upload gone. If the fill was repeated, the import of
    the first fill may have taken it, and the value still comes.
    """
    ticket = seen.tickets.get(wait.ticket or "")
    if ticket is None or not ticket.has_failed:
        return None
    may_come = wait.repeated and not ticket.has_reason and wait.upload in seen.gone_since
    return None if may_come else ticket


def _is_lost(wait: Wait, seen: Seen, gone_since: float) -> bool:
    """Whether an import of an earlier run has ended without a trace.

    A session that has not ended may still bring the value.
    """
    ticket = seen.tickets.get(wait.ticket or "")
    has_ended = wait.ticket is None or (ticket is not None and ticket.has_succeeded)
    return (
        has_ended
        and wait.upload in seen.gone_before
        and seen.now - wait.since > _GONE_WITHOUT_VALUE_S
        and seen.now - gone_since >= seen.gone_before_s
    )


def _joined(failures: list[FailedImport]) -> str:
    """All messages that fit, without repetitions."""
    return "; ".join(dict.fromkeys(failure.message for failure in failures))


def _named_failures(wait: Wait, seen: Seen) -> list[FailedImport]:
    """Sessions that name the upload and were not there before the fill."""
    if wait.ticket is not None or wait.is_set:
        return []
    return [
        session
        for session in seen.sessions
        if wait.upload in session.uploads
        and not _is_older(session, wait, seen)
        and (session.has_reason or not wait.repeated)
    ]


def unnamed_failures(wait: Wait, seen: Seen) -> list[FailedImport]:
    """New sessions that name no upload and whose message is about the socket."""
    if wait.ticket is not None or wait.is_set:
        return []
    return [
        session
        for session in seen.sessions
        if may_mean(session, wait) and not _is_older(session, wait, seen)
    ]


def may_mean(session: FailedImport, wait: Wait) -> bool:
    """The session names no upload, but the socket."""
    return not session.uploads and session.names(wait.socket_title)


def _is_older(session: FailedImport, wait: Wait, seen: Seen) -> bool:
    return seen.first_seen.get(session.pk, seen.now) < wait.since


def _is_refused(wait: Wait, seen: Seen, refused_after_s: float) -> bool:
    waited = seen.now - wait.since
    if seen.latest_file > wait.since:
        return waited >= min(refused_after_s, _REFUSED_ONCE_PASSED_S)
    return waited >= refused_after_s


def is_late(wait: Wait, now: float, refused_after_s: float) -> bool:
    """Whether the import takes so long that it may have been refused without a message."""
    return now - wait.since >= min(refused_after_s, _REFUSED_ONCE_PASSED_S)


def exhausted_looks(
    task: Watch, items: Mapping[str, ItemSeen | None], ended: Mapping[Wait, Outcome]
) -> tuple[tuple[str, str], ...]:
    """(case, socket) of the last looks that found nothing new."""
    return tuple(
        (wait.case, wait.socket)
        for wait in task.waits
        if wait.last_look and wait.item in items and wait not in ended
    )
