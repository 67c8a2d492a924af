"""Lets a run do as many steps at a time as files may be open: each connection counts as one."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from manifest_uploader.output.formatting import counted

_WANTED: Final = 4096
"""Files that may be open, if the system lets us choose; macOS begins with 256."""
_OTHERS: Final = 40
"""Files open whatever the jobs: streams, state, lock, log, receipts, pipes, certificates."""
_A_JOB: Final = 6
"""Files of a job: connections to the platform and to storage of two threads, what it reads."""
_A_JOB_OF_A_SANDBOX: Final = 12
"""The same, and the other ends of its connections."""


def usable_jobs(wanted: int, *, limit: int | None, sandbox: bool) -> int:
    """How many of these jobs there may be if so many files may be open; at least one."""
    if limit is None:
        return wanted
    each = _A_JOB_OF_A_SANDBOX if sandbox else _A_JOB
    return max(1, min(wanted, (limit - _OTHERS) // each))


def open_limit() -> int | None:
    """How many files may be open, after asking the system for more; None if there is no limit."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return _raised(resource)


def _raised(resource: Any) -> int | None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless:
        return None
    most = _WANTED if hard == endless else min(_WANTED, hard)
    if soft < most:
        with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return int(soft)


def jobs_note(jobs: int, wanted: int, limit: int | None) -> str | None:
    """What to say if there are fewer jobs than wanted."""
    if jobs == wanted:
        return None
    steps = counted(jobs, "step")
    return f"{steps} at a time instead of {wanted}: only {limit} files may be open (ulimit -n)"
