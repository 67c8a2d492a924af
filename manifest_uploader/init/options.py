"""The options of `uploader init`, and the command line that stands for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from manifest_uploader.errors import UsageError
from manifest_uploader.text import did_you_mean, quoted

KINDS: Final = ("reader-study", "archive")
NO_SLUG: Final = "SLUG"
"""A placeholder in a proposed command."""
LARGEST: Final = "@largest"
"""Stands for the series with the most slices."""
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]+")
_SOCKET: Final = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class SocketRule:
    """Says where the value of one socket comes from."""

    socket: str
    pattern: str = ""
    """Of files, relative to the case; empty for a column, and for a case that is the file."""
    column: str | None = None
    """Of the table."""
    series: str | None = None
    """A pattern for the description of the DICOM series, or LARGEST; None if there is only one."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line; empty values and None stand for options that were not given."""

    folder: str
    output: str = "manifest.yaml"
    kind: str | None = None
    slug: str | None = None
    each: str | None = None
    sockets: tuple[SocketRule, ...] = ()
    table: str | None = None
    keys: tuple[str, ...] = ()
    sheet: str | None = None
    decimal_comma: bool = False
    encoding: str | None = None
    """Of the table; None: UTF-8."""
    match_numbers: bool = False
    """A row whose key is 7 is that of the case 007."""
    title: str | None = None
    order: str | None = None
    check_series: bool = True
    explicit: bool = False
    """Write an entry for each case."""
    force: bool = False
    verbose: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The required options that were not given."""
        required = {"--slug": self.slug, "--each": self.each, "--socket": self.sockets}
        missing = [name for name, value in required.items() if not value]
        return (*missing, *(["--key"] if self.table and not self.keys else []))


def read_socket(text: str) -> SocketRule:
    """Read `ct-image=ct/*.dcm`, `some-score=@score`, or `ct-image` for a case that is a file.

    Raises:
        UsageError: the text is none of these.

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
        return SocketRule(socket, column=what[1:].strip())
    return SocketRule(socket, _tidy(what))


def _tidy(pattern: str) -> str:
    """The pattern without a leading `./` or a trailing `/`."""
    if "\\" in pattern:
        hint = f"write it with '/': {quoted(pattern.replace(chr(92), '/'))}"
        raise UsageError(f"{quoted(pattern)} has backslashes", hint=hint)
    if pattern.startswith("/") or ".." in pattern.split("/"):
        hint = "write it relative to the case: what lies in its folder"
        raise UsageError(f"{quoted(pattern)} leads out of the case", hint=hint)
    return "/".join(part for part in pattern.split("/") if part not in ("", "."))


def read_column(text: str, option: str) -> str:
    """The column in `--order @rank`; raises UsageError if the `@` is missing."""
    if not text.startswith("@") or not text[1:].strip():
        hint = f"write --{option} @{text}" if text else f"as in --{option} @rank"
        raise UsageError(f"--{option} names a column of the table with an '@'", hint=hint)
    return text[1:].strip()


def choose_series(sockets: tuple[SocketRule, ...], chosen: list[str]) -> tuple[SocketRule, ...]:
    """Add the series of `--series SOCKET=DESCRIPTION` to the rules of the sockets.

    Raises:
        UsageError: no rule for files has such a socket.

    """
    named = dict(_series_choice(text) for text in chosen)
    known = [one.socket for one in sockets if one.column is None]
    for socket in named:
        if socket not in known:
            hint = did_you_mean(socket, known) or 'as in --series "ct-image=*thorax*"'
            raise UsageError(f"--series names no socket: {quoted(socket)}", hint=hint)
    return tuple(
        SocketRule(one.socket, one.pattern, one.column, named.get(one.socket)) for one in sockets
    )


def _series_choice(text: str) -> tuple[str, str]:
    socket, _, description = text.partition("=")
    return socket.strip(), description.strip() or "*"


def slug_of(text: str) -> str:
    """The slug in a text that is the slug itself or the address of the target's page.

    Raises:
        UsageError: the text has no slug.

    """
    address = re.search(r"/(?:reader-studies|archives)/([A-Za-z0-9_-]+)", text)
    slug = address[1] if address else text.strip()
    if not _SLUG.fullmatch(slug):
        hint = "write the last part of the page's URL, such as 'lung-nodules'"
        raise UsageError(f"{quoted(text)} is not a slug", hint=hint)
    return slug


def words_of(options: Options) -> list[str]:
    """The words of the command line that gives these options without asking."""
    words = ["uploader", "init", options.folder]
    words += ["--slug", options.slug or NO_SLUG, "--kind", options.kind or KINDS[0]]
    for name, value in _options_with_values(options):
        if value:
            words += [name, value]
    if options.decimal_comma:
        words.append("--decimal-comma")
    if options.match_numbers:
        words.append("--match-numbers")
    if not options.check_series:
        words.append("--no-series-check")
    if options.explicit:
        words.append("--explicit")
    return words


def _options_with_values(options: Options) -> Iterator[tuple[str, str | None]]:
    yield "--each", options.each
    for rule in options.sockets:
        source = rule.pattern if rule.column is None else f"@{rule.column}"
        yield "--socket", f"{rule.socket}={source}" if source else rule.socket
    for rule in options.sockets:
        yield "--series", rule.series and f"{rule.socket}={rule.series}"
    yield "--table", options.table
    yield "--sheet", options.sheet
    yield "--encoding", options.encoding
    for key in options.keys:
        yield "--key", key
    yield "--title", options.title
    yield "--order", options.order and f"@{options.order}"
    yield "--output", None if options.output == "manifest.yaml" else options.output
