"""Names of files and folders that every system takes, made from names that people gave. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from manifest_uploader.system.disk import folded
from manifest_uploader.text import UNPRINTABLE, composed

_LONGEST: Final = 120
"""In bytes of UTF-8; some encrypted file systems take no more than 143."""
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
"""Windows takes none of them, other systems not `/`."""
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\s*(?:\.|$))", re.IGNORECASE
)
"""Devices on Windows, whatever ending they have."""
_ENDING: Final = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){1,2}$")


def safe_names(names: Iterable[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Name → a name that every file system takes, and that differs from all others.

    Most names stay as they are. One that does not, or that a file system could take for another
    one, gets a mark that is made from the name itself, so that it is the same at each call.

    Args:
        names: what people called things.
        taken: names that are in use for something else.

    """
    composed_names = {name: composed(name) for name in names}
    counts = Counter(folded(name) for name in composed_names.values())
    counts.update(folded(name) for name in taken)
    return {
        name: safe_name(name, is_marked=counts[folded(whole)] > 1)
        for name, whole in composed_names.items()
    }


def safe_name(name: str, *, is_marked: bool = False) -> str:
    """The name, or a similar one that every file system takes; marked if it is not the same."""
    whole = composed(name)
    allowed = _FORBIDDEN.sub("_", UNPRINTABLE.sub("_", whole))
    allowed = re.sub(r"[. ]+$", lambda match: "_" * len(match[0]), allowed) or "_"
    if _RESERVED.match(allowed):
        allowed = f"_{allowed}"
    if allowed == whole and not is_marked and len(allowed.encode()) <= _LONGEST:
        return allowed
    mark = "~" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ending = found[0] if (found := _ENDING.search(allowed)) else ""
    stem = allowed.removesuffix(ending).encode()[: _LONGEST - len(mark) - len(ending)]
    return stem.decode(errors="ignore").rstrip(" .") + mark + ending
