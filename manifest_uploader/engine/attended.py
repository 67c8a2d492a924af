"""Lets the calling thread attend to signals and screens while another one works."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from manifest_uploader.platform.responses import Interrupted

_T = TypeVar("_T")

_SLICE_S: Final = 0.2
"""Longest single wait; Windows handles Ctrl-C only between waits."""


class LeftBehind(Interrupted):
    """The command is being stopped, and its work did not end in time: it may still go on."""


def attended(
    work: Callable[[], _T],
    *,
    attend: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
    let_end_s: float = math.inf,
) -> _T:
    """What comes of some work in a thread of its own, which does not keep the process alive.

    A name lookup, a file of a broken network disk or, on Windows, any connection keeps a thread
    from handling signals. So the main thread only waits.

    Args:
        work: what to do; what it raises is raised here.
        attend: called several times a second meanwhile.
        stopping: whether the command is being stopped.
        let_end_s: how long the work may take to end then, in seconds.

    Raises:
        LeftBehind: the command is being stopped, and the work did not end in time.

    """
    ended = threading.Event()
    found: list[_T] = []
    raised: list[BaseException] = []

    def act() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            raised.append(error)
        finally:
            ended.set()

    threading.Thread(target=act, name="work", daemon=True).start()
    stopped_at: float | None = None
    while not ended.wait(_SLICE_S):
        attend()
        if stopping():
            stopped_at = stopped_at or time.monotonic()
            if time.monotonic() - stopped_at >= let_end_s:
                raise LeftBehind
    if raised:
        raise raised[0]
    return found[0]
