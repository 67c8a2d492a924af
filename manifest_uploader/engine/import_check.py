"""Asks the platform's own importer about the images of a manifest, before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from msgspec import Struct

from manifest_uploader.engine.data_plane import Workers
from manifest_uploader.engine.looks.cache import Cache, value_key
from manifest_uploader.errors import ExtraMissing
from manifest_uploader.files.import_verdict import Failure, Verdict
from manifest_uploader.files.importer import Bundle, import_check, require_importer
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import FileValue, Manifest
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.content import is_image, is_set
from manifest_uploader.plan.import_verdicts import sentence, verdict_problems
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.platform.model import Socket
from manifest_uploader.system.daemons import Daemons

_ABOUT_FILES: Final = frozenset({None, Failure.UNEXPECTED, Failure.BAD_ARCHIVE})
"""The failures that say something about the files; any other may be gone the next time."""
_MOST_ASKED: Final = 256
"""Images that workers judge at a time."""
_LOOK_S: Final = 0.5
"""Workers may join at any time, and take more."""
_NOT_ASKED = (
    "the platform's importer has not checked these files, which 'import-check: required' demands"
)


class Checked(Struct, frozen=True):
    """What the importer says about the images."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    images: int = 0
    """How many it judged, now or before."""


class _Image(Struct, frozen=True):
    """The files of an image, and what is known of them."""

    key: str
    case: str
    value: FileValue
    socket: Socket | None
    facts: ValueFacts
    changed: float
    """When one of the files changed last, in seconds since 1970."""


def verdict_cache(path: Path | None) -> Cache[Verdict]:
    """What the importer said before; another version of it may say otherwise."""
    try:
        found = version("panimg")
    except PackageNotFoundError:
        found = ""
    return Cache(path, Verdict, rules=f"panimg {found}")


class ImportCheck:
    """Asks about each image, and remembers the answers."""

    def __init__(
        self, manifest: Manifest, facts: Facts, root: Root, *, cache: Cache[Verdict]
    ) -> None:
        self._manifest, self._facts, self._root, self._cache = manifest, facts, root, cache
        self._asked: dict[str, list[_Image]] = {}
        self._known: list[tuple[_Image, Verdict]] = []

    def ask(
        self,
        tell: Callable[[int], None],
        workers: Workers | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Checked:
        """What the importer makes of every image.

        Args:
            tell: is told how many it was asked about.
            workers: ask it in this machine's place.
            stopping: whether the command is being stopped.

        Raises:
            ExtraMissing: panimg is not installed.
            CannotGoOn: panimg does not start.
            Interrupted: the command is being stopped.

        """
        if workers is None:
            verdicts = import_check(self._bundles(), progress=tell)
        else:
            verdicts = _judged_by(workers, self._bundles(), tell, stopping)
        judged: list[tuple[_Image, Verdict]] = []
        with closing(verdicts) as found:  # type: ignore[type-var]
            for verdict in found:
                same = self._asked.pop(verdict.key)
                self._remember(same[0], verdict)
                judged += [(image, verdict) for image in same]
        return _judged([*self._known, *judged])

    def close(self) -> None:
        """Bring the answers to the disk."""
        self._cache.close()

    def missing(self) -> tuple[Problem, ...]:
        """A problem for each image that the importer was not asked about, or that it refuses."""
        found: list[Problem] = []
        known: list[tuple[_Image, Verdict]] = []
        for image, _ in self._images():
            verdict = self._remembered(image)
            if verdict is None:
                hint = _how_to_ask()
                message = f"{image.case}/{image.value.socket}: {_NOT_ASKED}"
                found.append(Problem(message, image.value.place, hint))
            else:
                known.append((image, verdict))
        return (*found, *_judged(known).problems)

    def _remember(self, image: _Image, verdict: Verdict) -> None:
        if verdict.failure in _ABOUT_FILES:
            self._cache.put(image.key, image.facts.stat, verdict, changed=image.changed)

    def _remembered(self, image: _Image) -> Verdict | None:
        found = self._cache.get(image.key, image.facts.stat)
        return found if found is not None and found.failure in _ABOUT_FILES else None

    def _bundles(self) -> Iterator[Bundle]:
        """The images without a verdict, one after the other, as workers get free."""
        for image, source in self._images():
            verdict = self._remembered(image)
            if verdict is not None:
                self._known.append((image, verdict))
                continue
            if image.key in self._asked:
                self._asked[image.key].append(image)
                continue
            self._asked[image.key] = [image]
            yield Bundle(image.key, tuple((file.full, file.name) for file in source.files))

    def _images(self) -> Iterator[tuple[_Image, Source]]:
        for case in self._manifest.cases:
            for value in case.values:
                facts = self._facts.values.get((case.name, value.socket))
                if not isinstance(value, FileValue) or facts is None:
                    continue
                socket = self._facts.sockets.get(value.socket)
                if is_set(value, socket) or not is_image(value, socket, files=facts.files):
                    continue
                source = resolve(value, self._root)
                if isinstance(source, Source):
                    key = value_key(os.fspath(self._root.path), value.paths)
                    changed = max(file.mtime_ns for file in source.files) / 1e9
                    yield _Image(key, case.name, value, socket, facts, changed), source


def _judged_by(
    workers: Workers,
    bundles: Iterator[Bundle],
    tell: Callable[[int], None],
    stopping: Callable[[], bool],
) -> Iterator[Verdict]:
    """What the importer makes of each bundle, as workers answer."""
    waiting: set[Future[Verdict]] = set()
    answered = 0
    with Daemons(_MOST_ASKED, "judge") as threads:
        more = True
        while more or waiting:
            while more and len(waiting) < min(_MOST_ASKED, workers.most):
                bundle = next(bundles, None)
                if bundle is None:
                    more = False
                else:
                    waiting.add(threads.submit(workers.judge, bundle, stopping))
            done, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                answered += 1
                tell(answered)
                yield future.result()


def _judged(verdicts: list[tuple[_Image, Verdict]]) -> Checked:
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for image, verdict in verdicts:
        for one in verdict_problems(
            verdict,
            kind=image.socket.kind if image.socket is not None else "Image",
            segments=image.socket.segments if image.socket is not None else (),
            slices=image.facts.slices,
            extras=image.facts.extras,
        ):
            message, hint = sentence(one)
            where = f"{image.case}/{image.value.socket}"
            problem = Problem(f"{where}: {message}", image.value.place, hint)
            (warnings if one.is_note else problems).append(problem)
    images = sum(verdict.failure in _ABOUT_FILES for _, verdict in verdicts)
    return Checked(tuple(problems), tuple(warnings), images)


def _how_to_ask() -> str:
    try:
        require_importer()
    except ExtraMissing as missing:
        return f"{missing.message}; then run  uploader validate --import"
    return (
        "run  uploader validate --import  first, with the same manifest "
        "(files that change just before it ends are not covered)"
    )
