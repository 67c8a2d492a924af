"""The words and colours for where cases and their values stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from manifest_uploader.output.status_lines import word_of
from manifest_uploader.state.history import SocketStanding
from manifest_uploader.state.standing import Standing

_FILLED: Final[Mapping[SocketStanding, Standing]] = {
    "waiting": Standing.IMPORTING,
    "confirmed": Standing.DONE,
    "failed": Standing.FAILED,
    "lost": Standing.FAILED,
}
ORDER: Final = (
    Standing.FAILED,
    Standing.DELETED,
    Standing.UNCONFIRMED,
    Standing.CHANGED,
    Standing.IMPORTING,
    Standing.UPLOADING,
    Standing.NEW,
    Standing.DONE,
)
"""All standings, those first that need a person's attention."""
TROUBLE: Final = frozenset({Standing.FAILED, Standing.DELETED, Standing.UNCONFIRMED})
"""The standings in which a case needs a person's attention."""
_MOODS: Final = {
    Standing.DONE: "good",
    Standing.FAILED: "bad",
    Standing.DELETED: "bad",
    Standing.UNCONFIRMED: "warn",
}


def value_standing(standing: SocketStanding) -> Standing:
    """Where a value stands that was put into its socket."""
    return _FILLED[standing]


def case_words(*, jobs: bool) -> Mapping[Standing, str]:
    """What cases are called by where they stand; with `jobs`, cases that are jobs."""
    return {one: word_of(one, jobs=jobs) for one in ORDER}


def mood(standing: Standing) -> str:
    """`good`, `bad`, `warn` or `wait`: the class that gives a word its colour."""
    return _MOODS.get(standing, "wait")


def sentence(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
