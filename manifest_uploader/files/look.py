"""Look into a local file: open it once, read its header, and say what it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.files.archives import look_inside
from manifest_uploader.files.dicom import look_dicom
from manifest_uploader.files.formats import data_flaws, look_image, sniff, stray_values
from manifest_uploader.files.local_file import FileChanged, LocalFile, unreadable
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format

_START: Final = 4096
"""Bytes that tell a format."""


class Seen(Struct, frozen=True):
    """What a look into one file shows."""

    look: FileLook
    members: tuple[tuple[str, FileLook], ...] = ()
    """Of a ZIP archive: what its files are, by their names inside."""
    strays: tuple[int, ...] | None = None
    """Voxel values that are not allowed, in order; None: not looked for, or not to be seen."""


def look_at(file: LocalFile, allowed: tuple[int, ...] | None = None) -> Seen:
    """What a file is, whatever its name says.

    Reads its header only; the voxels of a segmentation too if `allowed` says which are expected.

    Raises:
        FileChanged: it has changed since it was found, or cannot be read.

    """
    with _opened(file) as stream:
        start = stream.read(_START)
        found = look_dicom(stream, file.size, file.name)
        if found is not None:
            return Seen(found)
        kind = sniff(start, file.name)
        ...
