"""Checks the way to the platform: proxy, certificates, network and clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from manifest_uploader.commands.doctor.findings import Finding, failed, note, ok, wrong
from manifest_uploader.errors import TokenRefused, UploaderError
from manifest_uploader.output.formatting import time_words
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.credentials import host_of
from manifest_uploader.platform.retries import server_time
from manifest_uploader.platform.transport import environment_proxies, trusting_context

_PATIENCE: Final = Patience(stall_s=15.0, give_up_s=15.0)
_LARGEST_GAP_S: Final = 60.0


def connect(url: str, token: str = "") -> Client:
    """A client that gives up soon; without a token it asks without one."""
    return Client(Platform(url, token), patience=_PATIENCE)


def check_proxy() -> Iterator[Finding]:
    """Which proxies the environment names; passwords are not shown."""
    proxies = {_shown(proxy) for proxy in environment_proxies().values() if proxy is not None}
    if not proxies:
        yield ok("proxy", "none is set")
    else:
        yield ok("proxy", f"{', '.join(sorted(proxies))} (NO_PROXY excepts hosts)")


def _shown(proxy: str) -> str:
    """A proxy's address without its password."""
    try:
        parts = urlsplit(proxy)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def check_certificates() -> Iterator[Finding]:
    """Whose certificates are trusted."""
    try:
        trusting_context()
    except UploaderError as error:
        yield failed("certificates", error)
        return
    named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    where = " and ".join(f"{name} '{os.environ[name]}'" for name in named)
    yield ok("certificates", f"those of {where}" if named else "those that this system trusts")


def check_network(url: str, *, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Whether the platform answers, how soon, and whether this machine's clock is right."""
    host, client, begun = host_of(url), connect(url), time.monotonic()
    try:
        answer = client.get("gcapi/")
    except TokenRefused:  # it asks for a token even here, so it answers
        yield ok("network", f"{host} answers")
        return
    except UploaderError as error:
        yield failed("network", error)
        return
    finally:
        client.close()
    if not answer.ok or "latest_version" not in answer.fields:
        words = f"what answers at {url} is not the API of Grand Challenge ({answer.status})"
        yield wrong("network", words, "its address ends with /api/v1/; see --platform")
        return
    yield ok("network", f"{host} answers in {time.monotonic() - begun:.2f} s")
    yield from _clock(server_time(answer.headers.get("date")), now())


def _clock(theirs: float | None, ours: float) -> Iterator[Finding]:
    if theirs is None:
        return
    gap = ours - theirs
    if abs(gap) <= _LARGEST_GAP_S:
        yield ok("clock", "right")
        return
    words = f"{time_words(abs(gap))} {'ahead of' if gap > 0 else 'behind'} the platform's"
    yield note("clock", words, "set it: certificates may seem invalid, and times in reports wrong")
