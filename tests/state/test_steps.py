from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.state.steps import StepId, StepKind
from tests.helpers import few_examples

names = st.text(st.characters(exclude_characters="/:"), min_size=1, max_size=20)
"""Of cases."""
slugs = st.from_regex(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z")
"""Of sockets."""
steps = st.one_of(
    st.builds(StepId.upload, names, slugs),
    st.builds(StepId.upload, names, slugs, st.integers(1, 20_000)),
    st.builds(StepId.ticket, names, slugs),
    st.builds(StepId.create, names),
    st.builds(StepId.fill, names),
    st.builds(StepId.whole, names),
)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (StepId.upload("patient 1", "ct-image"), "patient 1/ct-image"),
        (StepId.upload("patient 1", "dicom-set", 7), "patient 1/dicom-set/0007"),
        (StepId.upload("patient 1", "0001"), "patient 1/0001"),
        (StepId.create("patient 1"), "patient 1:create"),
        (StepId.fill("patient 1"), "patient 1:fill"),
        (StepId.whole("patient 1"), "patient 1"),
        (StepId.upload("a", "create"), "a/create"),
        (StepId.ticket("patient 1", "ct-image"), "patient 1/ct-image:ticket"),
        (StepId.whole("a:ticket"), "a:ticket"),
        (StepId.whole("create"), "create"),
    ],
)
def test_a_step_prints_as_people_read_it(step: StepId, text: str) -> None:
    assert str(step) == text
    assert StepId.parse(text) == step
    assert repr(step) == f"StepId({text!r})"


def test_a_step_knows_its_case_its_kind_and_its_socket() -> None:
    upload, create = StepId.parse("a/ct-image"), StepId.parse("a:create")

    assert (upload.case, upload.kind, upload.socket) == ("a", StepKind.UPLOAD, "ct-image")
    assert (create.case, create.kind, create.socket) == ("a", StepKind.CREATE, None)
    ticket = StepId.parse("a/ct-image:ticket")
    assert (ticket.case, ticket.kind, ticket.socket) == ("a", StepKind.TICKET, "ct-image")
    assert StepId.parse("a:fill").kind is StepKind.FILL
    assert StepId.parse("a").kind is StepKind.CASE


@few_examples
@given(steps)
def test_a_step_that_was_printed_is_parsed_as_the_same(step: StepId) -> None:
    again = StepId.parse(str(step))

    assert again == step
    assert hash(again) == hash(step)
    assert (again.case, again.kind, again.socket) == (step.case, step.kind, step.socket)
    assert again.number == step.number


@few_examples
@given(st.text() | st.text(":/abcdefilrt", max_size=20))
def test_any_text_is_a_step_that_prints_so(text: str) -> None:
    assert str(StepId.parse(text)) == text


@few_examples
@given(steps, steps)
def test_steps_are_equal_if_they_print_alike(one: StepId, other: StepId) -> None:
    assert (one == other) is (str(one) == str(other))
    assert len({one, other}) == len({str(one), str(other)})


def test_a_step_is_not_its_text() -> None:
    step: object = StepId.fill("a")

    assert step != "a:fill"
    assert len({StepId.fill("a"), StepId.create("a"), StepId.whole("a"), StepId.fill("b")}) == 4
