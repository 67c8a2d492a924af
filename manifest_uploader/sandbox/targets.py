"""The endpoints of reader studies, of archives, and of readers' answers."""

from __future__ import annotations

import json
import uuid
from sqlite3 import Row
from typing import Any, Literal

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, not_found
from manifest_uploader.sandbox.fields import FieldInvalid, missing_object, read_link
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.store import Store, is_pk, new_pk, now, timestamp

TargetKind = Literal["reader-study", "archive"]
_ITEMS = f"{API}reader-studies/display-sets/"


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


def create_answer(site: Site, request: Request) -> Answer:
    """Store a reader's answer to a display set, which cannot be changed from then on."""
    data = request.data
    item = _answered_item(site, request, data.get("display_set"))
    pk, moment = new_pk(), now()
    site.store.run("UPDATE items SET answered = 1 WHERE pk = ?", item)
    site.store.run(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
        *(pk, item, str(data.get("question")), json.dumps(data.get("answer")), moment),
    )
    row = site.store.row("SELECT * FROM answers WHERE pk = ?", pk)
    return as_json(201, _answer_json(request, row) if row else {})


def list_answers(site: Site, request: Request) -> Answer:
    """Return a page of the readers' answers."""
    rows = site.store.rows("SELECT * FROM answers ORDER BY created") if may_edit(request) else []
    wanted = rows[request.offset : request.offset + request.limit]
    return as_json(200, request.page_of(len(rows), [_answer_json(request, row) for row in wanted]))


def _answered_item(site: Site, request: Request, link: Any) -> str:
    try:
        pk = read_link(link, _ITEMS)
        row = site.store.row("SELECT pk FROM items WHERE pk = ?", pk)
        if row is None or not may_edit(request):
            raise missing_object()
    except FieldInvalid as error:
        raise invalid(display_set=error.words) from error
    return pk


def _list(site: Site, request: Request, kind: TargetKind) -> Answer:
    slug = request.query.get("slug") or None
    rows = site.store.rows(
        "SELECT * FROM targets WHERE kind = ? AND slug = COALESCE(?, slug) AND ? ORDER BY slug",
        *(kind, slug, may_edit(request)),
    )
    wanted = rows[request.offset : request.offset + request.limit]
    return as_json(200, request.page_of(len(rows), [_target_json(request, row) for row in wanted]))


def _get(site: Site, request: Request, kind: TargetKind, pk: str) -> Answer:
    if not is_pk(pk):
        raise not_found()
    row = site.store.row("SELECT * FROM targets WHERE kind = ? AND pk = ?", kind, pk)
    if row is None or not may_edit(request):
        raise not_found("ReaderStudy" if kind == "reader-study" else "Archive")
    return as_json(200, _target_json(request, row))


def _target_json(request: Request, row: Row) -> dict[str, Any]:
    return (_reader_study if row["kind"] == "reader-study" else _archive)(request, row)


def _archive(request: Request, row: Row) -> dict[str, Any]:
    return {
        "pk": row["pk"],
        "title": row["slug"],
        "logo": f"{request.base}/grand-challenge-public/logos/archive/{row['pk']}/logo.jpg",
        "description": "",
        "api_url": request.url(f"archives/{row['pk']}/"),
        "url": f"{request.base}/archives/{row['slug']}/",
    }


def _reader_study(request: Request, row: Row) -> dict[str, Any]:
    address = request.url(f"reader-studies/{row['pk']}/")
    return {
        "api_url": address,
        "url": f"{request.base}/reader-studies/{row['slug']}/",
        "slug": row["slug"],
        "logo": f"{request.base}/grand-challenge-public/logos/readerstudy/{row['pk']}/logo.jpg",
        "description": "",
        "help_text": "",
        "help_text_safe": "",
        "pk": row["pk"],
        "questions": [_question(request, row["pk"], address)],
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


def _question(request: Request, study: str, address: str) -> dict[str, Any]:
    """Return a made-up question whose pk is the same at every start."""
    pk = str(uuid.uuid5(uuid.UUID(study), "question"))
    texts = ("help_text", "help_text_safe", "image_port", "default_annotation_color")
    bounds = ("min_value", "max_value", "step_size", "min_length", "max_length")
    confirmation = "empty_answer_confirmation"
    return {
        "answer_type": "Text",
        "api_url": request.url(f"reader-studies/questions/{pk}/"),
        "form_direction": "Horizontal",
        **dict.fromkeys(texts, ""),
        "pk": pk,
        "question_text": "Remarks",
        "question_text_safe": "Remarks",
        "reader_study": address,
        "required": True,
        "options": [],
        "interface": None,
        "overlay_segments": [],
        "look_up_table": None,
        "widget": "Text Input",
        **{f"answer_{bound}": None for bound in bounds},
        "answer_match_pattern": "",
        confirmation: False,
        f"{confirmation}_label": "",
        f"{confirmation}_label_safe": "",
        "interactive_algorithms": [],
        "algorithms": [],
    }


def _answer_json(request: Request, row: Row) -> dict[str, Any]:
    moment = timestamp(row["created"])
    return {
        "answer": json.loads(row["answer"]),
        "api_url": request.url(f"reader-studies/answers/{row['pk']}/"),
        "created": moment,
        "modified": moment,
        "creator": "sandbox-user",
        "display_set": f"{request.base}{_ITEMS}{row['item']}/",
        "pk": row["pk"],
        "question": row["question"],
        "answer_image": None,
        "is_ground_truth": False,
        "score": None,
        "last_edit_duration": None,
        "total_edit_duration": None,
    }
