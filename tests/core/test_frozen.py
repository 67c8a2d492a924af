from __future__ import annotations

from dataclasses import field, replace

from manifest_uploader.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    secret: str = field(default="", repr=False)


def test_records_compare_hash_and_copy_like_dataclasses() -> None:
    one = Sample("a", "s")

    assert one == Sample("a", "s") != Sample("a", "t")
    assert {one: 1}[Sample("a", "s")] == 1
    assert replace(one, name="b") == Sample("b", "s")


def test_a_record_shows_its_fields_but_those_that_are_not_to_be_shown() -> None:
    assert repr(Sample("a", "s")) == "Sample(name='a')"
