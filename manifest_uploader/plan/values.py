"""Decides about one value: send it, wait for it, or leave it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import (
    Case,
    FileValue,
    ImageValue,
    JsonValue,
    Value,
    files_of,
)
from manifest_uploader.plan.delivery import (
    AsJson,
    AsUpload,
    AsUploads,
    delivery_of,
    takes_image,
)
from manifest_uploader.plan.image_sets import image_name, plan_set
from manifest_uploader.plan.inputs import PlanInputs, socket_of
from manifest_uploader.plan.steps import ImageSet, SharedImage, Upload, Wait, pks_of, set_content
from manifest_uploader.platform.model import Entry, Socket
from manifest_uploader.state.events import Checked, Failure, ImportFailed, OpenUpload
from manifest_uploader.state.history import CaseHistory, SocketHistory, UploadHistory
from manifest_uploader.state.steps import StepId

_ARCHIVES: Final = (".zip",)


class ValuePlan(Struct, frozen=True):
    """The decision about one value."""

    value: Value
    entry: Entry | None = None
    """What to give the item; None: nothing."""
    upload: Upload | None = None
    image_set: ImageSet | None = None
    """A value that is sent file by file, if some of its files are not on the platform yet."""
    wait: Wait | None = None
    """An earlier import that has not ended, or the last look at one that failed."""
    found: Checked | ImportFailed | None = None
    failure: Failure | None = None
    """Of an import that failed before and is not sent again."""
    repeated: bool = False
    shared: SharedImage | None = None
    """The entry is the image of another value."""

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """What has to be sent."""
        if self.image_set is not None:
            return self.image_set.uploads
        return (self.upload,) if self.upload is not None else ()


def plan_value(case: Case, value: Value, past: CaseHistory, inputs: PlanInputs) -> ValuePlan:
    """Compare what the manifest wants in a socket with what the history says is there."""
    wanted = wanted_entry(case, value, inputs)
    was = past.sockets.get(value.socket)
    if was is None:
        return _sending(case, value, wanted, past, inputs)
    waiting = pending_wait(case, past, was, inputs) if was.standing == "waiting" else None
    is_lost = was.standing == "lost" or (case.name, value.socket) in inputs.facts.restore.values
    is_doubted = was.is_unchecked and inputs.choices.resend_unchecked
    if is_lost or is_doubted or not is_same(was.entry, wanted):
        is_importing = waiting is not None and waiting.upload is not None
        sending = _sending(case, value, wanted, past, inputs)
        return replace(sending, wait=waiting if is_importing else None)
    if was.standing == "failed" and inputs.choices.retry_failed:
        return _again(case, value, wanted, past, was, inputs)
    if waiting is not None and waiting.slices is None:  # what was sent is what is wanted
        waiting = replace(waiting, slices=wanted.slices)
    if was.standing == "failed":
        look = replace(pending_wait(case, past, was, inputs), last_look=True)
        failure = was.failure or Failure(value.socket, "the import failed", of_import=True)
        return ValuePlan(value, wait=look, failure=failure)
    found = None
    if wanted.stat is not None and wanted.stat != was.entry.stat:
        step = StepId.upload(case.name, value.socket)
        found = Checked(case.name, step, value.socket, wanted.stat)
    return ValuePlan(value, wait=waiting, found=found)


def wanted_entry(case: Case, value: Value, inputs: PlanInputs) -> Entry:
    """What the manifest wants in a socket; uploads and marks are added later."""
    delivery = delivery_of(value, socket_of(value, inputs))
    match value, delivery:
        case ImageValue(), _:
            return Entry(value.socket, image_digest(value.pk))
        case JsonValue(), AsJson():
            return Entry(value.socket, json_digest(value.value))
        case JsonValue(), _:
            digest = json_digest(value.value)
            return Entry(value.socket, stat=digest, content=digest)
        case FileValue(), AsJson():
            facts = inputs.facts.values[case.name, value.socket]
            return Entry(value.socket, facts.content, stat=facts.stat)
        case FileValue(), AsUploads():
            facts = inputs.facts.values[case.name, value.socket]
            return Entry(
                value.socket,
                stat=facts.stat,
                content=facts.content,
                slices=facts.files,
                image_name=image_name(case, value),
            )
        case FileValue(), _:
            image = isinstance(delivery, AsUpload) and delivery.image
            facts = inputs.facts.values[case.name, value.socket]
            return Entry(
                value.socket,
                stat=facts.stat,
                content=facts.content,
                slices=(facts.slices or None) if image else None,
                bundle=image and _holds_several(facts),
            )


def _holds_several(facts: ValueFacts) -> bool:
    """Whether the upload holds several files; the platform unpacks archives."""
    return facts.files > 1 or facts.name.lower().endswith(_ARCHIVES)


def wait_for(
    entry: Entry,
    *,
    case: str,
    item: str,
    values: tuple[Value, ...],
    socket: Socket | None,
    since: float,
    repeated: bool,
) -> Wait:
    """The wait for a value that was sent into one socket of an item.

    Args:
        entry: what was sent.
        case: the case's name.
        item: the item's pk.
        values: the case's values in the manifest, which name the files.
        socket: None if the platform no longer has it.
        since: when it was sent, in seconds since 1970.
        repeated: the same fill may have been sent before.

    """
    source = next((files_of(value) for value in values if value.socket == entry.socket), None)
    return Wait(
        case,
        item,
        entry.socket,
        socket.title if socket else entry.socket,
        image=takes_image(socket),
        digest=entry.digest,
        upload=entry.upload,
        before=entry.before,
        since=since,
        repeated=repeated,
        source=source,
        ticket=entry.ticket,
        slices=entry.slices,
        bundle=entry.bundle,
        is_set=entry.image_name is not None,
    )


def waits_of(case: Case, past: CaseHistory, inputs: PlanInputs) -> tuple[Wait, ...]:
    """The imports of a case that earlier runs did not see end."""
    open_ones = (one for one in past.sockets.values() if one.standing == "waiting")
    return tuple(pending_wait(case, past, one, inputs) for one in open_ones)


def pending_wait(case: Case, past: CaseHistory, was: SocketHistory, inputs: PlanInputs) -> Wait:
    """The wait for what an earlier run put into a socket."""
    return wait_for(
        was.entry,
        case=case.name,
        item=past.item or "",
        values=case.values,
        socket=inputs.facts.sockets.get(was.entry.socket),
        since=was.since,
        repeated=was.repeated,
    )


def _again(
    case: Case,
    value: Value,
    wanted: Entry,
    past: CaseHistory,
    was: SocketHistory,
    inputs: PlanInputs,
) -> ValuePlan:
    """Send the value of a failed import again, reusing its upload if the platform kept it."""
    kept = was.entry.upload
    is_there = kept is not None and inputs.facts.rows.get(kept) == "Completed"
    if is_there and wanted.image_name is None:  # a set that was refused has lost its uploads
        entry = replace(wanted, upload=kept, content=was.entry.content)
        return ValuePlan(value, entry=entry, repeated=True)
    return replace(_sending(case, value, wanted, past, inputs), repeated=True)


def _sending(
    case: Case, value: Value, wanted: Entry, past: CaseHistory, inputs: PlanInputs
) -> ValuePlan:
    if isinstance(value, ImageValue) or wanted.digest is not None:
        return ValuePlan(value, entry=wanted)
    if isinstance(value, FileValue) and wanted.image_name is not None:
        return _sending_set(value, wanted, plan_set(case, value, past, inputs))
    before = past.uploads.get(value.socket)
    if before is not None and is_complete(before, wanted, inputs):
        entry = replace(wanted, upload=before.row.pk, content=before.content)
        return ValuePlan(value, entry=entry)
    return ValuePlan(value, entry=wanted, upload=_upload(case, value, inputs, before))


def _sending_set(value: FileValue, wanted: Entry, found: ImageSet) -> ValuePlan:
    if found.uploads:
        return ValuePlan(value, entry=wanted, image_set=found)
    pks, content = pks_of(found.complete), set_content(found.names, found.complete)
    entry = replace(wanted, upload=pks[-1], uploads=pks, content=content)
    return ValuePlan(value, entry=entry)


def is_same(was: Entry, wanted: Entry) -> bool:
    """Whether what was put into a socket is what is wanted there."""
    if wanted.digest is not None:
        return was.digest == wanted.digest
    if was.content is not None and wanted.content is not None:
        return was.content == wanted.content
    return was.stat is not None and was.stat == wanted.stat


def is_complete(before: UploadHistory, wanted: Entry, inputs: PlanInputs) -> bool:
    """Whether an earlier run completed this upload and the platform still has it."""
    return (
        before.done
        and inputs.facts.rows.get(before.row.pk) == "Completed"
        and is_same(Entry("", stat=before.row.stat, content=before.content), wanted)
    )


def _upload(
    case: Case, value: FileValue | JsonValue, inputs: PlanInputs, before: UploadHistory | None
) -> Upload:
    facts = _upload_facts(case, value, inputs)
    return Upload(
        StepId.upload(case.name, value.socket),
        case.name,
        value.socket,
        value,
        facts.name,
        facts.size,
        facts.stat,
        row=resumable(before, facts, inputs),
    )


def resumable(
    before: UploadHistory | None, facts: ValueFacts, inputs: PlanInputs
) -> OpenUpload | None:
    """The upload row of an earlier run, if it can be continued."""
    if before is None or before.done or before.row.stat != facts.stat:
        return None  # a complete upload that was not reused has other content
    is_there = inputs.facts.rows.get(before.row.pk) in {"Initialized", "Completed"}
    return before.row if is_there else None


def _upload_facts(case: Case, value: FileValue | JsonValue, inputs: PlanInputs) -> ValueFacts:
    if isinstance(value, FileValue):
        return inputs.facts.values[case.name, value.socket]
    digest = json_digest(value.value)
    return ValueFacts(1, 0, f"{value.socket}.json", stat=digest, content=digest)
