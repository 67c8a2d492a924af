"""Names that people gave become names that every system takes, each its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.plan.safe_names import safe_name, safe_names
from manifest_uploader.system.disk import folded

DEVICES = ("con", "prn", "aux", "nul", "com1", "lpt9")


@pytest.mark.parametrize(
    "name",
    ["patient-001", "Größe 3", "a.b.mha", ".hidden", "(1) & [2]", "console", "com10"],
)
def test_a_name_that_every_system_takes_stays(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "begins", "ends"),
    [
        ("CON", "_CON~", ""),
        ("nul.tar.gz", "_nul~", ".tar.gz"),
        ("com¹", "_com¹~", ""),
        ("aux .txt", "_aux~", ".txt"),
        ("a/b", "a_b~", ""),
        ("..", "__~", ""),
        (".", "_~", ""),
        ("", "_~", ""),
        ("end. ", "end__~", ""),
        ('q?"*<>|:\\.mha', "q________~", ".mha"),
        ("a\x1b[2J\n", "a_[2J_~", ""),
        ("x" * 300 + ".nii.gz", "xxx", ".nii.gz"),
        ("ü" * 300, "üüü", ""),
    ],
)
def test_another_name_becomes_a_similar_one(name: str, begins: str, ends: str) -> None:
    found = safe_name(name)

    assert found.startswith(begins)
    assert found.endswith(ends)
    assert len(found.encode()) <= 120


def test_names_that_a_file_system_may_take_for_the_same_are_told_apart() -> None:
    found = safe_names(["A", "a", "b", "Items.csv"], taken=["items.csv"])

    assert found["b"] == "b"
    assert found["A"].startswith("A~")
    assert found["a"].startswith("a~")
    assert found["Items.csv"].endswith(".csv")
    assert found["Items.csv"] != "Items.csv"
    assert len({folded(name) for name in found.values()}) == 4


@given(st.lists(st.text(max_size=200), unique=True, max_size=8))
def test_every_name_is_safe_and_its_own(names: list[str]) -> None:
    found = safe_names(names)

    assert len({folded(name) for name in found.values()}) == len(names)
    for name in found.values():
        assert name
        assert not set(name) & set('<>:"/\\|?*\0\n')
        assert name[-1] not in ". "
        assert name.split(".")[0].rstrip().lower() not in DEVICES
        assert len(name.encode()) <= 120
