"""The kinds of targets. Each has a module of its own, named after its `TargetKind`.

Other packages use `type_of` and, through it, what `base.TargetType` offers.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.targets.base import TargetType

__all__ = ["TargetType", "type_of"]


@cache
def type_of(kind: TargetKind) -> TargetType:
    """What is special about a kind of target: `TYPE` of the module that bears its name."""
    found: TargetType = import_module(f"{__name__}.{kind.name.lower()}").TYPE
    return found
