"""Sends one stream in parts, resumes it, and proves its bytes.

An upload row is opened once and written down before its first part; whatever happens after, the
row is looked at before anything is sent again. A complete upload is never completed twice: that
answers 500 though all is well.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.files.parts import Part, Stream, part_count, part_size
from manifest_uploader.plan.steps import Upload
from manifest_uploader.platform import refusals
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.responses import Interrupted, Response, ResponseLost
from manifest_uploader.state.events import Done, Opened, OpenUpload

if TYPE_CHECKING:  # it costs 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_URL_LIFE_S: Final = 2700.0
"""Grand Challenge signs addresses for an hour; a part may take a while of it."""
_URLS_A_CALL: Final = 1000
_UNDER_WAY: Final = 32
"""Parts at a time, at most."""
_AHEAD: Final = 2
"""Parts that are ready before a thread is free for them: no thread waits for a part's SHA-256."""
_TRIES: Final = 4
"""Of a part whose bytes arrive wrong, of a completion that does not act, of an upload anew."""
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_STORAGE_ID: Final = re.compile(r"[\w.~-]{1,1024}", re.ASCII)


class UploadRefused(Exception):
    """The platform or its storage does not take this upload; `words` says why."""

    def __init__(self, words: str, *, final: bool = True) -> None:
        super().__init__(words)
        self.words = words
        self.final = final


class RoomMissing(Exception):
    """The account holds as many upload rows, or bytes, as it may."""

    def __init__(self, words: str, *, size_limit: bool) -> None:
        super().__init__(words)
        self.words = words
        self.size_limit = size_limit


class _Vanished(Exception):
    """The row or its storage is gone, or holds other bytes: begin anew."""


class Tools(Struct, frozen=True):
    """What an upload works with."""

    client: Client
    senders: Executor
    """Threads that send parts of streams with several; shared by all uploads."""
    at_once: int
    """Parts of one stream under way, at most."""
    emit: Callable[[Opened], None]
    warn: Callable[[str], None]
    stopping: Callable[[], bool]


def send(upload: Upload, stream: Stream, tools: Tools) -> Done:
    """Bring the stream's bytes to storage as one complete upload.

    Raises:
        UploadRefused: it cannot be done.
        RoomMissing: it cannot be done now; what was opened stays open.
        FileChanged: a file is not what it was.
        Interrupted: the run is being stopped.

    """
    begun = upload.begun
    for _ in range(_TRIES):
        try:
            return _Sending(upload, stream, tools, begun).run()
        except _Vanished:
            begun = None
    raise UploadRefused("storage lost this upload several times", final=False)


class _Sending:
    """One attempt, with one upload row."""

    def __init__(
        self, upload: Upload, stream: Stream, tools: Tools, begun: OpenUpload | None
    ) -> None:
        self._upload, self._stream, self._tools = upload, stream, tools
        self._client = tools.client
        self._begun = begun
        self._stored: dict[int, tuple[str, int]] = {}
        """Part number → (ETag, bytes) that storage holds of an earlier run."""
        self._etags: dict[int, str] = {}
        self._encrypted = False
        """Storage's ETags are no MD5s (KMS)."""

    def run(self) -> Done:
        if self._begun is not None and self._is_complete(self._begun):
            return self._done(self._hash_only())
        begun = self._begun or self._open()
        self._begun = begun
        urls = _Urls(self._client, begun, part_count(self._stream.size, begun.part_size))
        self._send_parts(begun, urls)
        self._complete(begun, urls)
        return self._done(begun)

    # -- opening --

    def _is_complete(self, begun: OpenUpload) -> bool:
        """Look at the row of an earlier run, and at its parts if it is still open."""
        answer = self._client.get(f"uploads/{begun.pk}/")
        status = answer.fields.get("status") if answer.ok else None
        if status == "Completed":
            return True
        is_ours = begun.storage_id and begun.part_size == part_size(self._stream.size)
        if status != "Initialized" or not is_ours:
            raise _Vanished
        self._stored = self._list_parts(begun)
        return False

    def _list_parts(self, begun: OpenUpload) -> dict[int, tuple[str, int]]:
        answer = self._client.get(f"uploads/{begun.pk}/{begun.storage_id}/list-parts/")
        parts = answer.fields.get("parts") if answer.ok else None
        if not isinstance(parts, list):
            raise _Vanished
        return {
            part["PartNumber"]: (str(part.get("ETag")).strip('"'), part["Size"])
            for part in parts
            if isinstance(part, dict)
            and isinstance(part.get("PartNumber"), int)
            and isinstance(part.get("Size"), int)
        }

    def _open(self) -> OpenUpload:
        answer = self._client.call("POST", "uploads/", json={"filename": self._upload.name})
        if refusals.is_row_limit(answer.json):
            raise RoomMissing(refusals.words(answer.status, answer.json), size_limit=False)
        if not answer.ok:
            raise UploadRefused(refusals.words(answer.status, answer.json))
        pk, storage_id = (answer.fields.get(name) for name in ("pk", "s3_upload_id"))
        has_id = isinstance(storage_id, str) and _STORAGE_ID.fullmatch(storage_id) is not None
        if not is_pk(pk) or not isinstance(storage_id, str) or not has_id:
            raise UploadRefused("the platform opened no upload that can be used", final=False)
        upload, size = self._upload, part_size(self._stream.size)
        begun = OpenUpload(pk, storage_id, size, upload.stat)
        self._tools.emit(
            Opened(upload.case, upload.step, upload.socket, pk, storage_id, size, upload.stat)
        )
        return begun

    # -- parts --

    def _send_parts(self, begun: OpenUpload, urls: _Urls) -> None:
        if part_count(self._stream.size, begun.part_size) == 1:
            for part in self._stream.parts(begun.part_size):
                self._send_or_skip(part, urls)
            return
        under_way: dict[Future[None], Part] = {}
        try:
            for part in self._stream.parts(begun.part_size):
                future = self._tools.senders.submit(self._send_or_skip, part, urls)
                under_way[future] = part
                while len(under_way) >= self._tools.at_once + _AHEAD:
                    self._await_one(under_way)
            while under_way:
                self._await_one(under_way)
        finally:
            for future, part in under_way.items():
                if future.cancel():
                    part.release()
            wait(under_way)

    def _await_one(self, under_way: dict[Future[None], Part]) -> None:
        ended, _ = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in ended:
            del under_way[future]
            future.result()
        if self._tools.stopping():
            raise Interrupted

    def _send_or_skip(self, part: Part, urls: _Urls) -> None:
        try:
            if self._tools.stopping():
                raise Interrupted
            if part.number in self._stored:
                self._skip(part)
            else:
                self._send_part(part, urls)
        finally:
            part.release()

    def _skip(self, part: Part) -> None:
        """Storage has this part of an earlier run: its MD5 has to be ours."""
        etag, size = self._stored[part.number]
        if size != part.length or part.read() != etag:
            raise _Vanished
        self._etags[part.number] = etag

    def _send_part(self, part: Part, urls: _Urls) -> None:
        for _ in range(_TRIES):
            url = urls.of(part.number)
            answer = self._client.put_part(url, length=part.length, body=part.body)
            if answer.ok and self._is_proven(part, answer):
                return
            if answer.status == 403:  # noqa: PLR2004
                urls.expire(url)
            elif answer.status == 404:  # noqa: PLR2004
                raise _Vanished
            elif not answer.ok:
                raise UploadRefused(_storage_words(answer), final=False)
        raise UploadRefused(_storage_words(answer), final=False)

    def _is_proven(self, part: Part, answer: Response) -> bool:
        """Storage holds the bytes that we read: its ETag is their MD5."""
        etag = answer.headers.get("etag", "").strip('"')
        if "kms" in answer.headers.get("x-amz-server-side-encryption", ""):
            self._encrypted = True
            self._tools.warn("storage encrypts with KMS: parts are compared by size, not by MD5")
        if not self._encrypted and etag != part.md5:
            return False
        self._etags[part.number] = etag
        return bool(etag)

    # -- completing --

    def _complete(self, begun: OpenUpload, urls: _Urls) -> None:
        for _ in range(_TRIES):
            self._stream.check()
            if self._encrypted:
                self._compare_sizes(begun)
            if self._has_completed(begun):
                return
            self._send_missing(begun, urls)
        raise UploadRefused("storage does not put the parts together", final=False)

    def _has_completed(self, begun: OpenUpload) -> bool:
        parts = [
            {"ETag": f'"{self._etags[number]}"', "PartNumber": number}
            for number in sorted(self._etags)
        ]
        path = f"uploads/{begun.pk}/{begun.storage_id}/complete-multipart-upload/"
        try:
            answer = self._client.call("PATCH", path, json={"parts": parts}, repeat=False)
        except ResponseLost:
            answer = self._client.get(f"uploads/{begun.pk}/")
        if answer.status == 404:  # noqa: PLR2004
            raise _Vanished
        if answer.ok:
            return bool(answer.fields.get("status") == "Completed")
        raise UploadRefused(refusals.words(answer.status, answer.json))

    def _send_missing(self, begun: OpenUpload, urls: _Urls) -> None:
        """A completion did not act: send what storage does not hold after all."""
        held = self._list_parts(begun)
        for part in self._stream.parts(begun.part_size):
            etag = self._etags.get(part.number)
            if held.get(part.number) == (etag, part.length):
                part.release()
            else:
                self._stored.pop(part.number, None)
                self._send_or_skip(part, urls)

    def _compare_sizes(self, begun: OpenUpload) -> None:
        held = self._list_parts(begun)
        if sum(size for _, size in held.values()) != self._stream.size:
            raise _Vanished

    # -- the end --

    def _hash_only(self) -> OpenUpload:
        """The earlier run completed it but did not note down its content."""
        assert self._begun is not None
        for part in self._stream.parts(part_size(self._stream.size)):
            try:
                part.read()
            finally:
                part.release()
        return self._begun

    def _done(self, begun: OpenUpload) -> Done:
        upload, proof = self._upload, self._stream.proof
        return Done(
            upload.case,
            upload.step,
            upload.socket,
            pk=begun.pk,
            stat=upload.stat,
            content=proof.content,
            sha256=proof.sha256,
            size=self._stream.size,
            files=len(proof.files),
        )


class _Urls:
    """The presigned URLs of one upload: fetched together, again when they grow old."""

    def __init__(self, client: Client, begun: OpenUpload, count: int) -> None:
        self._client, self._begun, self._count = client, begun, count
        self._lock = threading.Lock()
        self._urls: dict[int, tuple[str, float]] = {}

    def of(self, number: int) -> str:
        """The URL of a part, young enough to be used.

        Raises:
            RoomMissing: the account holds as many bytes as it may.
            _Vanished: the upload is gone, or complete.

        """
        with self._lock:
            url, born = self._urls.get(number, ("", 0.0))
            if not url or time.monotonic() - born > _URL_LIFE_S:
                self._fetch(number)
                url, _ = self._urls[number]
            return url

    def expire(self, url: str) -> None:
        """Storage says that this URL is too old: so are those that came with it."""
        with self._lock:
            if any(one == url for one, _ in self._urls.values()):
                self._urls.clear()

    def _fetch(self, number: int) -> None:
        """Fetch the URL of a part, with those of parts behind it and of any still under way."""
        first = max(1, number - min(_UNDER_WAY, _URLS_A_CALL // 2))
        numbers = list(range(first, min(first + _URLS_A_CALL, self._count + 1)))
        begun = self._begun
        path = f"uploads/{begun.pk}/{begun.storage_id}/generate-presigned-urls/"
        asked = time.monotonic()
        answer = self._client.call("PATCH", path, json={"part_numbers": numbers})
        if refusals.is_size_limit(answer.json):
            raise RoomMissing(refusals.words(answer.status, answer.json), size_limit=True)
        if answer.status == 404:  # noqa: PLR2004
            raise _Vanished
        self._urls |= {number: (url, asked) for number, url in _signed(answer, numbers)}


def _signed(answer: Response, numbers: list[int]) -> Iterator[tuple[int, str]]:
    urls = answer.fields.get("presigned_urls")
    if not answer.ok or not isinstance(urls, dict):
        raise UploadRefused(refusals.words(answer.status, answer.json), final=False)
    for number in numbers:
        url = urls.get(str(number))
        if not isinstance(url, str):
            raise UploadRefused("the platform signed no address for a part", final=False)
        yield number, url


def _storage_words(answer: Response) -> str:
    if answer.ok:
        return "storage received other bytes than were sent, several times"
    found = re.search(r"<Code>([\w.]{1,80})</Code>", answer.text)
    code = f" ({found.group(1)})" if found else ""
    return f"storage answered {answer.status}{code}"
