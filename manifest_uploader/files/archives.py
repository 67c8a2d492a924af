"""Looks into archives, so that nothing travels unseen in them: ZIP, tar, gzip, bzip2 and xz.

A ZIP archive is known by its end, too, as readers know it: a program may come before it.

Archives inside archives are opened, too. What cannot be looked into (an encrypted or damaged
member, a format that Python does not read, a bomb) is a flaw and never skipped in silence. Memory
is constant; an archive inside another one, and a compressed tar, are unpacked to temporary files.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Final, cast

from msgspec import Struct

from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.formats.sniff import ENOUGH, sniff
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format

_START: Final = 512
_CHUNK: Final = 1024 * 1024
_IN_MEMORY: Final = 16 * 1024 * 1024
"""Bytes; larger members are read from the archive as they are needed."""
_ZIP_END: Final = 2**16 + 22
"""Bytes at the end of a ZIP archive in which its directory is told: a record and a comment."""
_UNMARKED: Final = frozenset((Format.TEXT, Format.OTHER, Format.POINTER, Format.ZIP))
"""Formats of files that may be ZIP archives with something before them."""
_NIFTI_STARTS: Final = tuple(
    size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")
)
_SEALED: Final = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"MSCF", b"\x1f\x9d")
"""7-Zip, RAR, Zstandard, Cabinet and compress, which Python does not read."""

_IN_STEPS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How a member of a ZIP archive may be compressed; of others, zipfile unpacks too much at once."""

LookAt = Callable[[BinaryIO, int, str], FileLook]
"""Looks into one member: a stream that can seek, its size in bytes, and its name."""


class Limits(Struct, frozen=True):
    """What no real archive reaches."""

    depth: int = 8
    """Archives within archives."""
    members: int = 200_000
    total: int = 128 * 1024**3
    """Bytes of all members together, unpacked; a user of the platform may store as many."""
    unpacked: int = 4 * 1024**3
    """Bytes of one archive within another, or in a compressed tar, in a temporary file."""


class ArchiveLook(Struct, frozen=True):
    """What is in an archive."""

    look: FileLook
    """Of the archive: LOCKED flaws, the names in all members, and how many members there are."""
    members: tuple[tuple[str, FileLook], ...]
    """The files inside by name, in the archive's order; the names of those in inner archives start
    with the inner archive's. `/` separates folders, of which the importer makes separate images.

    An inner archive of another kind than ZIP, which the platform does not unpack, comes before its
    own files; its look has `members`.
    """


class _Locked(Exception):
    """An archive or a member cannot be looked into."""


def is_archive(start: bytes) -> bool:
    """Whether a file with these first bytes, 512 or more unless it is shorter, is an archive."""
    return start.startswith(_SEALED) or _kind_of(start) is not None


def ends_as_zip(stream: BinaryIO, size: int) -> bool:
    """Whether a file with no other mark is a ZIP archive that begins with something else."""
    stream.seek(0)
    if sniff(stream.read(ENOUGH), "") not in _UNMARKED:
        return False
    stream.seek(max(0, size - _ZIP_END))
    if b"PK\5\6" not in stream.read(_ZIP_END):
        return False
    try:
        with zipfile.ZipFile(stream):
            return True
    except Exception as error:
        if _is_of_the_disk(error):
            raise
        return False


def look_archive(
    stream: BinaryIO,
    format: Format,  # noqa: A002  the field's word
    *,
    look: LookAt | None = None,
    limits: Limits | None = None,
) -> ArchiveLook:
    """Look into an archive and into all that is in it; raises only OSError.

    `format` becomes the look's; the content decides how the archive is opened. `look` looks into
    members that are no archives; without it, they are looked at as DICOM.
    """
    inside = _Inside(look or look_member, limits or Limits())
    inside.open_archive(stream, "", 1)
    names = sorted({name for _, member in inside.members for name in member.names})
    flaws = tuple(Flaw(FlawKind.LOCKED, about=name) for name in dict.fromkeys(inside.locked))
    whole = FileLook(format, flaws, names=tuple(names), members=_files(inside.members))
    return ArchiveLook(whole, tuple(inside.members))


def look_member(stream: BinaryIO, size: int, name: str) -> FileLook:
    """A look at a file that only wants to know whether it is DICOM."""
    if not size:
        return FileLook(Format.EMPTY, (Flaw(FlawKind.EMPTY),))
    return look_dicom(stream, size, name) or FileLook(Format.OTHER)


def _files(members: Iterable[tuple[str, FileLook]]) -> int:
    """How many members are no archives."""
    return sum(not look.members for _, look in members)


class _Inside:
    """Opens archives within archives and gathers what is in them."""

    def __init__(self, look: LookAt, limits: Limits) -> None:
        self._look = look
        self._limits = limits
        self._left = limits.total
        self.members: list[tuple[str, FileLook]] = []
        self.locked: list[str] = []
        """Names of what cannot be looked into; empty for the outermost archive."""

    def open_archive(self, stream: BinaryIO, name: str, depth: int) -> None:
        """Look at all members of an archive; `name` is empty for the outermost."""
        with self._locking(name):
            kind = _kind_of_file(stream, stream.seek(0, io.SEEK_END))
            stream.seek(0)
            if depth > self._limits.depth:
                raise _Locked
            if kind == "zip":
                self._open_zip(stream, name, depth)
            elif kind == "tar":
                self._open_tar(stream, name, depth)
            elif kind is not None:
                self._open_compressed(stream, kind, name, depth)
            else:
                raise _Locked

    def _open_zip(self, stream: BinaryIO, name: str, depth: int) -> None:
        with zipfile.ZipFile(stream) as archive:
            files = [info for info in archive.infolist() if not info.filename.endswith("/")]
            self._count(len(files), sum(info.file_size for info in files))
            for info in files:
                member = _join(name, info.filename)
                with self._locking(member):
                    if info.compress_type not in _IN_STEPS:
                        raise _Locked
                    with archive.open(info) as content:
                        self._look_at(content, info.file_size, member, depth)
                    if info.file_size > _IN_MEMORY:
                        with archive.open(info) as content:
                            self._read_through(content)

    def _open_tar(self, stream: BinaryIO, name: str, depth: int) -> None:
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for info in archive:
                if not info.isfile():
                    continue
                self._count(1, info.size)
                content = archive.extractfile(info)
                assert content is not None
                member = _join(name, info.name)
                with self._locking(member):
                    self._look_at(content, info.size, member, depth)
            stream.seek(archive.offset)
            if any(stream.read(_START)):
                raise _Locked  # tarfile takes a damaged header for the end

    def _open_compressed(self, stream: BinaryIO, kind: str, name: str, depth: int) -> None:
        with _decompressor(stream, kind) as content, self._unpacked(content) as (inner, size):
            if _kind_of(inner.read(_START)) == "tar":
                self._open_tar(inner, name, depth)
                return
            inner.seek(0)
            self._count(1, size)
            member = _join(name, PurePosixPath(name).stem or "content")
            self._look_at(inner, size, member, depth)

    def _look_at(self, content: IO[bytes], size: int, name: str, depth: int) -> None:
        """Look at a member, which may be an archive."""
        stream = cast(BinaryIO, content)
        if size <= _IN_MEMORY:
            stream = io.BytesIO()
            shutil.copyfileobj(content, stream, _CHUNK)  # to the end, which compares the checksum
            size = stream.tell()
            stream.seek(0)
        if stream.read(_START).startswith(_SEALED):
            raise _Locked
        kind = _kind_of_file(stream, size)
        if kind is None:
            stream.seek(0)
            self.members.append((name, self._look(stream, size, name)))
            return
        at = len(self.members)
        if stream is not content:
            self.open_archive(stream, name, depth + 1)
        else:
            stream.seek(0)
            with self._unpacked(stream) as (inner, _):
                self.open_archive(inner, name, depth + 1)
        if kind != "zip":
            format_ = Format.GZIP if kind == "gzip" else Format.OTHER
            look = FileLook(format_, members=_files(self.members[at:]))
            self.members.insert(at, (name, look))

    def _read_through(self, content: IO[bytes]) -> None:
        """Read to the end, where readers compare the checksum."""
        while data := content.read(_CHUNK):
            self._count(0, len(data))

    def _count(self, members: int, size: int) -> None:
        """Take members of `size` bytes together off the limits."""
        self._left -= size
        if self._left < 0 or len(self.members) + members > self._limits.members:
            raise _Locked

    @contextmanager
    def _unpacked(self, content: BinaryIO) -> Iterator[tuple[BinaryIO, int]]:
        """A copy of a stream that can seek cheaply, and its size in bytes."""
        with SpooledTemporaryFile(_IN_MEMORY) as copy:
            size = 0
            while data := content.read(_CHUNK):
                size += len(data)
                if size > self._limits.unpacked:
                    raise _Locked
                copy.write(data)
            copy.seek(0)
            yield cast(BinaryIO, copy), size

    @contextmanager
    def _locking(self, name: str) -> Iterator[None]:
        """Note that `name` cannot be looked into if a reader says so; its disk's errors pass."""
        try:
            yield
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            self.locked.append(name)


def _is_of_the_disk(error: Exception) -> bool:
    """Whether the disk fails; readers raise any other exception on a broken or encrypted file."""
    return isinstance(error, OSError) and error.errno is not None  # bz2 and gzip give no number


def _kind_of_file(stream: BinaryIO, size: int) -> str | None:
    """Which kind of archive a file is; None if it is none."""
    stream.seek(0)
    kind = _kind_of(stream.read(_START))
    return "zip" if kind is None and ends_as_zip(stream, size) else kind


def _kind_of(start: bytes) -> str | None:
    """Which kind of archive starts with these bytes; None if none does."""
    if start[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if start[:3] == b"\x1f\x8b\x08":
        return None if _is_compressed_nifti(start) else "gzip"
    if start[:3] == b"BZh" and start[3:4].isdigit():
        return "bzip2"
    if start[:6] == b"\xfd7zXZ\0":
        return "xz"
    return "tar" if _is_tar(start) else None


def _is_compressed_nifti(start: bytes) -> bool:
    """Whether a .nii.gz starts so: an image, not an archive."""
    try:
        header = zlib.decompressobj(31).decompress(start, 4)
    except zlib.error:
        return False
    return header in _NIFTI_STARTS


def _is_tar(start: bytes) -> bool:
    if len(start) < _START:
        return False
    try:
        tarfile.TarInfo.frombuf(start[:_START], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _decompressor(stream: BinaryIO, kind: str) -> AbstractContextManager[BinaryIO]:
    stream.seek(0)
    if kind == "gzip":
        return cast(AbstractContextManager[BinaryIO], gzip.GzipFile(fileobj=stream))
    if kind == "bzip2":
        return cast(AbstractContextManager[BinaryIO], bz2.BZ2File(stream))
    return cast(AbstractContextManager[BinaryIO], lzma.LZMAFile(stream))


def _join(archive: str, member: str) -> str:
    return f"{archive}/{member}" if archive else member
