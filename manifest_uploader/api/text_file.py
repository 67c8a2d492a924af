"""Reads and writes the text of a manifest."""

from __future__ import annotations

import secrets
from pathlib import Path

from manifest_uploader.engine.reading import manifest_bytes
from manifest_uploader.errors import UsageError
from manifest_uploader.system import disk


def read(path: str) -> str:
    """The text in a file; raises UsageError if it cannot be read, or is not UTF-8."""
    try:
        return manifest_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8", hint="save the file as UTF-8") from None


def write(name: str, text: str, *, overwrite: bool) -> None:
    """Write the text; a file that holds the same already is left alone.

    Raises:
        UsageError: there is another file, and `overwrite` is false; or it cannot be written.

    """
    data = text.encode()
    if Path(name).suffix.lower() not in {".yaml", ".yml"}:
        raise UsageError(f"'{name}' is not a name for a manifest", hint="end it with .yaml")
    there = disk.usable(Path(name))
    if there.exists():
        if there.is_file() and manifest_bytes(name) == data:
            return
        if not overwrite:
            raise UsageError(
                f"'{name}' exists and holds something else",
                hint="save it under another name, or with overwrite=True",
            )
    draft = Path(f"{name}.{secrets.token_hex(4)}")
    try:
        with disk.open_file(draft, "xb") as file:
            file.write(data)
        disk.replace(draft, Path(name))
    except OSError as error:
        disk.could_remove(draft)
        raise UsageError(f"'{name}' cannot be written: {disk.reason(error)}") from None
