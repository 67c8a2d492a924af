"""What a kind of target has to define, and what most kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from sys import intern
from typing import ClassVar, Final
from urllib.parse import urlsplit

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.items import is_pk, item_seen
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.requests import Call

_TOO_LONG: Final = "x" * 256
"""Grand Challenge always refuses a title of 256 characters, whoever asks."""


class TargetType(ABC):
    """How targets of one kind are found, and how their items are created, filled and shown."""

    kind: ClassVar[TargetKind]
    noun: ClassVar[str]
    """What people call the target: `reader study`."""
    item_noun: ClassVar[str]
    """What people call an item: `display set`."""
    path: ClassVar[str]
    """Where targets are looked up with `?slug=`."""
    items_path: ClassVar[str]
    """Where items are created and listed."""
    field: ClassVar[str]
    """Names the target in a creation, in a refusal of it, and in the filter of the list."""
    page: ClassVar[str]
    """The target's page below the site, with `{slug}`; ends in `/`."""
    item_page: ClassVar[str]
    """What an item's pk and `/` are appended to, below the target's page."""
    has_orders: ClassVar[bool] = False
    """Its items have a position in a list."""
    created_with_values: ClassVar[bool] = False
    """An item is complete once it is created; there is no fill.

    Then the creation waits for the case's uploads, and is found again by the case's own title.
    """

    # -- the target --

    def read_target(self, answer: Json) -> Target | None:
        """The target that an entry of the list describes.

        Archives are listed without a slug: it is the last part of their page's address.
        """
        if not isinstance(answer, dict) or not is_pk(answer.get("pk")):
            return None
        page = str(answer.get("url") or "")
        slug = answer.get("slug") or urlsplit(page).path.rstrip("/").rpartition("/")[2]
        return Target(self.kind, str(slug), answer["pk"])

    def probe(self, target: Target) -> Call:
        """A creation that can never succeed; `may_edit` reads the refusal."""
        return self.create(target, title=_TOO_LONG, order=None)

    def may_edit(self, refusal: Json) -> bool:
        """The refusal of the probe is only about the title, so this user may edit the target."""
        return isinstance(refusal, dict) and self.field not in refusal and "title" in refusal

    # -- its items --

    @abstractmethod
    def owner(self, target: Target) -> Json:
        """How a creation names the target, under `field`."""

    def create(
        self, target: Target, *, title: str, order: int | None, values: tuple[Json, ...] = ()
    ) -> Call:
        """The request that creates an item, with values only where they can be given."""
        body = {self.field: self.owner(target), "title": title} | self._order(order)
        return Call("POST", self.items_path, _with_values(body, values))

    def fill(
        self, *, item: str | None, title: str | None, order: int | None, values: tuple[Json, ...]
    ) -> Call:
        """The PATCH that gives an item its title, order and values; None leaves them as they are.

        `item` is None until the item exists.
        """
        body: dict[str, Json] = {} if title is None else {"title": title}
        body |= self._order(order)
        return Call("PATCH", intern(self.items_path + "{pk}/"), _with_values(body, values), pk=item)

    def _order(self, order: int | None) -> dict[str, Json]:
        return {} if order is None or not self.has_orders else {"order": order}

    def list_query(self, target: Target) -> dict[str, str | int]:
        """The query that lists a target's own items."""
        return {self.field: target.pk}

    def read_item(self, answer: Json) -> ItemSeen | None:
        """The item that an answer describes; None where it describes none."""
        return item_seen(answer)


def _with_values(body: dict[str, Json], values: tuple[Json, ...]) -> dict[str, Json]:
    return body | {"values": list(values)} if values else body
