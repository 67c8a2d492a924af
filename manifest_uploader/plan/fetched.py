"""Which files of a target's items are fetched, and under which names. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

from manifest_uploader.manifest.model import Case, JsonValue
from manifest_uploader.plan.safe_names import safe_name, safe_names
from manifest_uploader.platform.image_files import StoredImage
from manifest_uploader.platform.jobs import OutputValue
from manifest_uploader.platform.model import ItemSeen, SocketSeen
from manifest_uploader.state.history import CaseHistory

ANSWERS: Final = "answers.csv"
ITEMS: Final = "items.csv"
JOBS: Final = "jobs.csv"
RECORD: Final = ".uploader-fetch.jsonl"
"""What was fetched, and from where: tells which files are as they were left."""
_TAKEN: Final = (ANSWERS, ITEMS, JOBS, RECORD, f"{RECORD}.lock")
_INPUTS: Final = "inputs"
"""The folder of what was put into a job, inside the case's folder, which holds its outputs."""
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
    content: bytes | None = None
    """What the file holds, if that is known and need not be downloaded."""
    is_output: bool = False
    """It is an output of a job."""

    def ended(
        self,
        state: FileState,
        why: Why | None = None,
        *,
        size: int | None = None,
        sha256: str | None = None,
    ) -> FetchedFile:
        """What became of it."""
        return FetchedFile(
            *(self.case, self.title, self.socket, self.name, state, why, size, sha256),
            is_output=self.is_output,
        )


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
    is_output: bool = False
    """It is an output of a job."""


class CaseFiles(Struct, frozen=True):
    """A case and what earlier runs and the platform say about it."""

    case: Case
    past: CaseHistory
    item: ItemSeen | None
    values: Mapping[str, OutputValue] = field(default_factory=dict)
    """Of a job: the outputs that are JSON values, by socket."""


def images_wanted(cases: Iterable[CaseFiles], *, items: bool = True) -> set[str]:
    """The pks of the images whose files are to be fetched; see `choose_files`."""
    return {
        held.image
        for one in cases
        if one.item is not None
        for sockets in (one.item.outputs, one.item.sockets if items else {})
        for held in sockets.values()
        if held.image is not None
    }


def choose_files(
    cases: Iterable[CaseFiles],
    images: Mapping[str, StoredImage],
    names: Iterable[str],
    *,
    items: bool = True,
) -> list[WantedFile | FetchedFile]:
    """The files to fetch, and what is missing, in the manifest's order.

    Args:
        cases: the chosen ones.
        images: by pk.
        names: of all cases, so that a folder has the same name whatever is chosen.
        items: with what was put into sockets, and not only the outputs of jobs.

    """
    folders = safe_names(names, taken=_TAKEN)
    found: list[WantedFile | FetchedFile] = []
    for one in cases:
        title = one.case.title if one.item is None else one.item.title or one.case.title
        if one.item is None:
            missing = (FileState.MISSING, Why.NO_ITEM)
            found.append(FetchedFile(one.case.name, title, None, None, *missing))
            continue
        chosen = _Chosen(one, one.item, title, folders[one.case.name], images)
        found += chosen.outputs()
        if items:
            found += chosen.items()
    return found


class _Chosen(Struct):
    """The files of a case."""

    one: CaseFiles
    item: ItemSeen
    title: str
    folder: str
    images: Mapping[str, StoredImage]

    def outputs(self) -> Iterator[WantedFile | FetchedFile]:
        folders = safe_names(self.item.outputs, taken=(_INPUTS,))
        for slug, held in self.item.outputs.items():
            below = f"{self.folder}/{folders[slug]}"
            if (found := self.one.values.get(slug)) is not None:
                yield self._value(slug, held, found, f"{below}/{safe_name(found.name)}")
            else:
                yield from self._of_socket(slug, held, below, is_output=True)

    def items(self) -> Iterator[WantedFile | FetchedFile]:
        for value in self.one.case.values:
            was = self.one.past.sockets.get(value.socket)
            has_bytes = not isinstance(value, JsonValue) or (was is not None and was.entry.upload)
            if value.socket not in self.item.sockets and has_bytes:
                yield self._missing(value.socket, Why.NO_VALUE)
        above = self.folder if self.item.status is None else f"{self.folder}/{_INPUTS}"
        for slug, held in self.item.sockets.items():
            yield from self._of_socket(slug, held, f"{above}/{safe_name(slug)}", is_output=False)

    def _of_socket(
        self, slug: str, held: SocketSeen, below: str, *, is_output: bool
    ) -> Iterator[WantedFile | FetchedFile]:
        case, title = self.one.case.name, self.title
        if held.file is not None:
            sha256 = None if is_output else _sha256_of(self.one.past, slug, held)
            name = f"{below}/{safe_name(_last_of(held.file))}"
            source = _source(held.mark, held.file)
            yield WantedFile(
                case, title, slug, name, held.file, source, sha256, is_output=is_output
            )
        elif held.image is not None:
            image = self.images.get(held.image)
            if image is None or not image.files:
                yield self._missing(slug, Why.NO_FILES, is_output=is_output)
                return
            for name, address in _named(image, called=slug if is_output else image.name):
                source = _source(held.image, address)
                path = f"{below}/{name}"
                yield WantedFile(case, title, slug, path, address, source, is_output=is_output)

    def _value(self, slug: str, held: SocketSeen, found: OutputValue, name: str) -> WantedFile:
        text = json.dumps(found.value, ensure_ascii=False) + "\n"
        content = text.encode("utf-8", "surrogatepass")
        sha256 = hashlib.sha256(content).hexdigest()
        return WantedFile(
            *(self.one.case.name, self.title, slug, name),
            address="",
            source=_source(held.mark, sha256),
            content=content,
            is_output=True,
        )

    def _missing(self, slug: str, why: Why, *, is_output: bool = False) -> FetchedFile:
        ended = (FileState.MISSING, why)
        case = self.one.case.name
        return FetchedFile(case, self.title, slug, None, *ended, is_output=is_output)


def _named(image: StoredImage, *, called: str) -> Iterator[tuple[str, str]]:
    """The files of an image with their names.

    A single file gets the name that the image is called by; several keep their names, as one may
    name another.
    """
    if len(image.files) > 1 or not called:
        names = safe_names(_last_of(address) for address in image.files)
        for address in image.files:
            yield names[_last_of(address)], address
        return
    address = image.files[0]
    last = _last_of(address)
    ending = last[last.rindex(".") :] if "." in last else ""
    was = next((one for one in _IMAGE_ENDINGS if called.lower().endswith(one)), "")
    stem = called[: len(called) - len(was)] or called
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
