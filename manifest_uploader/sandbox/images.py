"""The endpoints of images, of downloads, and of notifications."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, missing_page, not_found
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.storage import PROTECTED
from manifest_uploader.sandbox.store import is_pk

_SEEN = (
    "(COALESCE(json_extract(facts, '$.files'), '[]') = '[]'"
    " OR EXISTS (SELECT 1 FROM vals WHERE vals.image = images.pk))"
)
"""Whoever may see an item may see its images. Made-up images, which have no files, are always seen;
images of failed imports and of deleted items never."""
_OF_TARGET = (
    "pk IN (SELECT v.image FROM vals v JOIN items i ON i.pk = v.item"
    " JOIN targets t ON t.pk = i.target WHERE t.kind = '{kind}' AND t.pk = ?)"
)
_FILTERS: Mapping[str, tuple[str, str]] = {
    "reader_study": (
        "SELECT 1 FROM targets WHERE kind = 'reader-study' AND pk = ?",
        _OF_TARGET.format(kind="reader-study"),
    ),
    "archive": (
        "SELECT 1 FROM targets WHERE kind = 'archive' AND pk = ?",
        _OF_TARGET.format(kind="archive"),
    ),
    "origin": (
        "SELECT 1 FROM sessions WHERE pk = ?",
        "pk IN (SELECT j.value FROM sessions s, json_each(s.images) j WHERE s.pk = ?)",
    ),
}
"""By parameter: whether the object with this pk exists, and which images belong to it."""


def list_images(site: Site, request: Request) -> Answer:
    """Return a page of the images that the user may see, by name; unknown filters are ignored."""
    conditions: list[str] = [_SEEN]
    values: list[Any] = []
    for parameter, (exists, belongs) in _FILTERS.items():
        if pk := request.query.get(parameter):
            _check_choice(site, parameter, pk, exists)
            conditions.append(belongs)
            values.append(pk)
    if name := request.query.get("name"):
        conditions.append("json_extract(facts, '$.name') = ?")
        values.append(name)
    found = f"FROM images WHERE {' AND '.join(conditions)} AND ?"
    values.append(may_edit(request))
    count = site.store.number(f"SELECT COUNT(*) {found}", *values)
    rows = site.store.rows(
        f"SELECT * {found} ORDER BY json_extract(facts, '$.name'), seq LIMIT ? OFFSET ?",
        *(*values, request.limit, request.offset),
    )
    return as_json(200, request.page_of(count, [_image_json(request, row) for row in rows]))


def _check_choice(site: Site, name: str, pk: str, exists: str) -> None:
    if not is_pk(pk):
        raise invalid(**{name: [f"“{pk}” is not a valid UUID."]})
    if site.store.row(exists, pk) is None:
        words = "Select a valid choice. That choice is not one of the available choices."
        raise invalid(**{name: [words]})


def get_image(site: Site, request: Request, pk: str) -> Answer:
    """Return one image."""
    if not is_pk(pk):
        raise not_found()
    row = find_image(site, request, pk)
    if row is None:
        raise not_found("Image")
    return as_json(200, _image_json(request, row))


def find_image(site: Site, request: Request, pk: str) -> Row | None:
    """Return an image that the user may see, or None."""
    query = f"SELECT * FROM images WHERE pk = ? AND {_SEEN} AND ?"  # noqa: S608 - all ours
    return site.store.row(query, pk, may_edit(request))


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
