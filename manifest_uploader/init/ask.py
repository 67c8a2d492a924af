"""Asks the user for missing options and offers what was found as the default answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.options import KINDS, Options, SocketRule, read_socket, slug_of
from manifest_uploader.init.propose import Column, ProposedSocket, to_slug

T = TypeVar("T")

LEAVE_OUT = "-"
"""What the user types to leave something out."""


class Person(Protocol):
    """Someone who can be asked."""

    def tell(self, text: str) -> None:
        """Show text."""

    def ask(self, question: str, default: str = "") -> str:
        """What the person types, or the default; raises UsageError at the end of input."""

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer is not accepted; raises the error if asking again is pointless."""


def ask_until_valid(person: Person, question: str, default: str, read: Callable[[str], T]) -> T:
    """Ask until `read` accepts the answer; return what it makes of it."""
    while True:
        answer = person.ask(question, default)
        try:
            return read(answer)
        except UploaderError as error:
            person.refuse(error)


def ask_target(person: Person, options: Options) -> Options:
    """The options with the target's slug and kind."""
    if options.slug is None:
        question = "Slug of the target (the last word of its page's address)"
        address = ask_until_valid(person, question, "", _checked_address)
        kind = options.kind or _kind_of(address)
        options = replace(options, slug=slug_of(address), kind=kind)
        if kind is None:
            kind = ask_until_valid(
                person, "Is it a reader-study or an archive", KINDS[0], _read_kind
            )
            options = replace(options, kind=kind)
    return options


def _checked_address(text: str) -> str:
    slug_of(text)
    return text


def _kind_of(address: str) -> str | None:
    """The target's kind according to its page's address; None for a bare slug."""
    pages = {"/reader-studies/": KINDS[0], "/archives/": KINDS[1]}
    return next((kind for page, kind in pages.items() if page in address), None)


def _read_kind(text: str) -> str:
    kinds = [kind for kind in KINDS if text and kind.startswith(text.strip().lower())]
    if len(kinds) != 1:
        raise UsageError(f"type {KINDS[0]} or {KINDS[1]}")
    return kinds[0]


def ask_yes(person: Person, question: str) -> bool:
    """Whether the person agrees; Enter means yes."""
    return ask_until_valid(person, question, "yes", _read_yes)


def _read_yes(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("y", "yes", "n", "no"):
        raise UsageError("type yes or no")
    return word.startswith("y")


def ask_sockets(
    person: Person, proposals: Sequence[ProposedSocket], cases: int
) -> Iterator[SocketRule]:
    """Rules for the proposals that the person accepts, with the slugs that they choose."""
    if proposals:
        person.tell(
            "Which socket takes what? Enter takes the slug in [ ], another slug replaces it, "
            f"'{LEAVE_OUT}' leaves it out."
        )
    for proposal in proposals:
        series = f", series '{proposal.rule.series}'" if proposal.rule.series else ""
        what = f"{proposal.rule.pattern}{series} ({proposal.count} of {cases} cases)"
        socket = ask_until_valid(person, f"  {what}", proposal.rule.socket, _read_socket)
        if socket is not None:
            yield replace(proposal.rule, socket=socket)


def _read_socket(text: str) -> str | None:
    return None if text.strip() == LEAVE_OUT else read_socket(text.strip()).socket


def ask_columns(person: Person, columns: Sequence[Column], options: Options) -> Options:
    """The options with the columns that the person wants as title, order or sockets."""
    for column in columns:
        what = f"  column '{column.name}' ({column.kind}, {column.cell_count} filled)"
        if column.role == "title" and options.title is None:
            if ask_yes(person, f"{what}: as the titles that readers see"):
                options = replace(options, title=f"@{column.name}")
            continue
        if column.role == "order" and options.order is None and options.kind != "archive":
            if ask_yes(person, f"{what}: as the order of the readers' worklist"):
                options = replace(options, order=column.name)
            continue
        socket = ask_until_valid(person, what, to_slug(column.name) or LEAVE_OUT, _read_socket)
        if socket is not None:
            rule = SocketRule(socket, column=column.name)
            options = replace(options, sockets=(*options.sockets, rule))
    return options
