"""The published JSON Schema of manifests."""

from __future__ import annotations

from pkgutil import get_data
from typing import Final

NAME: Final = "manifest-v1.schema.json"


def schema_text() -> str:
    """Return the schema as published, from the wheel or from a checkout."""
    # Not importlib.resources: its import takes 12 ms.
    try:
        data = get_data("manifest_uploader", f"schemas/{NAME}")
    except FileNotFoundError:
        data = get_data("manifest_uploader", f"../schemas/{NAME}")
    assert data is not None, "the package's loader reads files"
    return data.decode()
