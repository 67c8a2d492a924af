"""Selects the cases that a command line chooses."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec.structs import replace

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.model import Case, Manifest
from manifest_uploader.text import composed, did_you_mean


def select(manifest: Manifest, *, only: tuple[str, ...], first: int | None) -> Manifest:
    """Return the manifest with only the chosen cases.

    Raises:
        UsageError: a pattern names no case.

    """
    for pattern in only:
        if not any(_matches(case, pattern) for case in manifest.cases):
            raise UsageError(
                f"no case is named '{pattern}'",
                hint=did_you_mean(pattern, [case.name for case in manifest.cases]),
            )
    chosen = [
        case
        for case in manifest.cases
        if not only or any(_matches(case, pattern) for pattern in only)
    ]
    return replace(manifest, cases=tuple(chosen[:first]))


def _matches(case: Case, pattern: str) -> bool:
    name, pattern = composed(case.name), composed(pattern)
    return name == pattern or fnmatchcase(name, pattern)
