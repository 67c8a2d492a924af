"""The folder that the importer reads: the files of one image under their names in the upload.

Grand Challenge (`cases/tasks.py`, `components/backends/utils.py`) unpacks every ZIP archive, also
one in another, into a folder with the archive's name: without its system files, and without the
folders that all its members have in common. Damaged archives are left as they are.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from manifest_uploader.files.formats.system_files import is_system_file
from manifest_uploader.system import disk

_DEEPEST: Final = 10
"""Archives within archives."""
_SPARE: Final = 2**28
"""Bytes that unpacking leaves free on the disk."""
_DATA_FILE: Final = re.compile(rb"^\s*ElementDataFile\s*=(?!\s*LOCAL\s*$)", re.MULTILINE)
_HEADER: Final = 2**16
"""Bytes; MetaImage headers are shorter."""


class Unpackable(Exception):
    """An archive that the platform fails on as a whole."""


class NoRoom(Exception):
    """The temporary folder is too small."""


class ImportFolder:
    """A folder with files that are links where possible; `shown` names each for messages."""

    def __init__(self, path: Path) -> None:
        """Make the folder; `path` has no symbolic links in it."""
        self.path = path
        self.shown: dict[Path, str] = {}
        path.mkdir()

    def place(self, files: Iterable[tuple[str, str]]) -> None:
        """Put files, given as full path and name, into the folder; raise OSError."""
        given = [(Path(os.path.realpath(path)), name) for path, name in files]
        copies = sum([_has_separate_data(path) for path, _ in given]) > 0
        for path, name in given:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(path, target, may_link=not copies)
            self.shown[target] = name

    def unpack(self) -> None:
        """Replace archives by folders, as the platform does.

        Raises:
            Unpackable: an archive is encrypted, leads out of its folder, or is nested too deep.
            NoRoom: the disk is too small.
            OSError: a file cannot be read or written.
        """
        waiting = [(path, 0) for path in self.shown]
        while waiting:
            path, depth = waiting.pop()
            members = self._unpack(path)
            if members and depth == _DEEPEST:
                raise Unpackable
            waiting += [(member, depth + 1) for member in members]

    def _unpack(self, path: Path) -> list[Path]:
        """Unpack a file; the paths of its members, none if it is not an archive."""
        inside = path.with_name(f"{path.name}_extracted")
        try:
            with disk.open_file(path) as stream, zipfile.ZipFile(stream) as archive:
                members = _members(archive)
                self._check_room(sum(archive.getinfo(source).file_size for source, _ in members))
                inside.mkdir()
                found = {_extract(archive, *one, inside): one[0] for one in members}
        except (zipfile.BadZipFile, IsADirectoryError, NotADirectoryError, FileExistsError):
            disk.remove_tree(inside)
            return []
        except (RuntimeError, EOFError, ValueError, zlib.error) as error:
            raise Unpackable from error
        disk.remove(path)
        disk.replace(inside, path)
        outer = self.shown.pop(path)
        moved = {path / target.relative_to(inside): name for target, name in found.items()}
        self.shown |= {target: f"{outer}/{name}" for target, name in moved.items()}
        return list(moved)

    def _check_room(self, size: int) -> None:
        if size > shutil.disk_usage(self.path).free - _SPARE:
            raise NoRoom


def _has_separate_data(path: Path) -> bool:
    """Whether a file is a MetaImage header with its data in another file."""
    with disk.open_file(path) as stream:
        return _DATA_FILE.search(stream.read(_HEADER)) is not None


def _place(path: Path, target: Path, *, may_link: bool) -> None:
    """Link the file, or copy it; raise FileExistsError if something is there, maybe a link.

    The importer resolves the path of a MetaImage header's data, so that a symbolic link to that
    file would seem to lead out of the upload. On Windows, a hard link to a read-only file could
    not be removed, and symbolic links need a right that few users have.
    """
    if os.name != "nt" or os.access(path, os.W_OK):
        with suppress(OSError):
            target.hardlink_to(path)
            return
    if may_link:
        with suppress(OSError):
            target.symlink_to(path)
            return
    with disk.open_file(path) as original, target.open("xb") as copy:
        shutil.copyfileobj(original, copy, 2**20)


def _members(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """The name of each member, and where it goes below the archive's folder."""
    names = [
        one.filename
        for one in archive.infolist()
        if not one.filename.endswith("/") and not is_system_file(one.filename)
    ]
    if not names:
        return []
    common = posixpath.commonpath(names) if len(names) > 1 else posixpath.dirname(names[0])
    return [(name, name[len(common) + 1 :] if common else name) for name in names]


def _extract(archive: zipfile.ZipFile, source: str, name: str, folder: Path) -> Path:
    """Write a member below the folder and return its path."""
    target = Path(os.path.normpath(folder / name))
    if not target.is_relative_to(folder):
        raise ValueError(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(source) as packed, target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 2**20)
    return target
