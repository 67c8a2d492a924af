"""A request to the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from manifest_uploader.sandbox.answers import invalid, refuse, to_json

API = "/api/v1/"
_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000


@dataclass(frozen=True)
class Request:
    """A request whose body has been read."""

    method: str
    path: str
    query_text: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    """The scheme and host that the client uses."""
    storage: str
    """The scheme and host from which files are downloaded."""
    user: int | None = None
    import_failure: str | None = None
    """The message with which the imports that this request queues fail; None if they do not."""
    job_fails: bool = False
    """Whether the job that this request starts ends as Failed."""
    is_double: bool = False
    """Whether another copy of this request acted at the same time."""

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the query's parameters; the last of several with the same name counts."""
        return dict(parse_qsl(self.query_text, keep_blank_values=True))

    @cached_property
    def data(self) -> dict[str, Any]:
        """Return the body's fields."""
        kind = self.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        if not self.body:
            return {}
        if kind == "application/json":
            return _from_json(self.body)
        if kind == "application/x-www-form-urlencoded":
            fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
            return {key: values[-1] for key, values in fields.items()}
        raise refuse(415, {"detail": f'Unsupported media type "{kind}" in request.'})

    def url(self, path: str) -> str:
        """Return the full address of something in the API."""
        return f"{self.base}{API}{path}"

    @property
    def limit(self) -> int:
        """Return how many results are requested."""
        wanted = self.query.get("limit", "")
        number = int(wanted) if wanted.isascii() and wanted.isdigit() else 0
        return min(number, _MAX_LIMIT) or _DEFAULT_LIMIT

    @property
    def offset(self) -> int:
        """Return how many results to skip."""
        wanted = self.query.get("offset", "")
        return min(int(wanted), 2**62) if wanted.isascii() and wanted.isdigit() else 0

    def page_of(self, count: int, results: list[Any]) -> dict[str, Any]:
        """Return one page of a list with the addresses of the next and previous pages."""
        following = self.offset + self.limit
        before = self.offset - self.limit
        return {
            "count": count,
            "next": self._page(following) if following < count else None,
            "previous": self._page(before) if self.offset > 0 else None,
            "results": results,
        }

    def _page(self, offset: int) -> str:
        query: dict[str, Any] = {**self.query, "limit": self.limit, "offset": offset}
        if offset <= 0:
            del query["offset"]
        return f"{self.base}{self.path}?{urlencode(sorted(query.items()))}"


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise refuse(400, {"detail": f"JSON parse error - {error}"}) from error
    if not isinstance(data, dict):
        words = f"Invalid data. Expected a dictionary, but got {type(data).__name__}."
        raise invalid(non_field_errors=[words])
    return data


def _refuse_constant(name: str) -> float:
    message = f"Out of range float values are not JSON compliant: {name!r}"
    raise ValueError(message)


def is_storable(value: Any) -> bool:
    """Return whether the platform's database can store a JSON value: no NUL, no lone surrogate."""
    try:
        text = to_json(value)
    except UnicodeEncodeError:
        return False
    return b"\\u0000" not in text.replace(b"\\\\", b"")
