"""The transfer syntaxes of DICOM: how a file's data set is written and its pixels are packed."""

from __future__ import annotations

from typing import Final

BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
NATIVE: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN, DEFLATED})
"""With pixels as they are."""

COMPRESSED: Final = frozenset(
    f"1.2.840.10008.1.2.{end}"
    for end in (
        *("4.50", "4.51", "4.57", "4.70"),  # JPEG
        *("4.80", "4.81"),  # JPEG-LS
        *("4.90", "4.91", "4.201", "4.202", "4.203"),  # JPEG 2000
        "5",  # RLE
    )
)
"""With compressed pixels that the importer can decode: what pydicom 3 does with its plug-ins.

Not among them: MPEG, H.264, H.265, JPIP, JPEG XL and the second part of JPEG 2000.
"""


def is_compressed(syntax: str) -> bool:
    """Whether pixels come in fragments; so with every syntax but the native ones (PS3.5, A.4)."""
    return bool(syntax) and syntax not in NATIVE


_OTHERS: Final = {
    "4.92": "JPEG 2000 part 2",
    "4.93": "JPEG 2000 part 2",
    "4.94": "JPIP",
    "4.95": "JPIP",
    "4.100": "MPEG-2 video",
    "4.101": "MPEG-2 video",
    "4.102": "MPEG-4 video",
    "4.103": "MPEG-4 video",
    "4.104": "MPEG-4 video",
    "4.105": "MPEG-4 video",
    "4.106": "MPEG-4 video",
    "4.107": "H.265 video",
    "4.108": "H.265 video",
    "4.110": "JPEG XL",
    "4.111": "JPEG XL",
    "4.112": "JPEG XL",
    "4.204": "JPIP",
    "4.205": "JPIP",
}


def syntax_flaw(syntax: str) -> str | None:
    """What about a transfer syntax the importer cannot decode; None if it can."""
    if syntax in NATIVE or syntax in COMPRESSED:
        return None
    return _OTHERS.get(syntax.removeprefix("1.2.840.10008.1.2."), "TransferSyntaxUID")
