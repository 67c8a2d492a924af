"""Judge the optional fields that the importer checks before it reads an image.

Source: panimg 0.18, `image_builders/metaio_utils.py`, whose patterns these are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from manifest_uploader.files.formats.shared import unsupported
from manifest_uploader.files.looks import Flaw

# possessive: a long line of digits must not take quadratic time
_NUMBER: Final = r"[-+]?(?:[0-9]++(?:\.[0-9]++)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?"
_TIME: Final = r"(?:2[0-3]|[0-1]\d)[0-5]\d[0-5]\d(?:\.\d\d\d)?"
_ONE: Final = re.compile(rf"^{_NUMBER}$")
_LIST: Final = re.compile(rf"^\[(?:{_NUMBER},\s?)*{_NUMBER}]$")
_ONE_OR_LIST: Final = re.compile(rf"^{_NUMBER}$|^\[(?:{_NUMBER},\s?)*{_NUMBER}]$")
_PATTERNS: Final = {
    "Laterality": re.compile(r"^.{0,128}$"),
    "SliceThickness": _ONE,
    "Exposures": re.compile(rf"^{_NUMBER}(?:\s{_NUMBER})*$"),
    "ContentTimes": re.compile(rf"^{_TIME}(?:\s{_TIME})*$"),
    "WindowCenter": _ONE_OR_LIST,
    "WindowWidth": _ONE_OR_LIST,
    "SmallestImagePixelValue": _ONE,
    "LargestImagePixelValue": _ONE,
    "t0": _ONE,
    "t1": _ONE,
}
_WINDOW: Final = ("WindowCenter", "WindowWidth")


def metadata_flaws(fields: Mapping[str, str], timepoints: int) -> tuple[Flaw, ...]:
    """What the importer refuses in an image's optional fields; `about` names the field.

    Args:
        fields: The header's fields and their values; all but a few do not matter.
        timepoints: The size of the fourth dimension, or 1.

    """
    wrong = [name for name, value in fields.items() if _is_wrong(name, value, fields, timepoints)]
    return unsupported(*wrong)


def _is_wrong(name: str, value: str, fields: Mapping[str, str], timepoints: int) -> bool:
    pattern = _PATTERNS.get(name)
    if pattern is None:
        return False
    if not pattern.match(value):
        return True
    if name in ("Exposures", "ContentTimes"):
        return len(value.split(" ")) != timepoints
    if name in _WINDOW and _LIST.match(value):
        other = fields.get(_WINDOW[name == _WINDOW[0]], "")
        return not _LIST.match(other) or len(other.split(",")) != len(value.split(","))
    return False
