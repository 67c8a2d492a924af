"""Archives, whose items have no order."""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.requests import Address
from manifest_uploader.platform.targets.base import TargetType


class Archive(TargetType):
    """An archive."""

    kind = TargetKind.ARCHIVE
    noun = "archive"
    item_noun = "archive item"
    path = "archives/"
    items_path = "archives/items/"
    field = "archive"
    page = "archives/{slug}/"
    item_page = "items/"
    page_size = 200  # measured on the platform: 100 items take 1.2 s, 1,000 take 7 s

    def owner(self, target: Target) -> Json:
        """Archive items name their archive by its API address."""
        return Address("archives", target.pk)


TYPE: Final = Archive()
