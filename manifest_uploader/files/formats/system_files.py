"""Which members of a ZIP archive an operating system added, by their names."""

from __future__ import annotations

import re
from typing import Final

_SYSTEM_FILES: Final = re.compile(r"__MACOSX|\.DS_Store|desktop.ini")
"""As the platform searches members' names for them."""


def is_system_file(name: str) -> bool:
    """Whether the platform leaves a member with this name packed."""
    return _SYSTEM_FILES.search(name) is not None
