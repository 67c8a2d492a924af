"""The endpoints of sockets, which the API calls interfaces."""

from __future__ import annotations

from manifest_uploader.sandbox.answers import Answer, as_json, not_found
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site


def list_interfaces(site: Site, request: Request) -> Answer:
    """Return a page of all sockets, or only the one with the requested slug."""
    slug = request.query.get("slug")
    found = [socket for socket in site.sockets.all if not slug or socket.slug == slug]
    wanted = found[request.offset : request.offset + request.limit]
    results = [site.sockets.json_by_pk[socket.pk] for socket in wanted]
    return as_json(200, request.page_of(len(found), results))


def get_interface(site: Site, _request: Request, pk: str) -> Answer:
    """Return one socket by its pk."""
    if not pk.isdecimal():
        raise not_found()
    if int(pk) not in site.sockets.json_by_pk:
        raise not_found("ComponentInterface")
    return as_json(200, site.sockets.json_by_pk[int(pk)])
