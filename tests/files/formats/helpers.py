"""Look into files that are only in memory, as the uploader looks into those on a disk."""

from __future__ import annotations

import io
from collections.abc import Mapping

from manifest_uploader.files.formats.look import look_image
from manifest_uploader.files.formats.sniff import ENOUGH, sniff
from manifest_uploader.files.formats.voxels import data_flaws
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind


def look(data: bytes, name: str = "a.mha") -> FileLook:
    """What a look into a file of that content and name shows."""
    start = data[:ENOUGH]
    return look_image(io.BytesIO(data), len(data), start, name, sniff(start, name))


def kinds(data: bytes, name: str = "a.mha") -> list[FlawKind]:
    """The kinds of a file's flaws."""
    return [flaw.kind for flaw in look(data, name).flaws]


def abouts(data: bytes, name: str = "a.mha") -> list[str]:
    """What a file's flaws are about."""
    return [flaw.about for flaw in look(data, name).flaws]


def flaws_of(files: Mapping[str, bytes]) -> tuple[Flaw, ...]:
    """The flaws of the first of some files, and of the data file that it names."""
    name, data = next(iter(files.items()))
    shown = look(data, name)
    if shown.data_file is None or shown.data_file not in files:
        return shown.flaws
    separate = files[shown.data_file]
    return shown.flaws + data_flaws(shown, io.BytesIO(separate), len(separate))
