"""What a sandbox must hold so that a manifest can be tried in it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from manifest_uploader.manifest.model import FileValue, ImageValue, JsonValue, Manifest, Value

_BY_ENDING: Final = {
    ".pdf": "PDF file",
    ".csv": "CSV file",
    ".zip": "ZIP file",
    ".mp4": "MP4 file",
    ".obj": "OBJ file",
}


def sockets(manifest: Manifest) -> tuple[str, ...]:
    """`SLUG=KIND` for every socket that the manifest names; its values tell the kind."""
    values: dict[str, list[Value]] = {}
    for case in manifest.cases:
        for value in case.values:
            values.setdefault(value.socket, []).append(value)
    return tuple(f"{slug}={_kind(found)}" for slug, found in values.items())


def images(manifest: Manifest) -> tuple[str, ...]:
    """The pks of the existing images to which the manifest refers, each once."""
    return tuple(
        dict.fromkeys(
            value.pk
            for case in manifest.cases
            for value in case.values
            if isinstance(value, ImageValue)
        )
    )


def _kind(values: list[Value]) -> str:
    """The narrowest kind that all values of a socket fit."""
    paths = [path for value in values if isinstance(value, FileValue) for path in value.paths]
    types = {type(value.value) for value in values if isinstance(value, JsonValue)}
    if types and paths:
        return "Anything"
    if types:
        if types <= {int, float}:
            return "Float"
        return {frozenset({bool}): "Bool", frozenset({str}): "String"}.get(
            frozenset(types), "Anything"
        )
    if paths and all(path.lower().endswith(".json") for path in paths):
        return "Anything:file"
    if any(isinstance(value, ImageValue) for value in values):
        return "Image"
    kinds = {_BY_ENDING.get(PurePosixPath(path).suffix.lower(), "Image") for path in paths}
    return kinds.pop() if len(kinds) == 1 else "Image"
