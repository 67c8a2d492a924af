"""Finds the published JSON Schema of manifests."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

NAME: Final = "manifest-v1.schema.json"


def schema_text() -> str:
    """The schema as it is published: out of the wheel, else beside the package in a checkout."""
    shipped = files("manifest_uploader") / "schemas" / NAME
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parent.parent / "schemas" / NAME
    return checkout.read_text(encoding="utf-8")
