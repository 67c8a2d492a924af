"""Checks that what a manifest lets through is something that is looked for."""

from __future__ import annotations

from collections.abc import Collection

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.text import did_you_mean, quoted


def idle_keywords(manifest: Manifest, looked_for: Collection[str]) -> tuple[Problem, ...]:
    """A problem for each keyword of `identifiable` that no file is searched for.

    Such a keyword lets nothing through, so the user means another one or can leave it out.
    `looked_for` holds the DICOM keywords of the attributes that identify a patient.
    """
    return tuple(
        Problem(
            f"identifiable lists {quoted(word)}, which is never held back",
            manifest.identifiable_place,
            did_you_mean(word, looked_for) or "leave it out",
        )
        for word in sorted(manifest.identifiable.keywords - frozenset(looked_for))
    )
