"""Patterns with names in them, such as `{site}/{patient}/*.dcm`: what fits, and what the names are.

Without names a part is matched as a manifest's globs are; `{site}` stands for at least one
character, as few as possible, and for the same text wherever it comes again.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from manifest_uploader.errors import UsageError
from manifest_uploader.files.listing import is_magic, matching
from manifest_uploader.text import did_you_mean, quoted

_NAME: Final = re.compile(r"\{(\w+)\}")
_WILD: Final = re.compile(r"(\{\w+\}|\*|\?|\[[^]]+\])")


@dataclass(frozen=True, slots=True)
class Part:
    """What one folder's or file's name has to look like."""

    text: str
    glob: str
    """With `*` for every name."""
    capture: re.Pattern[str] | None
    """Finds the names; None: there are none."""

    @property
    def is_any_depth(self) -> bool:
        """Whether it stands for any number of folders."""
        return self.text == "**"

    @property
    def varies(self) -> bool:
        """Whether it may fit more than one name."""
        return self.capture is not None or is_magic(self.text)

    def fitting(self, names: Sequence[str]) -> Iterable[tuple[str, dict[str, str]]]:
        """Those of the sorted names that fit, each with what its own names are."""
        for name in matching(names, self.glob):
            found = self.capture.fullmatch(name) if self.capture else None
            if self.capture is None or found:
                yield name, found.groupdict() if found else {}


def read_each(text: str) -> tuple[Part, ...]:
    """The parts of `--each`; raises UsageError if it cannot be one."""
    if "\\" in text:
        hint = f"write it with '/': {quoted(text.replace(chr(92), '/'))}"
        raise UsageError(f"--each {quoted(text)} has backslashes", hint=hint)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not parts:
        hint = 'write it relative to FOLDER, as in --each "patient-*"'
        raise UsageError(f"--each {quoted(text)} does not stay in the folder", hint=hint)
    if parts[-1] == "**":
        hint = f"end it with what a case is, as in {quoted(text + '/*.mha')}"
        raise UsageError(f"--each {quoted(text)} fits everything", hint=hint)
    return tuple(_part(part) for part in parts)


def _part(text: str) -> Part:
    names = _NAME.findall(text)
    reserved = [name for name in names if not name.isidentifier()]
    if reserved:
        hint = "a name in { } begins with a letter"
        raise UsageError(f"--each has a name that is none: {quoted(reserved[0])}", hint=hint)
    plain = _NAME.sub("*", text)
    return Part(text, plain, _capturing(text) if names else None)


def _capturing(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    regex = "".join(_translated(piece, seen) for piece in _WILD.split(text))
    return re.compile(regex, re.IGNORECASE | re.DOTALL)


def _translated(piece: str, seen: set[str]) -> str:
    name = _NAME.fullmatch(piece)
    if name and name[1] in seen:
        return f"(?P={name[1]})"
    if name:
        seen.add(name[1])
        return f"(?P<{name[1]}>.+?)"
    if piece == "*":
        return ".*?"
    return "." if _WILD.fullmatch(piece) else re.escape(piece)


def names_in(text: str) -> list[str]:
    """The names that a pattern or a title speaks of."""
    return _NAME.findall(text)


def check_names(text: str, known: Iterable[str], what: str) -> None:
    """Raise UsageError if a text speaks of a name that nothing gives."""
    candidates = list(known)
    for name in names_in(text):
        if name not in candidates:
            hint = did_you_mean(name, candidates) or f"known are {', '.join(candidates)}"
            raise UsageError(f"{what} speaks of {quoted('{' + name + '}')}", hint=hint)


def filled(text: str, names: Mapping[str, str]) -> str:
    """The text with the names' values in it."""
    return _NAME.sub(lambda found: names.get(found[1], found[0]), text)


def filled_glob(text: str, names: Mapping[str, str]) -> str:
    """The pattern with the names' values in it; what is a sign in those stands for itself."""
    return _NAME.sub(lambda found: glob.escape(names.get(found[1], found[0])), text)
