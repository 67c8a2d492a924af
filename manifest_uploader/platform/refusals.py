"""The platform's own words, found in the many shapes of its error answers."""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import Json

_LONGEST: Final = 400
"""Characters of the platform's words that are shown."""

_STATUS_WORDS: Final = {
    400: "the platform refused the request (400)",
    401: "the platform does not accept the token (401)",
    403: "the platform does not permit this (403)",
    404: "the platform does not know this object, or you may not see it (404)",
    405: "the platform does not offer this (405)",
    413: "the request is too large for the platform (413)",
}


def said(body: Json) -> tuple[str, ...]:
    """Every sentence in an error answer, in order, without the names of fields.

    The shapes are lists, `{"field": [...]}`, `{"detail": ...}` and any nesting of them;
    an HTML page comes here as None and says nothing.
    """
    match body:
        case str():
            return (body[:_LONGEST],) if body.strip() else ()
        case dict():
            return tuple(word for inner in body.values() for word in said(inner))
        case list():
            return tuple(word for inner in body for word in said(inner))
        case _:
            return ()


def words(status: int, body: Json) -> str:
    """One line that says what an answer refuses; never an HTML page."""
    if sentences := _joined(body):
        return sentences
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return f"the platform had an internal error ({status})"
    return _STATUS_WORDS.get(status, f"the platform answered {status}")


def _joined(body: Json) -> str:
    """The sentences of an answer, each once; "" where it says nothing."""
    return "; ".join(dict.fromkeys(said(body)))[:_LONGEST]


def by_socket(body: Json, sockets: tuple[str, ...]) -> dict[str | None, str]:
    """The words about each socket of a fill, None for those about the item itself.

    `values` in a refused fill is a list in the order of the sent values, `{}` where one is good.
    """
    values = body.get("values") if isinstance(body, dict) else None
    if not isinstance(values, list):
        return {None: text} if (text := _joined(body)) else {}
    found: dict[str | None, str] = {
        socket: text
        for socket, entry in zip(sockets, values, strict=False)
        if (text := _joined(entry))
    }
    others = _joined({key: inner for key, inner in body.items() if key != "values"})
    return found | ({None: others} if others else {})


def is_title_taken(body: Json) -> bool:
    """The answer says that a title must be unique in its reader study or archive."""
    return any("must make a unique set" in sentence for sentence in said(body))


def is_row_limit(body: Json) -> bool:
    """The answer says that the account holds too many upload rows."""
    return any("too many uploads" in sentence for sentence in said(body))


def is_size_limit(body: Json) -> bool:
    """The answer says `Upload limit reached`: too many bytes, or an upload that is complete."""
    return any("Upload limit reached" in sentence for sentence in said(body))


def is_missing_object(body: Json) -> bool:
    """The answer says that an upload or image it was pointed to does not exist."""
    return any("Object does not exist" in sentence for sentence in said(body))
