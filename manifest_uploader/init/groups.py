"""Groups the files that match a socket into images and documents."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from manifest_uploader.files.companions import element_data_file
from manifest_uploader.files.dicom import naming as dicom

_MAIN_FILE: Final = re.compile(
    r"\.(mha|nii|nii\.gz|nrrd|mhd|pdf|csv|tsv|json|mp4|zip|svs|ndpi|mrxs|obj|stl)$", re.IGNORECASE
)
"""Endings of files that are an image or a document, alone or with companions."""
_HEADERS: Final = (".mhd",)
_SLIDES: Final = (".mrxs",)


@dataclass(frozen=True, slots=True)
class Group:
    """Files that go into one upload, relative to the case."""

    files: tuple[str, ...]
    label: str
    """What the user sees: the series' description or the file's name."""
    series: dicom.Series | None = None


def group_files(
    files: Sequence[str], absolute: Callable[[str], str], *, check_series: bool
) -> tuple[Group, ...]:
    """Group files by the image or document that they make, DICOM series first.

    The header of every DICOM file is read, unless `check_series` is False: then all of them count
    as one series. Of other files, only the text headers of `.mhd` files are read.
    """
    by_series, others = _by_series(files, absolute, check_series=check_series)
    main_files = [path for path in others if _MAIN_FILE.search(path)]
    groups = [*by_series, *(_group(path, absolute) for path in main_files)]
    grouped = {path for group in groups for path in group.files}
    rest = tuple(path for path in others if path not in grouped)
    if not groups and rest:
        return (Group(rest, rest[0]),)
    return tuple(groups)


def _by_series(
    files: Sequence[str], absolute: Callable[[str], str], *, check_series: bool
) -> tuple[list[Group], list[str]]:
    """The groups of DICOM files, and the files that are not DICOM."""
    series_by_uid: dict[str, dicom.Series] = {}
    paths_by_uid: dict[str, list[str]] = {}
    others: list[str] = []
    for path in files:
        series = _series(Path(absolute(path)), check=check_series)
        if series is None:
            others.append(path)
        else:
            series_by_uid.setdefault(series.uid, series)
            paths_by_uid.setdefault(series.uid, []).append(path)
    known = [uid for uid in paths_by_uid if uid] or list(paths_by_uid)
    if len(known) == 1:
        [uid] = known
        slices = paths_by_uid[uid]
        strays = {*slices, *paths_by_uid.pop("", ()), *_broken_slices(slices, others)}
        paths_by_uid[uid] = [path for path in files if path in strays]
        others = [path for path in others if path not in strays]
    groups = [_series_group(series_by_uid[uid], paths) for uid, paths in paths_by_uid.items()]
    return groups, others


def _broken_slices(slices: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """The files among slices that end like them and cannot be read as DICOM.

    They stay with the slices, as do those whose header ends before it names their series: an image
    that lacks them would look complete.
    """
    like = {_place(path) for path in slices}
    yield from (path for path in others if dicom.is_named_dicom(Path(path)) or _place(path) in like)


def _place(path: str) -> tuple[str, str]:
    """The folder of a file and the ending of its name."""
    folder, _, name = path.rpartition("/")
    return folder, os.path.splitext(name)[1].lower()  # noqa: PTH122


def _series(path: Path, *, check: bool) -> dicom.Series | None:
    if check:
        return dicom.series_of(path)
    return dicom.Series("", "", "") if dicom.looks_dicom(path) else None


def _series_group(series: dicom.Series, paths: list[str]) -> Group:
    name = " ".join(filter(None, (series.modality, f"'{series.description}'")))
    label = name if series.description else f"{series.modality} series {series.uid}".strip()
    return Group(tuple(paths), f"{label}, {len(paths)} file{'s' * (len(paths) > 1)}", series)


def _group(path: str, absolute: Callable[[str], str]) -> Group:
    """A file and the files beside it that it needs."""
    return Group((path, *_companions(path, absolute)), path)


def _companions(path: str, absolute: Callable[[str], str]) -> Iterator[str]:
    folder, slash, name = path.rpartition("/")
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    if ending in _HEADERS:
        data = element_data_file(Path(absolute(path))) or ""
        is_beside = bool(data) and not re.search(r"[/\\]", data)
        if is_beside and Path(absolute(folder + slash + data)).is_file():
            yield folder + slash + data
    slide_folder = path[: -len(ending)] if ending in _SLIDES else ""
    if slide_folder and os.path.isdir(absolute(slide_folder)):  # noqa: PTH112
        yield slide_folder
