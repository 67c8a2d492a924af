"""The list of images, and who may see one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from tests.sandbox.helpers import Client, mha, wait_for_imports

IMAGES = "cases/images/"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def filled(client: Client, tmp_path: Path) -> Client:
    """A client of a sandbox with images b, a and c in a study, and a in an archive."""
    item = client.create()
    for name, socket in (("b", "ct-image"), ("a", "mr-image"), ("c", "heat-map")):
        upload = client.upload(f"{name}.mha", mha())
        assert client.fill(item, {"interface": socket, "user_uploads": [upload]}).is_success
    wait_for_imports(tmp_path)
    archive = client.get("archives/?slug=ar").json()["results"][0]["api_url"]
    pk = client.post("archives/items/", json={"archive": archive}).json()["pk"]
    image = client.values(item)["mr-image"]["image"]
    value = {"interface": "ct-image", "image": image}
    assert client.patch(f"archives/items/{pk}/", json={"values": [value]}).is_success
    return client


def names(client: Client, **query: Any) -> list[str]:
    answer = client.get(IMAGES, params=query)
    assert answer.status_code == 200, answer.text
    return [image["name"].removesuffix(".mha") for image in answer.json()["results"]]


def target(client: Client, path: str) -> str:
    return str(client.get(path).json()["results"][0]["pk"])


def test_images_are_listed_by_name(filled: Client) -> None:
    assert names(filled) == ["a", "b", "c"]
    assert names(filled, limit=1, offset=1) == ["b"]
    assert filled.get(IMAGES, params={"limit": 1}).json()["count"] == 3
    assert names(filled, width=64, ordering="-name", name__icontains="z") == ["a", "b", "c"]


def test_images_of_a_target_a_session_or_a_name(filled: Client) -> None:
    session = next(s for s in filled.sessions() if names(filled, origin=s["pk"]) == ["b"])

    assert session["status"] == "Succeeded"
    assert names(filled, name="b.mha") == ["b"]
    assert names(filled, name="b") == []
    assert names(filled, reader_study=target(filled, "reader-studies/?slug=rs")) == ["a", "b", "c"]
    assert names(filled, reader_study=target(filled, "reader-studies/?slug=rs2")) == []
    assert names(filled, archive=target(filled, "archives/?slug=ar")) == ["a"]
    assert names(filled, archive=target(filled, "archives/?slug=ar"), name="b.mha") == []


@pytest.mark.parametrize(
    "parameter", ["reader_study", "archive", "origin", "job_input", "job_output"]
)
def test_a_filter_must_name_an_object(client: Client, parameter: str) -> None:
    nonsense = client.get(IMAGES, params={parameter: "nonsense"})
    unknown = client.get(IMAGES, params={parameter: UNKNOWN})

    words = "Select a valid choice. That choice is not one of the available choices."
    assert nonsense.json() == {parameter: ["“nonsense” is not a valid UUID."]}
    assert (unknown.status_code, unknown.json()) == (400, {parameter: [words]})


def test_a_listed_image_says_what_was_imported(filled: Client) -> None:
    [image] = filled.get(IMAGES, params={"name": "a.mha"}).json()["results"]

    assert image == filled.get(image["api_url"]).json()
    assert (image["width"], image["height"], image["depth"]) == (4, 4, 2)
    assert image["shape_without_color"] == image["shape"] == [2, 4, 4]


def test_who_may_not_see_the_item_sees_no_image(filled: Client) -> None:
    [image] = filled.get(IMAGES, params={"name": "a.mha"}).json()["results"]
    stranger = filled.stranger()

    assert names(stranger) == []
    assert stranger.get(image["api_url"]).status_code == 404


def test_an_image_is_seen_only_while_an_item_holds_it(client: Client, tmp_path: Path) -> None:
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    image = client.values(item)["ct-image"]["image"]
    assert client.get(image).status_code == 200

    store = Store(tmp_path / "memory")
    assert delete_object(store, item.split("/")[-2])
    store.close()
    assert client.get(image).status_code == 404
    other = client.create()
    refused = client.fill(other, {"interface": "ct-image", "image": image})
    words = "Invalid hyperlink - Object does not exist."
    assert refused.json() == {"values": [{"image": [words]}]}


def test_images_of_a_failed_import_belong_to_nobody(client: Client, tmp_path: Path) -> None:
    uploads = [client.upload(name) for name in ("a.mha", "b.mha")]
    client.fill(client.create(), {"interface": "ct-image", "user_uploads": uploads})
    wait_for_imports(tmp_path)

    [session] = client.sessions()

    assert (session["status"], len(session["image_set"])) == ("Failed", 2)
    assert [client.get(image).status_code for image in session["image_set"]] == [404, 404]
    assert names(client) == []


def test_images_cannot_be_changed_or_deleted(filled: Client) -> None:
    [image] = filled.get(IMAGES, params={"name": "a.mha"}).json()["results"]

    assert filled.delete(image["api_url"]).status_code == 403
    assert filled.patch(image["api_url"], json={"name": "z"}).status_code == 403
