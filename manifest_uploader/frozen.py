"""Dataclasses that only the type checker freezes.

Making a frozen one costs two to five times as much, since each field goes through
`object.__setattr__`: with some fifty a case that was a fifth of a run with nothing to do. mypy
refuses every assignment, as it does for real ones; equality and hash are the same.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, **options: Any) -> Any:
        """`dataclasses.dataclass`, with `frozen` left to the type checker."""
        return dataclasses.dataclass(unsafe_hash=frozen, **options)
