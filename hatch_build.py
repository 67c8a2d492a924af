"""Makes README the description of the package: what leads into the repository leads nowhere there.

An index shows the description by itself. So its pictures are left out, and links to files become
their words; comments, which are for the tests, go too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

_COMMENT: Final = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_PICTURE: Final = re.compile(r"^!\[[^]]*\]\((?!https:)[^)]+\)\n\n", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[([^]]+)\]\((?!https:)[^)]+\)")


class Description(MetadataHookInterface):
    """Sets the field `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description to the metadata of a build."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(readme)}


def description(readme: str) -> str:
    """The text with nothing in it that leads to a file beside it."""
    return _LINK.sub(r"\1", _PICTURE.sub("", _COMMENT.sub("", readme)))
