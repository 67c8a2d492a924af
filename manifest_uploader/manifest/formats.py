"""The three rules of the manifest's schema that no pattern can state: its `format`s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from manifest_uploader.manifest.keywords import is_keyword


def stays_inside(path: str) -> bool:
    """Return whether no reading of a path leads above its start; `**` may match no folder."""
    if ".." not in path:
        return True
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".", "**") else 1
        if depth < 0:
            return False
    return True


def has_no_html_entities(text: str) -> bool:
    """Return whether a text has no HTML entity such as `&amp;` or `&#38;`."""
    if "&" not in text:
        return True
    import html  # noqa: PLC0415  # its table of 2,231 names is rarely needed

    return html.unescape(text) == text


FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "path-that-stays-inside": stays_inside,
    "text-without-html-entities": has_no_html_entities,
    "dicom-keyword": is_keyword,
}
"""Each by its name in the schema."""
