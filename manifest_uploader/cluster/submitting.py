"""Submits a job again and again until the batch system takes it, and knows whether it ever did."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from distributed.deploy.spec import ProcessInterface

from manifest_uploader.errors import CannotGoOn

AGAIN_S: Final = 30.0
"""Between two attempts to submit a job: a batch system may be busy, or its queue full."""
_LOOK_S: Final = 0.5
_LONGEST: Final = 200


class Submissions:
    """What became of the jobs of a run."""

    def __init__(self, jobs: int) -> None:
        """So many are wanted."""
        self._jobs = jobs
        self._refusals = 0
        self._why = ""
        self._is_taken = False
        self._decided = threading.Event()
        self.over: Final = threading.Event()
        """Is set when no more jobs are to be submitted."""

    def taken(self) -> None:
        """A job was taken."""
        self._is_taken = True
        self._decided.set()

    def refused(self, error: Exception) -> None:
        """A job was not taken."""
        self._refusals, self._why = self._refusals + 1, in_short(error)
        if self._refusals >= self._jobs:
            self._decided.set()

    def wait(self, longest_s: float) -> None:
        """Wait until it is known whether jobs are taken."""
        self._decided.wait(longest_s)

    def check(self, batch: str) -> None:
        """Raise CannotGoOn if jobs were refused and none was ever taken."""
        if self._refusals and not self._is_taken:
            raise CannotGoOn(
                f"{batch} takes no job: {self._why}",
                hint="correct what ~/.config/dask/jobqueue.yaml says of a job (uploader help "
                "cluster), then run the same command again",
            )


def patient(kind: type[Any], submissions: Submissions, again_s: float = AGAIN_S) -> type[Any]:
    """A kind of job that is submitted again until it is taken.

    Dask would forget a job whose submission has failed.
    """

    class Patient(kind):  # type: ignore[misc]
        async def start(self) -> None:
            while not submissions.over.is_set():
                try:
                    await super().start()
                except (OSError, RuntimeError, ValueError) as error:
                    submissions.refused(error)
                else:
                    submissions.taken()
                    return
                await _pause(again_s, submissions.over.is_set)
            await ProcessInterface.start(self)  # submits nothing

    return Patient


async def _pause(seconds: float, is_over: Callable[[], bool]) -> None:
    while seconds > 0 and not is_over():
        await asyncio.sleep(_LOOK_S)
        seconds -= _LOOK_S


def in_short(error: Exception) -> str:
    """One line of an exception of dask-jobqueue: what a command wrote, if one has failed."""
    text = str(error).strip()
    said = text.rpartition("stderr:")[2].strip() or text.partition("stdout:")[2].strip()
    return ((said or text or type(error).__name__).splitlines()[0])[:_LONGEST]
