"""Starts a sandbox and stops it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from manifest_uploader.sandbox.certificates import make_certificates
from manifest_uploader.sandbox.imports import Importer, Queue, add_made_up_image
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.requests import API
from manifest_uploader.sandbox.routes import Routes, all_routes, users
from manifest_uploader.sandbox.serve import Doors, Server, serve_in_thread
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import (
    OptionInvalid,
    add_sockets,
    load_sockets,
    parse_socket,
)
from manifest_uploader.sandbox.storage import Signer, Storage
from manifest_uploader.sandbox.store import Claim, Store, is_pk, new_pk, new_token
from manifest_uploader.sandbox.targets import TargetKind, add_target


class PortTaken(Exception):
    """Says in one line that the port cannot be had."""


@dataclass
class Running:
    """A sandbox that runs until it is closed."""

    url: str
    token: str = field(repr=False)
    token_without_rights: str = field(repr=False)
    """Of a real user who may not see any target."""
    ca: Path | None
    """The certificate that a client must trust, with TLS."""
    id: str
    """The same at every start on one folder."""
    _count: Callable[[], int] = field(repr=False)
    _stop: Callable[[], None] = field(repr=False)

    def requests(self) -> int:
        """Return how many requests have come in, to the API and to storage."""
        return self._count()

    def close(self) -> None:
        """Stop; what was answered is on disk. Doing it again does nothing."""
        stop, self._stop = self._stop, _nothing
        stop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.close()


def start(options: SandboxOptions) -> Running:
    """Start a sandbox; raise OptionInvalid, FolderUnusable or PortTaken."""
    check(options)
    claim = Claim(options.dir)
    try:
        return _start(options, claim)
    except BaseException:
        claim.close()
        raise


def check(options: SandboxOptions) -> None:
    """Raise OptionInvalid for what cannot be meant."""
    for name in ("import_delay_s", "upload_limit", "upload_ttl_s", "latency_ms"):
        if not getattr(options, name) >= 0:
            raise OptionInvalid(f"{name} must not be negative")
    if options.connection_mbit is not None and not options.connection_mbit > 0:
        raise OptionInvalid("connection_mbit must be above 0")
    for pk in options.images:
        if not is_pk(pk):
            raise OptionInvalid(f"'{pk}' is not the pk of an image: that is a UUID")
    for slug in (*options.reader_studies, *options.archives):
        if not slug or not set(slug) <= _SLUG:
            raise OptionInvalid(f"'{slug}' is not a slug: letters, digits, - and _ only")


_SLUG = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def _start(options: SandboxOptions, claim: Claim) -> Running:
    sockets = tuple(parse_socket(line) for line in options.sockets)
    store = Store(options.dir)
    with store.transaction():
        _remember(store, options)
        add_sockets(store, sockets)
    store.sweep()
    token = store.remembered("token", new_token)
    stranger = store.remembered("token_without_rights", new_token)
    queue = Queue(options.import_delay_s)
    site = Site(
        store=store,
        options=options,
        sockets=load_sockets(store),
        signer=Signer(store.remembered("secret", new_token).encode()),
        id=store.remembered("id", new_pk),
        queue=queue.add,
    )
    doors = Doors(
        routes=Routes(site, users(token, stranger), all_routes()),
        storage=Storage(store, site.signer),
        options=options,
        scheme="https" if options.tls else "http",
    )
    tls, ca = _tls(options)
    server = _listen(options, doors, tls)
    importer = Importer(site)
    importer.resume()
    queue.start(importer.work)
    stop_serving = serve_in_thread(server)

    def stop() -> None:
        stop_serving()
        queue.stop()
        store.close()
        claim.close()

    url = f"{doors.scheme}://127.0.0.1:{server.server_port}{API}"
    return Running(url, token, stranger, ca, site.id, lambda: doors.counter.total, stop)


def _remember(store: Store, options: SandboxOptions) -> None:
    targets: tuple[tuple[TargetKind, tuple[str, ...]], ...] = (
        ("reader-study", options.reader_studies),
        ("archive", options.archives),
    )
    for kind, slugs in targets:
        for slug in slugs:
            add_target(store, kind, slug)
    for pk in options.images:
        add_made_up_image(store, pk)


def _tls(options: SandboxOptions) -> tuple[ssl.SSLContext | None, Path | None]:
    if not options.tls:
        return None, None
    made = make_certificates(options.dir / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server)
    return context, made.ca


def _listen(options: SandboxOptions, doors: Doors, tls: ssl.SSLContext | None) -> Server:
    try:
        return Server(options.port, doors, tls)
    except (OSError, OverflowError) as error:
        message = f"cannot listen on port {options.port}: {error}"
        raise PortTaken(message) from error


def _nothing() -> None:
    """Do nothing."""
