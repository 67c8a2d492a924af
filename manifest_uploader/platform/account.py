"""Whose token it is, and what its account holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.responses import detail_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_PATH: Final = "profiles/users/self/"


class Account(Struct, frozen=True):
    """The account that a token belongs to."""

    username: str
    institution: str = ""
    """As its owner wrote it; may be empty."""


def own_account(client: Client) -> Account:
    """The account of the client's token (the platform's `UserProfileViewSet.self`).

    Raises:
        TokenRefused: the platform does not accept the token.
        PlatformRefused: the platform does not tell.

    """
    answer = client.get(_PATH)
    user = answer.fields.get("user") if answer.ok else None
    name = user.get("username") if isinstance(user, dict) else None
    if not isinstance(name, str) or not name:
        raise PlatformRefused(
            f"the platform does not say whose token this is ({detail_of(answer.json)})",
            hint="is the platform's address right (it ends with /api/v1/)?",
        )
    return Account(name, str(answer.fields.get("institution") or ""))
