from __future__ import annotations

import pytest

from manifest_uploader.plan.inputs import renamed_cases, socket_of
from manifest_uploader.state.events import Done, Event, Gone, Started
from tests.helpers import SOCKETS, case, file_value, inputs, manifest, past_of_events, pk, step_id


def made(name: str, title: str, item: int = 1) -> list[Event]:
    return [
        Started(name, step_id(f"{name}:create"), title=f"uploading-{name}"),
        Done(name, step_id(f"{name}:create"), pk=pk(item)),
        Started(name, step_id(f"{name}:fill"), title=title),
        Done(name, step_id(f"{name}:fill"), pk=pk(item)),
    ]


def renamed(*events: Event, names: tuple[str, ...] = ("new",), title: str = "T") -> dict[str, str]:
    whole = manifest(case("new", title=title))
    return renamed_cases(whole, past_of_events(*events), frozenset(names))


def test_a_new_name_with_the_title_of_one_that_left_is_the_same_case() -> None:
    assert renamed(*made("old", "T")) == {"new": "old"}


@pytest.mark.parametrize(
    ("events", "names", "title"),
    [
        (made("old", "T"), ("new", "old"), "T"),
        (made("old", "S"), ("new",), "T"),
        (made("old", ""), ("new",), ""),
        (made("old", "T")[:3], ("new",), "T"),
        ([*made("old", "T"), Gone("old", step_id("old"), pk(1))], ("new",), "T"),
        ([*made("old", "T"), *made("new", "S")], ("new",), "T"),
    ],
    ids=["still there", "other title", "no title", "not filled", "gone", "known itself"],
)
def test_a_case_is_new_otherwise(events: list[Event], names: tuple[str, ...], title: str) -> None:
    assert renamed(*events, names=names, title=title) == {}


def test_a_case_that_was_only_not_chosen_has_not_left() -> None:
    found = inputs(case("new", title="T"), history=past_of_events(*made("old", "T")), names={"old"})

    assert found.renamed == {}


def test_a_value_goes_into_the_socket_of_its_slug() -> None:
    assert socket_of(file_value("ct-image"), inputs()) == SOCKETS["ct-image"]
