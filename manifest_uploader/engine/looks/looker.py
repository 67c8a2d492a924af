"""Looks into the files of one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from manifest_uploader.engine.looks.cache import Cache
from manifest_uploader.files.formats.segmentation import segmentation_flaws
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.look import look_at, look_at_data, look_at_voxels
from manifest_uploader.files.looks import FileLook
from manifest_uploader.plan.value_look import FileFlaw, Member, Strays, ValueLook, summarize

_RULES: Final = "3"
"""Changed whenever a look sees more or other things than before."""


def look_cache(path: Path | None) -> Cache[ValueLook]:
    """What earlier looks showed."""
    return Cache(path, ValueLook, rules=f"looks {_RULES}")


def look_at_value(source: Source, allowed: tuple[int, ...] | None, *, quick: bool) -> ValueLook:
    """What the files of a value are; with `quick`, only the first one is looked into.

    Args:
        source: the files.
        allowed: the voxel values that the socket of a segmentation names; None: of no interest.
        quick: look into one file only.

    Raises:
        FileChanged: one has changed since it was found, or cannot be read.

    """
    files = source.files[:1] if quick else source.files
    seen = [(file, look_at(file)) for file in files]
    looks = [(file.name, one.look) for file, one in seen]
    members = [Member(file.name, name, look) for file, one in seen for name, look in one.members]
    by_name = {file.name: file for file in source.files}
    data = list(_data_flaws(looks, by_name)) if not quick else []
    strays = _strays(looks, by_name, allowed) if allowed is not None else None
    return summarize(
        *(looks, members), files=len(source.files), names=by_name, data_flaws=data, strays=strays
    )


def _data_flaws(
    looks: Sequence[tuple[str, FileLook]], files: dict[str, LocalFile]
) -> Iterator[FileFlaw]:
    """What is wrong with the files that hold the voxels of others' headers."""
    for _, look in looks:
        if look.data_file is not None and (data := files.get(look.data_file)) is not None:
            yield from (FileFlaw(data.name, flaw) for flaw in look_at_data(look, data))


def _strays(
    looks: Sequence[tuple[str, FileLook]],
    files: dict[str, LocalFile],
    allowed: tuple[int, ...],
) -> Strays | None:
    """The voxel values of the only image that are not allowed, if they can be told."""
    images = [(name, look) for name, look in looks if look.image is not None]
    if len(images) != 1 or any(look.flaws for _, look in looks):
        return None
    [(name, look)] = images
    if segmentation_flaws(look):
        return None
    data = files.get(look.data_file) if look.data_file is not None else None
    found = look_at_voxels(files[name], look, frozenset(allowed), data)
    if found is None:
        return Strays(allowed, None)
    return Strays(allowed, found.values, volumes=found.volumes)
