"""Which of a socket's files belong together as one image or document."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from manifest_uploader.files import dicom
from manifest_uploader.files.companions import element_data_file

_WHOLE: Final = re.compile(
    r"\.(mha|nii|nii\.gz|nrrd|mhd|pdf|csv|tsv|json|mp4|zip|svs|ndpi|mrxs|obj|stl)$", re.IGNORECASE
)
"""Endings of files that are an image or a document by themselves, or lead their companions."""
_HEADERS: Final = (".mhd",)
_SLIDES: Final = (".mrxs",)


@dataclass(frozen=True, slots=True)
class Group:
    """Files that go into one upload, relative to the case."""

    files: tuple[str, ...]
    label: str
    """For people: the series' description, or the file's name."""
    series: dicom.Series | None = None


def sort_out(
    files: Sequence[str], full: Callable[[str], str], *, check_series: bool
) -> tuple[Group, ...]:
    """The images and documents that the files are, in the order of their first files.

    The header of every DICOM file is read, unless `check_series` is False: then all of them are
    taken for one series. Of other files only the text headers of `.mhd` are read.
    """
    by_series, others = _by_series(files, full, check_series=check_series)
    whole = [path for path in others if _WHOLE.search(path)]
    groups = [*by_series, *(_group(path, full) for path in whole)]
    taken = {path for group in groups for path in group.files}
    rest = tuple(path for path in others if path not in taken)
    if not groups and rest:
        return (Group(rest, rest[0]),)
    return tuple(groups)


def _by_series(
    files: Sequence[str], full: Callable[[str], str], *, check_series: bool
) -> tuple[list[Group], list[str]]:
    found: dict[str, list[str]] = {}
    kinds: dict[str, dicom.Series] = {}
    others: list[str] = []
    for path in files:
        series = _series(Path(full(path)), check=check_series)
        if series is None:
            others.append(path)
        else:
            kinds.setdefault(series.uid, series)
            found.setdefault(series.uid, []).append(path)
    return [_series_group(kinds[uid], paths) for uid, paths in found.items()], others


def _series(path: Path, *, check: bool) -> dicom.Series | None:
    if check:
        return dicom.series_of(path)
    return dicom.Series("", "", "") if dicom.looks_dicom(path) else None


def _series_group(series: dicom.Series, paths: list[str]) -> Group:
    name = " ".join(filter(None, (series.modality, f"'{series.description}'")))
    label = name if series.description else f"{series.modality} series {series.uid}".strip()
    return Group(tuple(paths), f"{label}, {len(paths)} file{'s' * (len(paths) > 1)}", series)


def _group(path: str, full: Callable[[str], str]) -> Group:
    """A file and those that it needs beside it."""
    return Group((path, *_companions(path, full)), path)


def _companions(path: str, full: Callable[[str], str]) -> Iterator[str]:
    folder, slash, name = path.rpartition("/")
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    if ending in _HEADERS:
        data = element_data_file(Path(full(path))) or ""
        there = bool(data) and not re.search(r"[/\\]", data)
        if there and Path(full(folder + slash + data)).is_file():
            yield folder + slash + data
    beside = path[: -len(ending)] if ending in _SLIDES else ""
    if beside and os.path.isdir(full(beside)):  # noqa: PTH112
        yield beside
