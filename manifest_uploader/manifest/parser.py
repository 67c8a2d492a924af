"""The text of a manifest as a Manifest, or everything that is wrong with it."""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from manifest_uploader.manifest.case_reader import (
    check_keys,
    is_empty,
    lacks,
    read_case,
    read_path,
    text_of,
)
from manifest_uploader.manifest.model import Case, Manifest, TargetKind
from manifest_uploader.manifest.problems import (
    MOST,
    Located,
    ManifestInvalid,
    Place,
    Problem,
    Problems,
    TooManyProblems,
)
from manifest_uploader.manifest.yaml_reader import (
    Entry,
    Item,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Start,
    Unreadable,
    described,
    read,
)
from manifest_uploader.text import did_you_mean, most_like, quoted

VERSION: Final = 1
MOST_BYTES: Final = 64 * 2**20
MOST_CASES: Final = 200_000

KEYS: Final = ("version", "target", "root", "identifiable", "cases")
_TARGET_KEYS: Final = dict.fromkeys(("kind", "slug")).keys()
_KINDS: Final = tuple(TargetKind)
_SLUG: Final = re.compile(r"[A-Za-z0-9_-]+")
_PAGE: Final = re.compile(r"https?://\S+/(?:reader-studies|archives)/([A-Za-z0-9_-]+)(?:/\S*)?")
_BOM: Final = b"\xef\xbb\xbf"

# What YAML refuses: C0 but tab and line ends, DEL, C1 but NEL, a byte order mark in the middle.
_REFUSED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


def parse(text: bytes | str, path: str) -> Manifest:
    """The manifest; ManifestInvalid carries every problem, in the order of the file.

    `path` is the file as the user typed it. Nothing but the text is looked at: no files, no root.
    """
    problems = Problems(path)
    data = _to_bytes(text)
    builder = _Builder(problems)
    with without_collector():
        found = _read_all(data, builder, problems)
    manifest = builder.manifest(path, hashlib.sha256(data).hexdigest())
    if found:
        raise ManifestInvalid(tuple(found), rest=manifest)
    assert manifest is not None, "without a problem there are cases"
    return manifest


# ── from text to entries ────────────────────────────────────────────────────────────────────


@contextmanager
def without_collector() -> Iterator[None]:
    """No collection while much is built and nothing is thrown away: half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _to_bytes(text: bytes | str) -> bytes:
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _read_all(data: bytes, builder: _Builder, problems: Problems) -> list[Problem]:
    """Feed the builder; the problems, in the order of the file."""
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
        message = f"more than {MOST:,} problems; the rest is not listed"
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
    """Line and column of what comes after the text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return Start(lines.count("\n") + 1, len(lines) - lines.rfind("\n"))


# ── from entries to the manifest ────────────────────────────────────────────────────────────


class _Builder:
    """Takes the manifest's parts as they come, and notes what is wrong with them."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._start: Located = Start(1, 1)
        self._nodes: dict[str, Node] = {}
        self._kind: TargetKind | None = None
        self._slug: tuple[str, Place] | None = None
        self._root: str | None = None
        self._cases: list[Case] = []
        self._misspelt: set[str | None] = set()
        """Keys that unknown ones were probably meant to be."""
        self._items = 0
        self._is_whole = False
        self._names: dict[str, int] = {}
        self._titles: dict[str, int] = {}
        self._orders: list[Node] = []
        """Of cases that may turn out to be an archive's."""

    def take(self, part: Start | Entry | Item) -> None:
        """The next part of the document."""
        if isinstance(part, Item):
            self._case(part.value)
        elif isinstance(part, Start):
            self._start = part
        else:
            self._entry(part.key, part.value)

    def finish(self) -> None:
        """Note what only the whole document shows."""
        self._is_whole = True
        for key, hint in _REQUIRED.items():
            if key not in self._nodes and key not in self._misspelt:
                self._problems.add(f"'{key}' is missing", self._start, hint)
        cases = self._nodes.get("cases")
        if isinstance(cases, Sequence) and not self._items:
            self._problems.add("there are no cases", cases, _REQUIRED["cases"])
        if self._kind is TargetKind.ARCHIVE:
            for node in self._orders:
                hint = "leave it out: only reader studies have an order"
                self._problems.add("an archive has no order", node, hint)

    def manifest(self, path: str, digest: str) -> Manifest | None:
        """The manifest, as far as it could be read; None where nothing of it can be used.

        Without a target that is right its slug is empty: the platform cannot be asked about it.
        """
        if not self._is_whole or not self._cases:
            return None
        root_at = self._nodes.get("root") or Start(1, 1)
        slug, slug_place = self._slug or ("", self._problems.place(Start(1, 1)))
        return Manifest(
            path=path,
            kind=self._kind or TargetKind.READER_STUDY,
            slug=slug if self._kind is not None else "",
            slug_place=slug_place,
            root=self._root,
            root_place=self._problems.place(root_at),
            identifiable="identifiable" in self._nodes,
            cases=tuple(self._cases),
            digest=digest,
        )

    def _entry(self, key: Scalar, node: Node) -> None:
        self._nodes[key.text] = node
        match key.text:
            case "version":
                self._version(node)
            case "target":
                self._target(node)
            case "root":
                self._root = read_path(node, "root", self._problems)
            case "identifiable":
                self._identifiable(node)
            case "cases":
                self._no_list(node)
            case unknown:
                self._misspelt.add(most_like(unknown, KEYS))
                hint = did_you_mean(unknown, KEYS) or f"the keys here are {', '.join(KEYS)}"
                self._problems.add(f"unknown key {quoted(unknown)}", key, hint)

    def _version(self, node: Node) -> None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or value != VERSION:
            hint = "write 'version: 1'; a later version needs a newer uploader"
            what = "is empty" if is_empty(node) else f"{described(node)} is not known"
            self._problems.add(f"version {what}", node, hint)

    def _identifiable(self, node: Node) -> None:
        if not isinstance(node, Scalar) or node.value != "allowed":
            hint = (
                "write 'identifiable: allowed' if files may name their patients; else leave it out"
            )
            self._problems.add(f"identifiable cannot be {described(node)}", node, hint)

    def _no_list(self, node: Node) -> None:
        if not isinstance(node, Sequence):
            hint = "begin every case with '- name: …'"
            self._problems.add(f"cases is a list, not {described(node)}", node, hint)

    def _target(self, node: Node) -> None:
        if not isinstance(node, Mapping):
            hint = "write 'kind: …' and 'slug: …' below it, indented"
            self._problems.add(f"target is a mapping, not {described(node)}", node, hint)
            return
        check_keys(node, _TARGET_KEYS, self._problems)
        self._kind = self._target_kind(node)
        self._slug = self._target_slug(node)

    def _target_kind(self, target: Mapping) -> TargetKind | None:
        node = target.get("kind")
        if node is None:
            if lacks(target, "kind", _TARGET_KEYS):
                self._problems.add("the target has no kind", target, _KIND_HINT)
            return None
        value = node.value if isinstance(node, Scalar) else None
        if value in _KINDS:
            return TargetKind(str(value))
        what = f"target kind {described(node)} is not known"
        hint = did_you_mean(value, _KINDS) if isinstance(value, str) else None
        if value in ("algorithm", "algorithms"):
            what, hint = "target kind 'algorithm' is not supported yet", _KIND_HINT
        self._problems.add(what, node, hint or _KIND_HINT)
        return None

    def _target_slug(self, target: Mapping) -> tuple[str, Place] | None:
        node = target.get("slug")
        if node is None:
            if lacks(target, "slug", _TARGET_KEYS):
                self._problems.add("the target has no slug", target, _SLUG_HINT)
            return None
        text = text_of(node, "slug", self._problems)
        if text is None:
            return None
        if not _SLUG.fullmatch(text):
            page = _PAGE.fullmatch(text)
            hint = f"write {quoted(page[1])}" if page else _SLUG_HINT
            self._problems.add(f"{quoted(text)} is not a slug", node, hint)
        return text, self._problems.place(node)

    def _case(self, node: Node) -> None:
        self._items += 1
        if self._items > MOST_CASES:
            self._problems.add(f"more than {MOST_CASES:,} cases", node, "make several manifests")
            raise Unreadable
        case = read_case(node, self._problems)
        if isinstance(node, Mapping):
            self._remember(node)
        if case is not None:
            self._cases.append(case)

    def _remember(self, node: Mapping) -> None:
        """What only all cases together tell; a case with problems counts too."""
        order = node.get("order")
        if order is not None and self._kind is not TargetKind.READER_STUDY:
            self._orders.append(order)
        name, title = node.get("name"), node.get("title")
        is_fresh = self._once(self._names, name, "name")
        if title is not None or is_fresh:
            self._once(self._titles, title or name, "title")

    def _once(self, seen: dict[str, int], node: Node | None, what: str) -> bool:
        """Note a second use of a name or title; `seen` holds the line of the first."""
        if not isinstance(node, Scalar) or node.value is None or not (text := node.text.strip()):
            return True
        first = seen.get(text)
        if first is None:
            seen[text] = node.line
            return True
        hint = f"the first is on line {first}: change one of them"
        self._problems.add(f"{what} {quoted(text)} is used twice", node, hint)
        return False


_KIND_HINT: Final = "write 'kind: reader-study' or 'kind: archive'"
_SLUG_HINT: Final = "write the last word of the page's address, such as 'lung-nodules'"
_REQUIRED: Final = {
    "version": "write 'version: 1'",
    "target": "write 'target:', and below it 'kind: reader-study' and 'slug: …'",
    "cases": "write 'cases:', and below it '- name: …' with 'sockets:'",
}
