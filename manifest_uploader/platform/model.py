"""Sockets, targets and items as the platform shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct, field

from manifest_uploader.manifest.model import TargetKind

Token: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-z]{1,32}\Z")]
"""A random part of a file's name, checked where it is read from a file."""
UUID: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""As a regular expression."""
Pk: TypeAlias = Annotated[str, Meta(pattern=rf"\A{UUID}\Z")]
"""The pk of an upload, an item or a session, checked where it is read from a file."""


class Socket(Struct, frozen=True):
    """A named slot of the platform."""

    slug: str
    title: str
    kind: str
    """As the platform calls it: Image, Float, PDF file …"""
    super_kind: str
    """Image, Value or File."""
    relative_path: str
    """Ends with `.json` for a JSON kind that is stored as a file."""
    segments: tuple[int, ...] = ()
    """The voxel values that a segmentation may hold, in order; empty if any may be."""
    description: str = ""


class Interface(Struct, frozen=True):
    """A combination of inputs that an algorithm takes, and the outputs that it then makes."""

    inputs: tuple[str, ...]
    """Slugs of sockets."""
    outputs: tuple[str, ...] = ()


class Target(Struct, frozen=True):
    """The reader study, archive or algorithm, as the platform knows it."""

    kind: TargetKind
    slug: str
    pk: str
    interfaces: tuple[Interface, ...] = ()
    """Of an algorithm: the combinations of inputs that its jobs may have."""


class SocketSeen(Struct, frozen=True):
    """What an item holds in one socket."""

    mark: str
    """Changes with the value: the pk of the value, or else of its image or file."""
    digest: str | None
    """Of a JSON value or an existing image, to compare with `Entry.digest`; None for a file."""
    image: str | None = None
    """The pk of the image, if the value is an image."""
    file: str | None = None
    """The address of the file, as the platform gives it, if the value is a file."""
    brief: str | None = None
    """A short JSON value as text, to show it."""
    loose: str | None = None
    """The loose digest of a JSON value; None: it is `digest`, because there are no booleans."""

    @property
    def shown(self) -> str:
        """What a confirmation records: the image's pk, else the mark."""
        return self.image or self.mark


class ItemSeen(Struct, frozen=True):
    """An item as the platform shows it."""

    pk: str
    title: str | None
    """None if the platform shows no title."""
    order: int | None
    sockets: Mapping[str, SocketSeen]
    """Of a job: its inputs."""
    status: str | None = None
    """Of a job, as the platform calls it; None for items that have none."""
    outputs: Mapping[str, SocketSeen] = field(default_factory=dict)
    """Of a job that has succeeded."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """What a fill puts into one socket."""

    socket: str
    digest: str | None = None
    """Of a JSON value (`json:…`) or an existing image (`image:…`); None for an upload."""
    stat: str | None = None
    """Of the local files, if there are any."""
    upload: Pk | None = None
    """The pk of the completed upload, once known."""
    content: str | None = None
    """The digest of an upload's content, once known."""
    before: str | None = None
    """The socket's mark before the fill; None: the socket was empty."""
    ticket: Pk | None = None
    """The pk of the upload session that the fill names in place of the upload; None: it names the
    upload itself, or the session is not made yet."""
    slices: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    """Slices of all time points that the upload holds; None: unknown, or it has no slices."""
    bundle: bool = False
    """The upload holds several files, some of which the platform may leave out."""
    sha256: str | None = None
    """Of an adopted file's bytes, which are those of the local file; None: they were not compared,
    or the value was not adopted."""
    token: Token | None = None
    """A random part of the upload's file name, by which a job with this input is found again."""
    uploads: tuple[Pk, ...] = ()
    """The pks of all uploads of a value that is sent file by file, once known; `upload` is the
    last of them, because the platform deletes their rows together, or the oldest first."""
    image_name: str | None = None
    """The name that such an image gets on the platform."""
