"""The options that methods of `Manifest` take as keywords: those of the command line.

`--retry-failed` is `retry_failed=True`. What is not given has the command line's default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias, TypedDict

StrPath: TypeAlias = str | os.PathLike[str]


class LookOptions(TypedDict, total=False):
    """The options of everything that reads a manifest: those of the command line."""

    state: StrPath
    """The state file; default: `NAME.state.jsonl` beside `NAME.yaml`."""
    platform: str
    """The API's address; default: Grand Challenge, or the environment's."""
    token_file: StrPath
    """A file with the token; default: the environment, or the keyring."""
    socket: str | Sequence[str]
    """With `sandbox`: `SLUG=KIND` instead of what is made out."""
    root: StrPath
    """Where the files are, instead of what the manifest says."""
    follow_links: bool
    only: str | Sequence[str]
    """Only these cases; patterns with `*` and `?`."""
    first: int
    """Only the first so many cases."""
    give_up_after: float
    stall_timeout: float


class FetchOptions(LookOptions, total=False):
    """The options of bringing results back."""

    checksum: bool
    """Hash every file that is there."""
    jobs: int
    take_over: bool
    """Break the lock of another fetch."""


class PlanOptions(LookOptions, total=False):
    """The options that decide what a run does."""

    checksum: bool
    adopt: bool
    """Adopt existing items that have a case's title."""
    resend_unchecked: bool
    recreate: bool
    """Make deleted items anew."""
    retry_failed: bool
    """Send failed imports again."""
    new: bool
    jobs: int
    dask: str
    """The address of a Dask scheduler, or `local:N`: workers read and send the files."""
    dask_slurm: int
    """So many jobs of SLURM are the workers."""
    dask_pbs: int
    dask_lsf: int
    jobs_per_worker: int
    worker_root: StrPath
    """Where the workers see the files, if not at the same place."""
    upload_limit: int
    verify: bool
    """Compare the platform first; a run puts back what others changed."""
    content: bool
    """With `verify`: download files and compare them."""


class RunOptions(PlanOptions, total=False):
    """The options of a run."""

    no_wait: bool
    """Do not wait for imports."""
    wait_timeout: float
    refused_after: float
    settle_after: float
    take_over: bool
    """Break another run's lock."""
    receipts: bool
    """Write the SHA-256 of every file sent to `NAME.receipts.jsonl`."""
    keep_bytes: bool
    """With `sandbox`: keep the files that are sent, for `fetch`."""
