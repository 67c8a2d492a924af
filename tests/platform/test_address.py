from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.errors import UsageError
from manifest_uploader.platform.address import (
    Platform,
    is_loopback,
    is_loopback_name,
    is_safe_address,
    parse_platform,
)
from tests.helpers import TOKEN, few_examples


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://grand-challenge.org/api/v1/", "https://grand-challenge.org/api/v1/"),
        ("https://grand-challenge.org/api/v1", "https://grand-challenge.org/api/v1/"),
        ("  https://host.example:8443/api/v1// ", "https://host.example:8443/api/v1/"),
        ("http://127.0.0.1:8000/api/v1/", "http://127.0.0.1:8000/api/v1/"),
        ("http://localhost/api/v1/", "http://localhost/api/v1/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_an_address_ends_with_one_slash(given_url: str, url: str) -> None:
    assert parse_platform(given_url, TOKEN).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "grand-challenge.org", "ftp://grand-challenge.org/", "https://", "file:///etc/hosts"),
        *("http://grand-challenge.org/api/v1/", "http://192.0.2.1/api/v1/", "http://0.0.0.0/"),
        *("https://me:secret@grand-challenge.org/", "https://x/?a=b", "https://x/#a"),
        *("https://[::1", "https://host:port/", "https://host:99999/", "http://a..b/"),
        *(f"http://{'a' * 70}.example/", "https://\x00/", "https://exa mple.org/api/"),
        *("https://evil.example\\@grand-challenge.org/", "https://host\\evil/"),
    ],
)
def test_the_token_goes_nowhere_else(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_platform(url, TOKEN)

    assert "secret" not in caught.value.message
    assert TOKEN not in caught.value.message


@few_examples
@given(st.text())
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    for url in (text, f"https://{text}", f"https://grand-challenge.org{text}"):
        try:
            found = parse_platform(url, TOKEN)
        except UsageError:
            continue
        assert is_safe_address(found.url)
        assert found.url.endswith("/")


def test_a_name_counts_as_loopback_only_by_its_addresses() -> None:
    assert [is_loopback(name) for name in ("localhost", "127.0.0.2", "::1")] == [True] * 3
    assert [is_loopback(name) for name in ("192.0.2.1", "::2", "x..y", "", "0.0.0.0")] == [
        False
    ] * 5


def test_some_names_are_loopback_without_a_lookup() -> None:
    own = ("localhost", "LOCALHOST", "box.localhost", "127.0.0.2", "::1")
    assert [is_loopback_name(name) for name in own] == [True] * 5
    others = ("192.0.2.1", "::2", "0.0.0.0", "mylocalhost", "localhost.example", "")
    assert [is_loopback_name(name) for name in others] == [False] * 6


def test_a_platform_does_not_show_its_token() -> None:
    assert TOKEN not in repr(Platform("https://x/", TOKEN))


def test_a_platform_is_known_again_by_host_and_path_and_not_by_its_port() -> None:
    assert parse_platform("https://host:8443/api/v1/", TOKEN).binding == "host/api/v1/"
