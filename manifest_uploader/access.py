"""Where the platform is, who we are there, and how patient: what a person gives."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from manifest_uploader.errors import UsageError


@dataclass(frozen=True, slots=True)
class Platform:
    """Where the platform is, and who we are there."""

    url: str
    """API address, ends with `/`."""
    token: str = field(repr=False)
    """64 hex characters."""

    @property
    def binding(self) -> str:
        """Host and path, by which a state file knows the platform again."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what."""

    stall_s: float = 60.0
    """For a connection on which no byte moves."""
    give_up_s: float = 3600.0
    """For a platform that does not answer."""
    first_pause_s: float = 0.5
    """Before the second try; grows twofold, with jitter, to 30 s."""


def parse_platform(url: str, token: str) -> Platform:
    """The platform at an API address; https, or http to a loopback address.

    Raises:
        UsageError: the address is no such thing.

    """
    parts = urlsplit(url.strip())
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "the platform's address holds a password or a query",
            hint="give it as https://grand-challenge.org/api/v1/",
        )
    if not parts.hostname or not is_safe_address(url):
        raise UsageError(
            f"'{url}' is not an address that the token may go to",
            hint="it has to begin with https:// (http:// only for this machine)",
        )
    return Platform(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/", token)


def is_safe_address(url: str) -> bool:
    """The address is https, or http to a name that resolves to loopback only."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and bool(parts.hostname) and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Every address that the name resolves to is this machine's own."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(
        ipaddress.ip_address(str(info[4][0]).split("%")[0]).is_loopback for info in found
    )
