"""The options of a command, from the command line and the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct, field

from manifest_uploader.engine.data_plane import Workers
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform.address import Patience, Platform

JOBS: Final = 8
"""Steps at a time, unless the user says otherwise."""
REFUSED_AFTER_S: Final = 1800.0
"""How long the platform may keep a file, or the inputs of a job, without a word."""


class Policy(Struct, frozen=True):
    """How a run waits."""

    wait: bool = True
    """Wait for imports."""
    wait_timeout_s: float = 3600.0
    """Longest time without progress: no import ended and no upload row was freed."""
    settle_s: float = 120.0
    """How long a request to start a job, whose answer was lost, may take to have an effect."""
    stuck_after_s: float = REFUSED_AFTER_S
    """How long the inputs of a job may be validated before it counts as stuck."""
    window: int = 64
    """Most cases that may be under way at a time."""


class Options(Struct, frozen=True):
    """The options of a command."""

    manifest: str
    state: Path
    platform: Platform | None = None
    """None: look only at the manifest and its files."""
    sandbox_id: str | None = None
    root: str | None = None
    follow_links: bool = False
    only: tuple[str, ...] = ()
    first: int | None = None
    jobs: int = JOBS
    checksum: bool = False
    quick: bool = False
    """Look into one file of each value instead of all."""
    looks: Path | None = None
    """Where what was seen in files is remembered; None: nowhere."""
    import_check: bool = False
    """Ask the platform's own importer about the images."""
    verdicts: Path | None = None
    """Where what the importer said is remembered; None: nowhere."""
    uid_key: Path | None = None
    """Where the key is for the new UIDs of image sets."""
    choices: Choices = field(default_factory=Choices)
    policy: Policy = field(default_factory=Policy)
    patience: Patience = field(default_factory=Patience)
    refused_after_s: float = REFUSED_AFTER_S
    verify: bool = False
    """Compare the target with the manifest and the state before planning."""
    content: bool = False
    """Download files to compare what is in them."""
    take_over: bool = False
    receipts: Path | None = None
    workers: Workers | None = None
    """What reads and sends files in this machine's place; None: nothing."""
    command: str = "uploader run MANIFEST --take-over"
    """What to type to break another run's lock."""
