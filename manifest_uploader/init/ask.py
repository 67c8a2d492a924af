"""Asks about the target, and which sockets take what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import Struct
from msgspec.structs import replace as with_fields

from manifest_uploader.errors import UsageError
from manifest_uploader.init.dialogue import Person, Question, ask_until_valid
from manifest_uploader.init.fit import Wanted, best, ranked, similarity
from manifest_uploader.init.names import make_unique
from manifest_uploader.init.offers import ProposedSocket
from manifest_uploader.init.options import KINDS, Options, SocketRule, read_socket, slug_of
from manifest_uploader.init.slugs import to_slug
from manifest_uploader.init.view import Study, View
from manifest_uploader.platform.model import Socket
from manifest_uploader.text import block, quoted

LEAVE_OUT = "-"
"""What the user types to leave something out."""
_ALIKE = 0.25
"""How similar to what was typed a socket must be to be named."""
_NEAR = 0.4
"""How similar a socket's name must be to be listed, where all of the platform are there."""
_MOST_SHOWN = 6
"""Sockets that a question lists."""


# ── yes or no ───────────────────────────────────────────────────────────────────────────────


def ask_yes(person: Person, question: str, *help_lines: str, about: str = "") -> bool:
    """Whether the person agrees; Enter means yes."""
    return ask_until_valid(person, Question(question, "yes", help_lines, about=about), _read_yes)


def _read_yes(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("y", "yes", "n", "no"):
        raise UsageError("type yes or no")
    return word.startswith("y")


# ── the target ──────────────────────────────────────────────────────────────────────────────

_STUDY = Question(
    "Your study: the URL of its page, or the last part of that",
    help=(
        "Open your reader study or archive in a browser and copy its URL,",
        "for example https://grand-challenge.org/reader-studies/lung-nodules/",
        "With your token, its sockets are looked up; nothing is changed there.",
    ),
)


def ask_target(person: Person, options: Options, view: View) -> tuple[Options, Study | None]:
    """The options with the target's slug and kind, and what the platform says of it."""
    if options.slug is None:
        address = ask_until_valid(person, _STUDY, lambda text: _checked_address(text, view))
        options = replace(
            options, slug=slug_of(address), kind=options.kind or _kind_in_address(address)
        )
    study = _study_if_any(options.slug or "", view)
    if options.kind is None:
        kinds = study.kinds if study is not None else KINDS
        options = replace(options, kind=kinds[0] if len(kinds) == 1 else _ask_kind(person))
    return options, study


def _checked_address(text: str, view: View) -> str:
    """The address, unless the platform has no such target; the same once more is accepted."""
    slug = slug_of(text)
    if view.is_told(slug):
        return text
    view.study(slug)
    return text


def _study_if_any(slug: str, view: View) -> Study | None:
    try:
        return view.study(slug)
    except UsageError:
        return None


def _ask_kind(person: Person) -> str:
    text = "A reader study or an archive"
    help_lines = ("Readers answer questions about the cases of a reader study;", "an archive only keeps cases.")  # noqa: E501 # fmt: skip
    return ask_until_valid(person, Question(text, KINDS[0], help_lines), _read_kind)


def _kind_in_address(address: str) -> str | None:
    """The target's kind according to its page's address; None for a bare slug."""
    pages = {"/reader-studies/": KINDS[0], "/archives/": KINDS[1]}
    return next((kind for page, kind in pages.items() if page in address), None)


def _read_kind(text: str) -> str:
    word = text.strip().lower().replace(" ", "-")
    kinds = [kind for kind in KINDS if word and kind.startswith(word)]
    if len(kinds) != 1:
        raise UsageError(f"type {KINDS[0]} or {KINDS[1]}")
    return kinds[0]


# ── sockets ─────────────────────────────────────────────────────────────────────────────────


class Sockets(Struct, frozen=True):
    """Which sockets there are to choose from."""

    view: View
    study: Study | None = None

    def candidates(self, wanted: Wanted, taken: Sequence[str]) -> list[Socket]:
        """The free sockets to list for it, those that fit best first."""
        if self.study is None:
            return []
        free = [one for one in self.study.sockets if one.slug not in taken]
        found = ranked(wanted, free)
        if not self.study.has_items:
            found = [one for one in found if similarity(wanted.names, one) >= _NEAR]
        return found[:_MOST_SHOWN]

    def proposal(self, wanted: Wanted, made_up: str, taken: Sequence[str]) -> str:
        """The slug to offer: of the platform's sockets if they are known, else the one made up."""
        if self.study is None:
            return make_unique(made_up, taken) if made_up else LEAVE_OUT
        free = [one for one in self.study.sockets if one.slug not in taken]
        found = best(wanted, free, of_target=self.study.has_items)
        return LEAVE_OUT if found is None else found.slug


def ask_sockets(
    person: Person, proposals: Sequence[ProposedSocket], cases: int, sockets: Sockets
) -> Iterator[SocketRule]:
    """Rules for the proposals that the person accepts, with the slugs that they choose."""
    taken: list[str] = []
    several = len({one.rule.pattern for one in proposals if one.is_dicom}) > 1
    for proposal in proposals:
        path = f" ({proposal.rule.pattern})" if several and proposal.is_dicom else ""
        what = f"{proposal.what}, in {_of(proposal.count, cases)}{path}"
        slug = _ask_socket(person, proposal.wanted, proposal.rule.socket, taken, sockets, what)
        if slug is not None:
            taken.append(slug)
            yield replace(proposal.rule, socket=slug)


def _of(count: int, cases: int) -> str:
    return f"all {cases} cases" if count == cases else f"{count} of {cases} cases"


def ask_socket_of_column(
    person: Person, name: str, wanted: Wanted, made_up: str, options: Options, sockets: Sockets
) -> str | None:
    """The slug of the socket that a column's values go into; None to leave them out."""
    taken = [rule.socket for rule in options.sockets]
    return _ask_socket(person, wanted, made_up, taken, sockets, f"Column {quoted(name)}")


def _ask_socket(
    person: Person,
    wanted: Wanted,
    made_up: str,
    taken: Sequence[str],
    sockets: Sockets,
    what: str,
) -> str | None:
    listed = sockets.candidates(wanted, taken)
    person.tell(block(what, *(_line(number, one) for number, one in enumerate(listed, 1))))
    question = Question(
        "Socket",
        sockets.proposal(wanted, made_up, taken),
        (
            "A socket is a named slot of the study, such as ct-image; its page lists them.",
            f"Type a number from the list, or a name; {LEAVE_OUT} leaves this out.",
        ),
        about=what,
    )
    return ask_until_valid(
        person, question, lambda text: _read_socket(text.strip(), listed, taken, sockets, wanted)
    )


def _line(number: int, socket: Socket) -> str:
    title = "" if socket.title.lower() == socket.slug.replace("-", " ") else f"  {socket.title}"
    return f"  {number} {socket.slug}  {socket.kind}{title}"[:78]


def _read_socket(
    text: str, listed: Sequence[Socket], taken: Sequence[str], sockets: Sockets, wanted: Wanted
) -> str | None:
    if text == LEAVE_OUT:
        return None
    if text.isdigit():
        if 1 <= int(text) <= len(listed):
            return listed[int(text) - 1].slug
        what = f"{quoted(text)} is not a number in the list" if listed else "there is no list"
        raise UsageError(what, hint="type the name of a socket, such as ct-image")
    is_known = sockets.study is not None
    slug = (to_slug(text) if is_known and " " in text else "") or read_socket(text).socket
    if slug in taken:
        raise UsageError(
            f"{quoted(slug)} is already used", hint="a socket takes one image, file or value"
        )
    if is_known and not sockets.view.is_told(slug):
        _check_known(slug, sockets, wanted)
    return slug


def _check_known(slug: str, sockets: Sockets, wanted: Wanted) -> None:
    """Raise UsageError, once, for a socket that the platform does not have or that takes else."""
    assert sockets.study is not None, "the platform has answered"
    every = {one.slug: one for one in (*sockets.view.every(), *sockets.study.sockets)}
    found = every.get(slug)
    if found is not None and ranked(wanted, [found]):
        return
    sockets.view.tell(slug)
    if found is not None:
        what = f"{quoted(slug)} is of kind {quoted(found.kind)}, which this does not fit"
        raise UsageError(what, hint="type it again to keep it")
    alike = ranked(with_fields(wanted, names=(slug,)), every.values())
    names = [f"{one.slug} ({one.kind})" for one in alike if similarity((slug,), one) >= _ALIKE]
    hint = f"similar ones: {', '.join(names[:4])}" if names else "type it again to keep it"
    raise UsageError(f"the platform has no socket {quoted(slug)}", hint=hint)
