"""Names the web pages of jobs that failed: only they may say why."""

from __future__ import annotations

from msgspec.structs import replace

from manifest_uploader.engine.results import End, Summary
from manifest_uploader.engine.session import Session
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.history import EMPTY

_BAD = frozenset({End.FAILED, End.UNSURE})


def with_job_pages(summary: Summary, session: Session) -> Summary:
    """The summary, if its cases are jobs, with the pages of those that failed or are stuck."""
    if type_of(session.target.kind).has_titles:
        return summary
    cases = session.ledger.history.cases
    bad = ((one.case, cases.get(one.case, EMPTY)) for one in summary.ends if one.end in _BAD)
    pages = {
        name: session.item_url(past.item)
        for name, past in bad
        if past.job is not None and past.item is not None
    }
    return replace(summary, pages=pages, jobs=True)
