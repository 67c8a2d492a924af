"""Lays out the uploads of an import in a folder, as the platform does for its importer.

Zip files become folders of the same name, also inside each other. The folders that all entries of a
zip file share are left out, and what macOS and Windows add to folders is not unpacked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import commonpath

_CHUNK = 1024 * 1024
_NOT_UNPACKED = re.compile(r"__MACOSX|\.DS_Store|desktop\.ini")
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
"""Characters that Windows does not allow in names; elsewhere names are kept."""


@dataclass(frozen=True)
class Upload:
    """A completed upload: its file's name, and the files with its parts in order."""

    name: str
    parts: tuple[Path, ...]

    def read(self) -> bytes:
        """Return the contents."""
        return b"".join(part.read_bytes() for part in self.parts)

    def copy_to(self, path: Path) -> None:
        """Write the contents to a new file."""
        with path.open("xb") as target:
            for part in self.parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target, _CHUNK)

    def measure(self) -> tuple[int, str]:
        """Return the size in bytes and the SHA-256."""
        return _measure(self.parts)


@dataclass(frozen=True)
class StoredFile:
    """A file on the disk that was sent by itself or inside a zip file."""

    name: str
    """Its name; inside a zip file, its path in there."""
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class Unpacked:
    """What an importer is given."""

    given: Path
    """The folder that holds the files."""
    made: Path
    """An empty folder for what the importer makes; it may not exist yet."""
    files: tuple[StoredFile, ...]


class Workplace:
    """Folders for imports, one for each that runs at the same time.

    They are used again: to remove a folder takes milliseconds on some disks.
    """

    def __init__(self, within: Path) -> None:
        """Make folders within this one when they are needed."""
        self._within = within
        self._free: list[Path] = []

    @contextmanager
    def unpacked(self, uploads: Iterable[Upload]) -> Iterator[Unpacked]:
        """Lay out uploads; what was laid out and made is removed at the end.

        Raises:
            ValueError: an entry of a zip file would lie outside its folder, or there is none.
            RuntimeError: an entry is encrypted, or compressed in an unknown way.

        """
        try:
            folder = self._free.pop()
        except IndexError:
            folder = Path(tempfile.mkdtemp(dir=self._within))
        given, made = folder / "given", folder / "made"
        try:
            given.mkdir(exist_ok=True)
            files = [file for upload in uploads for file in _lay_out(upload, given)]
            yield Unpacked(given, made, tuple(files))
        finally:
            if _empty(given) and _empty(made):
                self._free.append(folder)


def _empty(folder: Path) -> bool:
    """Remove what is in a folder; return False if something cannot be removed now."""
    try:
        for path in folder.iterdir() if folder.exists() else ():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError:
        return False
    return True


def replace_files(files: Unpacked, changes: Mapping[str, bytes | None]) -> Unpacked:
    """Give named files other contents, or remove those with None; stored bytes stay as they are."""
    for file in files.files:
        if file.name in changes:
            content = changes[file.name]
            file.path.unlink()
            if content is not None:
                file.path.write_bytes(content)
    left = (file for file in files.files if changes.get(file.name, b"") is not None)
    changed = (_stored(file.name, file.path) if file.name in changes else file for file in left)
    return Unpacked(files.given, files.made, tuple(changed))


def _lay_out(upload: Upload, folder: Path) -> list[StoredFile]:
    path = folder / _name_on_disk(upload.name)
    try:
        [part] = upload.parts
        os.link(part, path)  # nothing is copied
    except (ValueError, OSError):
        upload.copy_to(path)
    return _unpack(path) or [_stored(upload.name, path)]


def _unpack(path: Path) -> list[StoredFile]:
    """Replace a zip file by a folder; return its files, or none if it cannot be read as one."""
    folder = path.with_name(path.name + "_extracted")
    try:
        with zipfile.ZipFile(path) as archive:
            files = _extract(archive, folder)
    except (zipfile.BadZipFile, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return []
    path.unlink()
    folder.rename(path)
    found: list[StoredFile] = []
    for name, inside in files.items():
        where = path / inside
        nested = _unpack(where)
        found += [StoredFile(f"{name}/{n.name}", n.path, n.size, n.sha256) for n in nested]
        if not nested:
            found.append(_stored(name, where))
    return found


def _extract(archive: zipfile.ZipFile, folder: Path) -> dict[str, Path]:
    """Extract into a folder; return by path in the zip file where each file is in the folder."""
    names = [
        entry.filename
        for entry in archive.infolist()
        if not entry.filename.endswith("/") and not _NOT_UNPACKED.search(entry.filename)
    ]
    shared = str(PurePosixPath(names[0]).parent) if len(names) == 1 else commonpath(names)
    skipped = len(shared) + 1 if shared not in ("", ".") else 0
    files = {name: Path(*map(_name_on_disk, name[skipped:].split("/"))) for name in names}
    folder.mkdir()
    for name, inside in files.items():
        path = folder / inside
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("an entry lies outside its zip file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    return files


def _name_on_disk(name: str) -> str:
    return _FORBIDDEN.sub("_", name) if os.name == "nt" else name


def _stored(name: str, path: Path) -> StoredFile:
    return StoredFile(name, path, *_measure((path,)))


def _measure(paths: Iterable[Path]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            hashlib.file_digest(file, lambda: digest)
            size += file.tell()
    return size, digest.hexdigest()
