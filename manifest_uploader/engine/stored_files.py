"""Reads files that items hold, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from manifest_uploader.platform.stored_files import FileSeen, read_file

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_AT_ONCE: Final = 4
"""Files that are downloaded at the same time."""


def read_files(
    client: Client,
    addresses: Mapping[tuple[str, str], str],
    tell: Callable[[int], None] = lambda _: None,
) -> dict[tuple[str, str], FileSeen]:
    """What files on the platform hold, without those that it does not give.

    Args:
        client: sends the requests.
        addresses: of the files, by (case, socket).
        tell: is told how many were read.

    """
    found: dict[tuple[str, str], FileSeen] = {}
    with ThreadPoolExecutor(_AT_ONCE, "download") as pool:
        read = pool.map(lambda address: read_file(client, address), addresses.values())
        for number, (key, seen) in enumerate(zip(addresses, read, strict=True), start=1):
            if seen is not None:
                found[key] = seen
            tell(number)
    return found
