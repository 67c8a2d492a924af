"""Looks at what adoptable items hold, to compare it with the local files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from manifest_uploader.engine.stored_files import read_files
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.look import look_at
from manifest_uploader.files.looks import Format, ImageHeader
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts, content
from manifest_uploader.manifest.model import FileValue, Manifest, Value
from manifest_uploader.plan.delivery import AsUpload, AsUploads, delivery_of
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.platform.images import images_of
from manifest_uploader.platform.model import SocketSeen, Target

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_MEASURED: Final = frozenset({Format.METAIMAGE, Format.NIFTI, Format.NIFTI2, Format.NRRD})
Key = tuple[str, str]
"""(case, socket)."""


def look_into_items(
    manifest: Manifest, facts: Facts, *, client: Client, target: Target, root: Root
) -> Facts:
    """The facts with what the files of adoptable items hold, and what their images look like.

    Images are not downloaded: the platform encodes them anew.
    """
    uploads = list(_uploads(manifest, facts))
    addresses = {
        (case, value.socket): held.file for case, value, held in uploads if held.file is not None
    }
    images = {held.image for _, _, held in uploads if held.image is not None}
    return replace(
        facts,
        stored=read_files(client, addresses),
        images=images_of(client, target, images, held=facts.items) if images else {},
        values={**facts.values, **_with_content(uploads, facts, root)},
        headers={
            (case, value.socket): header
            for case, value, held in uploads
            if held.image is not None and (header := _header(value, root)) is not None
        },
    )


def _uploads(manifest: Manifest, facts: Facts) -> Iterator[tuple[str, Value, SocketSeen]]:
    """(case, value, what is there) of the values that travel as uploads."""
    for case in manifest.cases:
        item = facts.looked.get(case.name)
        for value in case.values if item is not None else ():
            held = item.sockets.get(value.socket) if item is not None else None
            delivery = delivery_of(value, facts.sockets.get(value.socket))
            if held is not None and isinstance(delivery, AsUpload | AsUploads):
                yield case.name, value, held


def _header(value: Value, root: Root) -> ImageHeader | None:
    """The header of an image in one file, if the platform reports its dimensions unchanged."""
    source = resolve(value, root) if isinstance(value, FileValue) else None
    if not isinstance(source, Source) or source.bundle:
        return None
    try:
        look = look_at(source.files[0]).look
    except FileChanged:
        return None
    return look.image if look.format in _MEASURED else None


def _with_content(
    uploads: list[tuple[str, Value, SocketSeen]], facts: Facts, root: Root
) -> dict[Key, ValueFacts]:
    """The facts of the local files that are compared with files of items, with their digests."""
    found: dict[Key, ValueFacts] = {}
    for case, value, held in uploads:
        known = facts.values.get((case, value.socket))
        if held.file is None or known is None or not isinstance(value, FileValue):
            continue
        source = resolve(value, root)
        if isinstance(source, Source) and known.content is None:
            try:
                found[case, value.socket] = replace(known, content=content(source))
            except FileChanged:
                continue
    return found
