from __future__ import annotations

import pytest

from manifest_uploader.manifest.model import Value
from manifest_uploader.plan.delivery import (
    AsJson,
    AsReference,
    AsUpload,
    AsUploads,
    Delivery,
    delivery_of,
    slot_json,
)
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Address, Contents, TicketPk, UploadPk
from tests.helpers import SOCKETS, file_value, image_value, json_value, pk

IMAGE, FILE = AsUpload(image=True, ticket=True), AsUpload(image=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (file_value("ct-image"), IMAGE),
        (file_value("lesion-seg"), IMAGE),
        (file_value("dicom-set"), AsUploads()),
        (image_value("ct-image"), AsReference()),
        (file_value("some-score"), AsJson()),
        (json_value("some-score", 1), AsJson()),
        (file_value("report"), FILE),
        (file_value("details"), FILE),
        (json_value("details", {}), FILE),
    ],
)
def test_value_and_socket_decide_how_a_value_travels(value: Value, expected: Delivery) -> None:
    assert delivery_of(value, SOCKETS[value.socket]) == expected


def test_without_a_socket_files_count_as_an_image() -> None:
    assert delivery_of(file_value("unknown"), None) == IMAGE


def test_each_socket_gets_its_value_in_the_form_it_takes() -> None:
    up = Entry("x", None, upload=pk(7))
    ct, details, score = (SOCKETS[slug] for slug in ("ct-image", "details", "some-score"))
    contents = Contents(file_value("some-score"), "json:1")

    assert slot_json(file_value("ct-image"), ct, up) == {
        "interface": "ct-image",
        "upload_session": Address("cases/upload-sessions", TicketPk("ct-image")),
    }
    assert slot_json(image_value("ct-image", 3), ct, up) == {
        "interface": "ct-image",
        "image": Address("cases/images", pk(3)),
    }
    assert slot_json(file_value("details"), details, up) == {
        "interface": "details",
        "user_upload": Address("uploads", pk(7)),
    }
    assert slot_json(json_value("some-score", 0), score, up) == {
        "interface": "some-score",
        "value": 0,
    }
    file_for_value = Entry("some-score", "json:1")
    assert slot_json(file_value("some-score"), score, file_for_value) == {
        "interface": "some-score",
        "value": contents,
    }


def test_an_upload_that_is_still_to_come_leaves_a_hole() -> None:
    coming = Entry("report", stat="s")

    found = slot_json(file_value("report"), SOCKETS["report"], coming)

    assert found["user_upload"] == Address("uploads", UploadPk("report"))
