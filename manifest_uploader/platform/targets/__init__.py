"""The types of targets, one module for each, named after its `TargetKind`.

For other packages: `type_of`, which returns a `TargetType`; `has_jobs`, which many ask.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.targets.base import TargetType

__all__ = ["TargetType", "has_jobs", "type_of"]


@cache
def type_of(kind: TargetKind) -> TargetType:
    """The type of a kind of target: `TYPE` in the module named after it."""
    found: TargetType = import_module(f"{__name__}.{kind.name.lower()}").TYPE
    return found


def has_jobs(kind: TargetKind) -> bool:
    """Whether the items of targets of a kind are jobs: the cases of a manifest are then, too."""
    return type_of(kind).has_jobs
