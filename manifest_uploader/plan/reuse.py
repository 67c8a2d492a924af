"""Decides which values use the image of another value instead of being uploaded again. Pure.

Values share an image if they name the same files, or files whose content is known to be equal, for
sockets of the same kind that allow the same voxel values: the platform checks a segmentation when
it is imported, and never again. One of them is the source. Its image is imported once; the others
name it. A value that has its own image already, or a complete upload, keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum, auto
from itertools import chain
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.digests import image_digest, image_of
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, files_of
from manifest_uploader.plan.delivery import takes_image
from manifest_uploader.plan.image_sets import plan_set
from manifest_uploader.plan.inputs import PlanInputs, recorded, recorded_cases
from manifest_uploader.plan.steps import CasePlan, ImageSet, SharedImage
from manifest_uploader.plan.values import (
    ValuePlan,
    is_complete,
    is_same,
    pending_wait,
    resumable,
    wanted_entry,
)
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Checked, Failure, ImportFailed
from manifest_uploader.state.history import CaseHistory, SocketHistory
from manifest_uploader.state.steps import StepId

Sharing: TypeAlias = Mapping[tuple[str, str], SharedImage]
"""(case, socket) → the image that its value uses; other values are sent as they are."""

_Kind: TypeAlias = tuple[str, tuple[int, ...]]
"""The kind of a socket, and the voxel values that it allows."""


class _Rank(IntEnum):
    """How far a value is; of equal values, the first of the lowest rank is the source."""

    SEEN = auto()
    """Its image was seen, and its pk is known."""
    SENT = auto()
    """Its item was given the image, whose import has not ended."""
    UPLOADED = auto()
    BEGUN = auto()
    """Part of its upload is on the platform."""
    FAILED = auto()
    """Its import failed, and is not tried again."""
    NEW = auto()
    KEPT = auto()
    """Its item holds it, or did, and no other can use it: nobody knows its pk, because the item was
    adopted, or the image is gone from the platform."""


_OWN: Final = frozenset({_Rank.SEEN, _Rank.SENT, _Rank.UPLOADED, _Rank.FAILED, _Rank.KEPT})
"""Values that need no image of another one."""


class _Member(Struct, frozen=True):
    """A value that may share its image."""

    case: Case
    value: FileValue
    past: CaseHistory
    facts: ValueFacts
    kind: _Kind

    @property
    def was(self) -> SocketHistory | None:
        """What an earlier run put into the socket."""
        return self.past.sockets.get(self.value.socket)


def share(inputs: PlanInputs, pasts: Mapping[str, CaseHistory]) -> Sharing:
    """Which values use the images of others.

    Args:
        inputs: everything that is known.
        pasts: the histories of the chosen cases, as they are planned with; without those of
            cases for which nothing is sent.

    """
    outside = _Outside(inputs)
    found: dict[tuple[str, str], SharedImage] = {}
    for group in _groups(_members(inputs, pasts)):
        record = outside.find(group)
        if len(group) > 1 or record is not None:
            for member, shared in _shared(group, record, inputs):
                found[member.case.name, member.value.socket] = shared
    if type_of(inputs.target.kind).created_with_values:
        return _without_circles(found)
    return found


def reused_images(inputs: PlanInputs) -> frozenset[str]:
    """The pks of images of earlier runs that values are to use."""
    found = share(inputs, recorded_cases(inputs)).values()
    return frozenset(one.pk for one in found if one.pk is not None)


def _without_circles(found: Sharing) -> Sharing:
    """The values that need no image of a case which itself waits for one.

    An item that is created with all its values cannot bring one image and wait for another.
    """
    sources = {one.case for one in found.values() if one.is_awaited}
    return {key: one for key, one in found.items() if not (one.is_awaited and key[0] in sources)}


def sources_first(cases: tuple[CasePlan, ...]) -> tuple[CasePlan, ...]:
    """The cases in their order, but each after the cases whose images it waits for."""
    by_name = {case.case: case for case in cases}
    sources = ([by_name.get(one.case) for one in case.shared if one.is_awaited] for case in cases)
    pairs = zip(sources, cases, strict=True)
    in_order = chain.from_iterable((*before, case) for before, case in pairs)
    return tuple({case.case: case for case in in_order if case is not None}.values())


# ── values that are the same ────────────────────────────────────────────────────────────────


def _members(inputs: PlanInputs, pasts: Mapping[str, CaseHistory]) -> Iterator[_Member]:
    """The values of image sockets, except for those of cases that are left alone."""
    kinds = {slug: _kind(slug, inputs) for slug in inputs.facts.sockets}
    for case in inputs.manifest.cases:
        past = pasts.get(case.name)
        if past is None or past.gone or past.filling is not None:
            continue
        for value in case.values:
            kind = kinds.get(value.socket) if isinstance(value, FileValue) else None
            facts = inputs.facts.values.get((case.name, value.socket)) if kind else None
            if isinstance(value, FileValue) and facts is not None and kind is not None:
                yield _Member(case, value, past, facts, kind)


def _kind(slug: str, inputs: PlanInputs) -> _Kind | None:
    """The kind of a socket for images; None for others."""
    socket = inputs.facts.sockets.get(slug)
    if socket is None or not takes_image(socket):
        return None
    return socket.kind, socket.segments


def _groups(members: Iterable[_Member]) -> list[list[_Member]]:
    """The values that are the same, in the manifest's order."""
    by_files: dict[tuple[_Kind, str], list[_Member]] = {}
    alone: list[list[_Member]] = []
    for one in members:
        if one.facts.where:
            by_files.setdefault((one.kind, one.facts.where), []).append(one)
        else:
            alone.append([one])
    by_content: dict[tuple[_Kind, str], list[_Member]] = {}
    found = []
    for group in chain(by_files.values(), alone):
        content = _content(group)
        same = by_content.setdefault((group[0].kind, content), group) if content else group
        if same is group:
            found.append(group)
        else:
            same += group
    return found


def _content(group: list[_Member]) -> str | None:
    return next((one.facts.content for one in group if one.facts.content is not None), None)


class _Outside:
    """The images on record of cases that are not part of the plan."""

    def __init__(self, inputs: PlanInputs) -> None:
        self._by_content: dict[tuple[_Kind, str], SharedImage] = {}
        self._by_paths: dict[tuple[_Kind, tuple[str, ...], str], SharedImage] = {}
        chosen = {case.name for case in inputs.manifest.cases}
        taken = {inputs.renamed.get(name, name) for name in chosen}
        for name, past in inputs.history.cases.items():
            if name not in taken and not past.gone and past.item not in inputs.facts.gone:
                self._add(name, past, inputs)
        if len(inputs.whole) > len(chosen):
            for case in inputs.whole:
                if case.name not in chosen:
                    self._add_paths(case, inputs)

    def _add(self, name: str, past: CaseHistory, inputs: PlanInputs) -> None:
        for slug, was in past.sockets.items():
            kind, pk = _kind(slug, inputs), _usable_image(was, inputs)
            if kind is not None and pk is not None and was.entry.content is not None:
                shared = SharedImage("", name, slug, pk, was.entry.content)
                self._by_content.setdefault((kind, was.entry.content), shared)

    def _add_paths(self, case: Case, inputs: PlanInputs) -> None:
        past = recorded(case, inputs)
        for value in case.values:
            was, kind = past.sockets.get(value.socket), _kind(value.socket, inputs)
            if past.gone or was is None or kind is None or not isinstance(value, FileValue):
                continue
            pk, stat = _usable_image(was, inputs), was.entry.stat
            failure = (
                _reason(case.name, value.socket, was.failure) if _failed(was, inputs) else None
            )
            if stat is not None and (pk is not None or failure is not None):
                shared = SharedImage("", case.name, value.socket, pk, was.entry.content, failure)
                self._by_paths.setdefault((kind, value.paths, stat), shared)

    def find(self, group: list[_Member]) -> SharedImage | None:
        """The image of the files of a group, if it is on record."""
        content = _content(group)
        found = self._by_content.get((group[0].kind, content)) if content else None
        keys = ((one.kind, one.value.paths, one.facts.stat) for one in group)
        return found or next((self._by_paths[key] for key in keys if key in self._by_paths), None)


# ── who uses whose image ────────────────────────────────────────────────────────────────────


def _shared(
    group: list[_Member], record: SharedImage | None, inputs: PlanInputs
) -> Iterator[tuple[_Member, SharedImage]]:
    """The members that use the image of another one, or one on record."""
    ranks = [_rank(one, inputs) for one in group]
    at = min(range(len(group)), key=lambda n: (ranks[n], group[n].value.same_as is not None))
    source = _source(group[at], ranks[at])
    if record is not None and ranks[at] > _Rank.SENT:
        source = record
    elif source is None:
        return
    for member, rank in zip(group, ranks, strict=True):
        socket = member.value.socket
        if rank not in _OWN and (member.case.name, socket) != (source.case, source.socket):
            pk, content, failure = source.pk, source.content, source.failure
            shared = SharedImage(socket, source.case, source.socket, pk, content, failure)
            yield member, shared


def _source(member: _Member, rank: _Rank) -> SharedImage | None:
    """What others can use of a member; None if that is nothing."""
    name, slug, was = member.case.name, member.value.socket, member.was
    if rank is _Rank.KEPT:
        return None
    if rank is _Rank.FAILED and was is not None:
        return SharedImage(slug, name, slug, failure=_reason(name, slug, was.failure))
    if rank in {_Rank.SEEN, _Rank.SENT} and was is not None:
        return SharedImage(slug, name, slug, _image(was), was.entry.content)
    before = member.past.uploads.get(slug) if rank is _Rank.UPLOADED else None
    return SharedImage(slug, name, slug, content=before.content if before is not None else None)


def _rank(member: _Member, inputs: PlanInputs) -> _Rank:
    case, slug, was = member.case, member.value.socket, member.was
    wanted = wanted_entry(case, member.value, inputs)
    is_wanted = was is not None and is_same(was.entry, wanted)
    if was is not None and is_wanted and (case.name, slug) not in inputs.facts.restore.values:
        if _failed(was, inputs):
            return _Rank.FAILED
        if was.standing in {"confirmed", "waiting"} and not (
            was.is_unchecked and inputs.choices.resend_unchecked
        ):
            return _settled_rank(was, inputs)
    if wanted.image_name is not None:
        return _rank_of_set(plan_set(case, member.value, member.past, inputs))
    before = member.past.uploads.get(slug)
    if before is not None and is_complete(before, wanted, inputs):
        return _Rank.UPLOADED
    return _Rank.BEGUN if resumable(before, member.facts, inputs) is not None else _Rank.NEW


def _rank_of_set(found: ImageSet) -> _Rank:
    if not found.uploads:
        return _Rank.UPLOADED
    is_begun = found.complete or any(one.row is not None for one in found.uploads)
    return _Rank.BEGUN if is_begun else _Rank.NEW


def _settled_rank(was: SocketHistory, inputs: PlanInputs) -> _Rank:
    if _usable_image(was, inputs) is not None:
        return _Rank.SEEN
    is_coming = was.standing == "waiting" and _image(was) is None
    return _Rank.SENT if is_coming else _Rank.KEPT


def _usable_image(was: SocketHistory, inputs: PlanInputs) -> str | None:
    """The pk of the image that a socket holds, if the platform still has it."""
    pk = _image(was)
    return None if pk in inputs.facts.lost_images else pk


def _image(was: SocketHistory) -> str | None:
    """The pk of the image that a socket holds, if it was seen or named."""
    if was.standing not in {"confirmed", "waiting"}:
        return None
    seen = was.pk if was.standing == "confirmed" and was.entry.upload is not None else None
    return image_of(was.entry.digest) or seen


def _failed(was: SocketHistory, inputs: PlanInputs) -> bool:
    return was.standing == "failed" and not inputs.choices.retry_failed


def _reason(case: str, socket: str, failure: Failure | None) -> str:
    message = failure.message if failure is not None else None
    return failed_words(SharedImage(socket, case, socket), message)


def lost_image(plan: CasePlan, one: SharedImage, message: str | None) -> ImportFailed:
    """The failure of a value whose image another value should have brought."""
    step = StepId.upload(plan.case, one.into)
    source = next((files_of(value) for value in plan.values if value.socket == one.into), None)
    return ImportFailed(plan.case, step, one.into, failed_words(one, message), source)


def failed_words(image: SharedImage, message: str | None) -> str:
    """Why a value that uses an image was not sent, with the platform's message about it."""
    reason = message or "it was not imported"
    return f"it uses the image of {image.case}/{image.socket}, which failed: {reason}"


# ── one value ───────────────────────────────────────────────────────────────────────────────


def plan_shared(
    case: Case, value: FileValue, past: CaseHistory, inputs: PlanInputs, shared: SharedImage
) -> ValuePlan:
    """Compare the image that a value uses with what the history says is in its socket."""
    was = past.sockets.get(value.socket)
    waiting = None
    if was is not None and was.standing == "waiting":
        waiting = pending_wait(case, past, was, inputs)
    step = StepId.upload(case.name, value.socket)
    facts = inputs.facts.values[case.name, value.socket]
    if shared.failure is not None:
        failed = ImportFailed(case.name, step, value.socket, shared.failure, files_of(value))
        is_known = was is not None and was.failure == failed.failure
        found = None if is_known else failed
        return ValuePlan(value, wait=waiting, found=found, failure=failed.failure, shared=shared)
    content = shared.content or facts.content
    digest = image_digest(shared.pk) if shared.pk is not None else None
    entry = Entry(value.socket, digest, stat=facts.stat, content=content)
    if was is not None and digest is not None and _is_there(case, was, digest, inputs):
        is_touched = was.entry.stat != facts.stat
        checked = Checked(case.name, step, value.socket, facts.stat) if is_touched else None
        return ValuePlan(value, wait=waiting, found=checked)
    is_importing = waiting is not None and waiting.upload is not None
    return ValuePlan(value, entry=entry, wait=waiting if is_importing else None, shared=shared)


def _is_there(case: Case, was: SocketHistory, digest: str, inputs: PlanInputs) -> bool:
    is_ours = was.entry.digest == digest and was.standing in {"confirmed", "waiting"}
    return is_ours and (case.name, was.entry.socket) not in inputs.facts.restore.values
