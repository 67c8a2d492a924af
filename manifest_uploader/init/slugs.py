"""Makes slugs out of names, with letters as the platform turns them into ASCII."""

from __future__ import annotations

import re
import unicodedata


def ascii_of(text: str) -> str:
    """The text in ASCII as the platform writes its slugs: `Muller` for `Müller`.

    Grand Challenge makes slugs with Django's `slugify`: accents go, and so do letters that have no
    plain form, such as `ß`.
    """
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def to_slug(text: str) -> str:
    """The text as a slug; empty if it has no letter or digit."""
    return re.sub("[^a-z0-9]+", "-", ascii_of(text).lower()).strip("-")
