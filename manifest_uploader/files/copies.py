"""Makes the de-identified copies of DICOM files that are sent, without writing them anywhere.

A copy is a header in memory and a range of the original, so that any number of files of any size
takes little memory, and no file with or without patients' names is left behind, however a run ends.
"""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Final

import msgspec
from msgspec.structs import replace

from manifest_uploader.files.copy_worker import Answer
from manifest_uploader.files.crew import CannotStart, Crew, WorkerBug, usable_cores
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.dicom_procedure import does_not_start
from manifest_uploader.files.local_file import FileChanged, LocalFile
from manifest_uploader.files.uid_key import fingerprint

_TASK: Final = "manifest_uploader.files.copy_worker:start"
_TRIES: Final = 3


class NoCopy(Exception):
    """The procedure cannot be applied to a file; the message says why."""


class CopyMaker:
    """Makes copies for several threads, in as many processes as there are cores."""

    def __init__(self, key: str, *, processes: int | None = None) -> None:
        """Start nothing yet; `key`, in hex, makes the new UIDs."""
        self._crew = Crew(_TASK, key)
        self._free = BoundedSemaphore(processes or usable_cores())
        self.made_by: Final = fingerprint(key)

    def copy(self, file: LocalFile) -> DicomCopy:
        """The copy of one file.

        Raises:
            FileChanged: the file has changed since it was looked at, or cannot be read.
            NoCopy: the procedure cannot be applied to it.
            CannotGoOn: the procedure does not start.

        """
        for _ in range(_TRIES):
            answer = self._ask(file)
            if answer is None:
                continue
            if answer.changed:
                raise FileChanged(answer.changed)
            if answer.copy is None:
                raise NoCopy(f"it cannot be de-identified: {answer.refused}")
            return replace(answer.copy, made_by=self.made_by)
        raise NoCopy(
            f"it cannot be de-identified: the process that worked on '{file.name}' crashed "
            f"several times; memory may be short"
        )

    def close(self) -> None:
        """End the processes."""
        self._crew.end(kill=True)

    def _ask(self, file: LocalFile) -> Answer | None:
        """A process's answer; None if it died."""
        with self._free:
            try:
                answer = self._crew.ask(msgspec.to_builtins(file))
            except CannotStart:
                raise does_not_start() from None
            except (OSError, WorkerBug):
                return None
        return None if answer is None else msgspec.convert(answer, Answer)
