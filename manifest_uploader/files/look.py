"""Look into a local file: open it once, read its header, and say what it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from msgspec import Struct

from manifest_uploader.files.archives import ends_as_zip, is_archive, look_archive
from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.formats.look import look_image
from manifest_uploader.files.formats.segmentation import StrayValues, stray_values
from manifest_uploader.files.formats.sniff import ENOUGH, sniff
from manifest_uploader.files.formats.voxels import data_flaws
from manifest_uploader.files.local_file import FileChanged, LocalFile, unreadable
from manifest_uploader.files.looks import FileLook, Flaw, Format
from manifest_uploader.system import disk


class Seen(Struct, frozen=True):
    """What a look into one file shows."""

    look: FileLook
    members: tuple[tuple[str, FileLook], ...] = ()
    """Of an archive: what its files are, by their names inside; `/` separates folders."""


def look_at(file: LocalFile) -> Seen:
    """What a file is, whatever its name says; reads its header only.

    Raises:
        FileChanged: it has changed since it was found, or cannot be read.

    """
    with _opened(file) as stream:
        return _look_into(stream, file.size, file.name)


def look_at_data(header: FileLook, data: LocalFile) -> tuple[Flaw, ...]:
    """What is wrong with the separate file that holds a header's voxels; raises FileChanged."""
    with _opened(data) as stream:
        return data_flaws(header, stream, data.size)


def look_at_voxels(
    file: LocalFile, header: FileLook, allowed: frozenset[int], data: LocalFile | None
) -> StrayValues | None:
    """The voxel values of a segmentation that are not allowed; reads all of its voxels.

    Args:
        file: the file with the header.
        header: what a look into it showed.
        allowed: the voxel values that its socket names.
        data: the separate file with the voxels, if there is one.

    Returns:
        None if it cannot be told without decoding the image.

    Raises:
        FileChanged: a file has changed since it was found, or cannot be read.

    """
    with _opened(file) as stream:
        if data is None:
            return stray_values(stream, header, allowed, size=file.size)
        with _opened(data) as voxels:
            both = (voxels, data.size)
            return stray_values(stream, header, allowed, size=file.size, data=both)


def _look_into(stream: BinaryIO, size: int, name: str) -> Seen:
    found = look_dicom(stream, size, name)
    if found is not None:
        return Seen(found)
    stream.seek(0)
    start = stream.read(ENOUGH)
    kind = sniff(start, name)
    if is_archive(start) and kind not in {Format.NIFTI, Format.NIFTI2, Format.ANALYZE}:
        known = kind in {Format.ZIP, Format.GZIP}  # what seems an image is in a tar
        return _look_into_archive(stream, kind if known else Format.OTHER)
    if ends_as_zip(stream, size):
        return _look_into_archive(stream, Format.ZIP)
    return Seen(look_image(stream, size, start, name, kind))


def _look_into_archive(stream: BinaryIO, kind: Format) -> Seen:
    archive = look_archive(stream, kind, look=_look_at_member)
    return Seen(archive.look, archive.members)


def _look_at_member(stream: BinaryIO, size: int, name: str) -> FileLook:
    """A look into a file inside an archive that is no archive itself."""
    return _look_into(stream, size, name.rpartition("/")[2]).look


@contextmanager
def _opened(file: LocalFile) -> Iterator[BinaryIO]:
    """The file, open for reading, if it is as it was when it was found."""
    try:
        with disk.open_file(file.path) as stream:
            facts = os.fstat(stream.fileno())
            if (facts.st_size, facts.st_mtime_ns) != (file.size, file.mtime_ns):
                raise FileChanged(f"'{file.name}' changed while it was read")
            yield stream
    except OSError as error:
        raise unreadable(file, error) from error
