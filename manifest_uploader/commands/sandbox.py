"""`uploader sandbox`: a stand-in for the platform on this machine."""

from __future__ import annotations

from manifest_uploader.sandbox import main
from manifest_uploader.sandbox.command import add_arguments

__all__ = ["add_arguments", "main"]
