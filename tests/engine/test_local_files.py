from __future__ import annotations

import os
import time
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from manifest_uploader.engine.local_files import LocalFiles
from manifest_uploader.engine.looks.cache import Cache
from manifest_uploader.engine.looks.pool import Pool
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.value_facts import content
from manifest_uploader.manifest.model import Identifiable
from manifest_uploader.plan.value_look import ValueLook
from tests.e2e.data import mha
from tests.helpers import file_value


class Workers(Pool):
    """Answers once everything that can be asked at a time was asked."""

    def __init__(self, expected: int) -> None:
        super().__init__(quick=False)
        self._expected = expected
        self._asked: list[tuple[Source, Future[str]]] = []

    def digest(self, source: Source) -> Future[str]:
        future: Future[str] = Future()
        self._asked.append((source, future))
        if len(self._asked) == self._expected:
            for one, waiting in self._asked:
                waiting.set_result(content(one))
        return future


def test_workers_hash_many_values_at_a_time_although_their_looks_are_known(tmp_path: Path) -> None:
    values = [("case", file_value(f"image-{number}")) for number in range(3)]
    root = Root(tmp_path, follow_links=False)
    cache = Cache(tmp_path / "looks.jsonl", ValueLook, rules="")
    for number, (_, value) in enumerate(values):
        path = tmp_path / value.paths[0]
        path.write_bytes(mha(number))
        os.utime(path, (1e9, 1e9))
    end = time.monotonic() + 10

    def inspected(pool: Pool) -> list[str | None]:
        local = LocalFiles(
            root,
            sockets={},
            online=False,
            identifiable=Identifiable(),
            cache=cache,
            pool=pool,
            checksum=True,
            tell=lambda _: None,
            stopping=lambda: time.monotonic() > end,
        )
        facts = [found.facts for found in local.inspect(values, {})]
        return [one.content for one in facts if one is not None]

    with closing(cache), closing(Pool(quick=False)) as pool:
        here = inspected(pool)
        assert (len(here), here) == (3, inspected(Workers(3)))
