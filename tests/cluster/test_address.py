from __future__ import annotations

import pytest

from manifest_uploader.cluster.address import Local, Scheduler, is_private, parse
from manifest_uploader.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("local:4", Local(4)),
        ("tls://node1:8786", Scheduler("tls://node1:8786")),
        (" tls://10.0.0.7:8786 ", Scheduler("tls://10.0.0.7:8786")),
        ("tcp://127.0.0.1:8786", Scheduler("tcp://127.0.0.1:8786")),
        ("localhost:8786", Scheduler("tcp://localhost:8786")),
        ("tcp://[::1]:8786", Scheduler("tcp://[::1]:8786")),
    ],
)
def test_addresses_and_local_workers(text: str, wanted: Local | Scheduler) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("local:0", "'local:0' has no workers"),
        ("local", "'local' is not the address of a Dask scheduler"),
        ("node1", "'node1' is not the address"),
        ("http://node1:8786", "'http://node1:8786' is not the address"),
        ("tls://node1", "'tls://node1' is not the address"),
        ("tls://node1:port", "'tls://node1:port' is not the address"),
        ("node1:8786", "is on another machine, and the connection to it is not encrypted"),
        ("tcp://10.0.0.7:8786", "is on another machine"),
    ],
)
def test_what_is_no_private_address_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("tls://10.0.0.7:1", True),
        ("tcp://127.0.0.9:1", True),
        ("tcp://10.0.0.7:1", False),
        ("ucx://127.0.0.1:1", False),
        ("inproc://10.0.0.7/1/1", False),
    ],
)
def test_presigned_urls_go_only_where_nobody_else_can_read_them(
    address: str, *, wanted: bool
) -> None:
    assert is_private(address) is wanted
