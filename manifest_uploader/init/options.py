"""What a person asked `uploader init` for, and the command line that says the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from manifest_uploader.errors import UsageError
from manifest_uploader.text import did_you_mean, quoted

KINDS: Final = ("reader-study", "archive")
NO_SLUG: Final = "SLUG"
"""Stands in a proposed command for what only the person knows."""
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]+")
_SOCKET: Final = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall come into one socket."""

    socket: str
    pattern: str = ""
    """Of files, relative to the case; empty: the file that is the case, or the column."""
    column: str | None = None
    """Of the table."""
    series: str | None = None
    """A pattern that the series' description fits; None: there is only one series."""


@dataclass(frozen=True, slots=True)
class Options:
    """The whole command line; what is empty or None was not given."""

    folder: str
    output: str = "manifest.yaml"
    kind: str | None = None
    slug: str | None = None
    each: str | None = None
    sockets: tuple[Wanted, ...] = ()
    recalled: frozenset[str] = frozenset()
    """Those of the sockets that only the head of the manifest names."""
    table: str | None = None
    keys: tuple[str, ...] = ()
    sheet: str | None = None
    decimal_comma: bool = False
    title: str | None = None
    order: str | None = None
    check_series: bool = True
    force: bool = False
    update: bool = False
    verbose: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """What has to be known and was not given."""
        given = {"--slug": self.slug, "--each": self.each, "--socket": self.sockets}
        missing = [name for name, value in given.items() if not value]
        return (*missing, *(["--key"] if self.table and not self.keys else []))


def read_socket(text: str) -> Wanted:
    """`ct-image=ct/*.dcm`, `some-score=@score`, or `ct-image` alone: the file that is the case.

    Raises:
        UsageError: it is none of these.

    """
    socket, equals, what = text.partition("=")
    socket, what = socket.strip(), what.strip()
    if not _SOCKET.fullmatch(socket):
        like = re.sub("[^a-z0-9_-]+", "-", socket.lower()).strip("-")
        hint = f"write {quoted(like)}?" if like else 'as in --socket "ct-image=ct/*.dcm"'
        raise UsageError(f"{quoted(socket)} is not the slug of a socket", hint=hint)
    if equals and not what:
        raise UsageError(
            f"--socket {quoted(text)} does not say which files",
            hint=f'as in --socket "{socket}=ct/*.dcm", or --socket "{socket}=@column"',
        )
    if what.startswith("@"):
        return Wanted(socket, column=what[1:].strip())
    return Wanted(socket, _tidy(what))


def _tidy(pattern: str) -> str:
    """The pattern of files without a `./` before it or a `/` behind."""
    if "\\" in pattern:
        hint = f"write it with '/': {quoted(pattern.replace(chr(92), '/'))}"
        raise UsageError(f"{quoted(pattern)} has backslashes", hint=hint)
    if pattern.startswith("/") or ".." in pattern.split("/"):
        hint = "write it relative to the case: what lies in its folder"
        raise UsageError(f"{quoted(pattern)} leads out of the case", hint=hint)
    return "/".join(part for part in pattern.split("/") if part not in ("", "."))


def read_column(text: str, option: str) -> str:
    """The column of `--order @rank`; raises UsageError if there is no `@`."""
    if not text.startswith("@") or not text[1:].strip():
        hint = f"write --{option} @{text}" if text else f"as in --{option} @rank"
        raise UsageError(f"--{option} names a column of the table with an '@'", hint=hint)
    return text[1:].strip()


def choose_series(sockets: tuple[Wanted, ...], chosen: list[str]) -> tuple[Wanted, ...]:
    """The sockets with the series that `--series SOCKET=DESCRIPTION` names for them.

    Raises:
        UsageError: there is no such socket.

    """
    named = dict(_series_choice(text) for text in chosen)
    known = [one.socket for one in sockets if one.column is None]
    for socket in named:
        if socket not in known:
            hint = did_you_mean(socket, known) or 'as in --series "ct-image=*thorax*"'
            raise UsageError(f"--series names no socket: {quoted(socket)}", hint=hint)
    return tuple(
        Wanted(one.socket, one.pattern, one.column, named.get(one.socket)) for one in sockets
    )


def _series_choice(text: str) -> tuple[str, str]:
    socket, _, description = text.partition("=")
    return socket.strip(), description.strip() or "*"


def slug_of(text: str) -> str:
    """The slug in what a person typed: the slug itself, or the page's address.

    Raises:
        UsageError: there is none in it.

    """
    address = re.search(r"/(?:reader-studies|archives)/([A-Za-z0-9_-]+)", text)
    slug = address[1] if address else text.strip()
    if not _SLUG.fullmatch(slug):
        hint = "write the last word of the page's address, such as 'lung-nodules'"
        raise UsageError(f"{quoted(text)} is not a slug", hint=hint)
    return slug


def words_of(options: Options) -> list[str]:
    """The command line without asking, word by word, for who runs it again or with `--update`."""
    words = ["uploader", "init", options.folder]
    words += ["--slug", options.slug or NO_SLUG, "--kind", options.kind or KINDS[0]]
    for name, value in _with_values(options):
        if value:
            words += [name, value]
    if options.decimal_comma:
        words.append("--decimal-comma")
    if not options.check_series:
        words.append("--no-series-check")
    return words


def _with_values(options: Options) -> Iterator[tuple[str, str | None]]:
    yield "--each", options.each
    for one in options.sockets:
        yield "--socket", f"{one.socket}={_source(one)}" if _source(one) else one.socket
    for one in options.sockets:
        yield "--series", one.series and f"{one.socket}={one.series}"
    yield "--table", options.table
    yield "--sheet", options.sheet
    for key in options.keys:
        yield "--key", key
    yield "--title", options.title
    yield "--order", options.order and f"@{options.order}"
    yield "--output", None if options.output == "manifest.yaml" else options.output


def _source(wanted: Wanted) -> str:
    return wanted.pattern if wanted.column is None else f"@{wanted.column}"
