"""What the local files of one value are, without reading them."""

from __future__ import annotations

from msgspec import Struct

from manifest_uploader.digests import content_digest, stat_digest
from manifest_uploader.files.local_file import Source, sha256


class ValueFacts(Struct, frozen=True):
    """What the local files of one value are; one record a value, never one a file."""

    files: int
    size: int
    """Bytes of all files together."""
    name: str
    """The file name that the upload will bear on the platform."""
    bundle: bool
    """Several files travel as one stored zip."""
    stat: str
    """Digest of (name, size, time) of every file."""
    content: str | None = None
    """Digest of (name, SHA-256) of every file, once known (see `files.content_digest`);
    for a JSON file that a value socket takes, the digest of its value."""


def value_facts(source: Source) -> ValueFacts:
    """What a plan needs to know of a value's files; reads none of them."""
    digest = stat_digest((file.name, file.size, file.mtime_ns) for file in source.files)
    return ValueFacts(len(source.files), source.size, source.name, source.bundle, digest)


def content(source: Source) -> str:
    """Read and hash all files: the digest of (name, SHA-256) of each; raises FileChanged."""
    return content_digest((file.name, sha256(file)) for file in source.files)
