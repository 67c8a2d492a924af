from __future__ import annotations

import pytest

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform import targets
from manifest_uploader.platform.model import Entry, Target
from manifest_uploader.platform.requests import Address, Contents, PkOf
from tests.helpers import ARCHIVE, SOCKETS, STUDY, files, image, pk, plain


def test_a_display_set_is_made_by_the_slug_of_its_study() -> None:
    call = targets.create(STUDY, title="uploading-1", order=20)

    assert (call.method, call.path) == ("POST", "reader-studies/display-sets/")
    assert call.json == {"reader_study": "lung", "title": "uploading-1", "order": 20}


def test_an_archive_item_is_made_by_the_address_of_its_archive_and_has_no_order() -> None:
    call = targets.create(ARCHIVE, title="uploading-1", order=20)

    assert (call.method, call.path) == ("POST", "archives/items/")
    assert call.json == {"archive": Address("archives", ARCHIVE.pk), "title": "uploading-1"}


@pytest.mark.parametrize("target", [STUDY, ARCHIVE])
def test_the_probe_can_never_succeed(target: Target) -> None:
    call = targets.probe(target)

    assert len(call.json["title"]) == 256
    assert targets.probe_field(target.kind) in call.json


def test_a_fill_says_only_what_is_to_change() -> None:
    call = targets.fill(STUDY, item=pk(1), title=None, order=None, values=())

    assert (call.method, call.path, call.pk) == (
        "PATCH",
        "reader-studies/display-sets/{pk}/",
        pk(1),
    )
    assert call.json == {}


def test_a_fill_may_take_a_title_away() -> None:
    call = targets.fill(STUDY, item=pk(1), title="", order=5, values=({"interface": "a"},))

    assert call.json == {"title": "", "order": 5, "values": [{"interface": "a"}]}


def test_an_archive_item_is_filled_without_an_order() -> None:
    item = PkOf("a:create")

    call = targets.fill(ARCHIVE, item=item, title="A", order=5, values=())

    assert (call.path, call.pk, call.json) == ("archives/items/{pk}/", item, {"title": "A"})


def test_each_socket_gets_its_value_in_the_form_it_takes() -> None:
    up = Entry("x", None, upload=pk(7))
    ct, details, score = (SOCKETS[slug] for slug in ("ct-image", "details", "some-score"))
    contents = Contents(files("some-score"), "json:1")

    assert targets.value_json(files("ct-image"), ct, up) == {
        "interface": "ct-image",
        "user_uploads": [Address("uploads", pk(7))],
    }
    assert targets.value_json(image("ct-image", 3), ct, up) == {
        "interface": "ct-image",
        "image": Address("cases/images", pk(3)),
    }
    assert targets.value_json(files("details"), details, up) == {
        "interface": "details",
        "user_upload": Address("uploads", pk(7)),
    }
    assert targets.value_json(plain("some-score", 0), score, up) == {
        "interface": "some-score",
        "value": 0,
    }
    file_for_value = Entry("some-score", "json:1")
    assert targets.value_json(files("some-score"), score, file_for_value) == {
        "interface": "some-score",
        "value": contents,
    }


def test_an_upload_that_is_still_to_come_leaves_a_hole() -> None:
    coming = Entry("ct-image", None, step="a/ct-image")

    found = targets.value_json(files("ct-image"), SOCKETS["ct-image"], coming)

    assert found["user_uploads"] == [Address("uploads", PkOf("a/ct-image"))]


def test_items_are_listed_by_the_one_filter_the_platform_knows() -> None:
    assert targets.items_filter(STUDY) == {"reader_study": STUDY.pk}
    assert targets.items_filter(ARCHIVE) == {"archive": ARCHIVE.pk}


def test_people_read_other_words_than_the_api() -> None:
    words = [(targets.noun(kind), targets.place_noun(kind)) for kind in TargetKind]

    assert words == [("display set", "reader study"), ("archive item", "archive")]
