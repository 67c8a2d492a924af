"""What becomes of sockets that a folder has already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.helpers import Client, wait_for_imports

Start = Callable[..., Client]


@pytest.fixture
def again(start_sandbox: Start) -> Callable[..., dict[str, str]]:
    """Return a function that starts a sandbox again, and returns its kinds of sockets by slug."""

    def start(*named: str, guessed: tuple[str, ...] = ()) -> dict[str, str]:
        client = start_sandbox(sockets=named, guessed_sockets=guessed)
        listed = client.get("components/interfaces/").json()["results"]
        client.running.close()
        return {socket["slug"]: socket["kind"] for socket in listed}

    return start


def test_a_named_socket_replaces_one_that_exists(again: Callable[..., dict[str, str]]) -> None:
    again("a=Float", guessed=("b=Float",))

    found = again("a=String", "b=Integer")

    assert (found["a"], found["b"]) == ("String", "Integer")


def test_a_guess_follows_the_manifest(again: Callable[..., dict[str, str]]) -> None:
    again(guessed=("a=Float", "b=Float"))

    found = again(guessed=("a=Image",))

    assert (found["a"], found["b"]) == ("Image", "Float")


def test_a_guess_does_not_replace_what_was_named(again: Callable[..., dict[str, str]]) -> None:
    again("a=Integer")

    assert again(guessed=("a=Float",))["a"] == "Integer"
    assert again("a=String", guessed=("a=Float",))["a"] == "String"


def test_a_named_socket_is_no_guess_from_then_on(again: Callable[..., dict[str, str]]) -> None:
    again(guessed=("a=Float",))
    again("a=Float")

    assert again(guessed=("a=String",))["a"] == "Float"


def test_a_guess_does_not_replace_a_generic_socket(again: Callable[..., dict[str, str]]) -> None:
    found = again(guessed=("generic-medical-image=CSV file",))

    assert found["generic-medical-image"] == "Image"


def test_a_replaced_socket_has_all_that_is_wanted_of_it(start_sandbox: Start) -> None:
    start_sandbox(sockets=("a=Float", "b=Segmentation,segments=0-3")).running.close()

    client = start_sandbox(sockets=("a=Anything:file", "b=Segmentation"))

    found = {s["slug"]: s for s in client.get("components/interfaces/").json()["results"]}
    assert (found["a"]["super_kind"], found["a"]["relative_path"]) == ("File", "a.json")
    assert [one["voxel_value"] for one in found["b"]["overlay_segments"]] == [0, 1]


def test_values_of_another_kind_can_be_replaced(start_sandbox: Start, tmp_path: Path) -> None:
    client = start_sandbox(sockets=("a=Image", "b=Float"))
    item = client.create()
    client.fill(item, {"interface": "a", "user_uploads": [client.upload()]})
    client.fill(item, {"interface": "b", "value": 1})
    wait_for_imports(tmp_path)
    client.running.close()

    client = start_sandbox(sockets=("a=Float", "b=Image"))

    assert set(client.values(item)) == {"a", "b"}
    assert client.fill(item, {"interface": "a", "value": 2}).is_success
    client.fill(item, {"interface": "b", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    values = client.values(item)
    assert (values["a"]["value"], values["a"]["image"]) == (2, None)
    assert (values["b"]["value"], bool(values["b"]["image"])) == (None, True)


def test_sockets_of_earlier_versions_count_as_guesses(start_sandbox: Start, tmp_path: Path) -> None:
    start_sandbox(sockets=("a=Float",), import_delay_s=float("inf")).running.close()
    with sqlite3.connect(tmp_path / "memory" / "sandbox.sqlite3") as db:
        db.execute("ALTER TABLE sockets DROP COLUMN guessed")
        db.execute("ALTER TABLE jobs DROP COLUMN slices")
        db.execute("PRAGMA user_version = 0")
    db.close()

    client = start_sandbox(sockets=("ct-image=Image",), guessed_sockets=("a=String",))

    [found] = client.get("components/interfaces/?slug=a").json()["results"]
    assert found["kind"] == "String"
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    assert list(client.values(item)) == ["ct-image"]
