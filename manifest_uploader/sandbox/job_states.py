"""How algorithm jobs begin and are cancelled, and where their values are."""

from __future__ import annotations

import json
from sqlite3 import Row

from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.store import Store

VALIDATING = "Validating inputs"
CANCELLED = "Cancelled"
FINAL = ("Succeeded", "Failed", CANCELLED)


def outputs_of(job: str) -> str:
    """Return under which name the values of a job's outputs are stored; inputs: under its pk."""
    return f"{job}/outputs"


def find_job(store: Store, pk: str) -> Row | None:
    """Return an algorithm job, or None if this is the pk of something else."""
    return store.row("SELECT * FROM algorithm_jobs WHERE pk = ?", pk)


def has_all_inputs(store: Store, job: Row) -> bool:
    """Return whether all inputs of a job are there."""
    query = "SELECT s.slug FROM vals v JOIN sockets s ON s.pk = v.socket WHERE v.item = ?"
    return {row["slug"] for row in store.rows(query, job["pk"])} >= set(json.loads(job["wanted"]))


def start_when_complete(site: Site, pk: str) -> None:
    """Schedule a job that still validates its inputs if all of them are there."""
    job = find_job(site.store, pk)
    if job is not None and job["status"] == VALIDATING and has_all_inputs(site.store, job):
        site.enqueue_run(job["seq"])


def cancel(site: Site, pk: str) -> None:
    """Cancel a job that waits for an input that will not come."""
    site.store.run(
        "UPDATE algorithm_jobs SET status = ? WHERE pk = ? AND status = ?",
        *(CANCELLED, pk, VALIDATING),
    )
