"""What the endpoints share: the store, the sockets, the options, and a few queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from sqlite3 import Row

from manifest_uploader.sandbox.answers import not_found
from manifest_uploader.sandbox.fields import missing_object, read_link
from manifest_uploader.sandbox.options import SandboxOptions
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.schemas import Validators
from manifest_uploader.sandbox.sockets import Sockets
from manifest_uploader.sandbox.storage import Signer
from manifest_uploader.sandbox.store import USER, Store, is_pk


@dataclass(frozen=True)
class Site:
    """The platform behind its endpoints."""

    store: Store
    options: SandboxOptions
    sockets: Sockets
    signer: Signer
    id: str
    queue: Callable[[int], None]
    """Schedules a committed job that takes no time."""
    queue_images: Callable[[int], None]
    """Schedules a committed job that reads images, which may take long."""
    queue_run: Callable[[int], None]
    """Schedules the next status of an algorithm job."""
    expect_images: Callable[[], None]
    """Prepares for such jobs."""
    validators: Validators = field(default_factory=Validators)

    def enqueue(self, job: int, *, images: bool = False) -> None:
        """Schedule a job when the transaction is committed; `images`: it reads images."""
        queue = self.queue_images if images else self.queue
        self.store.after_commit(lambda: queue(job))

    def enqueue_run(self, job: int) -> None:
        """Schedule the next status of an algorithm job when the transaction is committed."""
        self.store.after_commit(lambda: self.queue_run(job))

    def own_upload(self, request: Request, pk: str) -> Row:
        """Return an upload of the user, or answer 404."""
        if not is_pk(pk):
            raise not_found()
        row = self.find_upload(request, pk)
        if row is None:
            raise not_found("UserUpload")
        return row

    def find_upload(self, request: Request, pk: str) -> Row | None:
        """Return an upload of the user, or None."""
        query = "SELECT * FROM uploads WHERE pk = ? AND user = ?"
        return self.store.row(query, pk, request.user)

    def linked_upload(self, request: Request, link: object) -> str:
        """Return the pk of the user's upload to which a link refers, or raise FieldInvalid."""
        pk = read_link(link, f"{API}uploads/")
        if self.find_upload(request, pk) is None:
            raise missing_object()
        return pk


def user_name(request: Request) -> str:
    """Return the name of the user, as answers name their creators."""
    return "sandbox-user" if request.user == USER else "sandbox-stranger"


def may_edit(request: Request) -> bool:
    """Return whether the user may see and change targets and their items."""
    return request.user == USER
