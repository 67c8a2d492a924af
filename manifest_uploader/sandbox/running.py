"""Starts and stops a sandbox."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from manifest_uploader.sandbox.algorithms import add_algorithms, parse_algorithm
from manifest_uploader.sandbox.certificates import make_certificates
from manifest_uploader.sandbox.images import add_made_up_image
from manifest_uploader.sandbox.imports import Importer
from manifest_uploader.sandbox.job_queue import Queue
from manifest_uploader.sandbox.job_runs import Runner
from manifest_uploader.sandbox.judge import Judge, find_judge
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.questions import add_questions, parse_question
from manifest_uploader.sandbox.requests import API
from manifest_uploader.sandbox.routes import Routes, all_routes, users
from manifest_uploader.sandbox.serve import Server, ServerContext, serve_in_thread
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import (
    OptionInvalid,
    add_sockets,
    load_sockets,
    parse_socket,
)
from manifest_uploader.sandbox.storage import Signer, Storage
from manifest_uploader.sandbox.store import FolderLock, Store, is_pk, new_pk, new_token
from manifest_uploader.sandbox.targets import TargetKind, add_target
from manifest_uploader.sandbox.unpacking import Workplace


class PortTaken(Exception):
    """Says in one line that the port cannot be used."""


@dataclass
class Running:
    """A sandbox that runs until it is closed."""

    url: str
    token: str = field(repr=False)
    token_without_rights: str = field(repr=False)
    """The token of a user who may not see any target."""
    ca: Path | None
    """The certificate that a client must trust; None without TLS."""
    id: str
    """The sandbox's id, which its folder remembers."""
    _count: Callable[[], int] = field(repr=False)
    _stop: Callable[[], None] = field(repr=False)
    importer: str | None = None
    """What judges images, with its version; None if they are accepted unread."""

    def requests(self) -> int:
        """Return how many requests the API and storage have received."""
        return self._count()

    def close(self) -> None:
        """Stop the sandbox; closing it again has no effect."""
        stop, self._stop = self._stop, lambda: None
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
    check_options(options)
    lock = FolderLock(options.dir)
    try:
        return _start(options, lock)
    except BaseException:
        lock.close()
        raise


def check_options(options: SandboxOptions) -> None:
    """Raise OptionInvalid for an option that is out of range or malformed."""
    numbers = ("import_delay_s", "upload_limit", "upload_ttl_s", "latency_ms")
    for name in (*numbers, "job_delay_s", "job_limit", "credits"):
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


def _open_store(options: SandboxOptions) -> Store:
    """Open the folder's store, with everything in it that the options make up."""
    sockets = tuple(parse_socket(line) for line in options.sockets)
    guessed = tuple(parse_socket(line) for line in options.guessed_sockets)
    questions = tuple(parse_question(line) for line in options.questions)
    algorithms = tuple(parse_algorithm(line) for line in options.algorithms)
    store = Store(options.dir)
    try:
        with store.transaction():
            _make_up(store, options)
            add_sockets(store, sockets, guessed)
            add_algorithms(store, algorithms)
            add_questions(store, questions)
    except OptionInvalid:
        store.close()
        raise
    store.sweep()
    return store


def _make_site(options: SandboxOptions, store: Store, queues: _Queues) -> Site:
    return Site(
        store=store,
        options=options,
        sockets=load_sockets(store),
        signer=Signer(store.get_or_make("secret", new_token).encode()),
        id=store.get_or_make("id", new_pk),
        queue=queues.others.add,
        queue_images=queues.add_images,
        queue_run=queues.runs.add,
        expect_images=queues.expect_images,
    )


def _start(options: SandboxOptions, lock: FolderLock) -> Running:
    store = _open_store(options)
    token = store.get_or_make("token", new_token)
    stranger = store.get_or_make("token_without_rights", new_token)
    judge = options.judge or find_judge()
    queues = _Queues(options, judge)
    site = _make_site(options, store, queues)
    tls, ca = _tls(options)
    server = _listen(options.port, tls)
    storage = Server(0, tls, is_storage=True)
    context = ServerContext(
        routes=Routes(site, users(token, stranger), all_routes()),
        storage=Storage(store, site.signer),
        options=options,
        scheme="https" if options.tls else "http",
        storage_port=storage.server_port,
    )
    importer = Importer(site, judge, Workplace(store.work))
    importer.resume()
    runner = Runner(site)
    runner.resume()
    queues.start(importer, runner)
    stop_serving = [serve_in_thread(one, context) for one in (server, storage)]

    def stop() -> None:
        for stop_one in stop_serving:
            stop_one()
        if options.judge is None:
            judge.close()
        queues.stop()
        store.close()
        lock.close()

    url = f"{context.scheme}://127.0.0.1:{server.server_port}{API}"
    return Running(
        url, token, stranger, ca, site.id, lambda: context.counter.total, stop, judge.name
    )


class _Queues:
    """Imports, of which those that read images do not delay the others, and runs of jobs."""

    def __init__(self, options: SandboxOptions, judge: Judge) -> None:
        delay_s = options.import_delay_s
        self.others = Queue("import", delay_s, threads=1)
        self._images = Queue("import-images", delay_s, threads=2)  # one unpacks, one is judged
        self.runs = Queue("run", options.job_delay_s, threads=1)
        self._judge = judge
        self._never = math.isinf(delay_s)

    def expect_images(self) -> None:
        """Prepare the judge, so that it has started when the delay is over."""
        if not self._never:
            self._judge.prepare()

    def add_images(self, job: int) -> None:
        """Schedule a job that reads images."""
        self.expect_images()
        self._images.add(job)

    def start(self, importer: Importer, runner: Runner) -> None:
        """Start all threads."""
        self.runs.start(runner.work)
        for queue in (self.others, self._images):
            queue.start(importer.work)

    def stop(self) -> None:
        """Wait for the jobs that run, and start no more."""
        for queue in (self._images, self.others, self.runs):
            queue.stop()


def _make_up(store: Store, options: SandboxOptions) -> None:
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


def _listen(port: int, tls: ssl.SSLContext | None) -> Server:
    try:
        return Server(port, tls, is_storage=False)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"cannot listen on port {port}: {reason}"
        raise PortTaken(message) from error
