"""Algorithm jobs with the whole values of their outputs, which `ItemSeen` does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.platform.endpoints import ItemHidden, count_items
from manifest_uploader.platform.items import read_job, slug_of
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_LISTED_FOR_ONE: Final = 20
"""Measured on the platform: one job takes 0.04 s, a list 2 ms for each of its jobs."""
_GONE: Final = 404


class OutputValue(Struct, frozen=True):
    """An output of a job that is a JSON value."""

    value: Json
    name: str
    """Of the file that the algorithm wrote."""


class JobSeen(Struct, frozen=True):
    """A job as the platform shows it."""

    item: ItemSeen
    values: Mapping[str, OutputValue]
    """By socket; without the outputs that are files or images."""


def jobs_of(client: Client, target: Target, pks: set[str]) -> dict[str, JobSeen]:
    """The given jobs, by pk; without those that the platform does not have, or not show.

    The list holds the jobs of others, too, so it is read only if it is not much longer.

    Raises:
        ItemHidden: an answer shows neither a job nor that there is none.

    """
    found: dict[str, JobSeen] = {}
    held = count_items(client, target) if len(pks) > 1 else 0
    if len(pks) > 1 + held / _LISTED_FOR_ONE:
        found = {job.item.pk: job for job in _listed(client, target, held) if job.item.pk in pks}
    left = sorted(pks - found.keys())
    for ask in [client.ahead(partial(_one, client, target, pk)) for pk in left]:
        if (job := ask()) is not None:
            found[job.item.pk] = job
    return found


def _listed(client: Client, target: Target, held: int) -> Iterator[JobSeen]:
    target_type = type_of(target.kind)
    limit, query = target_type.page_size, target_type.list_query(target)
    path = target_type.items_path
    for page in client.pages(path, "jobs", expected=held, limit=limit, **query):
        yield from (job for entry in page if (job := read_job_seen(entry)) is not None)


def _one(client: Client, target: Target, pk: str) -> JobSeen | None:
    answer = client.get(f"{type_of(target.kind).items_path}{pk}/")
    if answer.status == _GONE:
        return None
    job = read_job_seen(answer.json) if answer.ok else None
    if job is None:
        raise ItemHidden(
            f"the platform does not show the job {pk} ({answer.status})", hint="try again later"
        )
    return job


def read_job_seen(answer: Json) -> JobSeen | None:
    """The job in an answer; None if the answer is not a job."""
    item = read_job(answer)
    if item is None or not isinstance(answer, dict):
        return None
    listed = answer.get("outputs")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    values: dict[str, OutputValue] = {}
    for one in entries:
        slug = slug_of(one)
        if slug is not None and slug in item.outputs and one.get("value") is not None:
            values[slug] = OutputValue(one["value"], _name(one, slug))
    return JobSeen(item, values)


def _name(entry: dict[str, Json], slug: str) -> str:
    socket = entry.get("interface") or entry.get("socket")
    path = socket.get("relative_path") if isinstance(socket, dict) else None
    return (path.rpartition("/")[2] if isinstance(path, str) else "") or f"{slug}.json"
