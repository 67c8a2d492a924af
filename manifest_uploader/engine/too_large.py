"""Tells an upload that the account can never hold from one that has to wait for room.

Grand Challenge signs no more parts once the parts of an upload and all completed uploads that are
not imported have as many bytes as the account may hold. Without completed uploads, the upload alone
has as many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from manifest_uploader.platform.endpoints import list_rows
from manifest_uploader.platform.responses import PAGE

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_GIB: Final = 2**30
_VERIFIED: Final = 128 * _GIB
_UNVERIFIED: Final = 2 * _GIB


def is_alone(client: Client, row: str, is_refused: Callable[[], bool]) -> bool:
    """Whether no other upload of the account takes room while this one is refused.

    Args:
        client: sends the requests.
        row: the pk of the upload that was refused.
        is_refused: asks again, and returns whether there is still no room.

    """
    before = _others(client, row)
    if before is None or not is_refused():
        return False
    after = _others(client, row)  # one that was completed and imported meanwhile is missing now
    return after is not None and before <= after


def _others(client: Client, row: str) -> set[str] | None:
    """The pks of the account's other uploads; None if one may take room, or this one has ended."""
    rows = list_rows(client)
    if rows.pop(row, None) != "Initialized" or len(rows) >= PAGE:  # longer lists may lack rows
        return None
    return None if "Completed" in rows.values() else set(rows)


def too_large(refusal: str, size: int, stored: int) -> str:
    """Why an upload can never be held, with the limit.

    Args:
        refusal: what the platform says.
        size: of the upload, in bytes.
        stored: bytes of its parts when it was refused, so that the limit is not higher.

    """
    has = f"{size / _GIB:.1f} GiB" if size >= _GIB else f"{size:,} bytes"
    if stored >= _VERIFIED:
        limit = "an account may hold 128 GiB at a time"
    elif stored >= _UNVERIFIED:
        limit = "an account that is not verified may hold 2 GiB at a time; ask for verification"
    else:
        limit = "the account cannot hold that many bytes (one that is not verified may hold 2 GiB)"
    return f"{refusal}: this upload alone has {has}, and {limit}"
