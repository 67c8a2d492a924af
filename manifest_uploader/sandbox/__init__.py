"""A faithful stand-in for Grand Challenge with its own storage, which remembers between starts.

It imports nothing from the other packages, so that one misreading of the platform cannot hide in
both. Whether files make an image is not for it to say: panimg, the platform's own importer, does
if it is installed. `commands` and tests may use the names listed in `__all__`; tests also use its
modules.
"""

from manifest_uploader.sandbox.command import main
from manifest_uploader.sandbox.faults import Fault, Held, Hook, Seen
from manifest_uploader.sandbox.judge import Judge, Unread, find_judge
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.running import PortTaken, Running, start
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.sandbox.store import FolderUnusable

__all__ = [
    "Fault",
    "FolderUnusable",
    "Held",
    "Hook",
    "Judge",
    "OptionInvalid",
    "PortTaken",
    "Running",
    "SandboxOptions",
    "Seen",
    "Unread",
    "find_judge",
    "main",
    "start",
]
