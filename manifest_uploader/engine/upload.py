"""The control plane of an upload: opens its row, gets URLs for its parts, completes it.

The bytes themselves are sent by a data task (`data_task`), which gets no token, here or on a worker
(`data_plane`). What a worker that has ended sent stays: storage is asked what it holds.

A new row is recorded before its first part is sent. When an upload is resumed, its row is checked
before anything is sent. A complete upload is never completed again, because the platform answers
that with 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from msgspec import Struct, field

from manifest_uploader.digests import Json
from manifest_uploader.engine.data_plane import MOST_LOST, DataPlane
from manifest_uploader.engine.data_task import (
    DataTask,
    PartsNotSent,
    PartsSent,
    Reason,
    StoredPart,
)
from manifest_uploader.engine.tally import Tally
from manifest_uploader.engine.too_large import is_alone, too_large
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.local_file import FileChanged
from manifest_uploader.files.parts import (
    Content,
    content_size,
    part_count,
    part_length,
    part_size,
)
from manifest_uploader.plan.steps import Upload
from manifest_uploader.platform import refusals
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.responses import Interrupted, ResponseLost
from manifest_uploader.state.events import Done, Opened, OpenUpload

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_URLS_PER_REQUEST: Final = 1000
_IN_FLIGHT: Final = 32
"""Parts before the one asked for whose URLs may still be needed."""
_TRIES: Final = 4
"""Tries of an upload that storage loses, and of a completion that has no effect."""
_STORAGE_ID: Final = re.compile(r"[\w.~-]{1,1024}", re.ASCII)


_TOO_MANY_LOST: Final = (
    f"{MOST_LOST} workers were lost while they sent it; perhaps each has too little memory"
)


class UploadRefused(Exception):
    """The platform or its storage rejects this upload."""

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.final = final
        """A later attempt will not succeed either."""


class UploadLimitReached(Exception):
    """The account has as many upload rows, or bytes, as the platform allows."""

    def __init__(self, message: str, *, size_limit: bool) -> None:
        super().__init__(message)
        self.message = message
        self.size_limit = size_limit
        """The limit is on bytes, not on rows."""


class _UploadLost(Exception):
    """The row or its storage is gone, or holds other bytes: open a new row."""


class _WorkerLost(Exception):
    """The worker has ended: continue with the same row."""

    def __init__(self, row: OpenUpload) -> None:
        super().__init__()
        self.row = row


class Tools(Struct, frozen=True):
    """What uploads need from the run."""

    client: Client
    plane: DataPlane
    stopping: Callable[[], bool]
    emit: Callable[[Opened], None]
    warn: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)


class Uploaded(Struct, frozen=True):
    """A complete upload."""

    done: Done
    files: tuple[tuple[str, str, int], ...]
    """(name, SHA-256 in hex, size in bytes) of every file, for the receipt."""


def send(upload: Upload, content: Content, tools: Tools) -> Uploaded:
    """Send a content as one complete upload.

    Raises:
        UploadRefused: the upload failed.
        UploadLimitReached: there is no room now; a row that was opened stays open.
        FileChanged: a file has changed since it was looked at.
        Interrupted: the run is being stopped.

    """
    size = content_size(content)
    row = upload.row
    uploads_lost = workers_lost = 0
    while True:
        try:
            return _Attempt(upload, content, size, tools).run(row)
        except _UploadLost:
            tools.tally.forget(upload.step)
            row, uploads_lost = None, uploads_lost + 1
        except _WorkerLost as lost:
            row, workers_lost = lost.row, workers_lost + 1
        if uploads_lost == _TRIES:
            raise UploadRefused("storage lost this upload several times", final=False)
        if workers_lost == MOST_LOST:
            raise UploadRefused(_TOO_MANY_LOST, final=False)


class _Attempt:
    """One attempt to upload, with one upload row."""

    def __init__(self, upload: Upload, content: Content, size: int, tools: Tools) -> None:
        self._upload, self._content, self._size = upload, content, size
        self._part_size = part_size(size)
        self._numbers = range(1, part_count(size, self._part_size) + 1)
        self._tools, self._client = tools, tools.client

    def run(self, row: OpenUpload | None) -> Uploaded:
        stored: Mapping[int, StoredPart] = {}
        if row is None:
            row = self._open()
        elif self._is_complete(row):  # an earlier run was killed before it recorded the hashes
            self._tools.tally.holds(self._upload.step, self._size)
            return self._uploaded(row, self._send_parts(row, (), stored={}))
        else:
            stored = self._list_parts(row)
            self._tools.tally.holds(self._upload.step, self._length(stored))
        lacking = [number for number in self._numbers if number not in stored]
        sent = self._send_parts(row, lacking, stored=stored)
        etags, encrypted = dict(sent.etags), sent.encrypted
        for _ in range(_TRIES):
            if encrypted:
                self._compare_sizes(row)
            if self._complete(row, etags):
                return self._uploaded(row, sent)
            if lacking := self._find_lost(row, etags):
                self._tools.tally.add(self._upload.step, -self._length(lacking))
                again = self._send_parts(row, lacking, stored={})
                etags |= again.etags
                encrypted = encrypted or again.encrypted
        raise UploadRefused("storage cannot assemble the parts", final=False)

    def _uploaded(self, row: OpenUpload, sent: PartsSent) -> Uploaded:
        upload, digests = self._upload, sent.digests
        done = Done(
            upload.case,
            upload.step,
            upload.socket,
            pk=row.pk,
            stat=upload.stat,
            content=digests.content,
            sha256=digests.sha256,
            size=self._size,
            files=len(digests.files),
            worker=sent.worker or None,
        )
        return Uploaded(done, digests.files)

    # -- the row --

    def _open(self) -> OpenUpload:
        answer = self._client.call("POST", "uploads/", json={"filename": self._upload.name})
        if refusals.is_row_limit(answer.json):
            message = refusals.refusal_message(answer.status, answer.json)
            raise UploadLimitReached(message, size_limit=False)
        if not answer.ok:
            raise UploadRefused(refusals.refusal_message(answer.status, answer.json))
        pk, storage_id = (answer.fields.get(name) for name in ("pk", "s3_upload_id"))
        has_id = isinstance(storage_id, str) and _STORAGE_ID.fullmatch(storage_id) is not None
        if not is_pk(pk) or not isinstance(storage_id, str) or not has_id:
            raise UploadRefused("the platform opened no usable upload", final=False)
        upload, size = self._upload, self._part_size
        opened = Opened(
            *(upload.case, upload.step, upload.socket, pk, storage_id, size, upload.stat),
            token=upload.token,
            made_by=self._content.made_by if isinstance(self._content, DicomCopy) else None,
        )
        self._tools.emit(opened)
        return opened.row

    def _is_complete(self, row: OpenUpload) -> bool:
        """Check the row of an earlier run; raise _UploadLost if it takes no more parts."""
        answer = self._client.get(f"uploads/{row.pk}/")
        status = answer.fields.get("status") if answer.ok else None
        if status == "Completed":
            return True
        is_ours = row.storage_id and row.part_size == self._part_size
        if status != "Initialized" or not is_ours:
            raise _UploadLost
        return False

    def _list_parts(self, row: OpenUpload) -> dict[int, StoredPart]:
        answer = self._client.get(f"uploads/{row.pk}/{row.storage_id}/list-parts/")
        parts = answer.fields.get("parts") if answer.ok else None
        if not isinstance(parts, list):
            raise _UploadLost
        return {
            part["PartNumber"]: StoredPart(str(part.get("ETag")).strip('"'), part["Size"])
            for part in parts
            if isinstance(part, dict)
            and part.get("PartNumber") in self._numbers
            and isinstance(part.get("Size"), int)
        }

    # -- the parts --

    def _send_parts(
        self, row: OpenUpload, lacking: Sequence[int], *, stored: Mapping[int, StoredPart]
    ) -> PartsSent:
        """Send parts, compare those stored, and hash the whole stream."""
        task = DataTask(
            content=self._content,
            size=self._size,
            part_size=self._part_size,
            send=tuple(lacking),
            stored=stored,
            urls=self._sign(row, lacking[0]) if lacking else {},
        )
        result = self._tools.plane.send(
            task,
            sign=partial(self._sign, row),
            add=partial(self._tools.tally.add, self._upload.step),
        )
        if isinstance(result, PartsNotSent):
            match result.reason:
                case Reason.UPLOAD_LOST:
                    raise _UploadLost
                case Reason.FILE_CHANGED:
                    raise FileChanged(result.message)
                case Reason.STORAGE_REFUSED:
                    raise UploadRefused(result.message, final=False)
                case Reason.STOPPED:
                    raise Interrupted
                case Reason.WORKER_LOST:
                    raise _WorkerLost(row)
                case _:
                    assert_never(result.reason)
        if result.encrypted:
            self._tools.warn("storage encrypts with KMS: parts are compared by size, not by MD5")
        return result

    def _length(self, numbers: Iterable[int]) -> int:
        """The bytes of some parts."""
        return sum(part_length(self._size, self._part_size, number) for number in numbers)

    def _sign(self, row: OpenUpload, number: int) -> dict[int, str]:
        """Presigned URLs for a part, those that may still be in flight, and those that follow.

        Raises:
            UploadLimitReached: the account has as many bytes as the platform allows.
            UploadRefused: the platform signs no URL, or this upload alone has too many bytes.
            _UploadLost: the upload is gone or complete.

        """
        first = max(1, number - min(_IN_FLIGHT, _URLS_PER_REQUEST // 2))
        numbers = self._numbers[first - 1 : first - 1 + _URLS_PER_REQUEST]
        path = f"uploads/{row.pk}/{row.storage_id}/generate-presigned-urls/"
        body = {"part_numbers": list(numbers)}
        answer = self._client.call("PATCH", path, json=body)
        if refusals.is_size_limit(answer.json):
            self._check_room(row, path, body)
            message = refusals.refusal_message(answer.status, answer.json)
            raise UploadLimitReached(message, size_limit=True)
        if answer.status == 404:  # noqa: PLR2004
            raise _UploadLost
        urls = answer.fields.get("presigned_urls")
        if not answer.ok or not isinstance(urls, dict):
            raise UploadRefused(refusals.refusal_message(answer.status, answer.json), final=False)
        signed = {n: url for n in numbers if isinstance(url := urls.get(str(n)), str)}
        if len(signed) < len(numbers):
            raise UploadRefused("the platform gave no presigned URL for a part", final=False)
        return signed

    def _check_room(self, row: OpenUpload, path: str, body: Json) -> None:
        """Check that there may be room later, once other uploads are imported."""

        def is_refused() -> bool:
            return refusals.is_size_limit(self._client.call("PATCH", path, json=body).json)

        if is_alone(self._client, row.pk, is_refused):
            stored = sum(part.size for part in self._list_parts(row).values())
            raise UploadRefused(too_large("Upload limit reached", self._size, stored))

    # -- completing --

    def _complete(self, row: OpenUpload, etags: Mapping[int, str]) -> bool:
        """Complete the upload; False if that had no effect."""
        parts = [{"ETag": f'"{etags[number]}"', "PartNumber": number} for number in sorted(etags)]
        path = f"uploads/{row.pk}/{row.storage_id}/complete-multipart-upload/"
        try:
            answer = self._client.call("PATCH", path, json={"parts": parts}, repeat=False)
        except ResponseLost:
            answer = self._client.get(f"uploads/{row.pk}/")
        if answer.status == 404:  # noqa: PLR2004
            raise _UploadLost
        if answer.ok:
            return bool(answer.fields.get("status") == "Completed")
        raise UploadRefused(refusals.refusal_message(answer.status, answer.json))

    def _find_lost(self, row: OpenUpload, etags: Mapping[int, str]) -> list[int]:
        """The parts that were sent but that storage does not hold."""
        held = self._list_parts(row)
        return [
            number
            for number in self._numbers
            if held.get(number)
            != StoredPart(etags[number], part_length(self._size, self._part_size, number))
        ]

    def _compare_sizes(self, row: OpenUpload) -> None:
        if sum(part.size for part in self._list_parts(row).values()) != self._size:
            raise _UploadLost
