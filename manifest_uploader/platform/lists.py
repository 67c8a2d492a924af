"""Reads the lists of the API page by page, some pages at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from manifest_uploader.digests import Json
from manifest_uploader.platform.responses import Response, results_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_AT_ONCE: Final = 4
"""Pages of a list that are requested at a time."""
_SHORT_PAGE: Final = 250
"""Shorter pages would cost more than they save. Measured on the platform: a page takes 0.1 s, and
2 ms for each of its items."""


def read_pages(
    client: Client,
    path: str,
    params: Mapping[str, str | int],
    *,
    what: str,
    expected: int,
    limit: int,
) -> Iterator[list[Json]]:
    """Yield the pages of a list, without following its `next`; see `Client.pages`."""
    if expected:
        limit = min(limit, max(_SHORT_PAGE, -(-expected // _AT_ONCE)))
    offset, end, step = 0, max(1, expected), limit
    query = {**params, "limit": limit}
    with client.meter.listing_of(what) as note:
        while True:
            answer: Response | None = None
            for answer in _at_once(client, path, query, range(offset, end, step)):
                results = results_of(answer, path)
                offset += len(results)
                note(offset, answer.fields.get("count"))
                yield results
                if not results:
                    return
            if answer is None or not answer.json.get("next"):
                return
            count = answer.json.get("count")
            end = max(offset + 1, count if isinstance(count, int) else 0)
            step = min(step, offset)  # the platform may give fewer than the limit


def _at_once(
    client: Client, path: str, params: Mapping[str, str | int], offsets: range
) -> Iterator[Response]:
    """The pages that begin at the offsets, in order; a few are under way at a time."""

    def ask(offset: int) -> Response:
        query = {**params, "offset": offset} if offset else params
        return client.call("GET", path, params=query)

    if len(offsets) == 1:
        yield ask(offsets[0])
        return
    waiting: deque[Callable[[], Response]] = deque()
    for offset in offsets:
        waiting.append(client.ahead(partial(ask, offset)))
        if len(waiting) == _AT_ONCE:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()
