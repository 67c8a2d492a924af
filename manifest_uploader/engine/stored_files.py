"""Reads files that items hold, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from manifest_uploader.platform.stored_files import FileSeen, read_file
from manifest_uploader.system.daemons import Daemons, wait_for

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
    pool = Daemons(_AT_ONCE, "download")
    try:
        reading = {
            key: pool.submit(read_file, client, address) for key, address in addresses.items()
        }
        for number, (key, future) in enumerate(reading.items(), start=1):
            seen = wait_for(future)
            if seen is not None:
                found[key] = seen
            tell(number)
    finally:
        # do not wait: after Ctrl-C or an error, closing the client ends the downloads
        pool.shutdown()
    return found
