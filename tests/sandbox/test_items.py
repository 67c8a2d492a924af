"""Items: titles, orders, lists, and values that need no import."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.helpers import Client, wait_for_imports

SETS = "reader-studies/display-sets/"
SOURCES = (
    "['image', 'value', 'file', 'user_upload', 'upload_session', ('image_name', 'user_uploads')]"
)


def test_of_eight_concurrent_creations_under_one_title_one_succeeds(client: Client) -> None:
    def create(_: int) -> int:
        return client.post(SETS, json={"reader_study": "rs", "title": "same"}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(create, range(8)))

    assert sorted(codes) == [201] + [400] * 7


def test_concurrent_fills_of_one_socket_leave_one_value(client: Client) -> None:
    item = client.create()

    def fill(number: int) -> int:
        return client.fill(item, {"interface": "age-float", "value": number + 0.5}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(fill, range(8))) == {200}

    assert len(client.values(item)) == 1


def test_one_fill_can_set_title_order_and_values(client: Client) -> None:
    item = client.create(title="uploading-0123456789ab")
    values = [{"interface": "age-float", "value": 1.5}]

    answer = client.patch(item, json={"title": "", "order": 7, "values": values}).json()

    assert (answer["title"], answer["order"]) == ("", 7)
    assert [value["value"] for value in answer["values"]] == [1.5]


def test_a_refused_fill_changes_nothing(client: Client) -> None:
    item = client.create(title="old")
    values = [{"interface": "age-float", "value": 1}, {"interface": "age-float", "value": "abc"}]

    answer = client.patch(item, json={"title": "new", "values": values})

    words = "JSON does not fulfill schema: instance 'abc' is not of type 'number'"
    assert answer.status_code == 400
    assert answer.json() == {"values": [{}, {"__all__": [words]}]}
    assert (client.get(item).json()["title"], client.values(item)) == ("old", {})


@pytest.mark.parametrize("empty", ["", [], {}])
def test_a_repeated_empty_value_is_removed(client: Client, empty: Any) -> None:
    item = client.create()
    held = []
    for _ in range(3):
        assert client.fill(item, {"interface": "any-value", "value": empty}).is_success
        held.append([value["value"] for value in client.values(item).values()])

    assert held == [[empty], [], [empty]]


@pytest.mark.parametrize(("old", "new"), [(False, 0), (True, 1), (0, False), ([1], [True])])
def test_a_value_that_python_calls_equal_is_not_applied(client: Client, old: Any, new: Any) -> None:
    item = client.create()
    client.fill(item, {"interface": "any-value", "value": old})

    answer = client.fill(item, {"interface": "any-value", "value": new})

    assert answer.status_code == 200
    assert json.dumps(client.values(item)["any-value"]["value"]) == json.dumps(old)


def test_only_a_different_value_gets_a_new_pk(client: Client) -> None:
    item = client.create()
    numbers = []
    for value in (1.5, 1.5, 2.5):
        client.fill(item, {"interface": "age-float", "value": value})
        numbers.append(client.values(item)["age-float"]["pk"])

    assert numbers[0] == numbers[1] < numbers[2]


def test_whole_numbers_are_returned_as_integers(client: Client) -> None:
    item = client.create()
    client.fill(item, {"interface": "any-value", "value": [1.0, 1e308, 0.5, -0.0]})

    assert json.dumps(client.values(item)["any-value"]["value"]) == f"[1, {10**308}, 0.5, 0]"


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", {"a\x00": 1}])
def test_a_value_that_the_database_cannot_store_gets_a_500_page(client: Client, value: Any) -> None:
    item = client.create()
    body = json.dumps({"values": [{"interface": "any-value", "value": value}]})

    answer = client.patch(item, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 500
    assert client.values(item) == {}


def test_an_escaped_backslash_before_u0000_is_not_a_nul(client: Client) -> None:
    item = client.create()

    assert client.fill(item, {"interface": "any-value", "value": "\\u0000"}).status_code == 200


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"interface": "age-float"}, f"You must provide at least one of {SOURCES}."),
        (
            {"interface": "any-value", "value": None},
            "value is required for interface kind JSON",
        ),
        (
            {"interface": "lesion-seg", "user_uploads": []},
            "upload_session, user_uploads or image are required for interface kind SEG",
        ),
        (
            {"interface": "table-csv", "value": 1},
            "user_upload or file is required for interface kind CSV",
        ),
        ({"value": 1}, "An interface must be specified"),
    ],
)
def test_a_source_that_does_not_fit_its_socket_is_refused(
    client: Client, value: Any, errors: str
) -> None:
    answer = client.fill(client.create(), value)

    assert answer.status_code == 400
    assert answer.json() == {"values": [{"non_field_errors": [errors]}]}


def test_only_one_source_may_be_given(client: Client) -> None:
    upload = client.upload()
    value = {"interface": "ct-image", "user_uploads": [upload], "user_upload": upload}

    answer = client.fill(client.create(), value)

    words = f"You can only provide one of {SOURCES} for each socket."
    assert answer.json() == {"values": [{"non_field_errors": [words]}]}


def test_the_scheme_and_host_of_a_link_are_ignored(client: Client) -> None:
    upload = client.upload().replace(client.running.url, "https://elsewhere.example/api/v1/")

    answer = client.fill(client.create(), {"interface": "ct-image", "user_uploads": [upload]})

    assert answer.status_code == 200


def test_a_made_up_image_can_be_referred_to(start_sandbox: Callable[..., Client]) -> None:
    pk = "6cae04d9-f29e-43bf-8b4f-414a1712c245"
    client = start_sandbox(images=(pk,))
    item = client.create()
    address = f"{client.running.url}cases/images/{pk}/"

    first = client.fill(item, {"interface": "ct-image", "image": address}).json()
    again = client.fill(item, {"interface": "ct-image", "image": address}).json()

    assert first["values"] == again["values"]
    assert first["values"][0]["image"] == address
    assert client.get(address).json()["pk"] == pk


def test_put_removes_the_values_of_other_sockets(client: Client) -> None:
    item = client.create()
    values: list[dict[str, Any]] = [
        {"interface": "age-float", "value": 1},
        {"interface": "note-string", "value": "x"},
    ]
    client.fill(item, *values)

    assert client.request("PUT", item, json={"values": values[:1]}).is_success

    assert list(client.values(item)) == ["age-float"]


def test_after_the_highest_order_automatic_orders_fail(client: Client) -> None:
    client.create(order=2147483647)

    answer = client.post(SETS, json={"reader_study": "rs"})

    assert (answer.status_code, "<html" in answer.text) == (500, True)
    assert client.get(SETS).json()["count"] == 1


def test_order_zero_asks_for_a_new_automatic_order(client: Client) -> None:
    item = client.create()
    client.create(order=90)

    assert client.patch(item, json={"order": 0}).json()["order"] == 100


def test_an_item_can_move_to_another_study(client: Client) -> None:
    item = client.create(title="t")

    assert client.patch(item, json={"reader_study": "rs2"}).json()["reader_study"] == "rs2"
    assert client.post(SETS, json={"reader_study": "rs", "title": "t"}).status_code == 201
    back = client.patch(item, json={"reader_study": "rs"})
    words = "The fields title, reader_study must make a unique set."
    assert back.json() == {"non_field_errors": [words]}


def test_an_answered_item_cannot_be_changed(client: Client) -> None:
    item = client.create()
    assert client.answer(item).status_code == 201

    refused = client.patch(item, json={})

    words = "This display set cannot be changed, as answers for it already exist."
    assert (refused.status_code, refused.json()) == (400, [words])


def test_items_are_sorted_by_order_and_then_by_age(client: Client) -> None:
    titles = {"c": 20, "a": 5, "d": 20, "b": 10}
    for title, order in titles.items():
        client.create(title=title, order=order)
    study = client.get("reader-studies/?slug=rs").json()["results"][0]["pk"]

    rows = client.get(f"{SETS}?reader_study={study}&limit=0").json()["results"]

    assert [(row["title"], row["index"]) for row in rows] == [*zip("abcd", range(4), strict=True)]
    everything = client.get(SETS).json()["results"]
    assert [row["index"] for row in everything] == [0, 1, 2, 3]
    assert client.get(f"{SETS}?limit=1&offset=2").json()["results"][0]["title"] == "c"


def test_values_are_sorted_by_kind_and_then_by_slug(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    kinds = {
        "z-image": "Image",
        "a-seg": "Segmentation",
        "b-pdf": "PDF file",
        "a-csv": "CSV file",
        "a-chart": "Chart",
        "y-thumb": "Thumbnail jpg",
        "z-score": "Float",
        "b-details": "Anything:file",
    }
    client = start_sandbox(sockets=tuple(f"{slug}={kind}" for slug, kind in kinds.items()))
    item, file = client.create(), client.upload("a.json", b"{}")
    for slug in ("z-image", "a-seg"):
        client.fill(item, {"interface": slug, "user_uploads": [client.upload()]})
        wait_for_imports(tmp_path)
    for slug in ("b-pdf", "a-csv", "y-thumb", "b-details"):
        client.fill(item, {"interface": slug, "user_upload": file})
        wait_for_imports(tmp_path)
        file = client.upload("a.json", b"{}")
    client.fill(item, *({"interface": slug, "value": value}
                        for slug, value in (("a-chart", {}), ("z-score", 1))))  # fmt: skip

    assert list(client.values(item)) == [
        *("b-details", "z-score", "y-thumb", "a-chart", "a-csv", "b-pdf", "a-seg", "z-image")
    ]


def test_the_title_can_be_left_out_of_answers(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(title_in_answers=False)
    item = client.create(title="A & B <b>c")

    shown = client.get(item).json()

    assert "title" not in shown
    assert shown["title_safe"] == "A &amp; B c"


def test_errors_about_the_study_tell_whether_the_user_may_edit(client: Client) -> None:
    body = {"reader_study": "rs", "title": "x" * 256}
    too_long = {"title": ["Ensure this field has no more than 255 characters."]}

    assert client.post(SETS, json=body).json() == too_long
    assert client.stranger().post(SETS, json=body).json() == {
        "reader_study": ["Object with slug=rs does not exist."],
        **too_long,
    }


def test_the_user_without_rights_sees_no_target(client: Client) -> None:
    client.create()
    stranger = client.stranger()

    for path in ("reader-studies/?slug=rs", "archives/?slug=ar", SETS, "archives/items/"):
        assert stranger.get(path).json()["count"] == 0
    assert stranger.get("components/interfaces/").json()["count"] > 0


def test_a_choice_outside_its_schema_is_refused(client: Client) -> None:
    answer = client.fill(client.create(), {"interface": "choice-value", "value": "z"})

    words = "JSON does not fulfill schema: instance 'z' is not one of ['a', 'b', 'c']"
    assert answer.json() == {"values": [{"__all__": [words]}]}


def test_answers_have_the_fields_of_newer_servers(client: Client) -> None:
    item = client.create()
    shown = client.fill(item, {"interface": "age-float", "value": 1.5}).json()

    assert shown["descriptions_map_safe"] == {}
    assert shown["values"][0]["socket"] == "age-float"
    full = client.values(item)["age-float"]
    assert full["socket"] == full["interface"]
    question = client.get("reader-studies/?slug=rs").json()["results"][0]["questions"][0]
    assert question["algorithms"] == []
