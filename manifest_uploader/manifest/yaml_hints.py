"""Explains YAML syntax errors in the user's words instead of the parser's.

The cause is found in the text around the error, because the two parsers (libyaml and the pure
one) word and place their complaints differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

import yaml
from msgspec import Struct

from manifest_uploader.text import quoted

_LINE: Final = re.compile("([^\r\n\x85\u2028\u2029]*)(?:\r\n|[\r\n\x85\u2028\u2029]|$)")
_ESCAPE: Final = re.compile(r"\\(?:[xuU][0-9A-Fa-f]{1,8}|.)")
_WORD: Final = re.compile(r"[^\s,\]}]+")
_GLUED: Final = re.compile(r"([\w-]+):(\S.*)")
"""A key whose colon has no blank after it."""
_SECOND_COLON: Final = re.compile(r"^\s*(?:- )*[^\s'\"#][^'\"#]*?:\s+[^'\"#]*?:\s")


class Trap(Struct, frozen=True):
    """A problem, at the place of its cause rather than where the parser noticed it."""

    message: str
    line: int
    column: int
    hint: str


class _Scene(Struct, frozen=True):
    """Where the parser stopped, and the text there."""

    words: str
    """The parser's message, in lower case."""
    lines: list[str]
    line: int
    """From 0, like `column` and all marks of the parsers."""
    column: int
    start: tuple[int, int]
    """Of the construct that the parser was reading; otherwise the place itself."""
    last: Any
    """The last event before the error."""

    @property
    def whole(self) -> str:
        return self.lines[self.line]

    def text_at(self, line: int, column: int) -> str:
        return self.lines[line][column:] if line < len(self.lines) else ""

    @property
    def here(self) -> str:
        return self.text_at(self.line, self.column)

    @property
    def there(self) -> str:
        return self.text_at(*self.start)

    def trap(self, message: str, hint: str, place: tuple[int, int] | None = None) -> Trap:
        line, column = place or (self.line, self.column)
        return Trap(message, line + 1, column + 1, hint)


def explain(text: str, error: yaml.YAMLError, last: Any) -> Trap:
    """Return the trap behind a syntax error; `last` is the event before it."""
    scene = _scene(text, error, last)
    for recognise in _TRAPS:
        if trap := recognise(scene):
            return trap
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "a mistake"
    return scene.trap(f"this is not YAML: {problem}", "put text with special characters in quotes")


def _scene(text: str, error: yaml.YAMLError, last: Any) -> _Scene:
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    start = (context.line, context.column) if context else (line, column)
    words = f"{getattr(error, 'context', '')} / {getattr(error, 'problem', '')}".lower()
    # Not splitlines: it also splits at form feeds, where the parsers do not.
    lines = [found[1] for found in islice(_LINE.finditer(text), line + 1)]
    lines += [""] * (line + 1 - len(lines))
    return _Scene(words, lines, line, column, start, last)


def _star(scene: _Scene) -> Trap | None:
    if "scanning an alias" not in scene.words and "scanning an anchor" not in scene.words:
        return None
    found = _WORD.match(scene.there)
    word = found[0] if found else scene.there[:1]
    sign = word[:1]
    what = "an alias" if sign == "*" else "an anchor"
    hint = f"put it in quotes: {_in_quotes(word)}"
    return scene.trap(f"{quoted(word)}: YAML reads the '{sign}' as {what}", hint, scene.start)


def _escape(scene: _Scene) -> Trap | None:
    if "escape" not in scene.words and "hexdecimal" not in scene.words:
        return None
    text = scene.whole
    slash = text.rfind("\\", 0, scene.column + 1)
    escape = _ESCAPE.match(text, max(slash, 0))
    found = escape[0] if escape else text[max(slash, 0) :][:2]
    if "unicode" in scene.words:
        message, hint = f"{quoted(found)} is not a character", "write the character itself"
    else:
        message = f"{quoted(found[:2])} is not an escape that YAML knows"
        hint = "a backslash in double quotes begins an escape: write paths with '/'"
    return scene.trap(message, hint, (scene.line, max(slash, 0)))


def _tab(scene: _Scene) -> Trap | None:
    indent = scene.whole[: scene.column + 1]
    if "\t" not in indent or indent.strip():
        return None
    column = indent.index("\t")
    hint = "indent with spaces; most editors can turn tabs into spaces"
    return scene.trap("a tab in the indentation", hint, (scene.line, column))


def _sign(scene: _Scene) -> Trap | None:
    sign = scene.here[:1]
    if "cannot start any token" not in scene.words or not sign:
        return None
    word = _WORD.match(scene.here)
    if word is None:
        return scene.trap("a tab where YAML needs spaces", "write spaces instead of the tab")
    hint = f"put it in quotes: {_in_quotes(word[0])}"
    return scene.trap(f"text cannot begin with {quoted(sign)}", hint)


def _directive(scene: _Scene) -> Trap | None:
    if not scene.there.startswith("%"):
        return None
    hint = "put it in quotes if it is text; a manifest needs no directives"
    return scene.trap("a line that begins with '%' is a directive to YAML", hint, scene.start)


def _open_quote(scene: _Scene) -> Trap | None:
    if "quoted scalar" not in scene.words:
        return None
    sign = scene.there[:1]
    hint = "end the text with the same quote" + (
        "; an apostrophe inside single quotes is written twice" if sign == "'" else ""
    )
    return scene.trap(f"this quote ({sign}) is never closed", hint, scene.start)


def _text_after(scene: _Scene) -> Trap | None:
    """`'it's'`, `"a" b`, `[1].dcm`, `*x y`: something closed, and the line goes on."""
    end = getattr(scene.last, "end_mark", None)
    if end is None or end.line != scene.line or not scene.here.strip() or not scene.column:
        return None
    if isinstance(scene.last, yaml.ScalarEvent) and scene.last.style in ("'", '"'):
        hint = "put the whole text in quotes; an apostrophe inside single quotes is written twice"
        return scene.trap("text continues after the closing quote", hint)
    if isinstance(scene.last, yaml.SequenceEndEvent | yaml.MappingEndEvent):
        sign = scene.whole[end.column - 1 : end.column]
        if sign and sign in "]}":
            hint = "put text with [ ] or { } in quotes"
            return scene.trap(f"text continues after the closing '{sign}'", hint)
    if isinstance(scene.last, yaml.AliasEvent):
        hint = "put it in quotes if it is a pattern or text"
        return scene.trap(f"text continues after the alias '*{scene.last.anchor}'", hint)
    return None


def _flow(scene: _Scene) -> Trap | None:
    if "flow mapping" not in scene.words and "flow sequence" not in scene.words:
        return None
    opening = scene.there[:1]
    sign = scene.here[:1]
    if sign in ("[", "{"):
        hint = "put a name with [ ] or { } in quotes"
        return scene.trap(f"'{sign}' in the middle of a text inside {_pair(opening)}", hint)
    if not scene.here.strip() or scene.line > scene.start[0]:
        hint = f"close it with '{_pair(opening)[-1]}'"
        return scene.trap(f"this '{opening}' is never closed", hint, scene.start)
    hint = "separate its parts with ',', and put text with a comma in quotes"
    return scene.trap(f"{quoted(scene.here[:20])} does not fit inside {_pair(opening)}", hint)


def _in_quotes(word: str) -> str:
    return f'"{quoted(word)[1:-1]}"'


def _pair(opening: str) -> str:
    return "{ }" if opening == "{" else "[ ]"


def _colon(scene: _Scene) -> Trap | None:
    if "mapping values are not allowed" not in scene.words:
        return None
    text = scene.whole
    last = scene.last.start_mark if isinstance(scene.last, yaml.ScalarEvent) else None
    if last and last.line < scene.line:
        glued = _GLUED.match(scene.text_at(last.line, last.column))
        if glued:
            return _no_blank(scene, glued, (last.line, last.column))
    if _SECOND_COLON.match(text[: min(scene.column + 1, 500)] + " "):
        hint = "put text with ': ' in quotes"
        return scene.trap("a second ': ' on the same line", hint)
    indent = len(text) - len(text.lstrip(" "))
    hint = "indent it like the keys above it"
    message = "this line is indented deeper than the key it follows, which has a value"
    return scene.trap(message, hint, (scene.line, indent))


def _no_blank(scene: _Scene, glued: re.Match[str], place: tuple[int, int]) -> Trap:
    fixed = f"write {quoted(f'{glued[1]}: {glued[2].rstrip()}')}"
    return scene.trap(f"no space after the ':' of {quoted(glued[0].rstrip())}", fixed, place)


def _no_colon(scene: _Scene) -> Trap | None:
    if "could not find expected ':'" not in scene.words:
        return None
    glued = _GLUED.match(scene.there)
    if glued:
        return _no_blank(scene, glued, scene.start)
    word = scene.there.split("#")[0].strip()
    hint = "a key needs ': ' after it; text over several lines has to be indented"
    return scene.trap(f"no ':' after {quoted(word)}", hint, scene.start)


def _dash(scene: _Scene) -> Trap | None:
    if "sequence entries are not allowed" not in scene.words:
        return None
    hint = "begin the list on the next line, or put text that begins with '- ' in quotes"
    return scene.trap("a list cannot begin on the line of its key", hint)


def _indentation(scene: _Scene) -> Trap | None:
    if "block mapping" not in scene.words and "block collection" not in scene.words:
        return None
    hint = "keys of one mapping begin in the same column, and so do the '-' of one list"
    return scene.trap(f"{quoted(scene.here.strip())} does not fit here", hint)


_TRAPS: Final[tuple[Callable[[_Scene], Trap | None], ...]] = (
    _star,
    _escape,
    _tab,
    _sign,
    _directive,
    _open_quote,
    _text_after,
    _flow,
    _colon,
    _no_colon,
    _dash,
    _indentation,
)
