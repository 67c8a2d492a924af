from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.api import rehearsal
from manifest_uploader.manifest.model import Value
from manifest_uploader.sandbox.sockets import parse_socket
from tests.helpers import case, file_value, image_value, json_value, manifest, pk


def made_up_kinds(*values: Value) -> list[str]:
    """The kinds of the sockets that are made up for cases with one value each."""
    whole = manifest(*(case(f"c{number}", value) for number, value in enumerate(values)))
    return [one.partition("=")[2] for one in rehearsal.sockets(whole)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        *[([1], "Float"), ([1, 2.5], "Float"), ([True], "Bool"), (["a", ""], "String")],
        *[([1, True], "Anything"), ([1, "a"], "Anything"), ([[]], "Anything"), ([{}], "Anything")],
    ],
)
def test_values_tell_their_kind(values: list[Any], kind: str) -> None:
    assert made_up_kinds(*(json_value("x", value) for value in values)) == [kind]


@pytest.mark.parametrize(
    ("paths", "kind"),
    [
        *[("a.mha", "Image"), ("ct/*.dcm", "Image"), ("a.pdf", "PDF file"), ("A.PDF", "PDF file")],
        *[("t.csv", "CSV file"), ("t.zip", "ZIP file"), ("f.json", "Anything:file")],
        *[("m.obj", "OBJ file"), ("m.mp4", "MP4 file"), ("folder", "Image")],
    ],
)
def test_files_tell_their_kind_by_their_ending(paths: str, kind: str) -> None:
    assert made_up_kinds(file_value("x", paths)) == [kind]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([file_value("x", "a.pdf"), file_value("x", "b.csv")], "Image"),
        ([file_value("x", "a.json"), json_value("x", 1)], "Anything"),
        ([file_value("x", "a.zip"), file_value("x", "ct/*.dcm")], "Image"),
        ([image_value("x"), file_value("x", "a.zip")], "Image"),
        ([image_value("x")], "Image"),
        ([image_value("x"), file_value("x", "a.mha")], "Image"),
    ],
)
def test_what_cases_disagree_about_gets_the_widest_kind(values: list[Value], kind: str) -> None:
    assert made_up_kinds(*values) == [kind]


def test_a_name_tells_an_image_set() -> None:
    named = replace(file_value("x", "ct/*.dcm"), image_name="CT")

    assert made_up_kinds(file_value("x", "ct/*.dcm"), named) == ["DICOM Image Set"]


def test_every_socket_is_made_up_once_and_can_be_understood() -> None:
    whole = manifest(
        case(
            "a", file_value("ct-image"), json_value("some-score", 1), file_value("report", "a.pdf")
        ),
        case("b", file_value("ct-image"), json_value("findings", {})),
    )

    found = rehearsal.sockets(whole)

    assert [parse_socket(one).slug for one in found] == [
        *("ct-image", "some-score", "report", "findings")
    ]


def test_existing_images_are_made_up_each_once() -> None:
    whole = manifest(
        case("a", image_value("x", 1), image_value("y", 2)), case("b", image_value("x", 1))
    )

    assert rehearsal.images(whole) == (pk(1), pk(2))
