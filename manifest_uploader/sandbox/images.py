"""The endpoints of images, of downloads, and of notifications."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import (
    HTML,
    Answer,
    as_json,
    forbidden_page,
    invalid,
    missing_page,
    not_found,
)
from manifest_uploader.sandbox.judge import Picture
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.sockets import Socket
from manifest_uploader.sandbox.storage import PROTECTED
from manifest_uploader.sandbox.store import Store, is_pk
from manifest_uploader.sandbox.unpacking import StoredFile

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
    "job_input": (
        "SELECT 1 FROM algorithm_jobs WHERE pk = ?",
        "pk IN (SELECT image FROM vals WHERE item = ?)",
    ),
    "job_output": (
        "SELECT 1 FROM algorithm_jobs WHERE pk = ?",
        "pk IN (SELECT image FROM vals WHERE item = ? || '/outputs')",
    ),
    "origin": (
        "SELECT 1 FROM sessions WHERE pk = ?",
        "pk IN (SELECT j.value FROM sessions s, json_each(s.images) j WHERE s.pk = ?)",
    ),
}
"""By parameter: whether the object with this pk exists, and which images belong to it."""
_COMPONENTS: Mapping[str, int] = {"RGB": 3, "RGBA": 4, "YCBCR": 4}
_FIELD_DIMENSIONS = 4
_IMAGE_PIECES = 3
_WITHOUT_PATIENT: Mapping[str, Any] = {
    **dict.fromkeys(("patient_id", "patient_name", "patient_age", "patient_sex"), ""),
    **dict.fromkeys(("patient_birth_date", "study_date")),
    **dict.fromkeys(("study_instance_uid", "series_instance_uid"), ""),
    **dict.fromkeys(("study_description", "series_description"), ""),
}
"""What newer versions of the platform do not read from DICOM files any more."""


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
    """Redirect the client to storage; answer with a page to who may not see the file."""
    pieces = path.split("/")
    if pieces[0] == "images":
        pk = pieces[-3] if len(pieces) > _IMAGE_PIECES else ""
        if not is_pk(pk) or find_image(site, request, pk) is None:
            return forbidden_page()
    elif not may_edit(request):
        return missing_page()
    location = site.signer.sign("GET", request.storage, PROTECTED + path, {})
    return Answer(302, b"", HTML, (("Location", location),))


def add_image(store: Store, picture: Picture, files: tuple[StoredFile, ...]) -> None:
    """Store an image's record, with the names and digests of the files that were sent for it."""
    sent = [{"name": file.name, "sha256": file.sha256, "size": file.size} for file in files]
    ending = picture.file.suffix if picture.file is not None else ".mha"
    facts = {**picture.facts, "ending": ending, "files": sent}
    store.run("INSERT INTO images (pk, facts) VALUES (?, ?)", picture.pk, json.dumps(facts))


def add_dicom_set(store: Store, pk: str, name: str, files: tuple[StoredFile, ...]) -> None:
    """Store the record of a DICOM image set, whose sizes the platform does not know."""
    sent = [{"name": file.name, "sha256": file.sha256, "size": file.size} for file in files]
    facts = {"name": name, "dicom_image_set": uuid.uuid4().hex, "files": sent}
    store.run("INSERT INTO images (pk, facts) VALUES (?, ?)", pk, json.dumps(facts))


@dataclass(frozen=True)
class DicomSet:
    """What an image holds as a DICOM image set."""

    id: str
    """Empty if the image is none."""
    files: tuple[dict[str, Any], ...]


def dicom_set(row: Row) -> DicomSet:
    """Return what an image's record says of it as a DICOM image set."""
    facts = json.loads(row["facts"])
    return DicomSet(facts.get("dicom_image_set") or "", tuple(facts["files"]))


def add_made_up_image(store: Store, pk: str) -> None:
    """Store an image without contents, for items that refer to existing images."""
    facts = {"name": pk, "width": 1, "height": 1, "files": []}
    store.run("INSERT OR IGNORE INTO images (pk, facts) VALUES (?, ?)", pk, json.dumps(facts))


def socket_complaint(socket: Socket, facts: Mapping[str, Any]) -> str | None:
    """Return the platform's message about an image that does not fit its socket, or None.

    An image that no importer has read fits every socket, except that DICOM image sets are for
    sockets of their kind only.
    """
    if facts.get("dicom_image_set"):
        return None if socket.kind == "DICOM Image Set" else "Image may not be DICOM"
    if "color_space" not in facts:
        return None
    if socket.segments:
        return _segments_complaint(socket, facts["segments"])
    if socket.kind == "Displacement field":
        return _field_complaint(facts)
    return None


def _segments_complaint(socket: Socket, values: list[int] | None) -> str | None:
    if values is None:
        return (
            "Image segments could not be determined, ensure the voxel values are integers "
            "and that it contains no more than 64 segments. Ensure the image has the minimum "
            "and maximum voxel values set as tags if the image is a TIFF file."
        )
    allowed = {*socket.segments, 0}
    invalid_values = set(values) - allowed
    if not invalid_values:
        return None
    return (
        f"The valid voxel values for this segmentation are: {allowed}. This "
        f"segmentation is invalid as it contains the voxel values: {invalid_values}."
    )


def _field_complaint(facts: Mapping[str, Any]) -> str | None:
    shape = _shape(facts)
    if len(shape) + (facts["color_space"] != "GRAY") != _FIELD_DIMENSIONS:
        return "Deformation and displacement must be 4D images."
    if facts["color_space"] != "GRAY":
        return "Deformation and displacement fields cannot have a color component."
    if shape[0] != 3:  # noqa: PLR2004
        return "Deformation and displacement field's 4th dimension must be a 3-component vector."
    return None


def _shape(facts: Mapping[str, Any]) -> list[int]:
    """Return [(t), (z), y, x]; nothing if the size is unknown."""
    sizes = [facts.get(name) for name in ("timepoints", "depth", "height", "width")]
    return [] if sizes[-1] is None else [size for size in sizes if size is not None]


def _image_json(request: Request, row: Row) -> dict[str, Any]:
    facts = json.loads(row["facts"])
    if facts.get("dicom_image_set"):
        return _dicom_set_json(request, row["pk"], facts)
    pk = row["pk"]
    file = str(uuid.uuid5(uuid.UUID(pk), "file"))
    ending = facts.get("ending", ".mha")
    address = f"{request.base}/media/images/{pk[:2]}/{pk[2:4]}/{pk}/{file}/{pk}{ending}"
    color_space = facts.get("color_space", "GRAY")
    shape = _shape(facts)
    color = [_COMPONENTS[color_space]] if shape and color_space != "GRAY" else []
    kind = "TIFF" if ending.lower() in {".tif", ".tiff"} else "MHD"
    sizes = ("width", "height", "depth")
    spacings = ("voxel_width_mm", "voxel_height_mm", "voxel_depth_mm")
    return {
        "pk": pk,
        "name": facts["name"],
        "files": [{"pk": file, "image": pk, "file": address, "image_type": kind}],
        "dicom_image_set": None,
        **{name: facts.get(name) for name in sizes},
        "color_space": color_space,
        "modality": None,
        "eye_choice": facts.get("eye_choice", "NA"),
        "stereoscopic_choice": None,
        "field_of_view": None,
        "shape_without_color": shape,
        "shape": [*shape, *color],
        **{name: facts.get(name) for name in spacings},
        "api_url": request.url(f"cases/images/{pk}/"),
        **_WITHOUT_PATIENT,
        "window_center": facts.get("window_center"),
        "window_width": facts.get("window_width"),
        "segments": facts.get("segments"),
    }


def _dicom_set_json(request: Request, pk: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a DICOM image set as newer versions of the platform present it: with empty shapes."""
    unknown = (
        *("width", "height", "depth", "modality", "stereoscopic_choice", "field_of_view"),
        *("voxel_width_mm", "voxel_height_mm", "voxel_depth_mm", "window_center", "window_width"),
        "segments",
    )
    return {
        "pk": pk,
        "name": facts["name"],
        "files": [],
        "dicom_image_set": {"image_set_id": facts["dicom_image_set"]},
        "color_space": "",
        "eye_choice": "NA",
        "shape_without_color": [],
        "shape": [],
        **dict.fromkeys(unknown),
        "api_url": request.url(f"cases/images/{pk}/"),
        **_WITHOUT_PATIENT,
    }
