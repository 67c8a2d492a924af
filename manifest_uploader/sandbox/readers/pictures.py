"""Applies all readers, one after another, to the files of an import."""

from __future__ import annotations

from collections.abc import Iterator

from manifest_uploader.sandbox.readers.dicom import read_dicoms
from manifest_uploader.sandbox.readers.metaimage import read_metaimages
from manifest_uploader.sandbox.readers.nifti import read_niftis
from manifest_uploader.sandbox.readers.picture import Picture
from manifest_uploader.sandbox.readers.raster import read_rasters, read_slides
from manifest_uploader.sandbox.readers.source import Source


def read_pictures(sources: list[Source], *, with_values: bool) -> list[Picture]:
    """Return the images in the files; all files of an image are in one folder."""
    found = list(read_slides(sources))
    used = _used(found)
    folders: dict[str, list[Source]] = {}
    for source in sources:
        if source.name not in used:
            folders.setdefault(source.folder, []).append(source)
    for files in folders.values():
        found += _read_folder(files, with_values=with_values)
    return found


def _read_folder(files: list[Source], *, with_values: bool) -> Iterator[Picture]:
    left = files
    for read in (read_metaimages, read_niftis, read_dicoms):
        pictures = list(read(left, with_values=with_values))
        yield from pictures
        used = _used(pictures)
        left = [source for source in left if source.name not in used]
    yield from read_rasters(left)


def _used(pictures: list[Picture]) -> set[str]:
    return {source.name for picture in pictures for source in picture.sources}
