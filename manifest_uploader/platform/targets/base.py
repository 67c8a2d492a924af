"""The base class of target types: what each kind defines, and what most kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from sys import intern
from typing import ClassVar, Final
from urllib.parse import urlsplit

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.items import is_pk, read_item
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.requests import Call
from manifest_uploader.platform.responses import PAGE

_TOO_LONG: Final = "x" * 256
"""Grand Challenge always refuses a title of 256 characters, whoever asks."""


class TargetType(ABC):
    """How targets of one kind are found, and how their items are created, filled and shown."""

    kind: ClassVar[TargetKind]
    noun: ClassVar[str]
    """The word for the target: `reader study`."""
    item_noun: ClassVar[str]
    """The word for an item: `display set`."""
    path: ClassVar[str]
    """The API path to look up targets with `?slug=`."""
    items_path: ClassVar[str]
    """The API path to create and list items."""
    field: ClassVar[str]
    """The target's field in a creation, in the refusal of one, and in the list's query."""
    page: ClassVar[str]
    """The target's page on the website, with `{slug}`; ends in `/`."""
    item_page: ClassVar[str]
    """The part of an item's page between the target's page and the item's pk."""
    values_field: ClassVar[str] = "values"
    """The field of an item, and of a creation or fill, that holds what is in its sockets."""
    right: ClassVar[str] = "edit"
    """What a user must be allowed to do with the target, as messages say it."""
    who_may: ClassVar[str] = "ask one of its editors to make you an editor too; nothing was sent"
    """The advice to a user who may not."""
    has_jobs: ClassVar[bool] = False
    """Its items are jobs: they have no title, run once, and never change."""
    has_orders: ClassVar[bool] = False
    """Its items have a position in a list."""
    has_answers: ClassVar[bool] = False
    """Readers answer questions about its items."""
    has_outputs: ClassVar[bool] = False
    """Its items have outputs beside what is put into their sockets."""
    page_size: ClassVar[int] = PAGE
    """Items on one page of a list, so that a page takes a few seconds at most."""
    created_with_values: ClassVar[bool] = False
    """Items are created with their values and never filled.

    The creation waits for the case's uploads, and the item is found again by the case's title.
    """

    def item_url(self, api: str, target: Target, pk: str) -> str:
        """The web page of an item, on the platform with this API address."""
        page = self.page.format(slug=target.slug)
        return f"{api.removesuffix('api/v1/')}{page}{self.item_page}{pk}/"

    # -- the target --

    def read_target(self, answer: Json) -> Target | None:
        """The target in an entry of the list; None if the entry is not a target.

        The list of archives has no slugs; the slug is the last part of the page's address.
        """
        if not isinstance(answer, dict) or not is_pk(answer.get("pk")):
            return None
        page = str(answer.get("url") or "")
        slug = answer.get("slug") or urlsplit(page).path.rstrip("/").rpartition("/")[2]
        return Target(self.kind, str(slug), answer["pk"])

    def probe(self, target: Target) -> Call | None:
        """A creation that never succeeds, whose refusal `may_edit` reads; None if there is none."""
        return self.create(target, title=_TOO_LONG, order=None)

    def may_edit(self, refusal: Json) -> bool:
        """Whether the probe was refused only for its title, so this user may edit the target."""
        return isinstance(refusal, dict) and self.field not in refusal and "title" in refusal

    def refuses_for_now(self, refusal: Json) -> str | None:  # noqa: ARG002 - for kinds that may
        """Why items cannot be created now, as the probe's refusal says; None if they can."""
        return None

    # -- its items --

    @abstractmethod
    def owner(self, target: Target) -> Json:
        """The value of `field` in a creation."""

    def create(
        self, target: Target, *, title: str, order: int | None, values: tuple[Json, ...] = ()
    ) -> Call:
        """The request that creates an item; values only if the type is `created_with_values`."""
        body = {self.field: self.owner(target), "title": title} | self._order(order)
        return Call("POST", self.items_path, self._with_values(body, values))

    def fill(
        self, *, item: str | None, title: str | None, order: int | None, values: tuple[Json, ...]
    ) -> Call:
        """The PATCH that gives an item its title, order and values.

        None leaves the title or order as it is. `item` is None until the item exists.
        """
        body: dict[str, Json] = {} if title is None else {"title": title}
        body |= self._order(order)
        path = intern(self.items_path + "{pk}/")
        return Call("PATCH", path, self._with_values(body, values), pk=item)

    def _with_values(self, body: dict[str, Json], values: tuple[Json, ...]) -> dict[str, Json]:
        return body | {self.values_field: list(values)} if values else body

    def _order(self, order: int | None) -> dict[str, Json]:
        return {} if order is None or not self.has_orders else {"order": order}

    def list_query(self, target: Target) -> dict[str, str | int]:
        """The query that lists a target's items."""
        return {self.field: target.pk}

    def images_query(self, target: Target) -> dict[str, str | int] | None:
        """The query that lists the images of a target's items; None if the platform has none."""
        return self.list_query(target)

    def read_item(self, answer: Json) -> ItemSeen | None:
        """The item in an answer; None if the answer is not an item."""
        return read_item(answer)
