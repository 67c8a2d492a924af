"""The platform's answers: JSON, its various forms of errors, and HTML pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

HTML = "text/html; charset=utf-8"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv='Content-Type' content='text/html; charset=utf-8'>
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Grand Challenge</title>
</head>
<body><div class="container"><h1>{title}</h1><p>{text}</p></div></body>
</html>
"""
_NGINX_500 = (
    b"<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n"
    b"<center><h1>500 Internal Server Error</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n"
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """Ends a request with an answer and undoes its changes."""

    def __init__(self, answer: Answer) -> None:
        """Keep the answer for whoever sends it."""
        super().__init__(f"answered {answer.status}")
        self.answer = answer


class Unhandled(Exception):
    """An error that the platform does not handle; it answers with a 500 page."""


def to_json(data: Any) -> bytes:
    """Return compact JSON that is not limited to ASCII, as the platform writes it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def as_json(status: int, data: Any, *headers: tuple[str, str]) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, to_json(data), headers=headers)


def refuse(status: int, data: Any, *headers: tuple[str, str]) -> Refused:
    """Return the exception that makes the request answer with JSON."""
    return Refused(as_json(status, data, *headers))


def invalid(**errors: Any) -> Refused:
    """Return a 400 with errors by field."""
    return refuse(400, errors)


def not_found(model: str = "") -> Refused:
    """Return a 404 for an object of a model, or without a model for a page of the API."""
    detail = f"No {model} matches the given query." if model else "Not found."
    return refuse(404, {"detail": detail})


def page(status: int, title: str, text: str = "") -> Answer:
    """Return one of the site's HTML pages."""
    return Answer(status, _PAGE.format(title=title, text=text).encode(), HTML)


def missing_page() -> Answer:
    """Return the page for an unknown address."""
    return page(404, "Page not found", "The page you were looking for does not exist.")


def forbidden_page() -> Answer:
    """Return the page for a file that the user may not see."""
    return page(403, "403 Forbidden", "You do not have permission to see this.")


def broken_page() -> Answer:
    """Return the page for an unexpected error."""
    return page(500, "Server error", "Something went wrong on our side.")


def too_large() -> Answer:
    """Return the answer of the platform's web server to a body over 16 MiB."""
    return Answer(500, _NGINX_500, "text/html")


def storage_error(status: int, code: str, message: str) -> Answer:
    """Return an error in the form of S3."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message></Error>"
    )
    return Answer(status, body.encode(), "application/xml")
