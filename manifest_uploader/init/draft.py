"""A manifest that is not written yet, and what a person sees of it before it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from manifest_uploader.init import compose, gather, short
from manifest_uploader.init.compose import Entry, Files, OneFile, Source
from manifest_uploader.init.gather import Gathered
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import KINDS, Options, words_of
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.parser import parse
from manifest_uploader.output.formatting import counted
from manifest_uploader.output.streams import say
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import Block, beginning, block

_WIDTH = 78
_MOST_NOTICES = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest, and what it was made of."""

    options: Options
    gathered: Gathered
    notices: Notices
    data: bytes

    def counts(self) -> str:
        """`12 cases (12 with ct-image, 11 with some-score)`."""
        found = self.gathered.counts()
        sockets = ", ".join(f"{count} with {socket}" for socket, count in found.items())
        return counted(len(self.gathered.entries), "case") + (f" ({sockets})" if sockets else "")


def draft(options: Options, there: Paths) -> Draft:
    """The manifest that the options stand for.

    Raises:
        UsageError: nothing matches, or the table does not fit the cases.

    """
    options = replace(options, kind=options.kind or KINDS[0])
    notices = Notices()
    gathered = gather.gather(options, there, notices, say_progress=say)
    root = there.root()
    head = compose.Head(
        kind=options.kind or KINDS[0],
        slug=options.slug or "",
        root=root,
        command=shlex.join(words_of(there.as_typed_beside_manifest(options))),
        schema=there.schema(),
        name=there.manifest,
    )
    data = _text(head, options, there, gathered, notices).encode()
    parse(data, options.output)
    if root is None:
        notices.add(
            "the folder lies outside the manifest's folder, so the manifest has no 'root:'; "
            "give --root DIR with every command",
            for_shell(["--root", options.folder]),
        )
    return Draft(options, gathered, notices, data)


def _text(
    head: compose.Head, options: Options, there: Paths, gathered: Gathered, notices: Notices
) -> str:
    """The manifest: one description if it says the same as an entry for each case."""
    if not options.explicit:
        try:
            text, count = short.short_text(
                head, options, there, gathered.entries, are_files=gathered.are_files
            )
        except short.Unsaid as why:
            notices.add(
                f"one description cannot express this, so each case has its own entry: {why}"
            )
        else:
            if count:
                notices.add(f"exceptions, at the end of the manifest: {count}")
            return text
    return compose.manifest_text(head, gathered.entries)


# ── before it is written ────────────────────────────────────────────────────────────────────


def preview(one: Draft) -> Block:
    """A case and what was noticed, for someone who decides whether to write the manifest."""
    options = one.options
    noun = (options.kind or "").replace("-", " ")
    notices = list(one.notices.headlines())
    more = len(notices) - _MOST_NOTICES
    return block(
        f"{options.output} would be, for {noun} {options.slug}:",
        f"  {one.counts()}",
        "for example",
        *_case_lines(max(one.gathered.entries, key=_fullness)),
        *(["please note:"] if notices else []),
        *(f"  - {text}" for text in notices[:_MOST_NOTICES]),
        *([f"  - and {more} more, shown once it is written"] if more > 0 else []),
    )


def _fullness(entry: Entry) -> tuple[int, bool]:
    """The first case with the most is shown: it shows what each column gives."""
    return len(entry.sockets), entry.title is not None


def _case_lines(entry: Entry) -> Iterator[str]:
    title = f", titled {entry.title}" if entry.title else ""
    order = f", order {entry.order}" if entry.order is not None else ""
    yield beginning(f"  {entry.name}{title}{order}", _WIDTH)
    values = [(socket, _shown(source)) for socket, source in entry.sockets]
    values += [(socket, f"{len(found)} fit: to choose") for socket, found in entry.undecided]
    width = max((len(socket) for socket, _ in values), default=0)
    for socket, shown in values:
        left = _WIDTH - width - 6
        yield f"    {socket:{width}}  {shown if len(shown) <= left else '…' + shown[1 - left :]}"


def _shown(source: Source) -> str:
    match source:
        case OneFile(path) | Files((path,)):
            return path
        case Files(paths):
            return f"{paths[0]} and {len(paths) - 1} more"
        case _:
            return str(source)
