"""Looks into the files of one value."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.look import Seen, look_at
from manifest_uploader.files.looks import FileLook
from manifest_uploader.plan.value_look import Strays, ValueLook, summarize


def look_at_value(source: Source, allowed: tuple[int, ...] | None, *, quick: bool) -> ValueLook:
    """What the files of a value are; with `quick`, only the first one is looked into.

    Args:
        source: the files.
        allowed: the voxel values that the socket of a segmentation allows; None: of no interest.
        quick: look into one file only.

    Raises:
        FileChanged: one has changed since it was found, or cannot be read.

    """
    files = source.files[:1] if quick else source.files
    ...
