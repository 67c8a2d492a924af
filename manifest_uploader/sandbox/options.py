"""The options of a sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from manifest_uploader.sandbox.faults import Hook
from manifest_uploader.sandbox.judge import Judge

SIZE_LIMIT = 128 * 1024**3
"""The bytes that a user of the platform may have uploaded but not yet imported."""


@dataclass(frozen=True)
class SandboxOptions:
    """The options of one start; targets, sockets and images add to those in the folder."""

    dir: Path
    port: int = 0
    tls: bool = False
    reader_studies: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    """Each in the form `SLUG=INPUT+INPUT->OUTPUT[,credits=N][,not-ready][,view-only]`; several of
    one slug are its interfaces."""
    questions: tuple[str, ...] = ()
    """Each in the form `STUDY=TYPE:TEXT|OPTION|OPTION`; a study without any has a made-up one."""
    sockets: tuple[str, ...] = ()
    """Each in the form `SLUG=KIND[:file][,schema=FILE][,segments=0-1]`; these replace sockets that
    the folder already has."""
    guessed_sockets: tuple[str, ...] = ()
    """In the same form; these replace only what an earlier start guessed."""
    images: tuple[str, ...] = ()
    """Primary keys of images that shall exist, without contents."""
    import_delay_s: float = 0.1
    """The delay before each of an import's two stages; with infinity, imports never run."""
    job_delay_s: float = 0.1
    """The delay before each status of an algorithm job; with infinity, jobs never run."""
    job_limit: int = 16
    """How many active jobs the user may have."""
    credits: int = 1000
    """What the user's jobs of a month may cost."""
    failing_jobs: tuple[int, ...] = ()
    """Which jobs end as Failed, counted from 1 in the order in which they were started."""
    upload_limit: int = 2000
    size_limit: int | None = None
    """In bytes; None for the platform's 128 GiB."""
    upload_ttl_s: float = 86400
    latency_ms: int = 0
    connection_mbit: float | None = None
    title_in_answers: bool = True
    upload_sessions: bool = True
    """Whether sessions can be created for later fills; otherwise the answer is 405."""
    keep_bytes: bool = False
    judge: Judge | None = None
    """What says which images files make; None for panimg, the platform's importer, if installed."""
    hook: Hook | None = None
