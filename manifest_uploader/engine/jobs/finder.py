"""Finds the job that a creation started, without starting one.

A job has neither a title nor a creator. It is recognized by what only it can hold: the image of an
upload session that was made for it, or a file with a random part in its name. A job with nothing
but values and existing images is the only one with its inputs, because the platform refuses a
second one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from manifest_uploader.platform.endpoints import is_row_gone, list_items
from manifest_uploader.platform.images import images_named
from manifest_uploader.platform.model import Entry, ItemSeen, Target
from manifest_uploader.platform.responses import PAGE, results_of
from manifest_uploader.platform.sessions import TicketSeen, get_ticket
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Failure, Started

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_NO_WORDS: Final = "the import failed, and the platform gives no reason"


class Found(Struct, frozen=True):
    """The job was started."""

    pk: str


class NotStarted(Struct, frozen=True):
    """Until now, no job was started; what the creation names was not used."""


class StartedSomewhere(Struct, frozen=True):
    """A job was started, or may have been, and cannot be told from others yet."""

    why: str


class CancelledJob(Struct, frozen=True):
    """A job was started and is cancelled, because an image could not be imported."""

    failures: tuple[Failure, ...]


Finding: TypeAlias = Found | NotStarted | StartedSomewhere | CancelledJob


def find_job(client: Client, target: Target, started: Started, owned: Collection[str]) -> Finding:
    """What a look at the platform shows about a creation.

    Args:
        client: sends the requests.
        target: the algorithm.
        started: the creation, as it was recorded before it was sent.
        owned: the pks of jobs that cases have; this one is none of them.

    """
    by_ticket = _by_tickets(client, target, started.entries, owned)
    if by_ticket is not None:
        return by_ticket
    jobs = list(list_items(client, target))
    later = jobs[started.jobs or 0 :]
    if all(entry.digest is not None for entry in started.entries):
        return _by_inputs(jobs, started, owned)
    return _by_names(client, target, later, started.entries, owned)


# ── by the session of an image ──────────────────────────────────────────────────────────────


def _by_tickets(
    client: Client, target: Target, entries: Iterable[Entry], owned: Collection[str]
) -> Finding | None:
    """What the sessions tell: all or none of them were used; None if none is shown."""
    pairs = [(entry, get_ticket(client, entry.ticket)) for entry in entries if entry.ticket]
    shown = [(entry, ticket) for entry, ticket in pairs if ticket is not None]
    if not shown:
        return None
    if not any(ticket.was_used for _, ticket in shown):
        return NotStarted()
    for pk in sorted({pk for _, ticket in shown for pk in ticket.images}):
        found = next((job for job in _with_image(client, target, pk) if job not in owned), None)
        if found is not None:
            return Found(found)
    if failures := tuple(_failure(*one) for one in shown if one[1].has_failed):
        return CancelledJob(failures)
    return StartedSomewhere("a job was started, and its images are being imported")


def _failure(entry: Entry, ticket: TicketSeen) -> Failure:
    return Failure(entry.socket, ticket.message or _NO_WORDS, of_import=True)


def _with_image(client: Client, target: Target, image: str) -> list[str]:
    """The pks of the algorithm's jobs that have an image as input, the oldest first."""
    target_type = type_of(target.kind)
    query = {**target_type.list_query(target), "input_image": image, "limit": PAGE}
    response = client.call("GET", target_type.items_path, params=query)
    seen = map(target_type.read_item, results_of(response, target_type.items_path))
    return [job.pk for job in seen if job is not None]


# ── by inputs, and by names of files ────────────────────────────────────────────────────────


def inputs_key(item: ItemSeen) -> frozenset[tuple[str, str | None]]:
    """What tells whether two jobs have the same inputs, as far as they are shown."""
    return frozenset((slug, held.digest) for slug, held in item.sockets.items())


def entries_key(entries: Iterable[Entry]) -> frozenset[tuple[str, str | None]]:
    """The same of what a creation names."""
    return frozenset((entry.socket, entry.digest) for entry in entries)


def _by_inputs(jobs: list[ItemSeen], started: Started, owned: Collection[str]) -> Finding:
    wanted, others = entries_key(started.entries), {*owned, *started.equal}
    equal = (job.pk for job in jobs if job.pk not in others and inputs_key(job) == wanted)
    found = next(equal, None)
    return NotStarted() if found is None else Found(found)


def _by_names(
    client: Client,
    target: Target,
    later: list[ItemSeen],
    entries: tuple[Entry, ...],
    owned: Collection[str],
) -> Finding:
    """Look for an uploaded file among the inputs of the jobs started since."""
    named = {entry.socket: entry for entry in entries}
    possible = [job for job in later if job.pk not in owned and _may_be(job, named)]
    for job in possible:
        if any(_has_name(job, entry) for entry in entries):
            return Found(job.pk)
    names = [entry.image_name for entry in entries if entry.image_name is not None]
    images = (pk for name in names for pk in images_named(client, name))
    for image in images:
        of_image = (pk for pk in _with_image(client, target, image) if pk not in owned)
        if (pk := next(of_image, None)) is not None:
            return Found(pk)
    uploads = [entry.upload for entry in entries if entry.upload is not None]
    if any(is_row_gone(client, pk) for pk in uploads):
        return StartedSomewhere("a job was started, and its files are being imported")
    if possible:
        return StartedSomewhere(
            "a job that was started at that time does not show its files, so it may be this one"
        )
    return NotStarted()


def _may_be(job: ItemSeen, named: Mapping[str, Entry]) -> bool:
    """Whether nothing that a job shows is another input, and it shows all that is there at once."""
    at_once = {slug for slug, entry in named.items() if entry.digest is not None}
    if not at_once <= job.sockets.keys() <= named.keys():
        return False
    if any(job.sockets[slug].digest != named[slug].digest for slug in at_once):
        return False
    tokens = [
        entry
        for slug, entry in named.items()
        if slug in job.sockets and entry.token is not None and entry.image_name is None
    ]
    return all(_has_name(job, entry) or job.sockets[entry.socket].file is None for entry in tokens)


def _has_name(job: ItemSeen, entry: Entry) -> bool:
    """Whether a job has the file of an entry; its stored name holds the random part."""
    held = job.sockets.get(entry.socket)
    if entry.token is None or held is None or held.file is None:
        return False
    return entry.token in unquote(urlsplit(held.file).path).rpartition("/")[2]
