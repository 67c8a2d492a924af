"""A faithful stand-in for Grand Challenge, with its own storage, that remembers between starts.

It imports nothing from the rest of the package, so that one misreading of the platform cannot
hide in both.
"""

from manifest_uploader.sandbox.command import main
from manifest_uploader.sandbox.faults import Fault, Hook, Seen
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.running import PortTaken, Running, start
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.sandbox.store import FolderUnusable

__all__ = [
    "Fault",
    "FolderUnusable",
    "Hook",
    "OptionInvalid",
    "PortTaken",
    "Running",
    "SandboxOptions",
    "Seen",
    "main",
    "start",
]
