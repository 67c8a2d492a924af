"""Tells computers apart, for locks: by an id of the machine, hashed, which no network changes.

Clusters start many nodes from one disk, so that all have the same id, and containers share that of
their image. On Linux a lock therefore also tells the boot and the process numbers' namespace.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

_SALT: Final = b"manifest-uploader lock "
_LENGTH: Final = 24
"""Hex characters of a hash."""
_IDS: Final = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_BOOT: Final = "/proc/sys/kernel/random/boot_id"
_NAMESPACE: Final = "/proc/self/ns/pid"
_UUID: Final = re.compile(r'"IOPlatformUUID"\s*=\s*"([^"]+)"')
_ASKING_S: Final = 5.0


class Machine(Struct, frozen=True):
    """Where a process runs; texts are hashes, empty if the system does not tell."""

    host: str
    id: str = ""
    boot: str = ""
    numbers: str = ""
    """The namespace of its process numbers."""


def can_judge(holder: Machine, mine: Machine) -> bool:
    """Whether a process here can see whether the holder's process runs.

    Locks of earlier versions have only the host's name. A name counts as well if the boot is
    another one: then either this machine was started anew, or it is a node with the same disk.
    """
    if not holder.id or not mine.id:
        return holder.host == mine.host
    if holder.id != mine.id:
        return False
    if not holder.boot or not mine.boot:
        return True
    if holder.boot == mine.boot:
        return holder.numbers == mine.numbers
    return holder.host == mine.host


@cache
def raw_ids() -> Mapping[str, str]:
    """The ids that the system tells; they are never written down as they are."""
    if sys.platform == "win32":
        return {"id": _registry()}
    if sys.platform == "darwin":
        return {"id": _io_registry()}
    with contextlib.suppress(OSError):
        return {
            "id": next(filter(None, map(_text, _IDS)), ""),
            "boot": _text(_BOOT),
            "numbers": os.readlink(_NAMESPACE),  # noqa: PTH115
        }
    return {"id": next(filter(None, map(_text, _IDS)), "")}


def this_machine(host: str, raw: Mapping[str, str] | None = None) -> Machine:
    """This machine, by its host name and what the system tells."""
    found = raw_ids() if raw is None else raw
    return Machine(host, **{name: _hashed(name, text) for name, text in found.items() if text})


def _hashed(name: str, text: str) -> str:
    return hashlib.sha256(_SALT + f"{name} {text}".encode()).hexdigest()[:_LENGTH]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _io_registry() -> str:
    command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        told = subprocess.run(  # noqa: S603 - a program of the system
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASKING_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return platform_uuid(told.stdout.decode(errors="replace"))


def platform_uuid(told: str) -> str:
    """The id in what `ioreg` of macOS tells; empty if there is none."""
    found = _UUID.search(told)
    return found[1] if found else ""


def _registry() -> str:
    try:
        import winreg  # noqa: PLC0415 - only on Windows

        flags = winreg.KEY_READ | winreg.KEY_WOW64_64KEY  # type: ignore[attr-defined,unused-ignore]
        path = r"SOFTWARE\Microsoft\Cryptography"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, flags) as key:  # type: ignore[attr-defined,unused-ignore]
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])  # type: ignore[attr-defined,unused-ignore]
    except (ImportError, OSError):
        return ""
