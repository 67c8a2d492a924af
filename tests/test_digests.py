from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.digests import (
    content_digest,
    has_booleans,
    image_digest,
    in_between,
    json_digest,
    loose_digest,
    may_be_same,
    stat_digest,
)
from tests.helpers import few_examples

texts = st.text(max_size=5)
values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@few_examples
@given(values)
def test_a_value_has_the_digest_of_what_the_platform_gives_back(value: Any) -> None:
    given_back = json.loads(json.dumps(value))

    assert json_digest(value) == json_digest(given_back)


@few_examples
@given(values, values)
def test_two_values_have_one_digest_where_the_platform_sees_one_value(a: Any, b: Any) -> None:
    assert (json_digest(a) == json_digest(b)) == _is_equal(a, b)


@few_examples
@given(st.dictionaries(texts, st.integers() | texts, min_size=2, max_size=5))
def test_an_object_is_compared_without_order(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))

    assert json_digest(value) == json_digest(turned)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[(1, 1.0), (0, -0.0), ({"a": [2.0]}, {"a": [2]}), (0.5, 5e-1)],
        *[
            (1e300, 10**300),
            (2**53, 2.0**53),
            (10**22, 1e22),
            (123456789012345680000, 1.2345678901234568e20),
        ],
    ],
)
def test_numbers_are_compared_as_numbers(one: Any, other: Any) -> None:
    assert json_digest(one) == json_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[(1, True), (0, False), ("", []), ([], {}), ("1", 1), (0, "")],
        *[(1e300, "1e+300"), (10**400, str(10**400)), (0.1, 0.2), ([1, 2], [2, 1]), ([1], 1)],
        *[(2**53, 2**53 + 1), (2.0**53, 2**53 + 1), (2**60, 2**60 + 1), ([10**17], [10**17 + 1])],
        (
            1e300,
            int(1e300),
        ),  # the nearest float's own digits, which the platform does not give back
    ],
)
def test_what_only_looks_alike_is_not_the_same(one: Any, other: Any) -> None:
    assert json_digest(one) != json_digest(other)


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        *[(0, "5feceb66ffc86f38"), (1, "6b86b273ff34fce1"), (1.0, "6b86b273ff34fce1")],
        *[(-7, "a770d3270c9dcded"), (0.5, "d2cbad71ff333de6"), (-0.0, "5feceb66ffc86f38")],
        *[(2**53 - 1, "f40b423c2dd95ff2"), (2**53, "0ad10bbdda8db207")],
        *[(10**16, "a144838520595009"), (1e22, "814a97daeb45416e"), (1e300, "2b0de494c41db4c1")],
        *[(True, "b5bea41b6c623f7c"), (False, "fcbcf165908dd18a"), ("", "12ae32cb1ec02d01")],
        *[([], "4f53cda18c2baa0c"), ({}, "44136fa355b3678a")],
        ({"b": {"c": 1e-07}, "a": [2.0, None, "ä"]}, "95c0014806287068"),
    ],
)
def test_values_have_the_digests_that_earlier_versions_wrote_down(value: Any, digest: str) -> None:
    assert json_digest(value).startswith(f"json:{digest}")


def test_what_is_no_number_has_a_digest_too() -> None:
    found = {json_digest(float(word)) for word in ("inf", "-inf", "nan")}

    assert len(found) == 3


@few_examples
@given(values, values)
def test_two_values_have_one_loose_digest_where_python_sees_one_value(a: Any, b: Any) -> None:
    if a == b:
        assert loose_digest(a) == loose_digest(b) or _has_large(a)
    if loose_digest(a) == loose_digest(b) and not _has_large(a):
        assert a == b


def _has_large(value: Any) -> bool:
    """Whether it holds a number whose digits and whose value as a float may differ."""
    if isinstance(value, dict | list):
        return any(map(_has_large, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float) and abs(value) >= 2**53


@few_examples
@given(values)
def test_only_values_with_booleans_have_a_loose_digest_of_their_own(value: Any) -> None:
    assert has_booleans(value) == (loose_digest(value) != json_digest(value))


@pytest.mark.parametrize(
    ("value", "between"),
    [
        *[(True, False), (False, True), (1, 0), (0, 1), (1.0, 0.0)],
        *[({"a": [2, 1, True]}, {"a": [2, 1, False]}), ([[], 0, 1], [[], 1, 1])],
        *[("x", "changing"), (None, "changing")],
    ],
)
def test_a_value_in_between_has_the_same_form_and_is_another(value: Any, between: Any) -> None:
    found = in_between(value)

    assert json.dumps(found) == json.dumps(between)
    assert found != value


def test_an_integer_that_no_float_holds_has_a_digest() -> None:
    assert json_digest(10**400) != json_digest(10**400 + 1)


def test_the_digest_of_an_image_does_not_depend_on_the_case_of_its_pk() -> None:
    assert image_digest("ABC") == image_digest("abc") == "image:abc"


files = st.lists(st.tuples(texts, st.integers(0, 2**40), st.integers(0, 2**62)), max_size=5)


@few_examples
@given(files)
def test_files_have_the_same_stat_only_with_the_same_names_sizes_and_times(
    entries: list[tuple[str, int, int]],
) -> None:
    digest = stat_digest(entries)

    assert digest == stat_digest(list(entries))
    for index, (name, size, mtime_ns) in enumerate(entries):
        touched = [*entries[:index], (name, size, mtime_ns + 1), *entries[index + 1 :]]
        assert stat_digest(touched) != digest
        assert may_be_same(digest, stat_digest(touched))
        grown = [*entries[:index], (name, size + 1, mtime_ns), *entries[index + 1 :]]
        assert not may_be_same(digest, stat_digest(grown))


def test_names_that_are_no_text_have_digests_too() -> None:
    name = b"caf\xe9.mha".decode(errors="surrogateescape")

    assert stat_digest([(name, 1, 2)]).startswith("stat:1:")
    assert content_digest([(name, "ab")]).startswith("files:")


def test_the_content_digest_is_that_of_what_sha256sum_prints() -> None:
    lines = f"{'a' * 64}  one.dcm\n{'b' * 64}  two.dcm\n"

    found = content_digest([("one.dcm", "a" * 64), ("two.dcm", "b" * 64)])

    assert found == "files:" + hashlib.sha256(lines.encode()).hexdigest()


def _is_equal(a: Any, b: Any) -> bool:
    """Equality as JSON in a database has it: 1 is 1.0 but not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return Decimal(repr(a)) == Decimal(repr(b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_is_equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_is_equal, a, b))
    return bool(a == b)
