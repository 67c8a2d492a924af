"""Inspects the local files of values: their facts, or what is wrong with them."""

from __future__ import annotations

import os
import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import image_of, json_digest, loose_digest, may_be_same
from manifest_uploader.engine.looks.cache import Cache, value_key
from manifest_uploader.engine.looks.pool import Pool
from manifest_uploader.engine.progress import Looking
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts, content, value_facts
from manifest_uploader.manifest.model import FileValue, Identifiable
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.content import Content, Question, Remedy, judge_content
from manifest_uploader.plan.delivery import AsJson, AsUploads, delivery_of, upload_into
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.model import Entry, Socket
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.sockets import SEGMENTATION, takes_json, value_misfit
from manifest_uploader.state.history import EMPTY, CaseHistory
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell

_T = TypeVar("_T")
_SLICE_S: Final = 0.5
"""Longest single wait for a look, so that stopping soon ends it."""

_LARGE: Final = 2**28
"""Bytes whose hashing may take longer than a person likes to wait without a word."""


class Found(Struct, frozen=True):
    """What is known of the files of one value."""

    case: str
    socket: str
    facts: ValueFacts | None
    """None: there are problems."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    look: ValueLook | None = None
    """None: the platform has these very files, or there are problems with finding them."""


class _Pending(Struct):
    """A value whose files were found, and are perhaps being looked into."""

    case: str
    value: FileValue
    source: Source
    facts: ValueFacts
    future: Future[ValueLook] | None = None
    digest: Future[str] | None = None
    """Of the content, by a worker; None: it is computed here if it is needed."""
    look: ValueLook | None = None
    key: str = ""

    @property
    def changed(self) -> float:
        """When one of the files changed last, in seconds since 1970."""
        return max(file.mtime_ns for file in self.source.files) / 1e9


class LocalFiles:
    """Inspects the files of many values, looking into several at a time."""

    def __init__(
        self,
        root: Root,
        *,
        sockets: Mapping[str, Socket],
        online: bool,
        identifiable: Identifiable,
        cache: Cache[ValueLook],
        pool: Pool,
        checksum: bool,
        tell: Callable[[Looking], None],
        stopping: Callable[[], bool],
    ) -> None:
        """Prepare to inspect.

        Args:
            root: where the files are.
            sockets: those of the platform, by slug.
            online: the platform was asked.
            identifiable: what DICOM files may tell about their patients.
            cache: what earlier looks showed.
            pool: looks into files.
            checksum: hash every file instead of trusting size and time.
            tell: is told how far this is, after each value.
            stopping: whether the command is being stopped.

        """
        self._root, self._sockets, self._online = root, sockets, online
        self._identifiable, self._checksum = identifiable, checksum
        self._remedy = remedy(root)
        self._cache, self._pool, self._tell = cache, pool, tell
        self._stopping = stopping
        self._values = self._files = 0

    def inspect(
        self, values: Iterable[tuple[str, FileValue]], histories: Mapping[str, CaseHistory]
    ) -> Iterator[Found]:
        """What is known of each value's files, in the order given.

        Raises:
            Interrupted: the command is being stopped.

        """
        pending: deque[_Pending | Found] = deque()
        for case, value in values:
            self._heed_stopping()
            pending.append(self._begin(case, value, histories.get(case, EMPTY)))
            while pending and (len(pending) > self._pool.width or _is_ready(pending[0])):
                yield self._end(pending.popleft(), histories)
        while pending:
            yield self._end(pending.popleft(), histories)

    def _heed_stopping(self) -> None:
        if self._stopping():
            raise Interrupted

    # -- beginning --

    def _begin(self, case: str, value: FileValue, past: CaseHistory) -> _Pending | Found:
        source = resolve(value, self._root)
        if not isinstance(source, Source):
            return Found(case, value.socket, None, source)
        facts = value_facts(source)
        if isinstance(upload_into(self._sockets.get(value.socket)), AsUploads):
            facts = replace(facts, each=source.files, slices=len(source.files))
        known = None if self._checksum else _known_content(facts, past, value.socket)
        one = _Pending(case, value, source, replace(facts, content=known))
        if known is not None and _is_confirmed(past, value.socket):
            return one  # it is on the platform as it is here
        allowed = self._allowed(value)
        one.key = value_key(os.fspath(self._root.path), (*value.paths, *map(str, allowed or ())))
        one.look = self._cache.get(one.key, facts.stat)
        if one.look is None:
            one.future = self._pool.submit(source, allowed)
        is_json = self._is_json(source, self._sockets.get(value.socket))
        if known is None and not is_json and self._has_to_be_read(one, past):
            one.digest = self._pool.digest(source)
        return one

    def _allowed(self, value: FileValue) -> tuple[int, ...] | None:
        """The voxel values that a segmentation's socket allows; None if it allows any."""
        socket = self._sockets.get(value.socket)
        if socket is None or socket.kind != SEGMENTATION or not socket.segments:
            return None
        return socket.segments

    # -- ending --

    def _end(self, one: _Pending | Found, histories: Mapping[str, CaseHistory]) -> Found:
        self._heed_stopping()
        self._values += 1
        if isinstance(one, Found):
            return one
        try:
            found = self._judged(one, histories.get(one.case, EMPTY))
        except FileChanged as error:
            message = f"{one.case}/{one.value.socket}: {error}"
            hint = "once it is complete, run the same command again"
            found = self._failed(one, Problem(message, one.value.place, hint))
        self._tell(Looking(self._values, self._files))
        return found

    def _judged(self, one: _Pending, past: CaseHistory) -> Found:
        if one.future is not None:
            one.look = self._result(one.future)
            self._files += one.look.looked
            if not one.look.is_quick:  # else a later look would be content with one file, too
                self._cache.put(one.key, one.facts.stat, one.look, changed=one.changed)
        judged = self._judge(one, one.look) if one.look is not None else Content()
        if judged.problems:
            return self._failed(one, *judged.problems, warnings=judged.warnings, look=one.look)
        if one.look is not None:
            if not one.facts.each:
                one.facts = replace(one.facts, slices=one.look.slices)
            one.facts = replace(one.facts, extras=one.look.left_out)
        checked = one.facts if one.facts.content is not None else self._checked(one, past)
        if isinstance(checked, Problem):
            return self._failed(one, checked, warnings=judged.warnings, look=one.look)
        return Found(one.case, one.value.socket, checked, warnings=judged.warnings, look=one.look)

    def _result(self, future: Future[_T]) -> _T:
        """What a look or a hash shows, once it has ended."""
        while not future.done():
            self._heed_stopping()
            wait((future,), timeout=_SLICE_S)
        return future.result()

    def _failed(
        self,
        one: _Pending,
        *problems: Problem,
        warnings: tuple[Problem, ...] = (),
        look: ValueLook | None = None,
    ) -> Found:
        return Found(one.case, one.value.socket, None, problems, warnings, look)

    def _judge(self, one: _Pending, look: ValueLook) -> Content:
        question = Question(
            one.case,
            one.value,
            self._sockets.get(one.value.socket),
            _folder(one.source, os.fspath(self._root.path)) if look.names else "",
            self._remedy,
            self._identifiable,
        )
        return judge_content(question, look)

    # -- content --

    def _checked(self, one: _Pending, past: CaseHistory) -> ValueFacts | Problem:
        """The facts with what their content tells, or what is wrong with a JSON file."""
        socket = self._sockets.get(one.value.socket)
        if not self._is_json(one.source, socket):
            return self._with_content(one, past)
        name, place = one.source.name, one.value.place
        try:
            found = read_json(one.source)
        except JsonUnreadable as error:
            return Problem(f"'{name}': {error}", place)
        misfit = value_misfit(found, socket) if socket is not None else None
        if misfit is not None:
            return Problem(f"'{name}': {misfit[0]}", place, misfit[1])
        if isinstance(delivery_of(one.value, socket), AsJson):
            return replace(one.facts, content=json_digest(found), loose=loose_digest(found))
        return self._with_content(one, past)

    def _is_json(self, source: Source, socket: Socket | None) -> bool:
        if len(source.files) != 1:
            return False
        if self._online:
            return socket is not None and takes_json(socket)
        return source.name.lower().endswith(".json")

    def _with_content(self, one: _Pending, past: CaseHistory) -> ValueFacts:
        """The facts with the content's digest, if the files may hold what was sent before."""
        if not self._has_to_be_read(one, past):
            return one.facts
        if one.digest is not None:
            return replace(one.facts, content=self._result(one.digest))
        if one.facts.size >= _LARGE:
            self._tell(Looking(self._values, self._files, (one.facts.name, one.facts.size)))
        return replace(one.facts, content=content(one.source))

    def _has_to_be_read(self, one: _Pending, past: CaseHistory) -> bool:
        return self._checksum or _is_worth_reading(one.facts, past, one.value.socket)


def remedy(root: Root) -> Remedy:
    """How to de-identify the files below the root, as a person would type it here."""
    copies = root.path.parent / f"{root.path.name or 'files'}-deidentified"
    words = ["uploader", "deidentify", "--with-others", _from_here(root.path), _from_here(copies)]
    if root.written is not None and PurePosixPath(root.written).name:
        beside = (PurePosixPath(root.written).parent / copies.name).as_posix()
        return Remedy(for_shell(words), f"write  root: {beside}")
    return Remedy(for_shell(words), f"give  {for_shell(['--root', words[-1]])}")


def _from_here(path: Path) -> str:
    """A path as a person would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and path != here else str(path)


def _is_ready(one: _Pending | Found) -> bool:
    """Whether the end of a value has not to be waited for."""
    if isinstance(one, Found):
        return True
    return all(future is None or future.done() for future in (one.future, one.digest))


def _is_confirmed(past: CaseHistory, socket: str) -> bool:
    """Whether the platform was seen to hold what was last sent into a socket."""
    was = past.sockets.get(socket)
    return was is not None and was.standing == "confirmed"


def _folder(source: Source, root: str) -> str:
    """The folder of the files, below the root and with `/`; empty for the root itself."""
    folders = {os.path.dirname(disk.plain(file.full)) for file in source.files}  # noqa: PTH120  no Paths
    folder = os.path.relpath(os.path.commonpath(folders), root)
    return "" if folder == os.curdir else folder.replace(os.sep, posixpath.sep)


def _known_content(facts: ValueFacts, past: CaseHistory, socket: str) -> str | None:
    """The known content of files with the same names, sizes and times."""
    was = past.sockets.get(socket)
    if was is not None and was.entry.stat == facts.stat:
        if image_of(was.entry.digest) is not None:  # the image of another value
            return was.entry.content
        if was.entry.digest is not None and was.standing != "confirmed":
            return None  # earlier versions had other digests of large integers
        return was.entry.digest or was.entry.content
    upload = past.uploads.get(socket)
    if upload is not None and upload.row.stat == facts.stat:
        return upload.content
    return None


def _is_worth_reading(facts: ValueFacts, past: CaseHistory, socket: str) -> bool:
    was = past.sockets.get(socket)
    entries = [was.entry] if was is not None else []
    upload = past.uploads.get(socket)
    if upload is not None and upload.content is not None:
        entries.append(Entry(socket, None, stat=upload.row.stat, content=upload.content))
    return any(
        entry.content is not None and entry.stat is not None and may_be_same(entry.stat, facts.stat)
        for entry in entries
    )
