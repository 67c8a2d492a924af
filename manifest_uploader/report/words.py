"""The words and colours for where cases and their values stand."""

from __future__ import annotations

from typing import Final

from manifest_uploader.state.standing import Standing

_VALUES: Final = {
    "uploaded": "uploading",
    "waiting": "importing",
    "confirmed": "done",
    "lost": "failed",
    "gone": "deleted",
}
ORDER: Final = (
    *("failed", "deleted", "unconfirmed", "changed", "importing", "uploading", "new", "done"),
)
"""All words, those first that need a person's attention."""
TROUBLE: Final = frozenset({"failed", "deleted", "unconfirmed"})
"""The states in which a case needs a person's attention."""
_MOODS: Final = {"done": "good", "failed": "bad", "deleted": "bad", "unconfirmed": "warn"}


def state_word(standing: Standing) -> str:
    """The word for where a case stands."""
    return standing.value


def value_word(standing: str) -> str:
    """The word for where a value stands."""
    return _VALUES.get(standing, standing)


def mood(word: str) -> str:
    """`good`, `bad`, `warn` or `wait`: the class that gives a word its colour."""
    return _MOODS.get(word, "wait")


def sentence(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
