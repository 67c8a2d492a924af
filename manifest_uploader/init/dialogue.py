"""Asks a person one question after another, with help and a way back.

A talk is a function that asks whatever it needs. To go back, the last answer is forgotten and the
talk begins anew, with the answers that are left given silently: so every question has a way back,
and no talk needs to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from manifest_uploader.errors import UploaderError
from manifest_uploader.text import block

T = TypeVar("T")

HELP: Final = "?"
BACK: Final = "<"


class Question(Struct, frozen=True):
    """Something to ask."""

    text: str
    default: str = ""
    """What Enter answers; empty: there has to be an answer."""
    help: tuple[str, ...] = ()
    """Lines that `?` shows."""
    for_proposals: str = ""
    """What is answered where nobody can be asked; empty: the default."""
    about: str = ""
    """What tells it from other questions with the same text."""

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same question, whatever its default."""
        return self.text, self.about


class Person(Protocol):
    """Someone who can be asked."""

    def tell(self, text: str) -> None:
        """Show text."""

    def ask(self, question: Question) -> str:
        """What the person types, or the default; raises UsageError at the end of input."""

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer is not accepted; raises the error if asking again is pointless."""


def ask_until_valid(person: Person, question: Question, read: Callable[[str], T]) -> T:
    """Ask until `read` accepts the answer; return what it makes of it."""
    while True:
        answer = person.ask(question)
        try:
            return read(answer)
        except UploaderError as error:
            person.refuse(error)


class _GoneBack(Exception):
    """The person wants to change the answer before."""


class Dialogue:
    """A talk with a person who may go back."""

    def __init__(self, person: Person) -> None:
        self._person: Final = person
        self._answers: list[tuple[Question, str]] = []
        self._place = 0
        """How many of the answers this round of the talk has used."""
        self._typed: dict[tuple[str, str], str] = {}
        """What was answered before going back, by question: Enter takes it again."""

    def hold(self, talk: Callable[[Person], T]) -> T:
        """What a talk comes to."""
        while True:
            self._place = 0
            try:
                return talk(self)
            except _GoneBack:
                if self._answers:
                    question, answer = self._answers.pop()
                    self._typed[question.key] = answer
                else:
                    self._person.tell("This is the first question.")

    def tell(self, text: str) -> None:
        """Show text, unless it was shown before."""
        if self._place == len(self._answers):
            self._person.tell(text)

    def ask(self, question: Question) -> str:
        """The answer: the one given before, or a new one."""
        if self._place == len(self._answers):
            self._answers.append((question, self._new_answer(question)))
        self._place += 1
        return self._answers[self._place - 1][1]

    def refuse(self, error: UploaderError) -> None:
        """Say why the last answer is not accepted, and forget it and what followed."""
        self._place -= 1
        del self._answers[self._place :]
        self._person.refuse(error)

    def _new_answer(self, question: Question) -> str:
        default = self._typed.get(question.key, question.default)
        while True:
            answer = self._person.ask(Question(question.text, default, question.help))
            if answer == BACK:
                raise _GoneBack
            if answer == "":
                self._person.tell(f"There is no default: type an answer, {HELP} for help.")
                continue
            if answer != HELP:
                self._typed.pop(question.key, None)
                return answer
            self._person.tell(block(*(f"  {line}" for line in question.help), *_GENERAL_HELP))


_GENERAL_HELP: Final = (f"  Enter takes what is in [ ], {BACK} goes back, Ctrl-C stops.",)


class Memory:
    """Keeps what was looked up, because a talk that goes back looks for it again."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def recall(self, key: Hashable, look: Callable[[], T]) -> T:
        """What `look` returned for this key; errors are not kept."""
        if key not in self._known:
            self._known[key] = look()
        found: T = self._known[key]
        return found
