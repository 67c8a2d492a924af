"""From a folder, and perhaps a table, to a manifest: `uploader init`."""

from manifest_uploader.init.command import main

__all__ = ["main"]
