"""Algorithms: how the command line describes them, and how the API presents them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, not_found
from manifest_uploader.sandbox.fields import FieldInvalid, missing_object, read_link
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.sandbox.store import Store, is_pk, new_pk, now, timestamp

CREDITS_PER_JOB = 20
_FORM = '"SLUG=INPUT+INPUT->OUTPUT", in quotes, e.g. "nodules=ct-image+age->results-json-file"'
_FLAGS = ("not-ready", "view-only")


@dataclass(frozen=True)
class Interface:
    """A combination of inputs that an algorithm takes, and the outputs that it then makes."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Algorithm:
    """An algorithm as a line describes it."""

    slug: str
    interfaces: tuple[Interface, ...]
    credits: int = CREDITS_PER_JOB
    """What a job costs."""
    ready: bool = True
    """Whether it has an image that can run."""
    runnable: bool = True
    """Whether the user may run it; everybody may see one that is not."""


def parse_algorithm(line: str) -> Algorithm:
    """Return what `SLUG=INPUTS->OUTPUTS[,credits=N][,not-ready][,view-only]` describes."""
    described, *extras = line.split(",")
    slug, equals, sockets = described.partition("=")
    inputs, arrow, outputs = sockets.partition("->")
    sides = (_slugs(inputs), _slugs(outputs))
    if not (equals and arrow and _is_slug(slug) and all(map(_is_slug, (*sides[0], *sides[1])))):
        raise OptionInvalid(f"'{line}' is not an algorithm: it must look like {_FORM}")
    return replace(Algorithm(slug, (Interface(*sides),)), **_extras(extras, line))


def _slugs(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slug.strip() for slug in text.split("+")))


def _is_slug(text: str) -> bool:
    return re.fullmatch(r"[-\w]+", text, re.ASCII) is not None


def _extras(extras: list[str], line: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for extra in extras:
        credit = re.fullmatch(r"credits=(\d+)", extra)
        if credit:
            found["credits"] = int(credit[1])
        elif extra in _FLAGS:
            found["ready" if extra == "not-ready" else "runnable"] = False
        else:
            words = "write credits=N, not-ready or view-only"
            raise OptionInvalid(f"'{line}': '{extra}' is not known; {words}")
    return found


def add_algorithms(store: Store, algorithms: Iterable[Algorithm]) -> None:
    """Make up algorithms, or change those that the folder has under their slugs.

    An interface replaces one with the same inputs. Raises OptionInvalid for unknown sockets.
    """
    known = {row["slug"] for row in store.rows("SELECT slug FROM sockets")}
    for given in algorithms:
        for interface in given.interfaces:
            for slug in (*interface.inputs, *interface.outputs):
                if slug not in known:
                    words = f"the algorithm '{given.slug}' needs the socket '{slug}'"
                    raise OptionInvalid(f"{words}; make it up: --socket {slug}=KIND")
        _save(store, given)


def _save(store: Store, given: Algorithm) -> None:
    row = store.row("SELECT * FROM algorithms WHERE slug = ?", given.slug)
    by_inputs = {frozenset(one.inputs): one for one in interfaces_of(row)} if row else {}
    by_inputs |= {frozenset(one.inputs): one for one in given.interfaces}
    interfaces = json.dumps([[one.inputs, one.outputs] for one in by_inputs.values()])
    store.run(
        "INSERT OR REPLACE INTO algorithms VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(row["pk"] if row else new_pk(), given.slug, row["image"] if row else new_pk()),
        *(row["created"] if row else now(), interfaces),
        *(given.credits, given.ready, given.runnable),
    )


def interfaces_of(row: Row) -> tuple[Interface, ...]:
    """Return the interfaces of an algorithm."""
    found = json.loads(row["interfaces"])
    return tuple(Interface(tuple(inputs), tuple(outputs)) for inputs, outputs in found)


def find_runnable(site: Site, request: Request, link: Any) -> Row:
    """Return the algorithm to which a link refers, if the user may run it."""
    if link is None:
        raise FieldInvalid("This field may not be null.")
    pk = read_link(link, f"{API}algorithms/")
    query = "SELECT * FROM algorithms WHERE pk = ? AND runnable AND ?"
    row = site.store.row(query, pk, may_edit(request))
    if row is None:
        raise missing_object()
    return row


def list_algorithms(site: Site, request: Request) -> Answer:
    """Return a page of the algorithms that the user may see, or only the one with a slug."""
    rows = site.store.rows(
        "SELECT * FROM algorithms WHERE slug = COALESCE(?, slug) AND (? OR NOT runnable)"
        " ORDER BY slug",
        *(request.query.get("slug") or None, may_edit(request)),
    )
    wanted = rows[request.offset : request.offset + request.limit]
    results = [_algorithm_json(site, request, row) for row in wanted]
    return as_json(200, request.page_of(len(rows), results))


def get_algorithm(site: Site, request: Request, pk: str) -> Answer:
    """Return one algorithm."""
    if not is_pk(pk):
        raise not_found()
    query = "SELECT * FROM algorithms WHERE pk = ? AND (? OR NOT runnable)"
    row = site.store.row(query, pk, may_edit(request))
    if row is None:
        raise not_found("Algorithm")
    return as_json(200, _algorithm_json(site, request, row))


def list_algorithm_images(site: Site, request: Request) -> Answer:
    """Return a page of the container images of algorithms: one of each that is ready."""
    rows = site.store.rows(
        "SELECT * FROM algorithms WHERE ready AND ? ORDER BY slug", may_edit(request)
    )
    wanted = rows[request.offset : request.offset + request.limit]
    results = [
        {
            "pk": row["image"],
            "url": f"{request.base}/algorithms/{row['slug']}/images/{row['image']}/",
            "api_url": request.url(f"algorithms/images/{row['image']}/"),
            "algorithm": request.url(f"algorithms/{row['pk']}/"),
            "created": timestamp(row["created"]),
            "import_status": "Completed",
            "image": None,
        }
        for row in wanted
    ]
    return as_json(200, request.page_of(len(rows), results))


def _algorithm_json(site: Site, request: Request, row: Row) -> dict[str, Any]:
    def sockets(slugs: tuple[str, ...]) -> list[dict[str, Any]]:
        return [site.sockets.json_by_pk[site.sockets.by_slug[slug].pk] for slug in slugs]

    return {
        "api_url": request.url(f"algorithms/{row['pk']}/"),
        "url": f"{request.base}/algorithms/{row['slug']}/",
        "description": None,
        "pk": row["pk"],
        "title": row["slug"],
        "logo": f"{request.base}/grand-challenge-public/logos/algorithm/{row['pk']}/logo.jpg",
        "slug": row["slug"],
        "average_duration": None,
        "interfaces": [
            {"inputs": sockets(one.inputs), "outputs": sockets(one.outputs)}
            for one in interfaces_of(row)
        ],
    }
