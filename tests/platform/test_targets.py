from __future__ import annotations

import pytest

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.requests import Address
from manifest_uploader.platform.targets import type_of
from tests.helpers import ALGORITHM, ARCHIVE, STUDY, pk


def test_a_display_set_is_made_by_the_slug_of_its_study() -> None:
    call = type_of(STUDY.kind).create(STUDY, title="uploading-1", order=20)

    assert (call.method, call.path) == ("POST", "reader-studies/display-sets/")
    assert call.json == {"reader_study": "lung", "title": "uploading-1", "order": 20}


def test_an_archive_item_is_made_by_the_address_of_its_archive_and_has_no_order() -> None:
    call = type_of(ARCHIVE.kind).create(ARCHIVE, title="uploading-1", order=20)

    assert (call.method, call.path) == ("POST", "archives/items/")
    assert call.json == {"archive": Address("archives", ARCHIVE.pk), "title": "uploading-1"}


@pytest.mark.parametrize("target", [STUDY, ARCHIVE])
def test_the_probe_can_never_succeed(target: Target) -> None:
    call = type_of(target.kind).probe(target)

    assert len(call.json["title"]) == 256
    assert type_of(target.kind).field in call.json


def test_a_fill_says_only_what_is_to_change() -> None:
    call = type_of(STUDY.kind).fill(item=pk(1), title=None, order=None, values=())

    assert (call.method, call.path, call.pk) == (
        "PATCH",
        "reader-studies/display-sets/{pk}/",
        pk(1),
    )
    assert call.json == {}


def test_a_fill_may_take_a_title_away() -> None:
    call = type_of(STUDY.kind).fill(item=pk(1), title="", order=5, values=({"interface": "a"},))

    assert call.json == {"title": "", "order": 5, "values": [{"interface": "a"}]}


def test_an_archive_item_is_filled_without_an_order() -> None:
    call = type_of(ARCHIVE.kind).fill(item=None, title="A", order=5, values=())

    assert (call.path, call.pk, call.json) == ("archives/items/{pk}/", None, {"title": "A"})


def test_items_are_listed_by_the_one_filter_the_platform_knows() -> None:
    assert type_of(STUDY.kind).list_query(STUDY) == {"reader_study": STUDY.pk}
    assert type_of(ARCHIVE.kind).list_query(ARCHIVE) == {"archive": ARCHIVE.pk}


def test_people_read_other_words_than_the_api() -> None:
    words = [(type_of(kind).item_noun, type_of(kind).noun) for kind in TargetKind]

    assert words == [
        ("display set", "reader study"),
        ("archive item", "archive"),
        ("job", "algorithm"),
    ]


@pytest.mark.parametrize("target", [STUDY, ARCHIVE])
def test_only_a_refusal_that_is_all_about_the_title_means_the_right_to_edit(target: Target) -> None:
    target_type = type_of(target.kind)
    too_long = {"title": ["Ensure this field has no more than 255 characters."]}

    assert target_type.may_edit(too_long)
    assert not target_type.may_edit(too_long | {target_type.field: ["Object does not exist."]})
    assert not target_type.may_edit({})
    assert not target_type.may_edit(None)


@pytest.mark.parametrize("kind", TargetKind)
def test_every_kind_of_target_has_a_module_of_its_name(kind: TargetKind) -> None:
    assert type_of(kind).kind is kind


def test_a_job_is_started_with_all_its_inputs_and_without_a_title() -> None:
    call = type_of(ALGORITHM.kind).create(ALGORITHM, title="a", order=10, values=({"a": 1},))

    assert (call.method, call.path) == ("POST", "algorithms/jobs/")
    assert call.json == {"algorithm": Address("algorithms", ALGORITHM.pk), "inputs": [{"a": 1}]}


def test_an_algorithm_is_read_with_the_inputs_that_it_takes() -> None:
    listed = {
        "pk": ALGORITHM.pk,
        "slug": "nodules",
        "interfaces": [
            {"inputs": [{"slug": "ct-image"}, {"slug": "age"}], "outputs": [{"slug": "report"}]}
        ],
    }

    assert type_of(ALGORITHM.kind).read_target(listed) == ALGORITHM


def test_a_job_is_read_with_its_inputs_its_status_and_its_outputs() -> None:
    value = {"interface": {"slug": "age"}, "value": 2, "pk": 5}
    outcome = {"interface": {"slug": "result"}, "value": 3, "pk": 6}
    answer = {"pk": pk(1), "status": "Succeeded", "inputs": [value], "outputs": [outcome]}

    job = type_of(ALGORITHM.kind).read_item(answer)

    assert job is not None
    assert (job.title, job.status) == (None, "Succeeded")
    assert (job.sockets.keys(), job.outputs.keys()) == ({"age"}, {"result"})


def test_only_who_may_run_an_algorithm_is_refused_for_the_inputs() -> None:
    algorithm = type_of(ALGORITHM.kind)

    assert algorithm.may_edit({"non_field_errors": ["The set of inputs provided does not match"]})
    assert not algorithm.may_edit({"algorithm": ["Invalid hyperlink - Object does not exist."]})
