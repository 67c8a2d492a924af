"""How a target differs from what it should hold, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from manifest_uploader.engine.verification import Verification
from manifest_uploader.output.formatting import cases_words, counted, next_line, note_line
from manifest_uploader.plan.differences import Comparison, Difference, DifferenceKind
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import Block, Tone, block, line, quoted, some_of

_NAMED: Final = 5
"""Items of others, and values, that one line names."""
_SHOWN: Final = 50
"""Differences that a plan or a run names."""
_WORDS: Final = {
    DifferenceKind.NOT_SENT: "was not sent yet",
    DifferenceKind.MANIFEST_CHANGED: "was changed in the manifest, and not sent yet",
    DifferenceKind.IMPORTING: "was sent, and no run has seen the end of its import yet",
    DifferenceKind.NOT_CONFIRMED: "was sent, and the item does not hold it",
    DifferenceKind.ITEM_MISSING: "its {noun} was deleted; --recreate recreates it",
    DifferenceKind.ITEM_MOVED: "its {noun} is no longer in this {target}",
    DifferenceKind.TITLE: "its title is {found} instead of {wanted}",
    DifferenceKind.ORDER: "its order is {found} instead of {wanted}",
    DifferenceKind.VALUE_MISSING: "the value was removed",
    DifferenceKind.VALUE_ADDED: "holds a value that the manifest does not have",
    DifferenceKind.VALUE: "holds {found} instead of {wanted}",
    DifferenceKind.IMAGE: "holds another image",
    DifferenceKind.FILE: "holds another file",
    DifferenceKind.CONTENT: "the file's content is not what was sent",
    DifferenceKind.LEFTOVER: "left over: {article} {noun} titled {found} belongs to no case "
    "here; if no other run is making it just now, delete it at {url}",
}
_FOR_A_RUN: Final = frozenset(
    {DifferenceKind.NOT_SENT, DifferenceKind.MANIFEST_CHANGED, DifferenceKind.IMPORTING}
)
_GONE: Final = frozenset({DifferenceKind.ITEM_MISSING, DifferenceKind.ITEM_MOVED})
_WITH_PAGE: Final = frozenset(
    {DifferenceKind.ITEM_MOVED, DifferenceKind.VALUE_ADDED, DifferenceKind.IMAGE}
    | {DifferenceKind.FILE, DifferenceKind.CONTENT}
)
"""Somebody may have to look at the item's page."""


def difference_line(one: Difference, target: Target) -> Block:
    """One difference."""
    is_text = one.kind in {DifferenceKind.TITLE, DifferenceKind.LEFTOVER}
    noun = type_of(target.kind).item_noun
    words = _WORDS[one.kind].format(
        noun=noun,
        article="an" if noun[0] in "aeiou" else "a",
        target=type_of(target.kind).noun,
        found=_shown(one.found, "another value", is_text=is_text),
        wanted=_shown(one.wanted, "what was sent", is_text=is_text),
        url=one.url,
    )
    where = "" if one.case is None else one.case + (f"/{one.socket}" if one.socket else "") + ": "
    reason = f": {one.reason}" if one.reason else ""
    if one.kind is DifferenceKind.NOT_SENT and one.item is None and one.url:
        reason += f"; 'run --adopt' takes the item of its title as its own: {one.url}"
    page = f" ({one.url})" if one.kind in _WITH_PAGE and one.url else ""
    return line((where, Tone.STRONG), words, reason, (page, Tone.QUIET))


def _shown(text: str | None, otherwise: str, *, is_text: bool) -> str:
    if text is None:
        return otherwise
    return quoted(text) if is_text else text


def difference_lines(differences: Sequence[Difference], target: Target) -> Block:
    """The differences, marked as such; of very many only the first."""
    lines = [_differs(difference_line(one, target)) for one in differences[:_SHOWN]]
    more = len(differences) - _SHOWN
    return block(*lines, *([_differs(f"{more:,} more; 'verify' names all")] if more > 0 else []))


def _differs(words: str) -> Block:
    return line(("differs:", Tone.WARNING), " ", words)


def changed_lines(changed: Sequence[Difference], target: Target) -> list[Block]:
    """What others changed, and what to do about it; of very many only the first."""
    if not changed:
        return []
    found: list[str] = [difference_line(one, target) for one in changed[:_NAMED]]
    more = len(changed) - _NAMED
    if more > 0:
        found.append(counted(more, "more difference"))
    return [
        *(note_line(line("changed on the platform: ", one), Tone.WARNING) for one in found),
        note_line("'run --verify' puts back what others changed; 'verify' lists all changes"),
    ]


def downloading_line(files: int) -> str:
    """How far the download of files is."""
    return f"comparing the content of files: {counted(files, 'file')}"


def verification_lines(found: Verification, run: str | None = None) -> Block:
    """Every difference, and what else there is.

    `run` is the command that puts it right, for the last line; None: no command is named.
    """
    comparison, target = found.found, found.target
    lines = [difference_line(one, target) for one in comparison.differences]
    lines += map(note_line, notes(comparison))
    count = len(comparison.differences)
    what = (counted(count, "difference"), Tone.BAD) if count else ("nothing differs", Tone.GOOD)
    noun = type_of(target.kind).noun
    lines.append(line(f"{noun} {target.slug}: {cases_words(comparison.cases)} compared: ", what))
    if run is not None and (step := _next_step(comparison.differences, run)):
        lines.append(next_line(step))
    return block(*lines)


def notes(comparison: Comparison) -> list[str]:
    """What is no difference, and should be known."""
    found = []
    if comparison.others:
        count = counted(len(comparison.others), "item")
        found.append(f"{count} of others: {_named(map(_item_words, comparison.others))}")
    if comparison.unread:
        values = _named(f"{case}/{socket}" for case, socket in comparison.unread)
        found.append(f"the content of these files could not be compared: {values}")
    if comparison.unchecked:
        values = _named(f"{case}/{socket}" for case, socket in comparison.unchecked)
        found.append(f"adopted, content not checked: {values}")
    if comparison.left:
        names = _named(comparison.left)
        found.append(f"no longer in the manifest, and still on the platform: {names}")
    return found


def _item_words(item: ItemSeen) -> str:
    return quoted(item.title) if item.title else f"one without a title ({item.pk})"


def _named(names: Iterable[str]) -> str:
    return some_of(list(names), _NAMED)


def _next_step(differences: tuple[Difference, ...], run: str) -> str | None:
    kinds = {one.kind for one in differences if not one.lasts}
    if kinds and kinds <= _FOR_A_RUN:
        return f"to send what is missing, and wait for imports: {run}"
    if kinds - _GONE:
        return f"to put back what was changed, and send what is missing: {run} --verify"
    return f"to recreate what was deleted: {run} --recreate" if kinds else None


# ── JSON ────────────────────────────────────────────────────────────────────────────────────


def difference_json(one: Difference) -> dict[str, Any]:
    """One difference as a JSON line."""
    return {
        "event": "difference",
        "kind": one.kind.value,
        "case": one.case,
        "socket": one.socket,
        "item": one.item,
        "url": one.url,
        "wanted": one.wanted,
        "found": one.found,
        "words": one.reason,
    }


def verification_summary_json(found: Verification) -> dict[str, Any]:
    """The last line of `verify --json`."""
    comparison = found.found
    kinds = Counter(one.kind.value for one in comparison.differences)
    return {
        "event": "summary",
        "cases": {"total": comparison.cases},
        "differences": len(comparison.differences),
        "kinds": dict(kinds),
        "others": [{"item": one.pk, "title": one.title} for one in comparison.others],
        "unread": [{"case": case, "socket": socket} for case, socket in comparison.unread],
        "unchecked": [{"case": case, "socket": socket} for case, socket in comparison.unchecked],
        "left": list(comparison.left),
    }
