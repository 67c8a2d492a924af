"""The items of the target, listed at most once by a command until it changes something."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from manifest_uploader.platform.endpoints import count_items, list_items
from manifest_uploader.platform.model import ItemSeen, Target

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_ATTEMPTS: Final = 5


class Listing:
    """What the target was seen to hold; from one thread."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client, self._target = client, target
        self._count: int | None = None
        self._items: Mapping[str, ItemSeen] | None = None

    def count(self) -> int:
        """How many items the target holds; one small request unless it is known."""
        if self._count is None:
            self._count = count_items(self._client, self._target)
        return self._count

    def items(self) -> Mapping[str, ItemSeen]:
        """By pk; listed again while some are missing, because items may move between pages."""
        if self._items is None:
            self._items = self._listed()
        return self._items

    @property
    def is_complete(self) -> bool:
        """Whether the list shows all items."""
        return len(self.items()) >= self.count()

    def by_title(self, titles: Collection[str]) -> dict[str, str]:
        """Title → pk of the items with these titles; the API has no filter."""
        return {
            item.title: item.pk
            for item in self.items().values()
            if item.title is not None and item.title in titles
        }

    def known(self, pks: Collection[str]) -> dict[str, ItemSeen]:
        """Those of the items that are known without a request."""
        return {pk: self._items[pk] for pk in pks if pk in self._items} if self._items else {}

    def forget(self) -> None:
        """Forget what was seen, because something is changed from now on."""
        self._count = self._items = None

    def _listed(self) -> Mapping[str, ItemSeen]:
        found: dict[str, ItemSeen] = {}
        if not self.count():
            return found
        for attempt in range(_ATTEMPTS):
            expected = 0 if attempt else self.count()  # then the pages may be shorter than asked
            listed = list_items(self._client, self._target, expected=expected)
            found |= {item.pk: item for item in listed}
            if len(found) >= self.count():
                break
            self._count = None  # one that is missing may be gone
        return found
