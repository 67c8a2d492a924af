"""Finds the images of cases on this computer, and has thumbnails made of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.files.crew import CannotStart, WorkerBug, answers, usable_cores
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.model import Case, FileValue, Manifest
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.formatting import cases_words
from manifest_uploader.report.slices import is_image

Key: TypeAlias = tuple[str, str]
"""Case and socket."""

_TASK: Final = "manifest_uploader.report.picture_worker:start"
_NEEDED: Final = ("numpy", "PIL", "SimpleITK")
_MOST_S: Final = 30.0
"""How long pictures may take, unless the user asks for a number of them."""
_MOST_PROCESSES: Final = 8
USUAL_CASES: Final = 500
"""Of how many cases there are pictures, unless the user says otherwise."""


class Pictures(Struct, frozen=True):
    """The thumbnails of a report."""

    found: Mapping[Key, str] = {}
    """WebP in base64."""
    note: str | None = None
    """Why some or all are missing, for people."""


def can_draw() -> bool:
    """Whether the packages that make pictures are installed."""
    return all(find_spec(name) is not None for name in _NEEDED)


def make_pictures(
    manifest: Manifest, *, root: str | None, cases: int, most_s: float = _MOST_S
) -> Pictures:
    """Thumbnails of the images of the first cases, as far as they are on this computer."""
    try:
        where = find_root(manifest, root=root, follow_links=True)
    except ManifestInvalid as invalid:
        return Pictures(note=f"no pictures: {invalid.problems[0].message}")
    try:
        found, is_late = _made(_images(manifest.cases[:cases], where), most_s)
    except (CannotStart, WorkerBug):
        return Pictures(note="no pictures: the packages that read images do not start")
    shown = len({case for case, _ in found})
    if is_late:
        note = f"pictures of {cases_words(shown)} only, to save time; --pictures N waits for N"
        return Pictures(found, note)
    if cases < len(manifest.cases):
        note = f"pictures of the first {cases_words(cases)}; --pictures N shows those of N"
        return Pictures(found, note)
    return Pictures(found)


def _made(images: Iterable[tuple[Key, str]], most_s: float) -> tuple[dict[Key, str], bool]:
    """The thumbnails, and whether the time was too short for all."""
    processes = min(usable_cores(), _MOST_PROCESSES)
    found: dict[Key, str] = {}
    end = time.monotonic() + most_s
    with closing(answers(_TASK, images, processes=processes)) as made:
        for key, picture in made:
            if picture is not None:
                found[key] = picture
            if time.monotonic() > end:
                return found, True
    return found, False


def _images(cases: Iterable[Case], root: Root) -> Iterator[tuple[Key, str]]:
    """The file of each image that is shown."""
    for case in cases:
        for value in case.values:
            if isinstance(value, FileValue) and (path := _file_of(value, root)) is not None:
                yield (case.name, value.socket), path


def _file_of(value: FileValue, root: Root) -> str | None:
    """The middle file of a value, or its header; None if it is not there, or no image."""
    source = resolve(value, root)
    if not isinstance(source, Source):
        return None
    files = [file.full for file in source.files if is_image(file.name)]
    headers = [one for one in files if one.lower().endswith((".mhd", ".nhdr"))]
    chosen = headers or files
    return next(islice(chosen, len(chosen) // 2, None), None)
