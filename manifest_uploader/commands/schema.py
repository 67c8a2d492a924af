"""`uploader schema`: prints the manifest's JSON Schema."""

from __future__ import annotations

import argparse

from manifest_uploader.manifest.schema import schema_text
from manifest_uploader.output.streams import write_out


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing: `schema` takes no arguments."""


def run(_: argparse.Namespace) -> int:
    """Print it."""
    write_out(schema_text())
    return 0
