"""What a sandbox has to have so that a manifest can be tried in it."""

from __future__ import annotations

from collections.abc import Iterable
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
    """`SLUG=KIND` of every socket that the manifest names, its kind made out from its values."""
    values: dict[str, list[Value]] = {}
    for case in manifest.cases:
        for value in case.values:
            values.setdefault(value.socket, []).append(value)
    return tuple(f"{slug}={_kind(found)}" for slug, found in values.items())


def images(manifest: Manifest) -> tuple[str, ...]:
    """The pks of the images that the manifest takes for granted."""
    return tuple(
        dict.fromkeys(
            value.pk
            for case in manifest.cases
            for value in case.values
            if isinstance(value, ImageValue)
        )
    )


def _kind(values: list[Value]) -> str:
    plain = [value.value for value in values if isinstance(value, JsonValue)]
    paths = [path for value in values if isinstance(value, FileValue) for path in value.paths]
    are_json = bool(paths) and all(path.lower().endswith(".json") for path in paths)
    if plain:
        return _json_kind(plain) if not paths else "Anything"
    if are_json:
        return "Anything:file"
    endings = {ending for path in paths for ending in _BY_ENDING if path.lower().endswith(ending)}
    return _BY_ENDING[endings.pop()] if len(endings) == 1 else "Image"


def _json_kind(values: Iterable[object]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {int, float}:
        return "Float"
    return {frozenset({bool}): "Bool", frozenset({str}): "String"}.get(frozenset(kinds), "Anything")
