"""The files of images that items hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.platform.images import IMAGES, image_pages
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_LISTED_FOR_ONE: Final = 50
"""Measured on the platform: one image takes 0.05 s, a list 1 ms for each of its images."""


class StoredImage(Struct, frozen=True):
    """An image and where the platform keeps its files."""

    pk: str
    name: str
    files: tuple[str, ...]
    """Their addresses; empty for a DICOM image set."""


def image_files(
    client: Client, target: Target, pks: set[str], *, held: int
) -> dict[str, StoredImage]:
    """The given images, by pk; without those that the platform does not show.

    Args:
        client: sends the requests.
        target: the images are values of its items.
        pks: of the images, in lower case.
        held: about how many images the target holds; many are listed, few asked for one by one.

    """
    found: dict[str, StoredImage] = {}
    query = type_of(target.kind).images_query(target)
    if query is not None and len(pks) > 1 + held / _LISTED_FOR_ONE:
        for entries, _ in image_pages(client, query):
            seen = [one for entry in entries if (one := read_image_files(entry)) is not None]
            found |= {one.pk: one for one in seen if one.pk in pks}
            if len(found) == len(pks):
                break
    left = sorted(pks - found.keys())
    for ask in [client.ahead(partial(client.get, f"{IMAGES}/{pk}/")) for pk in left]:
        answer = ask()
        if answer.ok and (one := read_image_files(answer.json)) is not None:
            found[one.pk] = one
    return found


def read_image_files(entry: Json) -> StoredImage | None:
    """The image in an answer of the API; None if it is not one."""
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    listed = entry.get("files")
    entries = listed if isinstance(listed, list) else []
    addresses = (one.get("file") for one in entries if isinstance(one, dict))
    files = tuple(one for one in addresses if isinstance(one, str) and one)
    return StoredImage(entry["pk"].lower(), str(entry.get("name") or ""), files)
