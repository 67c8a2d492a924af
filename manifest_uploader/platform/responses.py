"""How a request to the platform can end: with an answer, or without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from manifest_uploader.digests import Json
from manifest_uploader.errors import PlatformRefused

PAGE: Final = 1000
"""Grand Challenge: lists give at most 1,000 entries a page."""


class ResponseLost(Exception):
    """The request may have acted: its answer never came, or was a server error."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Interrupted(Exception):
    """The run is being stopped while a request waited for its next try."""


class Response(Struct, frozen=True):
    """An HTTP answer for the caller to judge; what is tried again never gets here."""

    status: int
    json: Json = None
    """The parsed body; None if it is not JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """The beginning of storage's XML; empty in the platform's answers."""

    @property
    def ok(self) -> bool:
        """The status says success."""
        return self.status < 300  # noqa: PLR2004 - the class of successes

    @property
    def fields(self) -> Mapping[str, Json]:
        """The fields of the body; empty if it is not an object."""
        return self.json if isinstance(self.json, dict) else {}


def results_of(answer: Response, path: str) -> list[Json]:
    """The results on one page of a list.

    Raises:
        PlatformRefused: the answer is not such a page.

    """
    results = answer.json.get("results") if isinstance(answer.json, dict) else None
    if not answer.ok or not isinstance(results, list):
        raise PlatformRefused(
            f"the platform did not list {path.strip('/')}: "
            f"{first_words(answer.json) or answer.status}",
            hint="is the platform's address right (it ends with /api/v1/)?",
        )
    return results


def first_words(body: Json) -> str:
    """The `detail` of an error answer, at most 200 characters."""
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])[:200]
    return "no reason given"
