"""Finds the platform's messages in the many shapes of its error answers."""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import Json

_LONGEST: Final = 400
"""Characters of a message that are shown."""

_STATUS_MESSAGES: Final = {
    400: "the platform refused the request (400)",
    401: "the platform does not accept the token (401)",
    403: "the platform does not permit this (403)",
    404: "the platform does not know this object, or you may not see it (404)",
    405: "the platform does not offer this (405)",
    413: "the request is too large for the platform (413)",
}


def sentences_of(body: Json) -> tuple[str, ...]:
    """Every sentence in an error answer, in order, without the names of fields.

    Answers are lists, `{"field": [...]}`, `{"detail": ...}` and any nesting of them; None, which
    stands for an HTML page, has no sentences.
    """
    match body:
        case str():
            return (body[:_LONGEST],) if body.strip() else ()
        case dict():
            return tuple(one for inner in body.values() for one in sentences_of(inner))
        case list():
            return tuple(one for inner in body for one in sentences_of(inner))
        case _:
            return ()


def refusal_message(status: int, body: Json) -> str:
    """One line that says why the platform refused a request; never an HTML page."""
    if sentences := _joined(body):
        return sentences
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return f"the platform had an internal error ({status})"
    return _STATUS_MESSAGES.get(status, f"the platform answered {status}")


def _joined(body: Json) -> str:
    """The sentences of an answer without repetitions; "" if there are none."""
    return "; ".join(dict.fromkeys(sentences_of(body)))[:_LONGEST]


def by_socket(
    body: Json, sockets: tuple[str, ...], *, field: str = "values"
) -> dict[str | None, str]:
    """The message about each socket of a refused fill; None stands for the item itself.

    `field` of the answer is a list in the order of the sent values, with `{}` for valid ones.
    """
    values = body.get(field) if isinstance(body, dict) else None
    if not isinstance(values, list):
        return {None: text} if (text := _joined(body)) else {}
    found: dict[str | None, str] = {
        socket: text
        for socket, entry in zip(sockets, values, strict=False)
        if (text := _joined(entry))
    }
    others = _joined({key: inner for key, inner in body.items() if key != field})
    return found | ({None: others} if others else {})


def is_title_taken(body: Json) -> bool:
    """Whether the title is taken in its reader study or archive."""
    return any("must make a unique set" in sentence for sentence in sentences_of(body))


def is_row_limit(body: Json) -> bool:
    """Whether the account holds too many upload rows."""
    return any("too many uploads" in sentence for sentence in sentences_of(body))


def is_size_limit(body: Json) -> bool:
    """Whether the account holds too many bytes; a complete upload gives the same answer."""
    return any("Upload limit reached" in sentence for sentence in sentences_of(body))


def is_processing_limit(body: Json) -> bool:
    """Whether so many TIFF images of the account are being processed that it has to wait."""
    return any("active image post processing tasks" in sentence for sentence in sentences_of(body))


def is_job_limit(body: Json) -> bool:
    """Whether so many jobs of the account are active that no other one is started."""
    return any("too many active jobs" in sentence for sentence in sentences_of(body))


def is_out_of_credits(body: Json) -> bool:
    """Whether the account has no credits left for a job."""
    return any("run out of algorithm credits" in sentence for sentence in sentences_of(body))


def is_not_ready(body: Json) -> bool:
    """Whether the algorithm has no image that can run."""
    return any("image is not ready" in sentence for sentence in sentences_of(body))


def is_known_result(body: Json) -> bool:
    """Whether the algorithm has a job with these inputs, perhaps somebody else's."""
    return any("A result for these inputs" in sentence for sentence in sentences_of(body))


def is_answered(body: Json) -> bool:
    """Whether the item cannot be changed, because readers have answered questions about it."""
    return any("answers for it already exist" in sentence for sentence in sentences_of(body))


def is_missing_object(body: Json) -> bool:
    """Whether an upload, session or image that the request names does not exist, or was used."""
    return any("Object does not exist" in sentence for sentence in sentences_of(body))
