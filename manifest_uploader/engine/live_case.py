"""A case that has begun but is not sent completely."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader.plan.jobs import has_inputs
from manifest_uploader.plan.requests import (
    Image,
    fill_in_between,
    for_item,
    has_something_to_send,
    split,
    with_uploads,
    without,
    without_title,
)
from manifest_uploader.plan.steps import (
    CasePlan,
    CountJobs,
    Create,
    Fill,
    MakeTickets,
    SentFile,
    SharedImage,
    Upload,
    pks_of,
    set_content,
)
from manifest_uploader.platform.model import Entry, ItemSeen
from manifest_uploader.state.events import Done, Opened, OpenUpload, Started
from manifest_uploader.state.steps import StepId


class LiveCase(Struct):
    """What a case still has to send."""

    plan: CasePlan
    item: str | None
    missing: set[str]
    """Sockets whose uploads are not complete."""
    create: Create | None
    """With the pks of its uploads once it is sent."""
    fill: Fill | None
    """The next fill, with the pks of its uploads once it is sent; None if there is none."""
    uploads: dict[str, Done] = field(default_factory=dict)
    """Socket → the event of its complete upload; of a value that is sent file by file, one for all
    of its files."""
    files: dict[str, dict[int, SentFile]] = field(default_factory=dict)
    """Socket → by number, the files of its image set that are complete on the platform."""
    rest: Fill | None = None
    """The fill that follows one that was split to make room."""
    opened: dict[StepId, OpenUpload] = field(default_factory=dict)
    """Upload → its row, once it has one."""
    tickets: dict[str, str] = field(default_factory=dict)
    """Socket → pk of the upload session of its upload."""
    awaited: dict[str, SharedImage] = field(default_factory=dict)
    """Socket → the image of another value that it gets, once that is imported."""
    images: dict[str, Image] = field(default_factory=dict)
    """Socket → the image of another value that it gets."""
    sent_at: float = 0.0
    """When its latest creation or fill was sent, in seconds since 1970."""

    @classmethod
    def begin(cls, plan: CasePlan) -> LiveCase:
        """The case as planned."""
        missing = {upload.socket for upload in plan.uploads}
        awaited = {one.into: one for one in plan.shared if one.is_awaited}
        files = {one.socket: dict(one.complete) for one in plan.sets}
        return cls(plan, plan.item, missing, plan.create, plan.fill, files=files, awaited=awaited)

    @property
    def name(self) -> str:
        """The case's name."""
        return self.plan.case

    @property
    def is_job(self) -> bool:
        """Whether its item is an algorithm job, which is to be started."""
        return self.create is not None and self.create.job

    @property
    def is_filled(self) -> bool:
        """Whether its item has everything, once it exists."""
        return self.fill is None or not has_something_to_send(self.fill)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to send."""
        return self.create is None and self.is_filled

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the next creation or fill gives the item."""
        if self.fill is not None:
            return self.fill.entries
        return self.create.entries if self.create is not None else ()

    @property
    def all_entries(self) -> tuple[Entry, ...]:
        """What is still to be given to the item."""
        return self.entries if self.rest is None else (*self.entries, *self.rest.entries)

    @property
    def holds_part(self) -> bool:
        """Whether uploads of its next fill are complete that wait for others, or for images."""
        if self.fill is None or self.rest is not None or not (self.missing or self.awaited):
            return False
        return any(entry.socket in self.uploads for entry in self.fill.entries)

    def lacking_tickets(self) -> MakeTickets | None:
        """The task that makes the tickets which the next creation or fill lacks; None if none."""
        lacking = tuple(
            (entry.socket, self._upload_of(entry))
            for entry in self.entries
            if entry.socket in self.plan.tickets and entry.socket not in self.tickets
        )
        return MakeTickets(self.name, lacking) if lacking else None

    def _upload_of(self, entry: Entry) -> str:
        done = self.uploads.get(entry.socket)
        return (done.pk if done is not None else entry.upload) or ""

    def note_row(self, event: Opened) -> None:
        """Note that an upload has a row."""
        self.opened[event.step] = event.row

    def note_upload(self, socket: str, done: Done) -> bool:
        """Note that an upload is complete; return whether the case can now be filled."""
        whole = done if done.step.number is None else self._note_file(done.step.number, done)
        if whole is None:
            return False
        self.missing.discard(socket)
        self.uploads[socket] = whole
        return not self.missing and self.rest is None

    def _note_file(self, number: int, done: Done) -> Done | None:
        """Note that a file of an image set is complete; return an event for all, if all are."""
        one = next(one for one in self.plan.sets if one.socket == done.socket)
        files = self.files[one.socket]
        files[number] = SentFile(done.pk or "", done.sha256)
        if len(files) < len(one.names):
            return None
        content = set_content(one.names, files)
        step = StepId.upload(self.name, one.socket)
        return Done(self.name, step, one.socket, pk=pks_of(files)[-1], content=content)

    def lacks(self, upload: Upload) -> bool:
        """Whether a planned upload is not complete."""
        number, socket = upload.step.number, upload.socket
        return socket in self.missing and (number is None or number not in self.files[socket])

    @property
    def _sets(self) -> dict[str, tuple[str, ...]]:
        """Socket → the pks of all uploads of its image set, if they are complete."""
        return {
            socket: pks_of(files) for socket, files in self.files.items() if socket in self.uploads
        }

    def next_creation(self) -> Create | CountJobs:
        """The creation, ready to send; of a job, first a look at the jobs that there are."""
        create = self.ready_creation()
        if create.job and create.jobs is None:
            return CountJobs(self.name, create.entries)
        return create

    def ready_creation(self) -> Create:
        """The creation, ready to send."""
        assert self.create is not None
        self.create = with_uploads(self.create, self.uploads, self.tickets, self.images, self._sets)
        return self.create

    def ready_fill(self, seen: ItemSeen | None) -> Fill:
        """The fill, ready to send; `seen` is None for an item that holds nothing."""
        assert self.fill is not None
        assert self.item is not None
        fill = with_uploads(self.fill, self.uploads, self.tickets, self.images, self._sets)
        first = fill_in_between(fill, item=self.item, seen=seen) if seen is not None else None
        if first is not None:
            self.fill, self.rest = first, replace(fill, look_first=True)
        else:
            self.fill = for_item(fill, item=self.item, seen=seen)
        return self.fill

    def note_jobs(self, jobs: int, equal: tuple[str, ...]) -> None:
        """Note which jobs there are before this one is started."""
        assert self.create is not None
        self.create = replace(self.create, jobs=jobs, equal=equal)

    def wants_inputs_of(self, doubt: Started) -> bool:
        """Whether a creation that was sent before has the inputs that are wanted now."""
        assert self.create is not None
        return has_inputs(doubt.entries, self.create.entries)

    def take_inputs(self, doubt: Started, sent_at: float) -> None:
        """Wait for the uploads of a creation that was sent before, and took effect."""
        assert self.create is not None
        self.create, self.sent_at = replace(self.create, entries=doubt.entries), sent_at

    def repeat(self, doubt: Started) -> None:
        """Send a creation again that had no effect, with the upload sessions that it named."""
        assert self.create is not None
        named = {entry.socket: entry for entry in doubt.entries}
        self.create = replace(self.create, doubt=doubt, jobs=doubt.jobs, equal=doubt.equal)
        for entry in self.create.entries:
            before = named.get(entry.socket)
            if before is not None and before.ticket and before.upload == self._upload_of(entry):
                self.tickets[entry.socket] = before.ticket

    def split_fill(self) -> None:
        """Reduce the next fill to the complete uploads; the rest follows it."""
        assert self.fill is not None
        self.fill, self.rest = split(self.fill, self.uploads.keys())

    def waits_for_images(self) -> bool:
        """Whether the next fill has to wait for images of others.

        The uploads of a case that brings images for others wait for nothing: they go into a fill
        of their own, which comes first. So no two cases wait for each other.
        """
        waiting = {entry.socket for entry in self.entries} & self.awaited.keys()
        if not waiting:
            return False
        own = {
            entry.socket for entry in self.entries if entry.upload or entry.socket in self.uploads
        }
        if self.fill is None or not (self.plan.is_source and own):
            return True
        self.fill, self.rest = split(self.fill, own)
        return False

    @property
    def is_waiting(self) -> bool:
        """Whether it has all that it needs, but for images of others."""
        return bool(self.awaited) and not self.missing and self.rest is None

    def drop_value(self, socket: str) -> None:
        """Leave the value of a socket out, because the image that it uses has failed."""
        self.awaited.pop(socket, None)
        if self.fill is not None:
            self.fill = without(self.fill, socket)
        if self.rest is not None:
            rest = without(self.rest, socket)
            self.rest = rest if has_something_to_send(rest) else None

    def keep_title(self) -> None:
        """Leave the title to a later fill, after the end of this plan."""
        if self.fill is not None:
            self.fill = without_title(self.fill)
        if self.rest is not None:
            self.rest = without_title(self.rest)

    def next_fill(self) -> bool:
        """Go on to the rest of a split fill; return False if there is none."""
        if self.rest is None:
            return False
        self.fill, self.rest = self.rest, None
        return True


def lacking_images(
    cases: Iterable[LiveCase], is_importing: Callable[[str, str], bool]
) -> list[str]:
    """The cases that lack nothing but images of others, all of which are being imported."""
    return [
        live.name
        for live in cases
        if live.is_waiting
        and all(is_importing(one.case, one.socket) for one in live.awaited.values())
    ]
