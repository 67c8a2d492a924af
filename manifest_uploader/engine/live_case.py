"""A case that was begun and is not sent completely."""

from __future__ import annotations

from msgspec import Struct, field

from manifest_uploader.plan.requests import for_item, split, with_uploads
from manifest_uploader.plan.steps import CasePlan, Create, Fill
from manifest_uploader.platform.model import Entry, ItemSeen
from manifest_uploader.state.events import Done, Opened, OpenUpload


class LiveCase(Struct):
    """What a case still needs before its item has everything."""

    plan: CasePlan
    item: str | None
    missing: set[str]
    """Sockets whose uploads are not complete."""
    create: Create | None
    """Without holes once it is sent."""
    fill: Fill | None
    """The next one, without holes once it is sent; None where the item is created with values."""
    uploads: dict[str, Done] = field(default_factory=dict)
    """Socket → the end of its upload."""
    rest: Fill | None = None
    """What follows a fill that was split to make room."""
    opened: dict[str, OpenUpload] = field(default_factory=dict)
    """Socket → its upload row, once it has one."""
    sent_at: float = 0.0
    """When its creation or fill was sent, in seconds since 1970."""

    @classmethod
    def begin(cls, plan: CasePlan) -> LiveCase:
        """The case as it is planned."""
        missing = {upload.socket for upload in plan.uploads}
        return cls(plan, plan.item, missing, plan.create, plan.fill)

    @property
    def name(self) -> str:
        """The case's name."""
        return self.plan.case

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the item is given next."""
        if self.fill is not None:
            return self.fill.entries
        return self.create.entries if self.create is not None else ()

    @property
    def holds_part(self) -> bool:
        """Some, but not all, of the uploads that its next fill names are complete."""
        if self.fill is None or self.rest is not None or not self.missing:
            return False
        return any(entry.socket in self.uploads for entry in self.fill.entries)

    def note_row(self, event: Opened) -> None:
        """An upload has a row."""
        row = OpenUpload(event.pk, event.storage_id, event.part_size, event.stat)
        self.opened[event.socket] = row

    def note_upload(self, socket: str, done: Done) -> bool:
        """An upload is complete; whether it was the last that the case waits for."""
        self.missing.discard(socket)
        self.uploads[socket] = done
        return not self.missing and self.rest is None

    def ready_creation(self) -> Create:
        """The creation as it can be sent."""
        assert self.create is not None
        self.create = with_uploads(self.create, self.uploads)
        return self.create

    def ready_fill(self, seen: ItemSeen | None) -> Fill:
        """The fill as it can be sent; `seen` is None for an item that holds nothing."""
        assert self.fill is not None
        assert self.item is not None
        self.fill = for_item(with_uploads(self.fill, self.uploads), item=self.item, seen=seen)
        return self.fill

    def split_fill(self) -> None:
        """Let the next fill be one of only the uploads that are complete."""
        assert self.fill is not None
        self.fill, self.rest = split(self.fill, self.uploads.keys())

    def next_fill(self) -> bool:
        """Go on to the rest of a split fill; False if the item has everything."""
        if self.rest is None:
            return False
        self.fill, self.rest = self.rest, None
        return True
