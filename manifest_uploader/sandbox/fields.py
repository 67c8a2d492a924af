"""Reads fields of requests with the checks and messages of Django REST framework."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

MAX_ORDER = 2147483647


class FieldInvalid(Exception):
    """Holds the platform's messages about a field."""

    def __init__(self, *words: str) -> None:
        """Keep the messages."""
        super().__init__(*words)
        self.words = list(words)


def read_text(value: Any, *, max_length: int, blank: bool = False) -> str:
    """Return a text without leading and trailing whitespace, or raise FieldInvalid."""
    if value is None:
        raise FieldInvalid("This field may not be null.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FieldInvalid("Not a valid string.")
    text = str(value).strip()
    if not text and not blank:
        raise FieldInvalid("This field may not be blank.")
    if len(text) > max_length:
        raise FieldInvalid(f"Ensure this field has no more than {max_length} characters.")
    if "\x00" in text:
        raise FieldInvalid("Null characters are not allowed.")
    for char in text:
        if "\ud800" <= char <= "\udfff":
            raise FieldInvalid(f"Surrogate characters are not allowed: U+{ord(char):X}.")
    return text


def read_integer(value: Any, low: int, high: int) -> int:
    """Return an integer between low and high, or raise FieldInvalid."""
    if value is None:
        raise FieldInvalid("This field may not be null.")
    text = re.sub(r"\.0*\s*$", "", str(value))
    try:
        number = int(text)
    except ValueError:
        raise FieldInvalid("A valid integer is required.") from None
    if number > high:
        raise FieldInvalid(f"Ensure this value is less than or equal to {high}.")
    if number < low:
        raise FieldInvalid(f"Ensure this value is greater than or equal to {low}.")
    return number


def read_link(value: Any, prefix: str) -> str:
    """Return the primary key after the prefix of a link's path, or raise FieldInvalid.

    The scheme and host of the link are ignored.
    """
    if not isinstance(value, str):
        words = f"Incorrect type. Expected URL string, received {type(value).__name__}."
        raise FieldInvalid(words)
    match = re.fullmatch(re.escape(prefix) + r"([^/]+)/", urlsplit(value).path)
    if match is None:
        raise FieldInvalid("Invalid hyperlink - No URL match.")
    return match[1]


def missing_object() -> FieldInvalid:
    """Return the error for a link to an object that does not exist or may not be seen."""
    return FieldInvalid("Invalid hyperlink - Object does not exist.")


def not_a_list(value: Any) -> FieldInvalid:
    """Return the error for a value that should be a list."""
    return FieldInvalid(f'Expected a list of items but got type "{type(value).__name__}".')
