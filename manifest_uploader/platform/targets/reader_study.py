"""Reader studies, whose items are display sets that readers see in order."""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets.base import TargetType


class ReaderStudy(TargetType):
    """A reader study."""

    kind = TargetKind.READER_STUDY
    noun = "reader study"
    item_noun = "display set"
    path = "reader-studies/"
    items_path = "reader-studies/display-sets/"
    field = "reader_study"
    page = "reader-studies/{slug}/"
    item_page = "display-sets/"
    has_orders = True
    has_answers = True

    def owner(self, target: Target) -> Json:
        """Display sets name their reader study by its slug."""
        return target.slug


TYPE: Final = ReaderStudy()
