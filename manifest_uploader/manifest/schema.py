"""Finds the published JSON Schema of manifests."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

NAME: Final = "manifest-v1.schema.json"


def schema_text() -> str:
    """The schema as it is published: out of the wheel, else beside the package in a checkout."""
    package = files("manifest_uploader")
    shipped = package / "schemas" / NAME
    if not shipped.is_file():
        shipped = package / ".." / "schemas" / NAME
    return shipped.read_text(encoding="utf-8")
