"""What is to be done about one value: send it, wait for it, leave it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Value, files_of
from manifest_uploader.plan.inputs import PlanInputs, socket_of
from manifest_uploader.plan.steps import Upload, Wait
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Checked
from manifest_uploader.state.history import CaseHistory, SocketHistory, UploadHistory


class ValuePlan(Struct, frozen=True):
    """What is to be done about one value."""

    value: Value
    entry: Entry | None = None
    """What the fill puts there; None: nothing."""
    upload: Upload | None = None
    wait: Wait | None = None
    """An earlier import that has not ended, or one last look at one that was given up."""
    found: Checked | None = None
    failed: str | None = None
    """The words of an import that failed and is not sent again."""
    repeated: bool = False


def plan_value(case: Case, value: Value, past: CaseHistory, inputs: PlanInputs) -> ValuePlan:
    """Hold what the manifest wants in a socket against what is known to be there."""
    wanted = wanted_entry(case, value, inputs)
    was = past.sockets.get(value.socket)
    if was is None:
        return _sending(case, value, wanted, past, inputs)
    if not _is_same(was.entry, wanted) or was.standing == "lost":
        value_plan = _sending(case, value, wanted, past, inputs)
        return replace(
            value_plan, wait=_wait(case, past, was, inputs) if was.standing == "waiting" else None
        )
    return _keeping(case, value, wanted, past, was, inputs)


def _keeping(
    case: Case,
    value: Value,
    wanted: Entry,
    past: CaseHistory,
    was: SocketHistory,
    inputs: PlanInputs,
) -> ValuePlan:
    """A value that did not change since it was filled."""
    if was.standing == "failed" and inputs.choices.retry_failed:
        return _again(case, value, wanted, past, was, inputs)
    if was.standing == "failed":
        look = replace(_wait(case, past, was, inputs), last_look=True)
        return ValuePlan(value, wait=look, failed=was.words or "the import failed")
    found = None
    if wanted.stat is not None and wanted.stat != was.entry.stat:
        found = Checked(case.name, _upload_step(case, value), value.socket, wanted.stat)
    wait = _wait(case, past, was, inputs) if was.standing == "waiting" else None
    return ValuePlan(value, wait=wait, found=found)


def _again(
    case: Case,
    value: Value,
    wanted: Entry,
    past: CaseHistory,
    was: SocketHistory,
    inputs: PlanInputs,
) -> ValuePlan:
    """A failed import is filled again, from the upload that the platform kept if it did."""
    kept = was.entry.upload
    if kept is not None and inputs.facts.rows.get(kept) == "Completed":
        entry = replace(wanted, upload=kept, content=was.entry.content)
        return ValuePlan(value, entry=entry, repeated=True)
    return replace(_sending(case, value, wanted, past, inputs), repeated=True)


def _sending(
    case: Case, value: Value, wanted: Entry, past: CaseHistory, inputs: PlanInputs
) -> ValuePlan:
    if isinstance(value, ImageValue) or wanted.digest is not None:
        return ValuePlan(value, entry=wanted)
    begun = past.uploads.get(value.socket)
    if begun is not None and _is_complete(begun, wanted, inputs):
        entry = replace(wanted, upload=begun.begun.pk, content=begun.content)
        return ValuePlan(value, entry=entry)
    upload = _upload(case, value, inputs, begun)
    return ValuePlan(value, entry=replace(wanted, step=upload.step), upload=upload)


def wanted_entry(case: Case, value: Value, inputs: PlanInputs) -> Entry:
    """What the manifest wants in a socket, without how it gets there."""
    match value:
        case ImageValue():
            return Entry(value.socket, image_digest(value.pk))
        case JsonValue():
            digest = json_digest(value.value)
            if socket_of(value, inputs).super_kind == "Value":
                return Entry(value.socket, digest)
            return Entry(value.socket, None, stat=digest, content=digest, source=files_of(value))
        case FileValue():
            facts = inputs.facts.values[case.name, value.socket]
            if socket_of(value, inputs).super_kind == "Value":
                return Entry(value.socket, facts.content, stat=facts.stat)
            return Entry(
                value.socket,
                None,
                stat=facts.stat,
                content=facts.content,
                source=files_of(value),
            )


def _is_same(was: Entry, wanted: Entry) -> bool:
    if wanted.digest is not None:
        return was.digest == wanted.digest
    if was.content is not None and wanted.content is not None:
        return was.content == wanted.content
    return was.stat is not None and was.stat == wanted.stat


def _is_complete(begun: UploadHistory, wanted: Entry, inputs: PlanInputs) -> bool:
    """An earlier run sent all of it, no fill used it, and the platform still has it."""
    return (
        begun.done
        and inputs.facts.rows.get(begun.begun.pk) == "Completed"
        and _is_same(Entry("", None, stat=begun.begun.stat, content=begun.content), wanted)
    )


def _upload(
    case: Case, value: FileValue | JsonValue, inputs: PlanInputs, before: UploadHistory | None
) -> Upload:
    facts = _upload_facts(case, value, inputs)
    alive = (
        before is not None
        and not before.done  # what is complete and not used holds other content
        and before.begun.stat == facts.stat
        and inputs.facts.rows.get(before.begun.pk) in {"Initialized", "Completed"}
    )
    return Upload(
        _upload_step(case, value),
        case.name,
        value.socket,
        value,
        facts.name,
        facts.size,
        facts.stat,
        inputs.manifest.identifiable,
        begun=before.begun if before is not None and alive else None,
        images=socket_of(value, inputs).super_kind == "Image",
    )


def _upload_facts(case: Case, value: FileValue | JsonValue, inputs: PlanInputs) -> ValueFacts:
    if isinstance(value, FileValue):
        return inputs.facts.values[case.name, value.socket]
    digest = json_digest(value.value)
    return ValueFacts(1, 0, f"{value.socket}.json", bundle=False, stat=digest, content=digest)


def _upload_step(case: Case, value: Value) -> str:
    return f"{case.name}/{value.socket}"


def _source(case: Case, slug: str) -> str | None:
    return next((files_of(value) for value in case.values if value.socket == slug), None)


def _wait(case: Case, past: CaseHistory, was: SocketHistory, inputs: PlanInputs) -> Wait:
    socket = inputs.facts.sockets.get(was.entry.socket)
    return Wait(
        case.name,
        past.item or "",
        was.entry.socket,
        socket.title if socket else was.entry.socket,
        image=socket is None or socket.super_kind == "Image",
        digest=was.entry.digest,
        upload=was.entry.upload,
        before=was.entry.before,
        since=was.since,
        repeated=was.repeated,
        source=_source(case, was.entry.socket),
    )
