"""What a plan knows of the local files of one value."""

from __future__ import annotations

from msgspec import Struct

from manifest_uploader.digests import content_digest, paths_digest, stat_digest
from manifest_uploader.files.local_file import LocalFile, Source, sha256


class ValueFacts(Struct, frozen=True):
    """The files of one value; a single record for all of them, so that memory stays small."""

    files: int
    size: int
    """Total size of the files in bytes."""
    name: str
    """The file name of the upload on the platform."""
    stat: str
    """Digest of (name, size, mtime) of every file."""
    content: str | None = None
    """Digest of (name, SHA-256) of every file, as `content_digest` computes it; None if unknown.

    Of a JSON file for a value socket, the digest of its value.
    """
    loose: str | None = None
    """The loose digest of that value."""
    slices: int | None = None
    """Slices, of all time points, that the image on the platform must have.

    None: unknown, or the format is not imported slice by slice (whole slides).
    """
    where: str = ""
    """Digest of the paths of all files; equal for values that name the same files."""
    each: tuple[LocalFile, ...] = ()
    """Of a value that is sent file by file: its files."""
    extras: tuple[str, ...] = ()
    """Files that are no part of the image, as far as a look shows; the importer leaves them out."""


def value_facts(source: Source) -> ValueFacts:
    """The facts of a value's files; no file is read."""
    digest = stat_digest((file.name, file.size, file.mtime_ns) for file in source.files)
    where = paths_digest(file.full for file in source.files)
    return ValueFacts(len(source.files), source.size, source.name, digest, where=where)


def content(source: Source) -> str:
    """Hash all files: the digest of (name, SHA-256) of each; raises FileChanged."""
    return content_digest((file.name, sha256(file)) for file in source.files)
