"""Builds the addresses of the target's and items' web pages from a state file's binding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from manifest_uploader.platform.address import Platform
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.file import Binding

_API: Final = "/api/v1/"
_PLATFORM: Final = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)+)(/[\w./~-]*)?", re.ASCII)
"""Host and path, as `Platform.binding` writes them; a sandbox has an id instead."""
_ADDRESS: Final = re.compile(r"[0-9.]+")
_SLUG: Final = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of pages; None if the platform has no such page."""

    target: str | None
    """The reader study's or archive's page, ending in `/`."""
    items: str | None
    """The prefix to which an item's pk and `/` are appended."""

    def item(self, pk: str | None) -> str | None:
        """The page of an item."""
        if pk is None or self.items is None:
            return None
        return f"{self.items}{quote(pk, safe='')}/"


NOWHERE: Final = Links(None, None)


def links_of(binding: Binding | None, platform: Platform | None = None) -> Links:
    """The pages of a target.

    A state file is untrusted input: only a plain host, path and slug become an address. It holds
    no port; that of `platform`, the address that the user gave, is taken if the state file belongs
    to it. A sandbox, and a platform on this machine without a known port, have no pages.
    """
    if binding is None or not _SLUG.fullmatch(binding.slug):
        return NOWHERE
    site = _site(binding.platform, platform)
    if site is None:
        return NOWHERE
    target_type = type_of(binding.kind)
    target = site + target_type.page.format(slug=binding.slug)
    return Links(target, target + target_type.item_page)


def _site(bound: str, platform: Platform | None) -> str | None:
    """The address of the web site, ending in `/`."""
    if platform is not None and platform.binding == bound:
        parts = urlsplit(platform.url)
        return f"{parts.scheme}://{parts.netloc}{_site_path(parts.path)}"
    found = _PLATFORM.fullmatch(bound)
    if found is None or _ADDRESS.fullmatch(found[1]):
        return None
    return f"https://{found[1]}{_site_path(found[2] or '/')}"


def _site_path(api_path: str) -> str:
    """The path of the web site: the API's path without its ending."""
    return api_path.removesuffix(_API) + "/" if api_path.endswith(_API) else "/"
