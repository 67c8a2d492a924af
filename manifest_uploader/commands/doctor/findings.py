"""What a check finds."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from manifest_uploader.errors import UploaderError


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Nothing is in the way; there is something to know."""
    WRONG = "wrong"
    SKIPPED = "skipped"
    """It could not be tried, because another check failed."""


class Finding(Struct, frozen=True):
    """What one check found."""

    topic: str
    """One or two words: `clock`, `open files`."""
    verdict: Verdict
    words: str
    remedy: str | None = None
    """What to do; None if it is right."""


def ok(topic: str, words: str) -> Finding:
    """A check that ended well."""
    return Finding(topic, Verdict.OK, words)


def note(topic: str, words: str, remedy: str | None) -> Finding:
    """A check that found something to know."""
    return Finding(topic, Verdict.NOTE, words, remedy)


def wrong(topic: str, words: str, remedy: str | None) -> Finding:
    """A check that found something in the way of an upload."""
    return Finding(topic, Verdict.WRONG, words, remedy)


def skipped(topic: str, words: str) -> Finding:
    """A check that could not be tried."""
    return Finding(topic, Verdict.SKIPPED, words)


def failed(topic: str, error: UploaderError) -> Finding:
    """A check that ended with an error."""
    return wrong(topic, error.message, error.hint)
