"""Runs algorithm jobs: each waits for its inputs, passes through the statuses, and makes outputs.

A job whose inputs never all come stays in "Validating inputs" for ever, as on the platform.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.job_states import VALIDATING, has_all_inputs
from manifest_uploader.sandbox.outputs import OutputImpossible, make_outputs
from manifest_uploader.sandbox.site import Site

_NEXT: Mapping[str, str] = {
    VALIDATING: "Queued",
    "Queued": "Provisioned",
    "Provisioned": "Executing",
    "Executing": "Executed",
    "Executed": "Succeeded",
}


@dataclass(frozen=True)
class Runner:
    """Moves jobs on from status to status."""

    site: Site

    def resume(self) -> None:
        """Queue the jobs that are left from earlier starts."""
        query = "SELECT * FROM algorithm_jobs WHERE status IN (SELECT value FROM json_each(?))"
        for row in self.site.store.rows(query, json.dumps(list(_NEXT))):
            if has_all_inputs(self.site.store, row):
                self.site.queue_run(row["seq"])

    def work(self, number: int) -> None:
        """Move a job on by one status; its outputs all come with the last one."""
        store = self.site.store
        with store.transaction():
            row = store.row("SELECT * FROM algorithm_jobs WHERE seq = ?", number)
            if row is None or row["status"] not in _NEXT:
                return
            status = _NEXT[row["status"]]
            if status == "Succeeded":
                status = self._end(row)
            store.run("UPDATE algorithm_jobs SET status = ? WHERE seq = ?", status, number)
            if status in _NEXT:
                self.site.enqueue_run(number)

    def _end(self, row: Row) -> str:
        """Make a job's outputs; return its last status."""
        if row["fails"] or row["seq"] in self.site.options.failing_jobs or self._is_doomed(row):
            return "Failed"
        try:
            make_outputs(self.site, row)
        except OutputImpossible:
            return "Failed"
        return "Succeeded"

    def _is_doomed(self, row: Row) -> bool:
        """Return whether a hook lets the job fail."""
        on_job = getattr(self.site.options.hook, "on_job", None)
        return on_job is not None and bool(on_job(row["pk"], self._inputs(row)))

    def _inputs(self, row: Row) -> dict[str, Any]:
        """Return a job's inputs by socket: values, names of files, and names of images."""
        query = (
            "SELECT s.slug, v.json, json_extract(v.file, '$.name') AS file,"
            " json_extract(m.facts, '$.name') AS image FROM vals v"
            " JOIN sockets s ON s.pk = v.socket LEFT JOIN images m ON m.pk = v.image"
            " WHERE v.item = ?"
        )
        return {
            found["slug"]: found["image"] or found["file"] or json.loads(found["json"])
            for found in self.site.store.rows(query, row["pk"])
        }
