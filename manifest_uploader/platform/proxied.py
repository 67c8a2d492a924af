"""The way of a request where a proxy is set: httpx, which knows how to speak to proxies.

The only module that imports httpx, late: 0.1 s of CPU that nobody else pays.
"""

from __future__ import annotations

import ssl
from http.cookiejar import CookieJar
from typing import Any

import httpx

from manifest_uploader.errors import UsageError
from manifest_uploader.platform.transport import KEEP_ALIVE_S, Broken, How, Reply, Request, whole


class _NoCookies(CookieJar):
    """Keeps none: the token says who asks, and nobody else shall be taken for us."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Look at nothing."""


class ProxiedLine:
    """A way through the proxy that the environment names (HTTPS_PROXY, NO_PROXY …)."""

    def __init__(self, context: ssl.SSLContext, *, connect_s: float, stall_s: float) -> None:
        """Make it, without connecting.

        Raises:
            UsageError: the proxy's address is none that can be used.

        """
        self.is_closed = False
        try:
            self._client = httpx.Client(
                verify=context,
                limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_S),
                timeout=httpx.Timeout(stall_s, connect=connect_s, pool=None),
                cookies=_NoCookies(),
                follow_redirects=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            raise UsageError(
                "the proxy's address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used",
                hint="give it as http://proxy.example.org:3128",
            ) from None

    def exchange(self, request: Request) -> Reply:
        """As `Line` says."""
        try:
            with self._client.stream(
                request.method,
                request.url,
                headers=request.headers,
                content=request.body,  # type: ignore[arg-type]  # a memoryview does, uncopied
            ) as response:
                content = whole(response.iter_bytes())
                return Reply(response.status_code, dict(response.headers), content)
        except httpx.RequestError as error:
            raise Broken(_how(error), _root_cause(error)) from None
        except UnicodeError as error:
            raise Broken(How.UNREACHABLE, error) from None

    def close(self) -> None:
        """As `Line` says."""
        self.is_closed = True
        self._client.close()


def _how(error: httpx.RequestError) -> How:
    match error:
        case httpx.ProxyError() if "407" in str(error):
            return How.REFUSED_BY_PROXY
        case httpx.ConnectTimeout() | httpx.ConnectError() | httpx.ProxyError():
            return How.UNREACHABLE
        case httpx.TimeoutException():
            return How.SILENT
        case _:
            return How.CUT


def _root_cause(error: BaseException) -> BaseException:
    seen = error
    while (deeper := seen.__cause__ or seen.__context__) is not None:
        seen = deeper
    return seen
