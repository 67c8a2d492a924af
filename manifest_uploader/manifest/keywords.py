"""Keywords of DICOM's data dictionary (PS3.6), as `identifiable` lists them."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Any, Final

_TAG: Final = re.compile(r"\(?([0-9A-Fa-f]{4})[, ]?([0-9A-Fa-f]{4})\)?")
_LIKE: Final = 0.75
_LONGEST: Final = 64
"""Characters; the dictionary's longest keyword has 61."""


def is_keyword(text: str) -> bool:
    """Return whether a text is a keyword of DICOM's data dictionary, in its spelling."""
    return bool(text) and text in _dictionary().keyword_dict


def keyword_like(text: str) -> str | None:
    """Return the keyword that a text stands for, or is most like; None if there is none.

    A tag such as `(0010,0020)` and a name such as `Patient's Birth Date` stand for a keyword.
    Keywords that begin with `Patient` are meant most often and are tried first.
    """
    tag = _TAG.fullmatch(text.strip())
    if tag is not None:
        return _dictionary().keyword_for_tag(int(tag[1] + tag[2], 16)) or None
    plain = _plain(text)[:_LONGEST]
    if not plain:
        return None
    by_plain = _keywords()
    patients = [one for one in by_plain if one.startswith("patient")]
    close = [plain] if plain in by_plain else _close(plain, patients) or _close(plain, by_plain)
    return by_plain[close[0]] if close else None


@cache
def _keywords() -> dict[str, str]:
    """All of DICOM's, by their plain forms."""
    return {_plain(keyword): keyword for keyword in _dictionary().keyword_dict if keyword}


def _close(plain: str, among: Any) -> list[str]:
    return difflib.get_close_matches(plain, among, n=1, cutoff=_LIKE)


def _plain(text: str) -> str:
    """Return the letters and digits in lower case; `Patient's Name` becomes `patientname`."""
    return re.sub("[^a-z0-9]", "", text.lower().replace("'s", "").replace("’s", ""))


def _dictionary() -> Any:
    from pydicom import datadict  # noqa: PLC0415  takes 100 ms, which other manifests save

    return datadict
