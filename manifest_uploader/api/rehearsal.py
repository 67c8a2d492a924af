"""What a sandbox must hold so that a manifest can be tried in it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from manifest_uploader.manifest.model import (
    FileValue,
    ImageValue,
    JsonValue,
    Manifest,
    Value,
)
from manifest_uploader.platform.targets import has_jobs

_OUTPUT: Final = "results-json-file"
"""The socket for the made-up results of algorithms."""
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


def algorithms(manifest: Manifest) -> tuple[str, ...]:
    """`SLUG=INPUTS->OUTPUTS` for each combination of inputs that cases have, if they are jobs."""
    if not has_jobs(manifest.kind):
        return ()
    inputs = [tuple(value.socket for value in case.values) for case in manifest.cases]
    combinations = dict.fromkeys(tuple(sorted(set(one))) for one in inputs if one)
    return tuple(f"{manifest.slug}={'+'.join(one)}->{_OUTPUT}" for one in combinations)


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
    if any(isinstance(value, FileValue) and value.image_name for value in values):
        return "DICOM Image Set"
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
    kinds = {_BY_ENDING.get(PurePosixPath(path).suffix.lower(), "Image") for path in paths}
    has_image = any(isinstance(value, ImageValue) for value in values)
    return kinds.pop() if len(kinds) == 1 and not has_image else "Image"
