from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from manifest_uploader.platform.client import Client
from manifest_uploader.platform.images import ImageSeen, images_of, missing_images
from manifest_uploader.sandbox import Fault
from tests.box import Box, Faulty, mha
from tests.e2e.slices import slice_of
from tests.helpers import STUDY, pk
from tests.platform.servers import reply, scripted

Connect = Callable[..., Client]


@pytest.fixture
def hook() -> Faulty:
    return Faulty()


@pytest.fixture
def box(begin: Callable[..., Box], hook: Faulty) -> Box:
    return begin(hook=hook)


def with_images(box: Box, count: int) -> list[str]:
    """The pks of images of two slices, each in an item."""
    for number in range(count):
        box.with_image(box.make(f"i{number}"), "ct-image", box.upload(content=mha()))
    box.settle()
    return [found for (found,) in box.sql("SELECT pk FROM images")]


def made_up(box: Box, *numbers: int) -> None:
    for number in numbers:
        facts = {"name": "x", "width": 1, "height": 1, "depth": None, "files": []}
        box.sql("INSERT INTO images (pk, facts) VALUES (?, ?)", pk(number), json.dumps(facts))


def test_few_images_are_asked_for_and_many_are_listed(box: Box, hook: Faulty) -> None:
    pks = with_images(box, 3)
    expected = {found: ImageSeen(found, 2, "a.mha", 4, 4) for found in pks}
    hook.seen.clear()

    assert images_of(box.client, box.target(), set(pks), held=1000) == expected
    assert hook.kinds().count("image-get") == 3
    hook.seen.clear()

    assert images_of(box.client, box.target(), set(pks), held=3) == expected
    assert (hook.kinds().count("image-list"), hook.kinds().count("image-get")) == (1, 0)


def test_an_image_that_the_list_does_not_show_is_asked_for(box: Box, hook: Faulty) -> None:
    pks = with_images(box, 2)

    found = images_of(box.client, box.target(), {*pks, pk(1)}, held=2)

    assert found[pk(1)] == ImageSeen(pk(1), None)
    assert (hook.kinds().count("image-list"), hook.kinds().count("image-get")) == (1, 1)


def test_an_image_without_an_answer_is_not_known(connect: Connect) -> None:
    with scripted(reply(403)) as server:
        assert images_of(connect(server.url), STUDY, {pk(1)}, held=1) == {}


@pytest.mark.parametrize(
    ("fields", "slices"),
    [
        ({"shape_without_color": [5, 12, 10], "depth": 5}, 5),
        ({"shape_without_color": [12, 10], "depth": None}, 1),
        ({"shape_without_color": [4, 6, 12, 10], "depth": 6}, 24),
        ({"shape_without_color": [None, None], "depth": None}, None),
        ({"shape_without_color": [], "depth": 7}, 7),
        ({"depth": 3}, 3),
        ({"depth": "3"}, None),
        ({"depth": True}, None),
        ({}, None),
    ],
)
def test_slices_are_all_dimensions_but_the_plane(
    connect: Connect, fields: dict[str, Any], slices: int | None
) -> None:
    with scripted(reply(200, {"pk": pk(1), **fields})) as server:
        found = images_of(connect(server.url), STUDY, {pk(1)}, held=1)

    assert found == {pk(1): ImageSeen(pk(1), slices)}


# ── do they exist? ──────────────────────────────────────────────────────────────────────────


def test_nothing_is_asked_about_no_images(box: Box, hook: Faulty) -> None:
    assert missing_images(box.client, ()) == frozenset()
    assert hook.seen == []


def test_a_handful_of_images_is_asked_for_one_by_one(box: Box, hook: Faulty) -> None:
    made_up(box, 1, 2)

    assert missing_images(box.client, [pk(1), pk(2), pk(3)]) == {pk(3)}
    assert hook.kinds() == ["image-get"] * 3


def test_many_images_are_looked_for_in_one_list(box: Box, hook: Faulty) -> None:
    made_up(box, *range(1, 41))

    assert missing_images(box.client, map(pk, range(1, 43))) == {pk(41), pk(42)}
    assert hook.kinds() == ["image-list", "image-get", "image-get"]


def test_a_list_is_read_only_as_far_as_it_is_worth_it(connect: Connect) -> None:
    page = {"count": 100_000, "next": "x", "results": [{"pk": pk(n)} for n in range(1, 6)]}
    with scripted(reply(200, page), reply(404)) as server:
        found = missing_images(connect(server.url), map(pk, range(1, 7)))

    assert found == {pk(6)}
    assert len(server.asked) == 2


def test_a_platform_that_lists_no_images_is_asked_for_each(connect: Connect) -> None:
    with scripted(reply(404), *[reply(200, {"pk": pk(1)})] * 6) as server:
        assert missing_images(connect(server.url), map(pk, range(1, 7))) == frozenset()


def test_only_404_says_that_an_image_is_missing(connect: Connect) -> None:
    with scripted(reply(403)) as server:
        assert missing_images(connect(server.url), [pk(1)]) == frozenset()


def with_set(box: Box, count: int) -> str:
    """The pk of a DICOM image set of some files."""
    uploads = [
        box.client.address("uploads", box.upload(f"{n}.dcm", slice_of(n))) for n in range(count)
    ]
    value = {"interface": "dicom-set", "image_name": "a set", "user_uploads": uploads}
    assert box.fill(box.make("with a set"), value).ok
    box.settle()
    [(found,)] = box.sql("SELECT pk FROM images")
    return str(found)


def test_the_instances_of_an_image_set_are_its_slices(box: Box, hook: Faulty) -> None:
    found = with_set(box, 3)
    expected = {found: ImageSeen(found, 3, "a set", is_set=True)}

    assert images_of(box.client, box.target(), {found}, held=1000) == expected
    assert images_of(box.client, box.target(), {found, pk(1)}, held=1)[found] == expected[found]
    assert hook.kinds().count("instances") == 2


def test_an_image_set_without_an_answer_about_its_instances_is_asked_for_again(
    box: Box, hook: Faulty
) -> None:
    found = with_set(box, 1)
    hook.before_it = lambda seen: Fault.answer(403) if seen.kind == "instances" else None
    assert images_of(box.client, box.target(), {found}, held=1000) == {}

    hook.before_it = lambda seen: Fault.answer(404) if seen.kind == "instances" else None
    assert images_of(box.client, box.target(), {found}, held=1000)[found].slices is None
