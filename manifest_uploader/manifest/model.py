"""A manifest as frozen records."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.manifest.problems import Place

if TYPE_CHECKING:
    from manifest_uploader.manifest.short_form import ShortForm

NAME_LENGTH: Final = 100
"""Characters of a case's name, at most, as the schema has it."""

IMAGE_NAME_LENGTH: Final = 255
"""Characters of an image set's name, at most, as the schema has it."""

_SHOWN: Final = 3
"""How many paths of a value messages name."""


def files_of(value: Value) -> str | None:
    """Return the files of a value as messages name them; None for an existing image."""
    if isinstance(value, ImageValue):
        return None
    if not isinstance(value, FileValue):
        return "the value in the manifest"
    more = f" and {len(value.paths) - _SHOWN} more" if len(value.paths) > _SHOWN else ""
    return ", ".join(value.paths[:_SHOWN]) + more


class FileValue(Struct, frozen=True):
    """Local files for a socket, as the manifest names them."""

    socket: str
    paths: tuple[str, ...]
    """Paths, folders or globs with `/`, relative to the root, as written."""
    single: bool
    """Written with `file:`, which promises exactly one file."""
    place: Place
    """Of the first path."""
    key: Place | None = None
    """Of the socket's name."""
    places: tuple[Place, ...] = ()
    """Of each path, if there are several."""
    same_as: str | None = None
    """`CASE/SOCKET`: the value is the image of that one, and has its paths."""
    image_name: str | None = None
    """Of a DICOM image set: what readers see as the image's name; None: the default."""


class JsonValue(Struct, frozen=True):
    """A value written in the manifest itself; never None."""

    socket: str
    value: Json
    place: Place
    key: Place | None = None


class ImageValue(Struct, frozen=True):
    """An image that the platform already has."""

    socket: str
    pk: str
    """Lower-case UUID."""
    place: Place
    key: Place | None = None


Value: TypeAlias = FileValue | JsonValue | ImageValue


class Case(Struct, frozen=True):
    """One entry of the manifest: what becomes one item on the platform."""

    name: str
    title: str
    """Trimmed, as the platform does; "" for none."""
    order: int | None
    """None: we give one when the item is created."""
    values: tuple[Value, ...]
    """In the manifest's order; at most one for a socket."""
    place: Place
    """Of the name."""
    title_place: Place
    """Of the title, or of the name if there is no title."""


class TargetKind(StrEnum):
    """Where on the platform the cases go."""

    READER_STUDY = "reader-study"
    ARCHIVE = "archive"
    ALGORITHM = "algorithm"


class Identifiable(Struct, frozen=True):
    """What DICOM files may tell about their patients."""

    everything: bool = False
    """`identifiable: allowed`."""
    keywords: frozenset[str] = frozenset()
    """`identifiable: [PatientID]`: DICOM keywords of the attributes that may stay."""

    def forbidden(self, found: Iterable[str]) -> tuple[str, ...]:
        """Return the keywords among those found that may not stay, each once, in their order."""
        if self.everything:
            return ()
        return tuple(word for word in dict.fromkeys(found) if word not in self.keywords)


class Manifest(Struct, frozen=True):
    """What the user's YAML file says."""

    path: str
    """As the user typed it."""
    kind: TargetKind
    slug: str
    slug_place: Place
    root: str | None
    """Where the files are, relative to the manifest's folder; None: in that folder."""
    root_place: Place
    """Of the root, or of the start of the file."""
    identifiable: Identifiable
    cases: tuple[Case, ...]
    digest: str
    """SHA-256 of the file's bytes, in hex."""
    identifiable_place: Place | None = None
    """Of what `identifiable` says; None if the manifest does not have it."""
    short: ShortForm | None = None
    """One description for many cases, which `expansion` turns into cases."""
    import_check: bool = False
    """`import-check: required`: send only images that the importer was asked about."""
