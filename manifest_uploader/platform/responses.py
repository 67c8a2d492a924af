"""The outcomes of a request: a response, a lost response, or an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from manifest_uploader.digests import Json
from manifest_uploader.errors import PlatformRefused

PAGE: Final = 1000
"""Grand Challenge: a page of a list has at most 1,000 entries."""


class ResponseLost(Exception):
    """The request may have taken effect: there was no answer, or a server error."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Interrupted(Exception):
    """The run is being stopped, or the client was closed, before a request had an answer."""


class Response(Struct, frozen=True):
    """An HTTP answer to act on; connection failures and temporary 5xx were retried before."""

    status: int
    json: Json = None
    """The parsed body; None if it is not JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """The start of storage's XML; empty for answers of the API."""
    again: bool = False
    """The request was sent before without an answer, and that one may still take effect."""

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status < 300  # noqa: PLR2004 - the class of successes

    @property
    def fields(self) -> Mapping[str, Json]:
        """The fields of the body; empty if it is not an object."""
        return self.json if isinstance(self.json, dict) else {}


def results_of(answer: Response, path: str) -> list[Json]:
    """The entries on one page of a list.

    Raises:
        PlatformRefused: the answer is not a list.

    """
    results = answer.fields.get("results")
    if not answer.ok or not isinstance(results, list):
        raise PlatformRefused(
            f"the platform did not list {path.strip('/')}: {detail_of(answer.json)}",
            hint="is the platform's address right (it ends with /api/v1/)?",
        )
    return results


def detail_of(body: Json) -> str:
    """The `detail` of an error answer, or `no reason given`."""
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])[:200]
    return "no reason given"
