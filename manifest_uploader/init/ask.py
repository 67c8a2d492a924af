"""Asks a person on a terminal for what was not given, with what was found as the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.options import KINDS, Options, Wanted, read_socket, slug_of
from manifest_uploader.init.propose import Column, Slot, slugged

T = TypeVar("T")

NONE = "-"
"""What a person types to leave something out."""


class Person(Protocol):
    """Somebody who reads and types."""

    def tell(self, text: str) -> None:
        """Show lines of text."""

    def ask(self, question: str, default: str = "") -> str:
        """What is typed, or the default; raises UsageError where nothing more comes."""

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer cannot be; raises it where nobody would answer otherwise."""


def until_right(person: Person, question: str, default: str, read: Callable[[str], T]) -> T:
    """Ask until the answer can be read."""
    while True:
        answer = person.ask(question, default)
        try:
            return read(answer)
        except UploaderError as error:
            person.refuse(error)


def ask_target(person: Person, options: Options) -> Options:
    """The options with a slug and a kind."""
    if options.slug is None:
        question = "Slug of the target (the last word of its page's address)"
        address = until_right(person, question, "", _address)
        kind = options.kind or _kind_of(address)
        options = replace(options, slug=slug_of(address), kind=kind)
        if kind is None:
            kind = until_right(person, "Is it a reader-study or an archive", KINDS[0], _kind)
            options = replace(options, kind=kind)
    return options


def _address(text: str) -> str:
    slug_of(text)
    return text


def _kind_of(address: str) -> str | None:
    """What the page's address tells; None for a mere slug."""
    pages = {"/reader-studies/": KINDS[0], "/archives/": KINDS[1]}
    return next((kind for page, kind in pages.items() if page in address), None)


def _kind(text: str) -> str:
    meant = [kind for kind in KINDS if text and kind.startswith(text.strip().lower())]
    if len(meant) != 1:
        raise UsageError(f"type {KINDS[0]} or {KINDS[1]}")
    return meant[0]


def ask_yes(person: Person, question: str) -> bool:
    """Whether the person agrees; Enter is yes."""
    return until_right(person, question, "yes", _yes)


def _yes(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("y", "yes", "n", "no"):
        raise UsageError("type yes or no")
    return word.startswith("y")


def ask_sockets(person: Person, slots: Sequence[Slot], cases: int) -> Iterator[Wanted]:
    """The sockets for what the cases have."""
    if slots:
        person.tell(
            "Which socket takes what? Enter takes the slug in [ ], another slug replaces it, "
            f"'{NONE}' leaves it out."
        )
    for slot in slots:
        series = f", series '{slot.wanted.series}'" if slot.wanted.series else ""
        what = f"{slot.wanted.pattern}{series} ({slot.count} of {cases} cases)"
        socket = until_right(person, f"  {what}", slot.wanted.socket, _socket)
        if socket is not None:
            yield replace(slot.wanted, socket=socket)


def _socket(text: str) -> str | None:
    return None if text.strip() == NONE else read_socket(text.strip()).socket


def ask_columns(person: Person, columns: Sequence[Column], options: Options) -> Options:
    """The options with what the columns of the table are for."""
    for column in columns:
        what = f"  column '{column.name}' ({column.kind}, {column.filled} filled)"
        if column.role == "title" and options.title is None:
            if ask_yes(person, f"{what}: as the titles that readers see"):
                options = replace(options, title=f"@{column.name}")
            continue
        if column.role == "order" and options.order is None and options.kind != "archive":
            if ask_yes(person, f"{what}: as the order of the readers' worklist"):
                options = replace(options, order=column.name)
            continue
        socket = until_right(person, what, slugged(column.name) or NONE, _socket)
        if socket is not None:
            wanted = Wanted(socket, column=column.name)
            options = replace(options, sockets=(*options.sockets, wanted))
    return options
