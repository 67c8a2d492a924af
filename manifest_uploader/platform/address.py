"""The platform's address, the user's token, and how long to wait for answers."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from manifest_uploader.errors import UsageError

_NEVER: Final = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that no address may contain, because parsers disagree about their meaning."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform and the token to use there; a dataclass, so that its repr can hide the token."""

    url: str
    """The API's address; ends with `/`."""
    token: str = field(repr=False)
    """64 hex characters; empty to ask without one, which few answers need."""

    @property
    def binding(self) -> str:
        """Host and path, which identify the platform in a state file."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"


class Patience(Struct, frozen=True):
    """How long to wait."""

    stall_s: float = 60.0
    """Longest wait for a byte on a connection."""
    give_up_s: float = 3600.0
    """Longest time to retry a request that gets no answer."""
    first_pause_s: float = 0.5
    """Pause before the second try; doubles after each try, with jitter, up to 30 s."""


def parse_platform(url: str, token: str) -> Platform:
    """The platform at an API address: https, or http to a loopback address.

    Raises:
        UsageError: the address is not of that kind.

    """
    url = url.strip()
    parts = _split(url)
    if parts is None or not parts.hostname or not is_safe_address(url):
        raise UsageError(
            f"'{url.rpartition('@')[2]}' is not an address that the token may go to",
            hint="it has to begin with https:// (http:// only for this machine)",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "the platform's address contains a password or a query",
            hint="give it as https://grand-challenge.org/api/v1/",
        )
    return Platform(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/", token)


def is_safe_address(url: str) -> bool:
    """Whether the address is https, or http to a name that resolves to loopback only."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None if it is not valid."""
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        is_wrong = _NEVER.search(url) is not None or parts.port == 0
    except ValueError:
        return None
    return None if is_wrong else parts


def is_loopback(host: str) -> bool:
    """Whether every address that the name resolves to is this machine's own."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return bool(found) and all(
        ipaddress.ip_address(str(info[4][0]).split("%")[0]).is_loopback for info in found
    )


def is_loopback_name(host: str) -> bool:
    """Whether the name is a loopback address or `localhost`; no name is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
