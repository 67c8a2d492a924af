"""Downloads the files of items into a folder, several at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manifest_uploader.engine.activity import Activity
from manifest_uploader.engine.fetch_folder import Folder
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.plan.fetched import FetchedFile, FileState, WantedFile, Why
from manifest_uploader.platform.file_download import CutShort, Downloaded, download_file
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.system import disk

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_SLICE_S: Final = 0.5
"""Longest single wait; Windows handles Ctrl-C only between waits."""
_TRIES: Final = 3
"""Of a file that does not come as a whole although the connection held."""


class Downloads:
    """Brings files into a folder."""

    def __init__(
        self,
        client: Client,
        folder: Folder,
        *,
        force: bool = False,
        checksum: bool = False,
        activity: Activity | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare to download.

        Args:
            client: sends the requests.
            folder: where the files go.
            force: replace files that differ.
            checksum: hash the files that are there instead of trusting size and time.
            activity: is told how far it is.
            stopping: whether the command is being stopped.

        """
        self._client, self._folder = client, folder
        self._force, self._checksum = force, checksum
        self._activity = activity or Activity()
        self._is_stopping = stopping
        self._has_failed = False

    def fetch(
        self,
        wanted: Sequence[WantedFile | FetchedFile],
        *,
        jobs: int,
        tell: Callable[[FetchedFile], None] = lambda _: None,
    ) -> tuple[FetchedFile, ...]:
        """Bring the files; what became of them, in their order.

        `tell` is told of each as soon as it and all before it are there. What an earlier fetch
        brought for a socket that now holds files of other names goes, unless somebody changed it.

        Raises:
            OSError: the disk does not take one.
            PlatformUnreachable, PlatformRefused, Interrupted: as for `Client.download`.

        """
        found: list[FetchedFile] = []
        pool = ThreadPoolExecutor(jobs, "download")
        try:
            for one in [self._begun(pool, one) for one in wanted]:
                found.append(self._result(one) if isinstance(one, Future) else one)
                tell(found[-1])
        finally:
            # do not wait: after Ctrl-C or an error, closing the client ends the downloads
            self._has_failed = len(found) < len(wanted)
            pool.shutdown(wait=False, cancel_futures=True)
        self._remove_replaced(found)
        return tuple(found)

    def _remove_replaced(self, found: Sequence[FetchedFile]) -> None:
        """Remove our files beside those that have taken their place."""
        named = [(one, one.name) for one in found if one.name is not None]
        unsure = {_folder_of(name) for one, name in named if one.sha256 is None}
        whole = {_folder_of(name) for _, name in named} - unsure
        self._folder.remove_others(whole, {name for _, name in named})

    def _begun(
        self, pool: ThreadPoolExecutor, one: WantedFile | FetchedFile
    ) -> Future[FetchedFile] | FetchedFile:
        return one if isinstance(one, FetchedFile) else pool.submit(self._fetch, one)

    def _result(self, future: Future[FetchedFile]) -> FetchedFile:
        while not wait([future], timeout=_SLICE_S).done:
            if self._is_stopping():
                raise Interrupted
        return future.result()

    def _fetch(self, one: WantedFile) -> FetchedFile:
        """Bring a file, unless it is there or somebody else's file is in its place."""
        folder = self._folder
        if (left := folder.as_left(one.name, checksum=self._checksum)) is not None:
            if left.source == one.source:
                return self._end(one, left.size, left.sha256, state=FileState.THERE)
        elif one.sha256 is not None and (size := self._size_if_same(one)) is not None:
            folder.note(one.name, size=size, sha256=one.sha256, source=one.source)
            return self._end(one, size, one.sha256, state=FileState.THERE)
        is_foreign = left is None and folder.has(one.name) and not self._force
        if is_foreign and folder.knows(one.name, one.source):
            return self._ended(one, FileState.KEPT)
        part = folder.part(one.name, one.source)
        found = self._downloaded(one, part) if one.content is None else self._written(one, part)
        if found is None:
            disk.could_remove(part)
            return self._ended(one, FileState.MISSING, Why.NOT_GIVEN)
        if is_foreign:
            return self._compared(one, found, part)
        folder.take(part, one.name, size=found.size, sha256=found.sha256, source=one.source)
        return self._end(one, found.size, found.sha256, state=FileState.FETCHED)

    def _size_if_same(self, one: WantedFile) -> int | None:
        """The size of the file that is there, if its bytes are those that were sent."""
        found = disk.size_and_time(self._folder.path / one.name)
        if found is None or self._folder.sha256(one.name) != one.sha256:
            return None
        return found[0]

    def _compared(self, one: WantedFile, found: Downloaded, part: Path) -> FetchedFile:
        """Keep the file that is there, which may be the same."""
        disk.could_remove(part)
        if self._folder.sha256(one.name) == found.sha256:
            self._folder.note(one.name, size=found.size, sha256=found.sha256, source=one.source)
            return self._end(one, found.size, found.sha256, state=FileState.THERE)
        self._folder.note_other(one.name, size=found.size, sha256=found.sha256, source=one.source)
        return self._ended(one, FileState.KEPT)

    def _written(self, one: WantedFile, part: Path) -> Downloaded:
        """The whole file, whose content is known."""
        content = one.content or b""
        with disk.open_file(part, "wb") as file:
            file.write(content)
            file.flush()
            disk.sync(file.fileno())
        self._activity.downloaded(size=len(content))
        return Downloaded(len(content), hashlib.sha256(content).hexdigest())

    def _downloaded(self, one: WantedFile, part: Path) -> Downloaded | None:
        """The whole file; None if the platform does not give it.

        If it was continued and is not what was sent, it is read again from its beginning.
        """
        for attempt in range(_TRIES):
            was_begun = disk.size_and_time(part) is not None
            try:
                found = download_file(
                    self._client,
                    one.address,
                    part,
                    tell=lambda count: self._activity.downloaded(size=count),
                    stopping=self._stopped,
                )
            except CutShort:
                continue
            is_other = found is not None and one.sha256 not in {None, found.sha256}
            if not (is_other and was_begun) or attempt == _TRIES - 1:
                return found
            disk.remove(part)
        raise PlatformRefused(
            f"the platform does not send the whole file of {one.case}/{one.socket}",
            hint="run the same command again: it continues",
        )

    def _stopped(self) -> bool:
        return self._has_failed or self._is_stopping()

    def _end(self, one: WantedFile, size: int, sha256: str, *, state: FileState) -> FetchedFile:
        is_other = one.sha256 is not None and one.sha256 != sha256
        ended = FileState.CHANGED if is_other else state
        return self._ended(one, ended, size=size, sha256=sha256)

    def _ended(
        self,
        one: WantedFile,
        state: FileState,
        why: Why | None = None,
        *,
        size: int | None = None,
        sha256: str | None = None,
    ) -> FetchedFile:
        self._activity.downloaded(files=1)
        return one.ended(state, why, size=size, sha256=sha256)


def _folder_of(name: str) -> str:
    """The folder of a name with `/`."""
    return name.rpartition("/")[0]
