"""Matches patterns with names in them, such as `{site}/{patient}/*.dcm`.

A part without names is matched like a manifest's globs. `{site}` stands for at least one
character, for as few as possible, and for the same text wherever it is repeated.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from manifest_uploader.errors import UsageError
from manifest_uploader.files.listing import is_magic, matching
from manifest_uploader.text import composed, did_you_mean, quoted

_NAME: Final = re.compile(r"\{(\w+)\}")
_WILD: Final = re.compile(r"(\{\w+\}|\*|\?|\[[^]]+\])")


@dataclass(frozen=True, slots=True)
class Part:
    """A pattern for the name of one folder or file."""

    text: str
    glob: str
    """With `*` for every name."""
    capture: re.Pattern[str] | None
    """Captures what the names stand for; None if there are no names."""

    @property
    def is_any_depth(self) -> bool:
        """Whether it matches any number of nested folders."""
        return self.text == "**"

    @property
    def varies(self) -> bool:
        """Whether it can match more than one name."""
        return self.capture is not None or is_magic(self.text)

    def match(self, names: Sequence[str]) -> Iterable[tuple[str, dict[str, str]]]:
        """The sorted names that match, each with what the pattern's names stand for."""
        for name in matching(names, self.glob):
            match = self.capture.fullmatch(composed(name)) if self.capture else None
            if self.capture is None or match:
                yield name, match.groupdict() if match else {}


def read_each(text: str) -> tuple[Part, ...]:
    """Split the pattern of `--each` into parts; raises UsageError if it is not usable."""
    if "\\" in text:
        hint = f"write it with '/': {quoted(text.replace(chr(92), '/'))}"
        raise UsageError(f"--each {quoted(text)} has backslashes", hint=hint)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not parts:
        hint = 'write it relative to FOLDER, as in --each "patient-*"'
        raise UsageError(f"--each {quoted(text)} does not stay in the folder", hint=hint)
    if parts[-1] == "**":
        hint = f"end it with what a case is, as in {quoted(text + '/*.mha')}"
        raise UsageError(f"--each {quoted(text)} matches everything", hint=hint)
    return tuple(_part(part) for part in parts)


def _part(text: str) -> Part:
    names = _NAME.findall(text)
    reserved = [name for name in names if not name.isidentifier()]
    if reserved:
        hint = "a name in { } begins with a letter"
        raise UsageError(f"--each has an invalid name: {quoted(reserved[0])}", hint=hint)
    plain = _NAME.sub("*", text)
    return Part(text, plain, _capture_pattern(text) if names else None)


def _capture_pattern(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    regex = "".join(_translate(piece, seen) for piece in _WILD.split(text))
    return re.compile(regex, re.IGNORECASE | re.DOTALL)


def _translate(piece: str, seen: set[str]) -> str:
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
    """The names in a pattern or a title."""
    return _NAME.findall(text)


def check_names(text: str, known: Iterable[str], what: str) -> None:
    """Raise UsageError if a text has a name that is not known."""
    candidates = list(known)
    for name in names_in(text):
        if name not in candidates:
            hint = did_you_mean(name, candidates) or f"known names: {', '.join(candidates)}"
            raise UsageError(f"{what} uses {quoted('{' + name + '}')}", hint=hint)


def substitute(text: str, names: Mapping[str, str]) -> str:
    """The text with each known name replaced by what it stands for."""
    return _NAME.sub(lambda match: names.get(match[1], match[0]), text)


def substitute_glob(text: str, names: Mapping[str, str]) -> str:
    """The pattern with each known name replaced; special characters in the text are escaped."""
    return _NAME.sub(lambda match: glob.escape(names.get(match[1], match[0])), text)
