from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.output.cells import cut, padded, width_of
from tests.helpers import few_examples


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("山田", 4)])
def test_wide_characters_take_two_columns(text: str, width: int) -> None:
    assert width_of(text) == width
    assert width_of(padded(text, 9)) == 9


def test_what_is_too_long_keeps_both_ends() -> None:
    assert cut("patient-1/ct-image", 9, "…") == "pati…mage"
    assert cut("山田太郎", 7, "…") == "山…太郎"


@few_examples
@given(st.text(), st.integers(0, 20), st.sampled_from(["…", "..."]))
def test_nothing_is_wider_than_its_column(text: str, width: int, sign: str) -> None:
    assert width_of(cut(text, width, sign)) <= width
