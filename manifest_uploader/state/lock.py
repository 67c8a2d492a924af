"""Keeps a second run out of a state file and names the first.

The lock is a file that is created exclusively, which works on NFS and Lustre, unlike flock. It is
broken only if its holder is proven dead: it ran on this machine, and no process has its pid and
start time, by the clock or since boot (clocks get adjusted). Age proves nothing, because a run may
be silent for hours.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from manifest_uploader.errors import StateLocked, StateUnwritable
from manifest_uploader.state.machine import Machine, can_judge, this_machine
from manifest_uploader.system import disk


class Holder(Struct, frozen=True):
    """Who holds a lock."""

    user: str
    host: str
    boot: int
    """When the host booted, in seconds since 1970, accurate to a few seconds."""
    pid: int
    start: float
    """When the process started, in seconds since 1970."""
    since: str
    """When the lock was taken, as text for people."""
    key: str
    """Random; tells this lock from a later one."""
    machine: Machine | None = None
    """None: an earlier version took the lock."""


_SAME_START_S = 2.0


@contextlib.contextmanager
def held(
    state: Path, *, take_over: bool, command: str, note: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold the lock of a state file for the duration of a `with` block.

    Args:
        state: the state file; the lock is `NAME.lock` beside it.
        take_over: break another run's lock.
        command: what to type to take over, for the message.
        note: is told if the lock cannot be removed at the end, which does no harm.

    Raises:
        StateLocked: another run holds the lock, or may hold it.
        StateUnwritable: the lock file cannot be created.

    """
    path = _lock_of(state)
    mine = _this_process()
    missing = _missing_folders(path.parent)
    try:
        _take(path, mine, take_over=take_over, command=command)
    except StateUnwritable:
        _remove_empty(missing)
        raise
    try:
        yield
    finally:
        if not _release(path, mine):
            note(
                f"{path} could not be removed: another program has it open; "
                "the next run on this computer removes it"
            )
        _remove_empty(missing)


def holder_of(state: Path) -> Holder | None:
    """Who holds the lock of a state file; None if it is free or its holder is proven dead."""
    holder = _read(_lock_of(state))
    return None if holder is None or is_dead(holder) else holder


def _missing_folders(folder: Path) -> list[Path]:
    """The folders that have to be created for a file in this one, the innermost first."""
    return list(itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents)))


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders created for the lock, unless something else was written there."""
    with contextlib.suppress(OSError):  # one that is not empty ends this
        for folder in folders:
            folder.rmdir()


def _lock_of(state: Path) -> Path:
    return state.with_name(state.name + ".lock")


def _take(path: Path, mine: Holder, *, take_over: bool, command: str) -> None:
    for _ in range(3):
        if _create(path, mine):
            return
        holder = _read(path)
        if holder is not None and not take_over and not is_dead(holder):
            raise _locked(path, holder, command)
        if holder is None and not take_over and disk.usable(path).exists():
            raise _unknown(path, command)
        _break(path, holder)
    raise _unknown(path, command)


def _create(path: Path, mine: Holder) -> bool:
    """Create the lock, unless there is one; whether it was created.

    Its text is on the disk before it gets its name, so that no lock is ever incomplete.
    """
    aside = path.with_name(f"{path.name}.{mine.key}")
    try:
        disk.usable(path.parent).mkdir(parents=True, exist_ok=True)
        _write(aside, mine)
        return _link(aside, path, mine)
    except OSError as error:
        raise StateUnwritable(
            f"{path} cannot be written: {disk.writing_reason(path, error)}",
            hint=f"nothing was sent; {disk.remedy(error)}, or name another place for the state "
            "with --state",
        ) from None
    finally:
        disk.could_remove(aside)


def _write(path: Path, mine: Holder) -> None:
    with disk.open_file(path, "xb") as file:
        file.write(msgspec.json.encode(mine))
        file.flush()
        os.fsync(file.fileno())


def _link(aside: Path, path: Path, mine: Holder) -> bool:
    """Give the lock its name, unless another lock has it; whether it got the name."""
    try:
        disk.usable(path).hardlink_to(disk.usable(aside))
    except FileExistsError:
        # NFS may also answer this when it repeats a request that took effect.
        return disk.usable(aside).stat().st_nlink == 2  # noqa: PLR2004
    except (OSError, NotImplementedError):  # a file system without hard links
        try:
            _write(path, mine)
        except FileExistsError:
            return False
    return True


def _read(path: Path) -> Holder | None:
    """Who holds the lock; None if there is none, or it stays unreadable for a second."""
    for _ in range(10):
        try:
            return _holder(json.loads(disk.read_bytes(path)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RecursionError):
            time.sleep(0.1)
    return None


def _holder(told: Any) -> Holder:
    """The holder that a lock tells of; what this version does not know is passed over."""
    if not isinstance(told, dict):
        raise TypeError
    known = {name: told[name] for name in Holder.__struct_fields__ if name in told}
    machine = known.pop("machine", None)
    if not isinstance(machine, dict):
        return Holder(**known)
    parts = {name: str(machine.get(name, "")) for name in Machine.__struct_fields__}
    return Holder(**known, machine=Machine(**parts))


def left_by(state: Path) -> Holder | None:
    """Who was killed while holding the lock of a state file; None if nobody was."""
    holder = _read(_lock_of(state))
    return holder if holder is not None and is_dead(holder) else None


def is_dead(holder: Holder) -> bool:
    """Whether the holder is proven to run no longer, which only its own machine can tell."""
    import psutil  # noqa: PLC0415 - late: 30 ms, needed only for a lock that is held

    try:
        if not can_judge(holder.machine or Machine(holder.host), this_machine(_host())):
            return False
        process = psutil.Process(holder.pid)
        start, boot = process.create_time(), psutil.boot_time()
        by_clock = abs(start - holder.start)
        since_boot = abs((start - boot) - (holder.start - holder.boot))
        is_other = min(by_clock, since_boot) > _SAME_START_S
        return bool(is_other or process.status() == psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return True
    except (psutil.Error, TypeError, ValueError, OverflowError):
        return False


def _break(path: Path, judged: Holder | None) -> None:
    """Remove the lock of `judged`; a lock that another run created meanwhile is put back."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        disk.patiently(lambda: disk.usable(path).rename(disk.usable(aside)))
    except OSError:
        return
    if (other := _read(aside)) != judged and other is not None:
        with contextlib.suppress(OSError):
            _link(aside, path, other)
    disk.could_remove(aside)


def _release(path: Path, mine: Holder) -> bool:
    """Remove the lock, unless it is another run's by now; whether none of this run is left."""
    return _read(path) != mine or disk.could_remove(path)


def _this_process() -> Holder:
    import psutil  # noqa: PLC0415 - late: only a run that writes needs it

    return Holder(
        user=_user(),
        host=_host(),
        boot=round(psutil.boot_time()),
        pid=os.getpid(),
        start=psutil.Process().create_time(),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        key=uuid.uuid4().hex,
        machine=this_machine(_host()),
    )


def _host() -> str:
    return socket.gethostname()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _locked(path: Path, holder: Holder, command: str) -> StateLocked:
    return StateLocked(
        f"another run is in progress: held by {holder.user} on {holder.host}, pid {holder.pid}, "
        f"since {holder.since} ({path.name})",
        hint=f"wait for it; or, if you know that it is dead: {command}",
    )


def _unknown(path: Path, command: str) -> StateLocked:
    return StateLocked(
        f"another run may be in progress: {path} exists and does not say whose it is",
        hint=f"if you know that there is none: {command}",
    )
