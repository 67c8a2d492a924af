r"""Uses files as every system allows: patiently, under long paths, with reasons in plain words.

On Windows, another program that looks at a file (an antivirus program, an indexer, a backup) keeps
others from opening, replacing or removing it for a moment. Network drives do so, too.
"""

from __future__ import annotations

import contextlib
import errno
import ntpath
import os
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias, TypeVar

_T = TypeVar("_T")
Mode: TypeAlias = Literal["rb", "wb", "ab", "xb"]

PATIENCE_S: Final = 2.0
"""How long to try again while another program has a file open."""
_FIRST_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.1
_IN_USE: Final = frozenset({5, 32, 33})
"""Windows: access denied (also for a file that is being removed), sharing and lock violation."""
_BUSY: Final = frozenset({errno.EBUSY, errno.ETXTBSY})
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_RIGHT: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_LONGEST_PLAIN: Final = 247
"""Windows: the longest path of a folder, in characters, that needs no prefix; of a file 259."""
_MOUNT_POINT: Final = 0xA0000003
"""Windows: the reparse tag of a junction."""
_PREFIX: Final = "\\\\?\\"
_UNC: Final = "\\\\?\\UNC\\"


# ── reasons ─────────────────────────────────────────────────────────────────────────────────

_WINDOWS_REASONS: Final = {
    2: "No such file or directory",
    3: "No such file or directory",
    5: "Permission denied",
    19: "the disk is write-protected",
    21: "the drive is not ready",
    32: "another program has it open",
    33: "another program has it open",
    39: "No space left on device",
    53: "the network drive cannot be reached",
    67: "the network drive cannot be reached",
    112: "No space left on device",
    206: "the name is too long",
    1224: "another program has it open",
}
"""Windows has its own words, in the language of the user."""
_UNKNOWN: Final = "unknown error"


def reason(error: OSError, otherwise: str = "the system gives no reason") -> str:
    """Why a call of the system failed, in words: never a number, whatever the error lacks."""
    known = _WINDOWS_REASONS.get(getattr(error, "winerror", None) or 0)
    if known is not None:
        return known
    words = error.strerror if isinstance(error.strerror, str) else ""
    if not words or words.lower().startswith(_UNKNOWN):
        words = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno else ""
    return otherwise if not words or words.lower().startswith(_UNKNOWN) else words


def writing_reason(path: Path, error: OSError) -> str:
    """Why a file cannot be written, in words that name the folder if there is none."""
    path = usable(path)
    folder = path.parent
    if folder.is_dir():
        return "it is a folder" if path.is_dir() else reason(error)
    if os.path.lexists(folder):
        return f"'{folder}' is not a folder"
    return f"folder '{folder}' does not exist" if error.errno == errno.ENOENT else reason(error)


def remedy(error: OSError) -> str:
    """What helps if a file cannot be written, as the beginning of a hint."""
    if error.errno in _NO_ROOM:
        return "make room"
    if error.errno in _NO_RIGHT:
        return "get write permission there"
    return "make the file writable"


# ── patience ────────────────────────────────────────────────────────────────────────────────


def is_in_use(error: OSError, *, windows: bool = os.name == "nt") -> bool:
    """Whether another program may have the file open just now, so that it helps to wait.

    What opens files on Windows gives no number of the system, only that access is denied.
    """
    code = getattr(error, "winerror", None)
    if code:
        return code in _IN_USE
    return error.errno in _BUSY or (windows and error.errno == errno.EACCES)


def patiently(act: Callable[[], _T]) -> _T:
    """Call `act` again for two seconds as long as another program has the file open."""
    end, pause_s = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
    while True:
        try:
            return act()
        except OSError as error:
            if not is_in_use(error) or time.monotonic() >= end:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def open_file(path: Path, mode: Mode = "rb") -> BinaryIO:
    """Open a file patiently."""
    return patiently(lambda: usable(path).open(mode))


def open_raw(path: str) -> FileIO:
    """Open a file patiently, to read it without a buffer."""
    return patiently(partial(FileIO, reachable(path)))


def open_unbuffered(path: Path) -> FileIO:
    """Open a file patiently to read and write it, without a buffer; make it if there is none."""
    where = reachable(str(path))

    def opened() -> FileIO:
        try:
            return FileIO(where, "r+b")
        except FileNotFoundError:
            return FileIO(where, "x+b")

    return patiently(opened)


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in."""
    usable(path).mkdir(parents=True, exist_ok=True)


def names_in(path: Path) -> list[str]:
    """The names in a folder; none if it cannot be listed."""
    try:
        return os.listdir(reachable(str(path)))  # noqa: PTH208
    except OSError:
        return []


def size_and_time(path: Path) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in nanoseconds of a file; None: no such file."""
    try:
        found = usable(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns


def read_bytes(path: Path) -> bytes:
    """All bytes of a file."""
    with open_file(path) as file:
        return file.read()


def replace(source: Path, target: Path) -> None:
    """Rename a file patiently, over one that is there."""
    patiently(lambda: usable(source).replace(usable(target)))


def remove(path: Path) -> None:
    """Remove a file patiently, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        patiently(lambda: usable(path).unlink())


def usable(path: Path) -> Path:
    """The path as the system takes it, however long it is; for calls, not for people."""
    return path if os.name != "nt" else Path(reachable(str(path)))


def could_remove(path: Path) -> bool:
    """Remove a file patiently, if it is there; whether it is gone."""
    try:
        remove(path)
    except OSError:
        return False
    return True


def remove_tree(folder: Path | str) -> None:
    """Remove a folder and all that is in it, patiently; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        with os.scandir(reachable(os.fspath(folder))) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False) and not is_link(entry):
                remove_tree(entry.path)
            else:
                could_remove(Path(entry.path))
        patiently(lambda: usable(Path(folder)).rmdir())


# ── the disk itself ─────────────────────────────────────────────────────────────────────────


def sync(handle: int) -> None:
    """Bring a file to the disk; on macOS `fsync` alone leaves it in the drive's own memory."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        os.fsync(handle)
        return
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(handle, full)
        except OSError as error:  # network drives do not know it
            if error.errno == errno.ENOSPC:
                raise
        else:
            return
    os.fsync(handle)


# ── names ───────────────────────────────────────────────────────────────────────────────────


def folded(name: str) -> str:
    """The same for all names that a file system may take for the same."""
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", decomposed)


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file or folder.

    Names that differ only in case may, if no more than one of them is in the folder's list.
    """
    first, second = (os.path.realpath(path) for path in (one, other))
    if first == second:
        return True
    if folded(first) == folded(second):
        are_there = os.path.lexists(first) and os.path.lexists(second)
        return are_there and not (_is_listed(first) and _is_listed(second))
    return _has_same_number(first, second)


def _is_listed(path: str) -> bool:
    """Whether every name of a path is in the list of its folder, in this spelling."""
    folder, name = os.path.split(path)
    if not name:
        return True
    try:
        return name in os.listdir(folder) and _is_listed(folder)  # noqa: PTH208
    except OSError:
        return True  # the folder may be entered and not be listed


def _has_same_number(one: str, other: str) -> bool:
    """Whether the system has one number for both; some have none, or make them up anew."""
    try:
        first, second = os.stat(one), os.stat(other)  # noqa: PTH116
    except OSError:
        return False
    return first.st_ino != 0 and os.path.samestat(first, second)


# ── long paths ──────────────────────────────────────────────────────────────────────────────


def reachable(path: str) -> str:
    """The path as the system takes it, however long it is."""
    return path if os.name != "nt" else prefixed(path, here=os.getcwd())  # noqa: PTH109


def prefixed(path: str, *, here: str) -> str:
    r"""A path for Windows, which takes long ones only with the prefix `\\?\`.

    Such a path is absolute and tidy, without `/`, `.` and `..`. `here` is the working folder.
    """
    if path.startswith((_PREFIX, "\\\\.\\")):
        return path
    whole = path if ntpath.isabs(path) else ntpath.join(plain(here), path)
    if len(whole) <= _LONGEST_PLAIN:
        return path
    whole = ntpath.normpath(whole)
    return _UNC + whole[2:] if whole.startswith("\\\\") else _PREFIX + whole


def plain(path: str) -> str:
    """A path as people write it: without the prefix that long ones need on Windows."""
    if path.startswith(_UNC):
        return "\\\\" + path[len(_UNC) :]
    return path.removeprefix(_PREFIX)


def real(path: str | os.PathLike[str]) -> str:
    """The path with all links resolved, as people write it."""
    found = os.path.realpath(reachable(os.fspath(path)))
    return found if os.name != "nt" else plain(found)


def is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a symbolic link, or a junction of Windows."""
    if entry.is_symlink():
        return True
    is_junction = getattr(entry, "is_junction", None)  # Python 3.12
    if is_junction is not None:
        return bool(is_junction())
    try:
        tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    except OSError:
        return False
    return bool(tag == _MOUNT_POINT)
