from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.platform.model import Socket
from manifest_uploader.platform.socket_list import read_socket
from manifest_uploader.platform.sockets import misfit, takes_json, value_misfit
from tests.helpers import SOCKETS, few_examples, file_value, image_value, json_value, socket

KINDS = ("Float", "Integer", "Bool", "String", "Choice", "Multiple choice", "2D bounding box")
json_values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def value_socket(kind: str) -> Socket:
    return socket("a-socket", kind, "Value", "a.json")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("Float", 2), ("Float", 2.5), ("Float", -0.0), ("Integer", 3), ("Integer", 3.0)],
        *[("Bool", False), ("String", ""), ("Choice", "a"), ("Multiple choice", [])],
        *[("Multiple choice", ["a"]), ("2D bounding box", {}), ("Anything", []), ("New", {})],
    ],
)
def test_a_value_of_its_kind_fits(kind: str, value: Any) -> None:
    assert value_misfit(value, value_socket(kind)) is None


@pytest.mark.parametrize(
    ("kind", "value", "wanted", "hint"),
    [
        ("Float", "2.1", "a number, not the text '2.1'", "write 2.1 without quotes"),
        ("Float", True, "a number, not true", None),
        ("Integer", 3.5, "a whole number, not 3.5", None),
        ("Bool", 0, "true or false, not 0", None),
        ("Bool", "yes", "true or false, not the text 'yes'", "write true"),
        ("String", 5, "text, not 5", None),
        ("Multiple choice", ["a", 1], "a list of texts, not a list", None),
        ("Line", [], "an object with the annotation (a mapping), not a list", None),
        ("String", {}, "text, not a mapping", None),
    ],
)
def test_a_value_of_another_kind_is_told_with_a_hint(
    kind: str, value: Any, wanted: str, hint: str | None
) -> None:
    found = value_misfit(value, value_socket(kind))

    assert found == (f"socket 'a-socket' of kind '{kind}' takes {wanted}", hint)


@few_examples
@given(st.sampled_from(KINDS), json_values)
def test_a_misfit_is_short_whatever_the_value(kind: str, value: Any) -> None:
    found = value_misfit(value, value_socket(kind))

    assert found is None or len(found[0]) < 200


def test_a_long_text_is_cut() -> None:
    found = value_misfit("x" * 1000, value_socket("Float"))

    assert found is not None
    assert f"'{'x' * 40}…'" in found[0]


def test_a_dicom_set_takes_files() -> None:
    assert misfit(file_value("dicom-set"), SOCKETS["dicom-set"]) is None


def test_a_kind_that_nobody_knows_is_a_problem() -> None:
    found = misfit(json_value("x", 1), socket("x", "Hologram", "Ether"))

    assert found == ("socket 'x' is of an unknown kind 'Hologram'", None)


@pytest.mark.parametrize("slug", ["ct-image", "lesion-seg"])
def test_an_existing_image_fits_image_sockets(slug: str) -> None:
    assert misfit(image_value(slug), SOCKETS[slug]) is None


@pytest.mark.parametrize("slug", ["some-score", "report", "details"])
def test_an_existing_image_fits_no_other_socket(slug: str) -> None:
    found = misfit(image_value(slug), SOCKETS[slug])

    assert found is not None
    assert "takes no image" in found[0]


@pytest.mark.parametrize(
    ("slug", "hint"), [("ct-image", "write  files: PATH"), ("report", "write  file: PATH")]
)
def test_a_value_for_a_socket_that_wants_files_is_a_problem(slug: str, hint: str) -> None:
    found = misfit(json_value(slug, 0.5), SOCKETS[slug])

    assert found is not None
    assert "not the value 0.5" in found[0]
    assert found[1] == hint


def test_a_mapping_for_a_socket_that_wants_files_is_called_one() -> None:
    found = misfit(json_value("ct-image", {"a": 1}), SOCKETS["ct-image"])

    assert found is not None
    assert found[0].endswith("takes files, not a mapping")


def test_a_value_may_travel_as_a_json_file() -> None:
    assert misfit(json_value("details", {"a": 1}), SOCKETS["details"]) is None


def test_a_json_kind_stored_as_a_file_holds_the_value_to_its_kind() -> None:
    stored = socket("points", "Multiple points", "File", "points.json")

    assert misfit(json_value("points", [1]), stored) is not None


@pytest.mark.parametrize("slug", sorted(SOCKETS.keys() - {"dicom-set"}))
def test_files_fit_every_socket(slug: str) -> None:
    assert misfit(file_value(slug), SOCKETS[slug]) is None


@pytest.mark.parametrize(
    ("one", "is_json"),
    [
        (SOCKETS["some-score"], True),
        (SOCKETS["details"], True),
        (SOCKETS["report"], False),
        (SOCKETS["ct-image"], False),
        (socket("x", "Anything", "File"), True),
        (socket("x", "PDF file", "File"), False),
        (socket("x", "Thumbnail jpg", "File"), False),
    ],
)
def test_which_sockets_take_json(one: Socket, is_json: bool) -> None:
    assert takes_json(one) is is_json


@pytest.mark.parametrize(("named", "allowed"), [([], ()), ([2, 1], (0, 1, 2)), ([0, 1], (0, 1))])
def test_a_segmentation_may_always_hold_its_background(
    named: list[int], allowed: tuple[int, ...]
) -> None:
    listed = [{"name": str(one), "visible": True, "voxel_value": one} for one in named]

    found = read_socket({"slug": "lesion-seg", "overlay_segments": listed})

    assert found is not None
    assert found.segments == allowed
