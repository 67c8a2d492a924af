"""Asks the platform's own importer, panimg, about images before they are sent.

Each image is judged in a worker process, as many at a time as there are cores: reading an image
takes memory, and a library that crashes must not end the rest. Starting a worker costs about 1 s
of CPU, once for all the images that it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from importlib.util import find_spec
from threading import BoundedSemaphore
from typing import Final

import msgspec
from msgspec import Struct

from manifest_uploader.errors import CannotGoOn, ExtraMissing
from manifest_uploader.files.crew import CannotStart, Crew, answers, usable_cores
from manifest_uploader.files.import_verdict import Failure, Verdict
from manifest_uploader.system.extras import reinstall_command

_TASK: Final = "manifest_uploader.files.import_worker:start"
_TRIES: Final = 2
"""A process may die because others took the memory."""


class Bundle(Struct, frozen=True):
    """The files of one image, as the platform gets them."""

    key: str
    """Returned with the verdict."""
    files: tuple[tuple[str, str], ...]
    """The full path of each file and its name in the upload, which may have folders: `a/b.dat`."""


def require_importer() -> None:
    """Raise ExtraMissing if panimg is not installed."""
    if find_spec("panimg") is None:
        raise ExtraMissing(
            "the platform's importer needs packages that are not installed", "importer"
        )


def import_check(
    bundles: Iterable[Bundle],
    *,
    processes: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Verdict]:
    """Yield what the importer makes of each bundle, as the verdicts come.

    Args:
        bundles: What to judge; they are taken as workers get free.
        processes: How many workers at most; by default one for each core that may be used.
        progress: Called with the number of verdicts so far, before each is yielded.

    Raises:
        ExtraMissing: panimg is not installed.
        CannotGoOn: panimg is installed, but cannot be imported.
    """
    require_importer()
    requests = ((one.key, _request(one)) for one in bundles)
    found = answers(_TASK, requests, processes=processes or usable_cores())
    with closing(found):  # so that the workers end when the caller stops early
        try:
            for number, (key, answer) in enumerate(found, 1):
                progress(number)
                yield _verdict(key, answer)
        except CannotStart:
            raise _does_not_start() from None


class Importer:
    """Judges bundles one by one, for several threads, in at most as many processes as cores."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._crew = Crew(_TASK, None)
        self._free = BoundedSemaphore(usable_cores())

    def judge(self, bundle: Bundle) -> Verdict:
        """What the importer makes of a bundle; raises as `import_check` does."""
        require_importer()
        answer = None
        with self._free:
            try:
                for _ in range(_TRIES):
                    if (answer := self._crew.ask(_request(bundle))) is not None:
                        break
            except CannotStart:
                raise _does_not_start() from None
        return _verdict(bundle.key, answer)

    def close(self) -> None:
        """End the processes."""
        self._crew.end(kill=True)


def _request(bundle: Bundle) -> dict[str, object]:
    return {"files": bundle.files}


def _does_not_start() -> CannotGoOn:
    return CannotGoOn(
        "the platform's importer, panimg, is installed but does not start",
        hint=f"install it again with: {reinstall_command('panimg')}",
    )


def _verdict(key: str, answer: object) -> Verdict:
    if answer is None:
        return Verdict(key, failure=Failure.CRASHED)
    return msgspec.structs.replace(msgspec.convert(answer, Verdict), key=key)
