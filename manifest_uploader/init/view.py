"""Looks up the sockets of a study with the token, if there is one and the platform answers soon."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import TimeoutError as TooLate
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from manifest_uploader.commands.options import has_token, platform_address, platform_url, token
from manifest_uploader.engine.socket_search import Used, search, used_by
from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.options import KINDS
from manifest_uploader.output.streams import say
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.credentials import host_of
from manifest_uploader.platform.model import Socket
from manifest_uploader.system.daemons import Daemons

if TYPE_CHECKING:
    from manifest_uploader.platform.client import Client

_T = TypeVar("_T")
_PATIENCE: Final = Patience(stall_s=5.0, give_up_s=5.0)
_SOON_S: Final = 20.0
"""For all pages of a long list together."""


class Study(Struct, frozen=True):
    """A target as the platform knows it."""

    kinds: tuple[str, ...]
    """Those of a reader study and an archive that have this slug."""
    sockets: tuple[Socket, ...]
    """Those that its items hold; all of the platform if it has no items yet."""
    has_items: bool


class View:
    """What the platform says, asked once for each target."""

    def __init__(self, given: argparse.Namespace | None = None) -> None:
        """`given` has the platform and the token; without it nothing is looked up."""
        self._given = given
        self._studies: dict[str, Study | UsageError] = {}
        self._every: tuple[Socket, ...] | None = None
        self._told: set[str] = set()
        self._has_asked = False

    def is_told(self, slug: str) -> bool:
        """Whether the person knows that the platform has nothing of this name."""
        return slug in self._told

    def tell(self, slug: str) -> None:
        """The person is told that the platform has nothing of this name."""
        self._told.add(slug)

    def study(self, slug: str) -> Study | None:
        """The target with a slug; None if that cannot be known.

        Raises:
            UsageError: there is none, or this account does not see it.

        """
        if slug not in self._studies and self._is_open():
            found = self._ask(lambda client: used_by(client, slug))
            if found is not None:
                self._studies[slug] = self._study(slug, found)
        known = self._studies.get(slug)
        if isinstance(known, UsageError):
            self.tell(slug)
            raise known
        return known

    def every(self) -> tuple[Socket, ...]:
        """All sockets of the platform; empty if they cannot be known."""
        if self._every is None and self._is_open():
            found = self._ask(lambda client: tuple(search(client, "")))
            self._every = None if isinstance(found, UsageError) else found
        return self._every or ()

    def _study(self, slug: str, found: tuple[Used, ...] | UsageError) -> Study | UsageError:
        if isinstance(found, UsageError):
            return found
        fitting = [one for one in found if one.kind in KINDS]
        if not fitting:
            hint = "init writes manifests of reader studies and archives"
            return UsageError(f"'{slug}' is an {found[0].noun}", hint=hint)
        kinds = tuple(one.kind.value for one in fitting)
        used = {use.socket.slug: use.socket for one in fitting for use in one.uses}
        return Study(kinds, tuple(used.values()) or self.every(), bool(used))

    def _is_open(self) -> bool:
        """Whether there is a token to ask with, and nothing has gone wrong."""
        if self._given is not None and not has_token(self._given):
            self._given = None
            say("There is no token, so sockets are not looked up ('uploader login' keeps one).")
        return self._given is not None

    def _ask(self, question: Callable[[Client], _T]) -> _T | UsageError | None:
        """The answer, or why there is none to be; None, once told, if it does not come soon."""
        assert self._given is not None, "there is a platform to ask"
        host = host_of(platform_address(self._given))
        try:
            platform = Platform(platform_url(self._given), token(self._given))
        except UploaderError as error:
            self._give_up(error.message)
            return None
        if not self._has_asked:
            self._has_asked = True
            say(f"Looking up sockets at {host} …")
        try:
            return _answer(platform, question)
        except UsageError as error:
            return error
        except TooLate:
            self._give_up(f"{host} takes too long to answer")
        except UploaderError as error:
            self._give_up(error.message)
        return None

    def _give_up(self, why: str) -> None:
        self._given = None
        say(f"Sockets are not looked up: {why}. 'uploader validate' checks them later.")


def _answer(platform: Platform, question: Callable[[Client], _T]) -> _T:
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    client = Client(platform, patience=_PATIENCE)
    try:
        return Daemons(1, "view").submit(question, client).result(timeout=_SOON_S)
    finally:
        client.close()
