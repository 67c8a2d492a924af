"""The endpoints of images, of their upload sessions, and of notifications."""

from __future__ import annotations

import json
import uuid
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, missing_page, not_found
from manifest_uploader.sandbox.fields import FieldInvalid, not_a_list
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.storage import PROTECTED
from manifest_uploader.sandbox.store import is_pk
from manifest_uploader.sandbox.values import add_session

_MOST_FILES = 100


def list_sessions(site: Site, request: Request) -> Answer:
    """Return a page of the user's upload sessions, which record imports of images."""
    count = site.store.number("SELECT COUNT(*) FROM sessions WHERE user = ?", request.user)
    rows = site.store.rows(
        "SELECT * FROM sessions WHERE user = ? ORDER BY seq LIMIT ? OFFSET ?",
        *(request.user, request.limit, request.offset),
    )
    return as_json(200, request.page_of(count, [_session_json(request, row) for row in rows]))


def get_session(site: Site, request: Request, pk: str) -> Answer:
    """Return one upload session."""
    if not is_pk(pk):
        raise not_found()
    query = "SELECT * FROM sessions WHERE pk = ? AND user = ?"
    row = site.store.row(query, pk, request.user)
    if row is None:
        raise not_found("RawImageUploadSession")
    return as_json(200, _session_json(request, row))


def create_session(site: Site, request: Request) -> Answer:
    """Queue an import of images without an item, as old clients do."""
    pk = add_session(site, request, _session_uploads(site, request))
    query = "INSERT INTO jobs (user, session) VALUES (?, ?)"
    site.enqueue(site.store.run(query, request.user, pk))
    return as_json(201, json.loads(get_session(site, request, pk).body))


def get_image(site: Site, request: Request, pk: str) -> Answer:
    """Return one image."""
    if not is_pk(pk):
        raise not_found()
    row = site.store.row("SELECT * FROM images WHERE pk = ?", pk)
    if row is None or not may_edit(request):
        raise not_found("Image")
    return as_json(200, _image_json(request, row))


def list_notifications(site: Site, request: Request) -> Answer:
    """Return a page of notifications, which have no contents."""
    count = site.store.number("SELECT COUNT(*) FROM notifications WHERE user = ?", request.user)
    shown = max(0, min(request.limit, count - request.offset))
    return as_json(200, request.page_of(count, [{"read": False}] * shown))


def get_media(site: Site, request: Request, path: str) -> Answer:
    """Redirect the client to storage for a file; users without rights get a 404 page."""
    if not may_edit(request):
        return missing_page()
    host = request.base.partition("://")[2]
    signed = site.signer.sign("GET", host, PROTECTED + path, {})
    location = f"{request.base.partition('://')[0]}://{host}{signed}"
    return Answer(302, b"", "text/html; charset=utf-8", (("Location", location),))


def _session_uploads(site: Site, request: Request) -> tuple[str, ...]:
    errors: dict[str, list[str]] = {}
    for pk in request.data.get("user_uploads") or ():
        if not is_pk(str(pk)):
            errors["user_uploads"] = [f"“{pk}” is not a valid UUID."]
    uploads: list[str] = []
    try:
        uploads = _linked(site, request)
    except FieldInvalid as error:
        errors["uploads"] = error.words
    if errors:
        raise invalid(**errors)
    return tuple(dict.fromkeys(uploads))


def _linked(site: Site, request: Request) -> list[str]:
    if "uploads" not in request.data:
        raise FieldInvalid("This field is required.")
    links = request.data["uploads"]
    if not isinstance(links, list):
        raise not_a_list(links)
    if len(links) > _MOST_FILES:
        raise FieldInvalid("You can only upload up to 100 files at once.")
    return [site.linked_upload(request, link) for link in links]


def _session_json(request: Request, row: Row) -> dict[str, Any]:
    uploads = json.loads(row["uploads"])
    images = json.loads(row["images"])
    return {
        "pk": row["pk"],
        "creator": row["user"],
        "status": row["status"],
        "error_message": row["message"],
        "image_set": [request.url(f"cases/images/{pk}/") for pk in images],
        "api_url": request.url(f"cases/upload-sessions/{row['pk']}/"),
        "user_uploads": uploads,
        "uploads": [request.url(f"uploads/{pk}/") for pk in uploads],
    }


def _image_json(request: Request, row: Row) -> dict[str, Any]:
    facts = json.loads(row["facts"])
    pk = row["pk"]
    file = str(uuid.uuid5(uuid.UUID(pk), "file"))
    address = f"{request.base}/media/images/{pk[:2]}/{pk[2:4]}/{pk}/{file}/{pk}.mha"
    shape = [facts["depth"], facts["height"], facts["width"]]
    if facts["depth"] is None:
        del shape[0]
    link = {"pk": file, "image": pk, "file": address, "image_type": "MHD"}
    return {
        "pk": pk,
        "name": facts["name"],
        "files": [link],
        "dicom_image_set": None,
        **{key: facts[key] for key in ("width", "height", "depth")},
        "color_space": "GRAY",
        "modality": None,
        "eye_choice": "NA",
        "stereoscopic_choice": None,
        "field_of_view": None,
        "shape_without_color": shape,
        "shape": shape,
        **dict.fromkeys(("voxel_width_mm", "voxel_height_mm", "voxel_depth_mm")),
        "api_url": request.url(f"cases/images/{pk}/"),
        **dict.fromkeys(("patient_id", "patient_name", "patient_age", "patient_sex"), ""),
        "patient_birth_date": None,
        "study_date": None,
        "study_instance_uid": facts.get("study", ""),
        "series_instance_uid": facts.get("series", ""),
        "study_description": "",
        "series_description": "",
        "window_center": None,
        "window_width": None,
        "segments": facts.get("segments"),
    }
