"""Images that the platform holds: whether they exist, and how many slices they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import PAGE
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

IMAGES: Final = "cases/images"
"""The collection of images in the API's paths."""
_LISTED_FOR_ONE: Final = 50
"""Measured on the platform: one image takes 0.05 s, a list 1 ms for each of its images."""
_FEW: Final = 5
"""Images that are asked for one by one."""
_GONE: Final = 404
_PLANE: Final = 2
"""Dimensions of one slice."""


class ImageSeen(Struct, frozen=True):
    """An image as the platform shows it."""

    pk: str
    slices: int | None
    """Slices of all time points; 1 for a picture, None if the platform does not say."""
    name: str | None = None
    width: int | None = None
    height: int | None = None
    is_set: bool = False
    """It is a DICOM image set: `slices` are its instances."""


def images_of(client: Client, target: Target, pks: set[str], *, held: int) -> dict[str, ImageSeen]:
    """The given images, by pk; without those about which the platform gave no answer.

    An image that does not exist, or may not be seen, has unknown slices.

    Args:
        client: sends the requests.
        target: the images are values of its items.
        pks: of the images, in lower case.
        held: about how many images the target holds; many are listed, few asked for one by one.

    """
    found: dict[str, ImageSeen] = {}
    query = type_of(target.kind).images_query(target)
    if query is not None and len(pks) > 1 + held / _LISTED_FOR_ONE:
        for entries, _ in image_pages(client, query):
            found |= {image.pk: image for image in _images(entries) if image.pk in pks}
            if len(found) == len(pks):
                break
    for pk in pks - found.keys():
        if (image := _get(client, pk)) is not None:
            found[pk] = image
    counted = {pk: _counted(client, image) for pk, image in found.items() if image.is_set}
    return {pk: one for pk, image in found.items() if (one := counted.get(pk, image)) is not None}


def images_named(client: Client, name: str) -> list[str]:
    """The pks of the images with a name, as far as the user may see them."""
    return [
        image.pk
        for entries, _ in image_pages(client, {"name": name})
        for image in _images(entries)
        if image.name == name
    ]


def missing_images(client: Client, pks: Iterable[str]) -> frozenset[str]:
    """Which images do not exist, or may not be seen; `pks` in lower case.

    Many are looked for in the list of all images that the user may see, few are asked for one by
    one. A platform that answers neither yes nor no to the request for one counts as having it.
    """
    left = set(pks)
    if len(left) > _FEW:
        for entries, rest in image_pages(client, {}):
            left -= {image.pk for image in _images(entries)}
            if rest >= _LISTED_FOR_ONE * len(left):
                break
    return frozenset(pk for pk in left if client.get(f"{IMAGES}/{pk}/").status == _GONE)


def image_pages(client: Client, query: Mapping[str, str | int]) -> Iterator[tuple[list[Json], int]]:
    """The entries on each page of a list, and how many follow; none if the platform has no list."""
    offset, rest = 0, 1
    while rest > 0:
        answer = client.get(f"{IMAGES}/", **query, limit=PAGE, offset=offset)
        entries = answer.fields.get("results") if answer.ok else None
        if not isinstance(entries, list) or not entries:
            return
        offset += len(entries)
        count = answer.fields.get("count")
        rest = count - offset if isinstance(count, int) else 0
        yield entries, rest


def _images(entries: list[Json]) -> list[ImageSeen]:
    return [seen for entry in entries if (seen := _image(entry)) is not None]


def _get(client: Client, pk: str) -> ImageSeen | None:
    answer = client.get(f"{IMAGES}/{pk}/")
    if answer.ok or answer.status == _GONE:
        return _image(answer.json) or ImageSeen(pk, None)
    return None


def _counted(client: Client, image: ImageSeen) -> ImageSeen | None:
    """The image set with the number of its instances; None if the platform gave no answer."""
    answer = client.get(f"{IMAGES}/{image.pk}/dicom/instances/")
    if answer.status == _GONE:
        return image
    instances = answer.fields.get("instances") if answer.ok else None
    return replace(image, slices=len(instances)) if isinstance(instances, list) else None


def _image(entry: Json) -> ImageSeen | None:
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    name, width, height = entry.get("name"), entry.get("width"), entry.get("height")
    return ImageSeen(
        entry["pk"].lower(),
        _slices(entry),
        name if isinstance(name, str) else None,
        width if _is_count(width) else None,
        height if _is_count(height) else None,
        is_set=bool(entry.get("dicom_image_set")),
    )


def _slices(entry: dict[str, Json]) -> int | None:
    """All but the last two dimensions of `shape_without_color`, which is [(t), (z), y, x]."""
    shape = entry.get("shape_without_color")
    if isinstance(shape, list) and len(shape) >= _PLANE and all(map(_is_count, shape)):
        return prod(shape[:-_PLANE])
    depth = entry.get("depth")
    return depth if _is_count(depth) else None


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
