"""Receipts: a JSON line for each upload, with its files' hashes, and for each adopted value.

They are written with `--receipts`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from manifest_uploader.errors import StateUnwritable
from manifest_uploader.state.events import Adopted
from manifest_uploader.system import disk


class Receipt(Struct, frozen=True):
    """The files of one completed upload."""

    case: str
    socket: str
    upload: str
    """The upload's pk."""
    files: tuple[tuple[str, str, int], ...]
    """(name, SHA-256, bytes)."""


class Receipts:
    """Appends receipts from any thread; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        if path is not None:
            try:
                self._file = disk.patiently(partial(path.open, "a", encoding="utf-8"))
                self._file.write("\n" * _is_torn(path))
            except OSError as error:
                raise _unwritable(error) from None

    def add(self, receipt: Receipt) -> None:
        """Append a receipt."""
        line = {
            "time": round(time.time(), 3),
            "case": receipt.case,
            "socket": receipt.socket,
            "upload": receipt.upload,
            "files": [
                {"name": name, "sha256": sha256, "size": size}
                for name, sha256, size in receipt.files
            ],
        }
        self._write(line)

    def add_adopted(self, event: Adopted) -> None:
        """Append a line for each adopted value that an upload would have brought."""
        for entry in event.entries if self._file is not None else ():
            if entry.digest is not None:
                continue
            checked = entry.sha256 is not None
            line = {
                "time": round(time.time(), 3),
                "case": event.case,
                "socket": entry.socket,
                "adopted": event.item,
                "content": "checked" if checked else "not checked",
            }
            self._write(line | ({"sha256": entry.sha256} if checked else {}))

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        with self._lock:
            try:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            except OSError as error:
                raise _unwritable(error) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _is_torn(path: Path) -> bool:
    """Whether the last line has no end."""
    with disk.open_file(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() not in {b"", b"\n"}


def _unwritable(error: OSError) -> StateUnwritable:
    return StateUnwritable(
        f"the receipts cannot be written: {disk.reason(error)}",
        hint=f"{disk.remedy(error)}, or leave --receipts out, then run the same command: "
        "it continues",
    )


def read(path: Path) -> Iterator[Receipt]:
    """The receipts of uploads in a file. Other lines are skipped, as they are for people.

    Raises:
        StateUnwritable: the file exists but cannot be read.

    """
    try:
        lines = disk.read_bytes(path).splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnwritable(f"{path} cannot be read: {disk.reason(error)}") from None
    for line in lines:
        try:
            yield _receipt(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _receipt(line: Any) -> Receipt:
    files = tuple((str(one["name"]), str(one["sha256"]), int(one["size"])) for one in line["files"])
    return Receipt(str(line["case"]), str(line["socket"]), str(line["upload"]), files)
