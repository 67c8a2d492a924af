"""Dataclasses that only the type checker freezes.

Making a frozen one costs two to five times as much, since each field goes through
`object.__setattr__`: with some fifty a case that was a fifth of a run with nothing to do. mypy
refuses every assignment, as it does for real ones; equality and hash are the same. All share one
`__repr__`: to make one for each class took a third of what the model costs at every start.
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
        decorate = dataclasses.dataclass(unsafe_hash=frozen, repr=False, **options)

        def decorated(cls: type) -> type:
            cls.__repr__ = _shown
            return decorate(cls)

        return decorated

    def _shown(record: Any) -> str:
        shown = (one.name for one in dataclasses.fields(record) if one.repr)
        inner = ", ".join(f"{name}={getattr(record, name)!r}" for name in shown)
        return f"{type(record).__qualname__}({inner})"
