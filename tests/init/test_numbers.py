"""Keys that a spreadsheet has changed are paired with cases by number, and never by guessing."""

from __future__ import annotations

import pytest

from manifest_uploader.init.numbers import paired_by_number


@pytest.mark.parametrize(
    ("keys", "names", "paired"),
    [
        (["7", "8"], ["007", "008"], {"007": "7", "008": "8"}),
        (["7.0", "8,00"], ["7", "8"], {"7": "7.0", "8": "8,00"}),
        (["7"], ["patient-007"], {"patient-007": "7"}),
        (["P7"], ["P007", "K007"], {"P007": "P7"}),
        (["7"], ["P007", "K007"], {}),
        (["7", "07"], ["007"], {}),
        (["7.5", "x"], ["7-5", "x"], {}),
        (["7"], ["7-1"], {}),
        (["1"], ["1.0"], {"1.0": "1"}),
        (["9" * 30], ["0" + "9" * 30], {}),
    ],
)
def test_a_number_pairs_only_if_nobody_else_has_it(
    keys: list[str], names: list[str], paired: dict[str, str]
) -> None:
    assert paired == paired_by_number(keys, names)
