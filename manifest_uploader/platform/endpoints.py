"""The API's endpoints: items, titles and upload rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from manifest_uploader.digests import Json
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.model import ItemSeen, Target
from manifest_uploader.platform.requests import Address, Call
from manifest_uploader.platform.responses import Response, results_of
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_GONE = 404


class ItemHidden(PlatformRefused):
    """The platform neither shows an item nor says that it is gone."""


def send_call(client: Client, call: Call, *, repeat: bool = True) -> Response:
    """Send one request of a plan; raises ResponseLost only without `repeat`."""
    path = call.path if call.pk is None else call.path.replace("{pk}", call.pk)
    return client.call(call.method, path, json=_with_addresses(client, call.json), repeat=repeat)


def _with_addresses(client: Client, body: Json) -> Json:
    match body:
        case Address(collection=collection, pk=str() as pk):
            return client.address(collection, pk)
        case dict():
            return {key: _with_addresses(client, inner) for key, inner in body.items()}
        case list():
            return [_with_addresses(client, inner) for inner in body]
        case _:
            return body


def get_item(client: Client, target: Target, pk: str) -> ItemSeen | None:
    """The item as it is now; None if the platform no longer has it.

    Raises:
        ItemHidden: the answer shows neither.

    """
    target_type = type_of(target.kind)
    answer = client.get(f"{target_type.items_path}{pk}/")
    if answer.status == _GONE:
        return None
    item = target_type.read_item(answer.json) if answer.ok else None
    if item is None:
        raise ItemHidden(
            f"the platform does not show the {target_type.item_noun} {pk} ({answer.status})",
            hint="try again later; nothing was sent to it",
        )
    return item


def list_items(client: Client, target: Target, *, expected: int = 0) -> Iterator[ItemSeen]:
    """All items of the target; faster if it is known how many to expect."""
    target_type = type_of(target.kind)
    limit, query = target_type.page_size, target_type.list_query(target)
    what, path = f"{target_type.item_noun}s", target_type.items_path
    for page in client.pages(path, what, expected=expected, limit=limit, **query):
        for entry in page:
            if (item := target_type.read_item(entry)) is not None:
                yield item


def count_items(client: Client, target: Target) -> int:
    """How many items the target holds."""
    target_type = type_of(target.kind)
    query = {**target_type.list_query(target), "limit": 1}
    return _count(client.call("GET", target_type.items_path, params=query), "items")


def find_by_title(client: Client, target: Target, titles: frozenset[str]) -> dict[str, str]:
    """Title → pk of the items with these titles; lists all items, as the API has no filter."""
    return {
        item.title: item.pk
        for item in list_items(client, target)
        if item.title is not None and item.title in titles
    }


def count_rows(client: Client) -> int:
    """How many upload rows the account holds."""
    return _count(client.get("uploads/", limit=1), "uploads")


def list_rows(client: Client) -> dict[str, str]:
    """Pk → status of the account's upload rows.

    The list may change between pages, so a row that is missing here may still exist.
    """
    return {
        entry["pk"]: str(entry.get("status"))
        for page in client.pages("uploads/", "upload slots")
        for entry in page
        if isinstance(entry, dict) and is_pk(entry.get("pk"))
    }


def is_row_gone(client: Client, pk: str) -> bool:
    """Whether an upload row no longer exists: it was imported or cleaned up."""
    return client.get(f"uploads/{pk}/").status == _GONE


def rows_of(client: Client, pks: Iterable[str]) -> dict[str, str]:
    """Pk → status of the given rows that still exist; missing ones are looked up one by one."""
    wanted = set(pks)
    if not wanted:
        return {}
    found = {pk: status for pk, status in list_rows(client).items() if pk in wanted}
    for pk in wanted - found.keys() if len(wanted - found.keys()) < len(wanted) / 2 + 20 else ():
        answer = client.get(f"uploads/{pk}/")
        if answer.ok and isinstance(answer.json, dict):
            found[pk] = str(answer.json.get("status"))
    return found


def _count(answer: Response, what: str) -> int:
    results_of(answer, what)
    count = answer.json.get("count")
    return count if isinstance(count, int) else len(answer.json["results"])
