"""Proposes which folders or files are the cases, according to their names."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from manifest_uploader.files.case_patterns import Part
from manifest_uploader.files.case_tree import Listing, Tree
from manifest_uploader.init.columns import TABLES
from manifest_uploader.manifest.found_case import stem

_NUMBERED: Final = re.compile(r"(\D*)\d.*?(\D*)", re.DOTALL)
_MOST_SHARE: Final = 0.6
"""The share of folders that must look alike to be taken for the cases."""
_MAX_DEPTH: Final = 6
_BY_MACHINE: Final = re.compile(
    r"[0-9]+(?:\.[0-9]+){3,}|[0-9]{5,}|[0-9A-F]{8}|[A-Z]{2,4}[0-9]{4,}|DICOM|dicom"
)
"""Names that a PACS or a scanner gives to the folders of a study and its series."""
_WRAPPERS: Final = frozenset({"dicom", "data", "images", "export", "cases", "patients"})


def is_by_machine(name: str) -> bool:
    """Whether a PACS or a scanner has probably given a folder's name, as a UID or `SE000001`."""
    return bool(_BY_MACHINE.fullmatch(name))


def propose_each(tree: Tree) -> str:
    """The pattern that probably matches the cases."""
    parts: list[str] = []
    paths = [""]
    while len(parts) < _MAX_DEPTH:
        listings = [tree.list_folder(path) for path in paths[:50]]
        folders = sorted({name for listing in listings for name in listing.folders})
        if not folders:
            parts += [
                _propose_file_pattern([name for listing in listings for name in listing.files])
            ]
            break
        pattern = propose_pattern(folders)
        paths = _folders_matching(paths, listings, pattern)
        goes_deeper = _goes_deeper(paths, [tree.list_folder(path) for path in paths[:50]])
        parts.append(glob.escape(folders[0]) if goes_deeper and len(folders) == 1 else pattern)
        if not goes_deeper:
            break
    return "/".join(parts)


def _folders_matching(paths: Sequence[str], listings: Sequence[Listing], pattern: str) -> list[str]:
    part = Part(pattern, pattern, None)
    return [
        f"{path}/{name}".lstrip("/")
        for path, listing in zip(paths, listings, strict=False)
        for name, _ in part.match(listing.folders)
    ]


def propose_pattern(names: Sequence[str]) -> str:
    """A pattern like `patient-*` if most names look alike, else `*`."""
    shapes = [found.groups() for name in names if (found := _NUMBERED.fullmatch(name))]
    for shape in (Counter(shapes), Counter((before, "") for before, _ in shapes)):
        (before, after), count = next(iter(shape.most_common(1)), (("", ""), 0))
        if (before or after) and count >= max(_MOST_SHARE * len(names), 1):
            return f"{glob.escape(before)}*{glob.escape(after)}"
    return "*"


def _goes_deeper(paths: Sequence[str], listings: Sequence[Listing]) -> bool:
    """Whether the cases are probably inside these folders, which may be sites."""
    if not listings or any(listing.files or not listing.folders for listing in listings):
        return False
    names = [name for listing in listings for name in listing.folders]
    if len(listings) == 1:
        is_wrapper = paths[0].rpartition("/")[2].lower() in _WRAPPERS
        return len(names) > 1 and (is_wrapper or propose_pattern(names) != "*")
    if all(map(is_by_machine, names)) or all(len(one.folders) == 1 for one in listings):
        return False  # the studies of a patient
    return len(set(names)) > len(names) / 2


def _propose_file_pattern(names: Sequence[str]) -> str:
    """A pattern for the files with the most frequent ending."""
    endings = Counter(file_ending(name) for name in names if not name.lower().endswith(TABLES))
    ending, _ = next(iter(endings.most_common(1)), ("", 0))
    leading = [one for one in endings if one.lower() in (".mhd", ".mrxs")]
    return f"*{glob.escape(leading[0] if leading else ending)}"


def file_ending(name: str) -> str:
    """The ending of a file's name: `.nii.gz` for `a.nii.gz`."""
    return name[len(stem(name)) :]
