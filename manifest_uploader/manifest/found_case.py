"""A folder or file that is a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

_COMPRESSED: Final = (".gz", ".bz2", ".zip")


class FoundCase(Struct, frozen=True):
    """A folder or file that is a case."""

    path: str
    """Relative to the base folder, with `/`."""
    is_file: bool
    names: Mapping[str, str] = field(default_factory=dict)
    """What the names in the pattern stand for."""


def stem(name: str) -> str:
    """A file's name without its ending: `a` for `a.mha` and for `a.nii.gz`."""
    for packed in _COMPRESSED:
        if name.lower().endswith(packed):
            name = name[: -len(packed)]
            break
    head, dot, tail = name.rpartition(".")
    return head if dot and head and " " not in tail else name


def own_name(case: FoundCase) -> str:
    """What `{name}` stands for: the folder's name, or the file's name without its ending."""
    last = case.path.rpartition("/")[2]
    return stem(last) if case.is_file else last
