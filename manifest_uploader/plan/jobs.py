"""Decides about algorithm jobs: they are started once, never changed, and cost credits.

A job has no title and no creator, so it is found again by what it holds: by the session of an
uploaded image, by a random part of the name of an uploaded file, or else by its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.manifest.model import IMAGE_NAME_LENGTH, Case
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.plan.steps import Upload, Wait
from manifest_uploader.plan.values import ValuePlan, is_same
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.state.events import Failure, OpenUpload
from manifest_uploader.state.history import CaseHistory, UploadHistory
from manifest_uploader.state.standing import has_failed

FIXED: Final = (
    "its job was started with other inputs, and a job cannot be changed; "
    "give the case a new name to start another job, or restore the former inputs"
)
LEAST_CREDITS: Final = 20
"""Grand Challenge: a job costs at least so many credits."""
MONTHLY_CREDITS: Final = 1000
"""Grand Challenge: credits of an account for the jobs of the last month."""
_FAILED: Final = "its job failed before; --retry-failed starts another one"
_ENDING: Final = 5
_LONGEST_NAME: Final = 128
"""Grand Challenge: characters of an upload's file name."""


class FailedJob(Struct, frozen=True):
    """A job that has failed, and is not started again."""

    reason: str
    failures: tuple[Failure, ...]
    waits: tuple[Wait, ...] = ()
    """The last look at a job that was stuck, or had an input that seemed to be refused."""


# ── a job that was started ──────────────────────────────────────────────────────────────────


def failed_job(case: Case, past: CaseHistory, inputs: PlanInputs) -> FailedJob | None:
    """The failed job of a case that stays as it is; None if there is none, or it is retried."""
    if not has_failed(past) or inputs.choices.retry_failed:
        return None
    imports = (one.failure for one in past.sockets.values() if one.failure is not None)
    failures = tuple(dict.fromkeys((*imports, *past.job_failures))) or (Failure(None, _FAILED),)
    return FailedJob(_FAILED, failures, last_looks(case, past))


def last_looks(case: Case, past: CaseHistory) -> tuple[Wait, ...]:
    """The look at a job that counts as failed and may have ended since; none at others."""
    may_end = has_failed(past) and past.job in {"stuck", "running"} and past.item is not None
    return (_wait(case, past, last_look=True),) if may_end else ()


def without_failed_job(past: CaseHistory) -> CaseHistory:
    """The history of a case whose failed job is to be started again: its uploads are kept."""
    if not has_failed(past):
        return past
    uploads = dict(past.uploads)
    for slug, socket in past.sockets.items():
        entry = socket.entry
        if entry.upload is not None and entry.stat is not None:
            row = OpenUpload(entry.upload, "", 0, entry.stat, token=entry.token)
            uploads[slug] = UploadHistory(
                row, done=True, content=entry.content, time=socket.since, sha256=socket.sha256
            )
    return replace(
        past, item=None, title=None, job=None, job_failures=(), sockets={}, uploads=uploads
    )


def is_changed(case: Case, past: CaseHistory, sent: list[ValuePlan]) -> bool:
    """Whether the case has a job, and wants other inputs than it was started with."""
    if past.item is None:
        return False
    return bool(sent) or past.sockets.keys() != {value.socket for value in case.values}


def has_inputs(sent: Iterable[Entry], wanted: Iterable[Entry]) -> bool:
    """Whether a job was started with what is wanted now, as far as that is known."""
    was, now = ({entry.socket: entry for entry in entries} for entries in (sent, wanted))
    return was.keys() == now.keys() and all(_is_input(was[slug], now[slug]) for slug in now)


def _is_input(was: Entry, wanted: Entry) -> bool:
    """Whether it is the same; files that became the image of another value are the same, too."""
    is_as_it_was = was.stat is not None and was.stat == wanted.stat
    return is_as_it_was or is_same(was, wanted)


def waits_of(case: Case, past: CaseHistory) -> tuple[Wait, ...]:
    """The wait for the end of a job that was started; none if there is no job."""
    return (_wait(case, past),) if past.job == "running" else ()


def _wait(case: Case, past: CaseHistory, *, last_look: bool = False) -> Wait:
    since = max((one.since for one in past.sockets.values()), default=0.0)
    return job_wait(case.name, past.item or "", since, last_look=last_look)


def job_wait(case: str, item: str, since: float, *, last_look: bool = False) -> Wait:
    """The wait for the end of a job."""
    return Wait(
        *(case, item, "", ""),
        image=False,
        digest=None,
        upload=None,
        before=None,
        since=since,
        last_look=last_look,
        job=True,
    )


def owned(inputs: PlanInputs) -> frozenset[str]:
    """The pks of the jobs that cases have, or had; empty if the items are no jobs."""
    if not has_jobs(inputs.target.kind):
        return frozenset()
    pasts = inputs.history.cases.values()
    return frozenset(pk for past in pasts for pk in (past.item, *past.former) if pk is not None)


# ── a job that is to be started ─────────────────────────────────────────────────────────────


def with_tokens(
    value_plans: tuple[ValuePlan, ...],
    past: CaseHistory,
    temporary: Callable[[], str],
    *,
    tickets: Collection[str],
) -> tuple[ValuePlan, ...]:
    """The values with a random part in the file name of each upload without a session.

    Args:
        value_plans: the decisions about the values.
        past: the history of the case, whose uploads have their names.
        tickets: the sockets whose uploads get a session, which tells as much.
        temporary: returns a new title that no other item has; its last word is random.

    """
    found = []
    for one in value_plans:
        if one.entry is not None and one.entry.image_name is not None:
            found.append(_with_name(one, one.entry, past, temporary))
            continue
        if one.entry is None or one.value.socket in tickets or not _is_uploaded(one):
            found.append(one)
            continue
        before = past.uploads.get(one.value.socket)
        kept = before if before is not None and _is_used(one, before) else None
        token = kept.row.token if kept is not None else temporary().rpartition("-")[2]
        upload = one.upload and _named(one.upload, token)
        found.append(replace(one, entry=replace(one.entry, token=token), upload=upload))
    return tuple(found)


def _with_name(
    one: ValuePlan, entry: Entry, past: CaseHistory, temporary: Callable[[], str]
) -> ValuePlan:
    """An image set with a name that ends in a random part, the same in a repetition."""
    before = past.creating.entries if past.creating is not None else ()
    known = (one.token for one in before if one.socket == entry.socket and one.token is not None)
    token = next(known, None) or temporary().rpartition("-")[2]
    name = f"{(entry.image_name or '')[: IMAGE_NAME_LENGTH - len(token) - 1]}-{token}"
    return replace(
        one,
        entry=replace(entry, token=token, image_name=name),
        image_set=one.image_set and replace(one.image_set, image_name=name),
    )


def _is_uploaded(one: ValuePlan) -> bool:
    return one.upload is not None or (one.entry is not None and one.entry.upload is not None)


def _is_used(one: ValuePlan, before: UploadHistory) -> bool:
    """Whether the upload of an earlier run is used or continued."""
    is_complete = one.entry is not None and one.entry.upload == before.row.pk
    return is_complete or (one.upload is not None and one.upload.row == before.row)


def _named(upload: Upload, token: str | None) -> Upload:
    """The upload with the token at the end of its name, before the endings."""
    if token is None:
        return upload
    stem, endings = _split(upload.name)
    stem = stem[: _LONGEST_NAME - len(endings) - len(token) - 1]
    return replace(upload, name=f"{stem}-{token}{endings}", token=token)


def _split(name: str) -> tuple[str, str]:
    """A file's name and its endings: `a.nii.gz` is `a` and `.nii.gz`."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _ENDING:
        return name, ""
    before, inner, second = stem.rpartition(".")
    if before and second.isalpha() and len(second) < _ENDING:
        return before, inner + second + dot + ending
    return stem, dot + ending


def is_found_by_inputs(entries: tuple[Entry, ...]) -> bool:
    """Whether nothing is uploaded, so that the platform refuses a second job with these inputs."""
    return all(entry.digest is not None for entry in entries)
