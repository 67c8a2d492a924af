from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.platform.items import holds, is_pk, read_item, took_effect
from manifest_uploader.platform.model import Entry, ItemSeen
from tests.helpers import few_examples, file_seen, item_seen, pk, value_seen

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["pk", "title", "values", "value", "file", "image", "interface", "slug"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


def answered(**fields: Any) -> ItemSeen:
    """An item whose answer has these fields."""
    item = read_item({"pk": pk(1), "title": "", "values": [], **fields})
    assert item is not None
    return item


def held(value: dict[str, Any], *, socket: Any = "x") -> Any:
    """What an item holds in its one socket."""
    given_value = {"value": None, "file": None, "image": None, "pk": 11, **value}
    return answered(values=[{"interface": socket, **given_value}]).sockets.get("x")


# ── reading answers ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [pk(1), pk(1).upper()])
def test_pks_are_uuids(value: str) -> None:
    assert is_pk(value)


@pytest.mark.parametrize("value", [None, 5, "", "..", pk(1) + "/", pk(1) + "\n", f"x{pk(1)}"])
def test_anything_else_is_no_pk(value: Any) -> None:
    assert not is_pk(value)


def test_a_display_set_is_read_with_title_order_and_values() -> None:
    item = answered(title="A & B", title_safe="A &amp; B", order=30)

    assert (item.pk, item.title, item.order) == (pk(1), "A & B", 30)


def test_where_only_the_safe_title_is_named_it_is_made_out_from_that() -> None:
    answer = {"pk": pk(1), "title_safe": "A &amp; B", "values": []}

    found = read_item(answer)

    assert found is not None
    assert found.title == "A & B"


def test_an_item_without_any_title_has_none() -> None:
    found = read_item({"pk": pk(1), "title": None})

    assert found is not None
    assert (found.title, found.order, found.sockets) == (None, None, {})


@pytest.mark.parametrize("answer", [None, [], {}, {"pk": "x"}, {"title": "A"}, "text"])
def test_what_is_no_item_is_none(answer: Any) -> None:
    assert read_item(answer) is None


def test_a_socket_is_named_by_its_slug_or_in_full_by_either_field() -> None:
    full = {"slug": "x", "kind": "Float"}

    assert held({"value": 1}) == held({"value": 1}, socket=full)
    by_new_name = answered(values=[{"socket": "x", "value": 1, "pk": 11}])
    assert by_new_name.sockets["x"] == held({"value": 1})


@pytest.mark.parametrize("value", ["", [], {}, 0, False, 1.5, {"a": [1]}])
def test_a_json_value_is_comparable_even_if_empty(value: Any) -> None:
    found = held({"value": value})

    assert (found.mark, found.digest) == ("11", json_digest(value))


def test_an_image_is_comparable_by_its_pk() -> None:
    address = f"https://x/api/v1/cases/images/{pk(5).upper()}/"

    found = held({"image": address})

    assert (found.mark, found.image, found.digest) == ("11", pk(5), image_digest(pk(5)))


def test_a_file_is_only_told_from_another() -> None:
    one = held({"file": "https://x/media/a.pdf?X-Amz-Signature=1", "pk": None})
    same = held({"file": "https://x/media/a.pdf?X-Amz-Signature=2", "pk": None})
    other = held({"file": "https://x/media/b.pdf", "pk": None})

    assert one.digest is None
    assert one.mark == same.mark != other.mark
    assert "X-Amz" not in one.mark


def test_a_socket_that_holds_nothing_is_empty() -> None:
    assert held({"value": None}) is None


@few_examples
@given(json_values)
def test_any_answer_is_read_without_a_crash(answer: Any) -> None:
    for body in (answer, {"pk": pk(1), "values": answer}, {"pk": pk(1), "values": [answer]}):
        found = read_item(body)
        assert found is None or is_pk(found.pk)


# ── what an item shows ──────────────────────────────────────────────────────────────────────


def test_a_json_value_is_held_when_it_is_equal() -> None:
    item = item_seen(x=value_seen(1.0))

    assert holds(Entry("x", json_digest(1)), item) is not None
    assert holds(Entry("x", json_digest(True)), item) is None
    assert holds(Entry("y", json_digest(1)), item) is None


def test_what_came_by_an_upload_is_held_when_it_is_another_than_before() -> None:
    item = item_seen(x=file_seen("12"))

    assert holds(Entry("x", None, before="11"), item) is not None
    assert holds(Entry("x", None, before=None), item) is not None
    assert holds(Entry("x", None, before="12"), item) is None


def acted(item: ItemSeen, **more: Any) -> bool:
    usual: dict[str, Any] = {"entries": (), "title": None, "temporary": None, "gone": frozenset()}
    return took_effect(item, **{**usual, **more})


def test_the_first_fill_shows_by_the_temporary_title_that_is_gone() -> None:
    entry = Entry("x", json_digest(1))
    temporary, titled = item_seen(title="uploading-1", x=value_seen(1)), item_seen(title="")

    assert not acted(temporary, temporary="uploading-1", entries=(entry,))
    assert acted(titled, temporary="uploading-1", title="", entries=(entry,))


def test_a_later_fill_shows_by_its_title() -> None:
    assert acted(item_seen(title="B"), title=" B ")
    assert not acted(item_seen(title="A"), title="B")


def test_a_fill_shows_by_any_of_its_values() -> None:
    entries = (Entry("x", json_digest(1)), Entry("y", None, upload=pk(7), before="11"))

    assert not acted(item_seen(y=file_seen("11")), entries=entries)
    assert acted(item_seen(x=value_seen(1), y=file_seen("11")), entries=entries)
    assert acted(item_seen(y=file_seen("12")), entries=entries)


def test_a_fill_shows_by_an_upload_that_an_import_took() -> None:
    entries = (Entry("y", None, upload=pk(7)),)

    assert acted(item_seen(), entries=entries, gone=frozenset({pk(7)}))
    assert not acted(item_seen(), entries=entries, gone=frozenset({pk(8)}))


def test_where_the_platform_names_no_title_the_values_tell() -> None:
    entries = (Entry("x", json_digest(1)),)

    assert not acted(item_seen(title=None), temporary="uploading-1", title="A", entries=entries)
    assert acted(item_seen(title=None, x=value_seen(1)), temporary="uploading-1", entries=entries)
