"""The published JSON Schema of manifests."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

NAME: Final = "manifest-v1.schema.json"


def schema_text() -> str:
    """Return the schema as published, from the wheel or from a checkout."""
    package = files("manifest_uploader")
    shipped = package / "schemas" / NAME
    if not shipped.is_file():
        shipped = package / ".." / "schemas" / NAME
    return shipped.read_text(encoding="utf-8")
