"""The API's list of sockets."""

from __future__ import annotations

from manifest_uploader.sandbox.answers import Answer, as_json, not_found
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site


def list_interfaces(site: Site, request: Request) -> Answer:
    """Return a page of the sockets, or the one with a slug."""
    slug = request.query.get("slug")
    found = [socket for socket in site.sockets.all if not slug or socket.slug == slug]
    wanted = found[request.offset : request.offset + request.limit]
    results = [site.sockets.shown[socket.pk] for socket in wanted]
    return as_json(200, request.listed(len(found), results))


def get_interface(site: Site, _request: Request, pk: str) -> Answer:
    """Return one socket by its number."""
    if not pk.isdecimal():
        raise not_found()
    if int(pk) not in site.sockets.shown:
        raise not_found("ComponentInterface")
    return as_json(200, site.sockets.shown[int(pk)])
