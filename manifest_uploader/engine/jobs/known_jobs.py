"""The jobs of an algorithm that are there before another one is started."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from manifest_uploader.engine.jobs.finder import entries_key, inputs_key
from manifest_uploader.platform.model import Entry, Target
from manifest_uploader.platform.responses import PAGE, results_of
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


class KnownJobs:
    """The algorithm's jobs, from any thread; the list is the oldest first, and only grows."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client, self._target = client, target
        self._lock = threading.Lock()
        self._count = 0
        self._by_inputs: dict[frozenset[tuple[str, str | None]], list[str]] = {}

    def look(self, entries: Iterable[Entry]) -> tuple[int, tuple[str, ...]]:
        """How many jobs there are now, and the pks of those with the same inputs."""
        with self._lock:
            while self._read_page():
                pass
            return self._count, tuple(self._by_inputs.get(entries_key(entries), ()))

    def _read_page(self) -> bool:
        """Read the next page of jobs not seen before; return whether another one may follow."""
        target_type = type_of(self._target.kind)
        query = {**target_type.list_query(self._target), "limit": PAGE, "offset": self._count}
        answer = self._client.call("GET", target_type.items_path, params=query)
        entries = results_of(answer, target_type.items_path)
        for job in map(target_type.read_item, entries):
            if job is not None:
                self._by_inputs.setdefault(inputs_key(job), []).append(job.pk)
        self._count += len(entries)
        return len(entries) >= PAGE
