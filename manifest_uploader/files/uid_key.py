"""New UIDs that are the same each time: each is made from the old one and a secret key.

Nobody can tell the old UID from the new one. Whoever has the key and an original file can tell
which copy came from it, and nothing more.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from manifest_uploader.errors import UsageError
from manifest_uploader.system import disk

ROOT: Final = "1.2.826.0.1.3680043.10.1666."
"""Grand Challenge's own root (`deidentifier.py`); a UID has at most 64 characters (PS3.5, 9.1)."""
_BYTES: Final = 14
"""Of the digest; 34 decimal digits at most."""
_PROCEDURE: Final = "grand-challenge-dicom-de-identifier"
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_ABOUT: Final = """\
# 'uploader' makes the new UIDs of de-identified files with this key, the same ones each time.
# Keep it to continue later; do not publish it: with it and an original file, one can tell
# which copy came from that file.
"""


class KeyedUids(dict[Any, Any]):
    """Maps old UIDs to new ones, in place of the random map of the platform's procedure."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = bytes.fromhex(key)

    def __getitem__(self, uid: Any) -> Any:
        """The new UID; a list for an element with several, and nothing for an empty one."""
        if uid is None or isinstance(uid, str):
            old = (uid or "").strip(" \0")
            return self._make(old) if old else ""
        return [self[one] for one in uid]

    def _make(self, old: str) -> str:
        digest = hmac.digest(self._key, old.encode(errors="replace"), hashlib.sha256)
        return f"{ROOT}{int.from_bytes(digest[:_BYTES], 'big')}"


def read_key(path: Path) -> str | None:
    """The key in a file, in hex; None if there is no such file.

    Raises:
        UsageError: it cannot be read, or is not a key.
    """
    try:
        lines = disk.read_bytes(path).decode(errors="replace").split("\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {disk.reason(error)}") from None
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if len(found) != 1 or not _KEY.fullmatch(found[0]):
        hint = "it is the wrong file, or was changed: take the file that 'uploader' made"
        raise UsageError(f"'{path}' does not hold a key", hint=hint)
    return found[0]


def fingerprint(key: str) -> str:
    """What tells apart how copies were made: by which key, and by which version of the procedure.

    It tells nothing about the key itself.
    """
    with contextlib.suppress(PackageNotFoundError):
        key += version(_PROCEDURE)
    return hashlib.sha256(b"uploader uid key " + key.encode()).hexdigest()[:16]


def make_key(path: Path) -> str:
    """Write a new key into a new file that only this user may read; raise UsageError."""
    key = secrets.token_hex(32)
    try:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(parents=True)
        path.touch(0o600, exist_ok=False)
        with disk.open_file(path, "wb") as file:
            file.write(f"{_ABOUT}{key}\n".encode())
    except FileExistsError:
        raise UsageError(f"'{path}' cannot be written: it has appeared in the meantime") from None
    except OSError as error:
        disk.could_remove(path)
        raise UsageError(
            f"'{path}' cannot be written: {disk.writing_reason(path, error)}"
        ) from None
    return key
