"""DICOM image sets: what the platform refuses, and the instances of an image.

The platform de-identifies every file again, so that the UIDs of an image's instances are not those
of its files. Here, only the UIDs are new; the files are kept as they were sent.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Mapping
from sqlite3 import Row
from typing import Any, BinaryIO

from manifest_uploader.sandbox.answers import Answer, as_json, not_found
from manifest_uploader.sandbox.images import dicom_set, find_image
from manifest_uploader.sandbox.received import (
    UNEXPECTED,
    ImportFailed,
    completed_upload,
    keep_bytes,
    read_upload,
)
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.storage import PROTECTED
from manifest_uploader.sandbox.store import Store, is_pk
from manifest_uploader.sandbox.unpacking import StoredFile, Upload

_AGREEING = (
    *("StudyInstanceUID", "SeriesInstanceUID", "PatientID", "StudyID", "StudyDate"),
    *("AccessionNumber", "SeriesNumber"),
)
_ACCEPTED = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.4": "MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "VL Whole Slide Microscopy Image Storage",
}
_UID_ROOT = "1.2.826.0.1.3680043.10.1666."
_LONGEST_UID = 64


def read_set(store: Store, pks: Iterable[str], *, keep: bool) -> tuple[StoredFile, ...]:
    """Return the files of a set, which the platform accepts; `keep`: their bytes stay.

    Raises:
        ImportFailed: it refuses them, in the words that it keeps for itself.
        ObjectGone: another import has used one of them.

    """
    uploads = [read_upload(store, completed_upload(store, pk)) for pk in pks]
    complaint = set_complaint([_read_head(upload) for upload in uploads])
    if complaint is not None:
        raise ImportFailed(complaint)
    if keep:
        for upload in uploads:
            keep_bytes(store, upload)
    return tuple(_stored(upload) for upload in uploads)


def set_complaint(heads: Iterable[Mapping[str, str]]) -> str | None:
    """Return the platform's message about the files of a set, by their tags, or None.

    It looks at the SOP class and at the tags that must agree. Missing, doubled and cut-off slices
    pass, and a tag that one file lacks is not compared.
    """
    known: dict[str, str] = {}
    for head in heads:
        if not head.get("SOPClassUID"):
            return UNEXPECTED
        if head["SOPClassUID"] not in _ACCEPTED:
            return "Unsupported SOP Class"
        for tag in _AGREEING:
            if tag in head and known.setdefault(tag, head[tag]) != head[tag]:
                return (
                    f"Element '{tag}' has differing values across files: these must be identical."
                )
    return None


def _read_head(upload: Upload) -> dict[str, str]:
    """Return the tags that the platform looks at; without pixels, which may be cut off."""
    from pydicom import dcmread  # noqa: PLC0415 - it takes 0.3 s, and most starts need none

    wanted = ["SOPClassUID", *_AGREEING]
    with _opened(upload) as file:
        found = dcmread(file, stop_before_pixels=True, specific_tags=wanted, force=True)
    return {tag: str(found[tag].value) for tag in wanted if tag in found}


def _opened(upload: Upload) -> BinaryIO:
    if len(upload.parts) == 1:
        return upload.parts[0].open("rb")
    return io.BytesIO(upload.read())


def _stored(upload: Upload) -> StoredFile:
    size, sha256 = upload.measure()
    return StoredFile(upload.name, upload.parts[0], size, sha256)


def list_instances(site: Site, request: Request, pk: str) -> Answer:
    """Return the instances of a DICOM image, with a request for the bytes of each."""
    row = _dicom_image(site, request, pk)
    found = dicom_set(row)
    instances = [
        {
            "sop_instance_uid": _uid(pk, str(number)),
            "get_instance": _get_instance(site, request, pk, number),
        }
        for number in range(len(found.files))
    ]
    return as_json(200, {"image_set_id": found.id, "instances": instances})


def list_frames(site: Site, request: Request, pk: str) -> Answer:
    """Return the frames of a DICOM image: one of each instance."""
    row = _dicom_image(site, request, pk)
    found = dicom_set(row)
    frames = [
        {
            "image_frame_id": _id(pk, f"frame {number}"),
            "get_image_frame": _get_instance(site, request, pk, number),
        }
        for number in range(len(found.files))
    ]
    return as_json(200, {"image_set_id": found.id, "image_frames": frames})


def _dicom_image(site: Site, request: Request, pk: str) -> Row:
    row = find_image(site, request, pk) if is_pk(pk) else None
    if row is None or not dicom_set(row).id:
        raise not_found("Image" if is_pk(pk) else "")
    return row


def _get_instance(site: Site, request: Request, pk: str, number: int) -> dict[str, Any]:
    """Return a request for an instance, which storage answers if contents are kept."""
    url = site.signer.sign("GET", request.storage, f"{PROTECTED}dicom/{pk}/{number}", {})
    accept = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    return {"url": url, "method": "GET", "data": None, "headers": {"Accept": accept}}


def _uid(image: str, what: str) -> str:
    """Return a UID that is the same whenever it is asked for."""
    number = uuid.uuid5(uuid.UUID(image), what).int
    return (_UID_ROOT + str(number))[:_LONGEST_UID]


def _id(image: str, what: str) -> str:
    return uuid.uuid5(uuid.UUID(image), what).hex
