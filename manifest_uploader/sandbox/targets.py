"""The endpoints of reader studies and of archives."""

from __future__ import annotations

from sqlite3 import Row
from typing import Any, Literal

from manifest_uploader.sandbox.answers import Answer, as_json, not_found
from manifest_uploader.sandbox.questions import question_json, questions_of
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.store import Store, is_pk, new_pk

TargetKind = Literal["reader-study", "archive"]


def add_target(store: Store, kind: TargetKind, slug: str) -> None:
    """Make up a target unless the folder already has it."""
    store.run("INSERT OR IGNORE INTO targets VALUES (?, ?, ?)", new_pk(), kind, slug)


def list_reader_studies(site: Site, request: Request) -> Answer:
    """Return a page of the reader studies that the user may see."""
    return _list(site, request, "reader-study")


def list_archives(site: Site, request: Request) -> Answer:
    """Return a page of the archives that the user may see."""
    return _list(site, request, "archive")


def get_reader_study(site: Site, request: Request, pk: str) -> Answer:
    """Return one reader study."""
    return _get(site, request, "reader-study", pk)


def get_archive(site: Site, request: Request, pk: str) -> Answer:
    """Return one archive."""
    return _get(site, request, "archive", pk)


def _list(site: Site, request: Request, kind: TargetKind) -> Answer:
    slug = request.query.get("slug") or None
    rows = site.store.rows(
        "SELECT * FROM targets WHERE kind = ? AND slug = COALESCE(?, slug) AND ? ORDER BY slug",
        *(kind, slug, may_edit(request)),
    )
    wanted = rows[request.offset : request.offset + request.limit]
    return as_json(
        200, request.page_of(len(rows), [_target_json(site, request, row) for row in wanted])
    )


def _get(site: Site, request: Request, kind: TargetKind, pk: str) -> Answer:
    if not is_pk(pk):
        raise not_found()
    row = site.store.row("SELECT * FROM targets WHERE kind = ? AND pk = ?", kind, pk)
    if row is None or not may_edit(request):
        raise not_found("ReaderStudy" if kind == "reader-study" else "Archive")
    return as_json(200, _target_json(site, request, row))


def _target_json(site: Site, request: Request, row: Row) -> dict[str, Any]:
    if row["kind"] == "reader-study":
        return _reader_study(site, request, row)
    return _archive(request, row)


def _archive(request: Request, row: Row) -> dict[str, Any]:
    return {
        "pk": row["pk"],
        "title": row["slug"],
        "logo": f"{request.base}/grand-challenge-public/logos/archive/{row['pk']}/logo.jpg",
        "description": "",
        "api_url": request.url(f"archives/{row['pk']}/"),
        "url": f"{request.base}/archives/{row['slug']}/",
    }


def _reader_study(site: Site, request: Request, row: Row) -> dict[str, Any]:
    questions = questions_of(site.store, row["pk"])
    return {
        "api_url": request.url(f"reader-studies/{row['pk']}/"),
        "url": f"{request.base}/reader-studies/{row['slug']}/",
        "slug": row["slug"],
        "logo": f"{request.base}/grand-challenge-public/logos/readerstudy/{row['pk']}/logo.jpg",
        "description": "",
        "help_text": "",
        "help_text_safe": "",
        "pk": row["pk"],
        "questions": [question_json(request, question) for question in questions],
        "title": row["slug"],
        "title_safe": row["slug"],
        "is_educational": False,
        "instant_verification": False,
        "has_ground_truth": False,
        "allow_answer_modification": False,
        "enable_autosaving": False,
        "allow_case_navigation": False,
        "allow_show_all_annotations": False,
        "roll_over_answers_for_n_cases": 0,
        "end_of_study_text_safe": "",
    }
