"""Parses the text of a manifest, and reports everything that is wrong with it."""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from manifest_uploader.manifest.case_reader import case_data, read_case, text_of
from manifest_uploader.manifest.form import Rules, published_form
from manifest_uploader.manifest.model import Case, Identifiable, Manifest, TargetKind
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence, as_written, to_json
from manifest_uploader.manifest.problems import (
    MOST,
    ManifestInvalid,
    Problem,
    Problems,
    TooManyProblems,
)
from manifest_uploader.manifest.same_as import resolve
from manifest_uploader.manifest.short_form import ShortForm, read_short_form
from manifest_uploader.manifest.yaml_reader import Entry, Item, Start, Unreadable, read
from manifest_uploader.text import composed, quoted

MOST_BYTES: Final = 64 * 2**20
MOST_CASES: Final = 200_000

_BOM: Final = b"\xef\xbb\xbf"

# Not allowed in YAML: C0 except tab and line ends, DEL, C1 except NEL, byte order marks inside.
_REFUSED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


def parse(text: bytes | str, path: str) -> Manifest:
    """Return the manifest; ManifestInvalid carries all problems, in the order of the file.

    `path` is the file as the user typed it. Only the text is read: no files, no root.
    """
    data = _to_bytes(text)
    builder = _Builder(Problems(path))
    with without_collector():
        try:
            found = _read_all(data, builder)
        except _Exceptions:
            builder = _Builder(Problems(path), many=True)
            found = _read_all(data, builder)
    manifest = builder.manifest(path, hashlib.sha256(data).hexdigest())
    if found:
        raise ManifestInvalid(tuple(found), rest=manifest)
    assert manifest is not None, "without a problem there are cases, or a description of them"
    return manifest


# ── from text to entries ────────────────────────────────────────────────────────────────────


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause garbage collection while much is built and nothing freed: this halves the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _to_bytes(text: bytes | str) -> bytes:
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _read_all(data: bytes, builder: _Builder) -> list[Problem]:
    """Feed the builder, and return the problems in the order of the file."""
    problems = builder.problems
    try:
        if not _is_readable(data, problems):
            return problems.in_order()
        for part in read(data.removeprefix(_BOM), problems, each="cases"):
            builder.take(part)
        builder.finish()
    except Unreadable:
        pass
    except TooManyProblems:
        found = problems.in_order()
        message = f"more than {MOST:,} problems; the rest are not listed"
        return [*found, Problem(message, found[-1].place, "is this file a manifest?")]
    return problems.in_order()


def _is_readable(data: bytes, problems: Problems) -> bool:
    if len(data) > MOST_BYTES:
        hint = "split it, and keep large values in JSON files"
        problems.add("the manifest is larger than 64 MiB", Start(1, 1), hint)
        return False
    utf8 = data.removeprefix(_BOM)
    try:
        text = utf8.decode()
    except UnicodeDecodeError as error:
        what = "UTF-8 but UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8 here"
        at = _end_of(utf8[: error.start].decode())
        problems.add(f"the manifest is not {what}", at, "save the file as UTF-8")
        return False
    refused = _REFUSED.search(text)
    if refused:
        message = f"{quoted(refused[0])} is a character that YAML does not allow"
        hint = f'in a text, write it as an escape in double quotes: "{quoted(refused[0])[1:-1]}"'
        problems.add(message, _end_of(text[: refused.start()]), hint)
    return not refused


def _end_of(text: str) -> Start:
    """Return the line and column just after the text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return Start(lines.count("\n") + 1, len(lines) - lines.rfind("\n"))


# ── from entries to the manifest ────────────────────────────────────────────────────────────


class _Exceptions(Exception):
    """The cases that were read are exceptions: `each` comes after them."""


class _Builder:
    """Takes the parts of a manifest as they come, and reports what is wrong with them."""

    def __init__(self, problems: Problems, *, many: bool = False) -> None:
        """`many`: the manifest has `each`, and its cases are exceptions."""
        self.problems = self._problems = problems
        self._many = many
        self._exceptions: dict[str, Mapping] = {}
        self._unusable: set[str] = set()
        """The keys that break a rule."""
        self._form = published_form()
        self._head = Mapping({}, 1, 1, whole=False)
        """The document without its cases, as far as it has been read."""
        self._root: str | None = None
        self._for_target: Rules | None = None
        """Further rules for cases of this target, if it has some."""
        self._before_target: list[Mapping] = []
        """What such rules may be about, of the cases that come before the target."""
        self._cases: list[Case] = []
        self._items = 0
        self._names: dict[str, int] = {}
        self._incomplete: set[str] = set()
        """The cases with sockets that could not be read."""
        self._titles: dict[str, int] = {}

    def take(self, part: Start | Entry | Item) -> None:
        """Take the next part of the document."""
        if isinstance(part, Item):
            self._case(part.value)
        elif isinstance(part, Start):
            self._head = Mapping({}, part.line, part.column, whole=False)
        else:
            self._entry(part.key, part.value)

    def finish(self) -> None:
        """Report what only the whole document shows."""
        self._head.whole = True
        cases = self._head.get("cases")
        if isinstance(cases, Sequence) and self._items:
            cases.items.append(_SOME_CASE)
        self._form.document.broken(self._head, to_json(self._head), self._problems)
        resolved = resolve(self._cases, known=self._names.keys(), incomplete=self._incomplete)
        self._cases = resolved.cases
        for problem in resolved.problems:
            if problem.place is not None:
                self._problems.add(problem.message, problem.place, problem.hint)

    def manifest(self, path: str, digest: str) -> Manifest | None:
        """Return the manifest as far as it could be read; None if nothing of it can be used.

        If its kind of target is wrong, its slug is empty: the platform cannot be asked about it.
        """
        short = self._short_form() if self._many else None
        if not self._head.whole or not (self._cases or short):
            return None
        target = self._head.get("target")
        kind = target.get("kind") if isinstance(target, Mapping) else None
        slug = target.get("slug") if isinstance(target, Mapping) else None
        kind_text, slug_text = text_of(kind), text_of(slug)
        is_known = kind_text in tuple(TargetKind)
        start = Start(1, 1)
        identifiable = self._head.get("identifiable")
        return Manifest(
            path=path,
            kind=TargetKind(kind_text) if is_known else TargetKind.READER_STUDY,
            slug=slug_text if is_known else "",
            slug_place=self._problems.place(slug if slug and slug_text else start),
            root=self._root,
            root_place=self._problems.place(self._head.get("root") or start),
            identifiable=_identifiable(identifiable),
            cases=tuple(self._cases),
            digest=digest,
            identifiable_place=self._problems.place(identifiable) if identifiable else None,
            short=short,
            import_check=self._head.get("import-check") is not None,
        )

    def _short_form(self) -> ShortForm | None:
        """Return what the manifest says of many cases; None if a part of it breaks a rule."""
        keys = {"each", "table", "key", "case", "exclude"}
        return None if self._unusable & keys else read_short_form(self._head, self._exceptions)

    def _entry(self, key: Scalar, node: Node) -> None:
        if key.text == "each" and not self._many:
            if self._items:
                raise _Exceptions
            self._many = True
        self._head.entries[key.text] = (key, node)
        data = to_json(node)
        if key.text == "cases" and isinstance(node, Sequence):
            data = [None]  # they come one by one; `finish` sees whether there are any
        if key.text == "target" and isinstance(node, Mapping):
            data = {inner: as_written(value) for inner, (_, value) in node.entries.items()}
        alone = Mapping({key.text: (key, node)}, self._head.line, self._head.column, whole=False)
        broken = self._form.entry.broken(alone, {key.text: data}, self._problems)
        if broken:
            self._unusable.add(key.text)
        if key.text == "case" and isinstance(node, Mapping):
            self._judge_for_target(node)
        if key.text == "root" and isinstance(data, str) and not broken:
            self._root = data
        if key.text == "target":
            self._for_target = self._form.for_target(data)
            for case in self._before_target:
                self._judge_for_target(case)

    def _case(self, node: Node) -> None:
        self._items += 1
        if self._items > MOST_CASES:
            self._problems.add(f"more than {MOST_CASES:,} cases", node, "make several manifests")
            raise Unreadable
        if self._many:
            self._exception(node)
            return
        case = read_case(node, self._problems)
        if isinstance(node, Mapping):
            self._check_unique(node)
            self._judge_for_target(node)
        if case is not None:
            self._cases.append(case)
            sockets = node.get("sockets") if isinstance(node, Mapping) else None
            if not isinstance(sockets, Mapping) or len(sockets.entries) > len(case.values):
                self._incomplete.add(case.name)

    def _exception(self, node: Node) -> None:
        """Take what is different for one case of many."""
        data = case_data(node) if isinstance(node, Mapping) else to_json(node)
        broken = self._form.exception.broken(node, data, self._problems)
        if not isinstance(node, Mapping):
            return
        self._judge_for_target(node)
        name = node.get("name")
        if self._is_new(self._names, name, "name") and not broken:
            self._exceptions[composed(text_of(name).strip())] = node

    def _judge_for_target(self, case: Mapping) -> None:
        """Report what is wrong with a case only because of the target, once that is known."""
        is_known = "target" in self._head.entries
        if is_known and self._for_target is None:
            return
        keys = self._form.keys_by_target
        entries = {key: entry for key, entry in case.entries.items() if key in keys}
        part = Mapping(entries, case.line, case.column, whole=False)
        if self._for_target is not None:
            self._for_target.broken(part, to_json(part), self._problems)
        elif entries:
            self._before_target.append(part)

    def _check_unique(self, case: Mapping) -> None:
        """Report a name or title that an earlier case has; cases with problems count too."""
        name, title = case.get("name"), case.get("title")
        is_new = self._is_new(self._names, name, "name")
        if title is not None or is_new:
            self._is_new(self._titles, title or name, "title")

    def _is_new(self, seen: dict[str, int], node: Node | None, what: str) -> bool:
        """Report the second use of a name or title; `seen` holds the line of the first."""
        if (
            not isinstance(node, Scalar)
            or node.value is None
            or not (text := composed(node.text.strip()))
        ):
            return True
        first = seen.get(text)
        if first is None:
            seen[text] = node.line
            return True
        message = f"{what} {quoted(text)} is used twice"
        self._problems.add(message, node, "change one of them", first_line=first)
        return False


def _identifiable(node: Node | None) -> Identifiable:
    """Return what an entry without a problem says; a list allows only what it names."""
    if isinstance(node, Sequence):
        return Identifiable(keywords=frozenset(text_of(item) for item in node.items))
    return Identifiable(everything=node is not None)


_SOME_CASE: Final = Scalar(None, "", True, 1, 1)  # noqa: FBT003
"""Stands for the cases of a document, which are judged one by one."""
