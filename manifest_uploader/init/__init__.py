"""From a folder, and perhaps a table, to a manifest: `uploader init`."""

from manifest_uploader.init.arguments import make_parser
from manifest_uploader.init.command import init

__all__ = ["init", "make_parser"]
