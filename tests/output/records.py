"""Progress and summaries for tests of what is said about them."""

from __future__ import annotations

import re
from typing import Any

from manifest_uploader.engine.progress import Progress
from manifest_uploader.engine.results import CaseEnd, Summary
from manifest_uploader.platform.traffic import Traffic

OBEYED_BY_TERMINALS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""All control characters but our own line ends."""


def progress_of(**more: Any) -> Progress:
    """Four of ten cases have ended, unless `more` says otherwise."""
    usual: dict[str, Any] = {
        "cases": 10,
        "ended": 4,
        "waiting": 0,
        "total_bytes": 0,
        "sent_bytes": 0,
    }
    return Progress(**{**usual, **more})


def summary_of(*ends: CaseEnd, **more: Any) -> Summary:
    """Two uploads and 2 KiB in seven requests and three seconds, unless `more` says otherwise."""
    usual: dict[str, Any] = {"uploads": 2, "traffic": Traffic(7, 0, 2048), "elapsed_s": 3.0}
    return Summary(ends, **{**usual, **more})
