"""Which files of a target's items are fetched, and under which names. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from manifest_uploader.manifest.model import Case, JsonValue
from manifest_uploader.plan.safe_names import safe_name, safe_names
from manifest_uploader.platform.image_files import StoredImage
from manifest_uploader.platform.model import ItemSeen, SocketSeen
from manifest_uploader.state.history import CaseHistory

ANSWERS: Final = "answers.csv"
ITEMS: Final = "items.csv"
RECORD: Final = ".uploader-fetch.jsonl"
"""What was fetched, and from where: tells which files are as they were left."""
_TAKEN: Final = (ANSWERS, ITEMS, RECORD, f"{RECORD}.lock")
_IMAGE_ENDINGS: Final = (
    *(".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".tiff", ".tif", ".png", ".jpeg"),
    *(".jpg", ".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm", ".zip"),
)
"""The platform stores images anew, so the ending of what was sent says nothing."""


class FileState(StrEnum):
    """What became of a file."""

    FETCHED = "fetched"
    THERE = "there"
    """It was there already."""
    CHANGED = "changed"
    """It is there now, and the platform's file is not the one that was sent."""
    KEPT = "kept"
    """Another file is in its place."""
    MISSING = "missing"


class Why(StrEnum):
    """Why something is missing."""

    NO_ITEM = "no-item"
    """The case has no item on the platform."""
    NO_VALUE = "no-value"
    """The item does not hold it."""
    NO_FILES = "no-files"
    """The image has no files: it is a DICOM image set, or may not be seen."""
    NOT_GIVEN = "not-given"
    """The platform does not give the file."""


class WantedFile(Struct, frozen=True):
    """A file to fetch."""

    case: str
    title: str
    socket: str
    name: str
    """Below the folder, with `/`."""
    address: str
    """As the platform gives it."""
    source: str
    """Is another one if the platform has another file."""
    sha256: str | None = None
    """Of what was sent; None: unknown, or the platform stores it in another form."""


class FetchedFile(Struct, frozen=True):
    """What became of a file, of a socket without one, or of a case without an item."""

    case: str
    title: str
    socket: str | None
    name: str | None
    state: FileState
    why: Why | None = None
    size: int | None = None
    """In bytes, of the file that is there now."""
    sha256: str | None = None


class CaseFiles(Struct, frozen=True):
    """A case and what earlier runs and the platform say about it."""

    case: Case
    past: CaseHistory
    item: ItemSeen | None


def images_wanted(cases: Iterable[CaseFiles]) -> set[str]:
    """The pks of the images whose files are to be fetched."""
    return {
        held.image
        for one in cases
        if one.item is not None
        for held in one.item.sockets.values()
        if held.image is not None
    }


def choose_files(
    cases: Iterable[CaseFiles], images: Mapping[str, StoredImage], names: Iterable[str]
) -> list[WantedFile | FetchedFile]:
    """The files to fetch, and what is missing, in the manifest's order.

    Args:
        cases: the chosen ones.
        images: by pk.
        names: of all cases, so that a folder has the same name whatever is chosen.

    """
    folders = safe_names(names, taken=_TAKEN)
    found: list[WantedFile | FetchedFile] = []
    for one in cases:
        title = one.case.title if one.item is None else one.item.title or one.case.title
        if one.item is None:
            missing = (FileState.MISSING, Why.NO_ITEM)
            found.append(FetchedFile(one.case.name, title, None, None, *missing))
            continue
        found += _of_item(one, one.item, title, folders[one.case.name], images)
    return found


def _of_item(
    one: CaseFiles, item: ItemSeen, title: str, folder: str, images: Mapping[str, StoredImage]
) -> Iterator[WantedFile | FetchedFile]:
    case = one.case.name
    for value in one.case.values:
        was = one.past.sockets.get(value.socket)
        has_bytes = not isinstance(value, JsonValue) or (was is not None and was.entry.upload)
        if value.socket not in item.sockets and has_bytes:
            missing = (FileState.MISSING, Why.NO_VALUE)
            yield FetchedFile(case, title, value.socket, None, *missing)
    for slug, held in item.sockets.items():
        below = f"{folder}/{safe_name(slug)}"
        if held.file is not None:
            sha256 = _sha256_of(one.past, slug, held)
            name = f"{below}/{safe_name(_last_of(held.file))}"
            source = _source(held.mark, held.file)
            yield WantedFile(case, title, slug, name, held.file, source, sha256)
        elif held.image is not None:
            image = images.get(held.image)
            if image is None or not image.files:
                missing = (FileState.MISSING, Why.NO_FILES)
                yield FetchedFile(case, title, slug, None, *missing)
                continue
            for name, address in _named(image):
                source = _source(held.image, address)
                yield WantedFile(case, title, slug, f"{below}/{name}", address, source)


def _named(image: StoredImage) -> Iterator[tuple[str, str]]:
    """The files of an image with their names.

    A single file is named after the image; several keep their names, as one may name another.
    """
    if len(image.files) > 1 or not image.name:
        names = safe_names(_last_of(address) for address in image.files)
        for address in image.files:
            yield names[_last_of(address)], address
        return
    address = image.files[0]
    last = _last_of(address)
    ending = last[last.rindex(".") :] if "." in last else ""
    was = next((one for one in _IMAGE_ENDINGS if image.name.lower().endswith(one)), "")
    stem = image.name[: len(image.name) - len(was)] or image.name
    yield safe_name(stem + ending), address


def _sha256_of(past: CaseHistory, slug: str, held: SocketSeen) -> str | None:
    """The SHA-256 of what was sent, if the item still holds that."""
    was = past.sockets.get(slug)
    if was is None or was.sha256 is None:
        return None
    mark = was.pk if was.pk is not None else was.entry.before if not was.entry.upload else None
    return was.sha256 if mark is not None and mark in {held.mark, held.image} else None


def _last_of(address: str) -> str:
    """The name at the end of an address."""
    return unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2] or "file"


def _source(mark: str, address: str) -> str:
    text = f"{mark} {urlsplit(address).path}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
