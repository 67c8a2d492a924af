"""What holds for every history, whatever happened."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    AnyEvent,
    Checked,
    Confirmed,
    Done,
    Failed,
    Gone,
    ImportFailed,
    Noticed,
    Opened,
    Started,
    Unsure,
)
from manifest_uploader.state.history import EMPTY, CaseHistory, Folding, after, fold
from manifest_uploader.state.standing import Standing, standing_of
from tests.helpers import few_examples, past_of_events, pk, step_id
from tests.state.helpers import at

PUT = (
    (),
    (Entry("ct-image", None, stat="s", upload=pk(7)), Entry("some-score", "json:1")),
    (Entry("report", None, stat="t", before="1"),),
)


def pool(name: str) -> list[AnyEvent]:
    """One case's share of what can happen."""
    whole, create, fill = step_id(name), step_id(f"{name}:create"), step_id(f"{name}:fill")
    found: list[AnyEvent] = [
        Started(name, create, title=f"uploading-{name}", order=20),
        Done(name, create, pk=pk(1)),
        Done(name, fill, pk=pk(1)),
        Unsure(name, fill, "?"),
        Adopted(name, whole, pk(5), "A", PUT[1]),
        Gone(name, whole, pk(1)),
        Gone(name, whole, pk(1), anew=True),
    ]
    for entries in PUT:
        for title in (None, "", "A"):
            found += [Started(name, one, title=title, entries=entries) for one in (create, fill)]
    for slug in ("ct-image", "some-score", "report"):
        upload = step_id(f"{name}/{slug}")
        for number in (7, 8):
            found += [
                Opened(name, upload, slug, pk(number), "sid", 8, "s"),
                Done(name, upload, slug, pk=pk(number), stat="s", content="c"),
            ]
        found += [
            Started(name, upload, slug),
            Confirmed(name, upload, slug, pk(9)),
            ImportFailed(name, upload, slug, "No image.", lost=slug == "report"),
            Checked(name, upload, slug, "t"),
        ]
    for step in (fill, create, step_id(f"{name}/x")):
        found += [Failed(name, step, words=words, final=True) for words in ("", "No.")]
    return found


events = st.sampled_from(
    [*(event for name in "abc" for event in pool(name)), Noticed((pk(1),)), Noticed((pk(2), pk(1)))]
)


@few_examples
@given(st.lists(events, max_size=25), st.randoms(use_true_random=False))
def test_only_the_order_of_one_cases_events_matters(
    happened: list[AnyEvent], chance: random.Random
) -> None:
    in_time = [at(1.0 + number, event) for number, event in enumerate(happened)]
    by_case: dict[str, list[AnyEvent]] = {}
    for event in in_time:
        by_case.setdefault(getattr(event, "case", "-"), []).append(event)
    mixed: list[AnyEvent] = []
    while any(by_case.values()):
        mixed.append(by_case[chance.choice([name for name in by_case if by_case[name]])].pop(0))

    assert fold(mixed) == fold(in_time)


@few_examples
@given(st.lists(events, max_size=20))
def test_a_history_grows_with_every_event(happened: list[AnyEvent]) -> None:
    folding = Folding()

    for number, event in enumerate(happened):
        folding.add(event)
        assert folding.history == fold(happened[: number + 1])

    assert CaseHistory() == EMPTY


@few_examples
@given(st.lists(events, max_size=20))
def test_every_history_has_a_standing_for_each_case(happened: list[AnyEvent]) -> None:
    found = past_of_events(*happened)

    assert all(standing_of(one) in Standing for one in found.cases.values())


@few_examples
@given(st.lists(events, max_size=15), st.booleans())
def test_what_is_found_out_while_planning_folds_alike(happened: list[AnyEvent], anew: bool) -> None:
    found = past_of_events(*happened).cases.get("a", EMPTY)
    gone = Gone("a", step_id("a"), pk(1), anew=anew)

    assert after(found, gone) == past_of_events(*happened, gone).cases["a"]
    assert found == past_of_events(*happened).cases.get("a", EMPTY)
    assert CaseHistory() == EMPTY
