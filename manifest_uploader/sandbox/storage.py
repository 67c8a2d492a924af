"""Storage: signs addresses, receives parts that are PUT to them, and sends files.

It answers as AWS S3 does: it checks signatures and expiry, and rejects parts of ended uploads.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, urlencode

from manifest_uploader.sandbox.answers import Answer, storage_error
from manifest_uploader.sandbox.store import Store, discard, is_pk, now

UPLOADS = "/grand-challenge-uploads/"
PROTECTED = "/grand-challenge-protected/"
LIFE_S = 3600
SLICE = 256 * 1024
_BINARY = "application/octet-stream"
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signer:
    """Signs addresses that are valid for an hour."""

    secret: bytes

    def sign(self, method: str, base: str, path: str, query: dict[str, str]) -> str:
        """Return the address below a scheme and host with a query that contains its signature."""
        moment = datetime.now(UTC).strftime(_DATE)
        full = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"sandbox/{moment[:8]}/eu-central-1/s3/aws4_request",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(LIFE_S),
            "X-Amz-SignedHeaders": "host",
        }
        text = urlencode(full, quote_via=quote, safe="")
        host = base.partition("://")[2]
        signature = self._signature(method, host, path, full)
        return f"{base}{quote(path)}?{text}&X-Amz-Signature={signature}"

    def complaint(self, method: str, host: str, path: str, query: dict[str, str]) -> Answer | None:
        """Return the error for an expired or forged address, or None if it is valid."""
        signed = {key: value for key, value in query.items() if key != "X-Amz-Signature"}
        given = query.get("X-Amz-Signature", "")
        if not given or "X-Amz-Date" not in query:
            return storage_error(403, "AccessDenied", "Access Denied")
        if _has_expired(query):
            return expired()
        genuine = self._signature(method, host, path, signed)
        if not hmac.compare_digest(genuine.encode(), given.encode()):
            words = (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )
            return storage_error(403, "SignatureDoesNotMatch", words)
        return None

    def _signature(self, method: str, host: str, path: str, query: dict[str, str]) -> str:
        canonical = "\n".join((method, path, urlencode(sorted(query.items())), f"host:{host}"))
        return hmac.new(self.secret, canonical.encode(), hashlib.sha256).hexdigest()


def _has_expired(query: Mapping[str, str]) -> bool:
    try:
        signed = datetime.strptime(query["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
        life = timedelta(seconds=int(query.get("X-Amz-Expires", "0")))
    except ValueError:
        return True
    return datetime.now(UTC) > signed + life


def expired() -> Answer:
    """Return the error for an expired address."""
    return storage_error(403, "AccessDenied", "Request has expired")


@dataclass(frozen=True)
class StorageRequest:
    """A request to storage whose body has not been read yet."""

    method: str
    path: str
    query_text: str
    host: str
    has_authorization: bool
    size: int | None
    """The body's length in bytes; None if the client did not send it."""
    range: str = ""
    """The header Range."""


class Storage:
    """Receives parts and sends files."""

    def __init__(self, store: Store, signer: Signer) -> None:
        """Store the bytes in the store's folder."""
        self._store = store
        self._signer = signer

    def answer(
        self, request: StorageRequest, read: Callable[[memoryview], int], loss: str | None
    ) -> Answer:
        """Handle a request to a signed address; `read` reads from its body into a buffer.

        `loss` is a fault: "" discards the part, "corrupt" stores different bytes.
        """
        query = dict(parse_qsl(request.query_text, keep_blank_values=True))
        complaint = self._check(request, query)
        if complaint is not None:
            return complaint
        if request.method == "GET":
            return self._download(request)
        if request.method != "PUT" or not request.path.startswith(UPLOADS):
            words = "The specified method is not allowed against this resource."
            return storage_error(405, "MethodNotAllowed", words)
        return self._store_part(request, query, read, loss)

    def _check(self, request: StorageRequest, query: dict[str, str]) -> Answer | None:
        if request.has_authorization:
            words = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified"
            )
            return storage_error(400, "InvalidArgument", words)
        return self._signer.complaint(request.method, request.host, request.path, query)

    def _store_part(
        self,
        request: StorageRequest,
        query: dict[str, str],
        read: Callable[[memoryview], int],
        loss: str | None,
    ) -> Answer:
        if request.size is None:
            words = "You must provide the Content-Length HTTP header."
            return storage_error(411, "MissingContentLength", words)
        upload = request.path.rpartition("/")[2]
        s3_id = query.get("uploadId", "")
        if not self._is_open(upload, s3_id):
            return no_such_upload()
        file = self._store.parts / upload / f"{query['partNumber']}.{secrets.token_hex(6)}"
        etag = self._receive(file, request.size, read)
        if etag is None:
            return storage_error(400, "IncompleteBody", "The request body ended early.")
        if loss:
            file.write_bytes(loss.encode())
            etag = hashlib.md5(loss.encode()).hexdigest()  # noqa: S324
        if loss == "" or not self._record(upload, s3_id, int(query["partNumber"]), etag, file):
            discard(file)
            if loss is None:
                return no_such_upload()
        return Answer(200, headers=(("ETag", f'"{etag}"'),), content_type="")

    def _receive(self, file: Path, size: int, read: Callable[[memoryview], int]) -> str | None:
        file.parent.mkdir(exist_ok=True)
        digest = hashlib.md5()  # noqa: S324 - it is what S3 calls an ETag
        with file.open("wb", buffering=0) as target:
            whole = _copy(target, size, read, digest.update)
        if not whole:
            discard(file)
            return None
        return digest.hexdigest()

    def _is_open(self, upload: str, s3_id: str) -> bool:
        row = self._store.row("SELECT s3_id, status FROM uploads WHERE pk = ?", upload)
        return row is not None and row["s3_id"] == s3_id and row["status"] == "Initialized"

    def _record(self, upload: str, s3_id: str, number: int, etag: str, file: Path) -> bool:
        """Record a received part; return False if its upload has ended meanwhile."""
        with self._store.transaction():
            if not self._is_open(upload, s3_id):
                return False
            old = self._store.row(
                "SELECT file FROM parts WHERE upload = ? AND number = ?", upload, number
            )
            self._store.run(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                *(upload, number, etag, file.stat().st_size, now(), file.name),
            )
            if old is not None:
                self._store.after_commit(lambda: discard(file.with_name(old["file"])))
        return True

    def _download(self, request: StorageRequest) -> Answer:
        path = self._kept_file(request.path)
        if path is None or not path.is_file():
            return storage_error(404, "NoSuchKey", "The specified key does not exist.")
        size = path.stat().st_size
        identity = hashlib.md5(f"{path.name} {size}".encode()).hexdigest()  # noqa: S324
        always = (("ETag", f'"{identity}"'), ("Accept-Ranges", "bytes"))
        span = _span(request.range, size)
        if request.range and not span:
            return storage_error(416, "InvalidRange", "The requested range is not satisfiable")
        with path.open("rb") as file:
            file.seek(span.start)
            content = file.read(len(span))
        if not request.range:
            return Answer(200, content, _BINARY, always)
        place = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Answer(206, content, _BINARY, (*always, ("Content-Range", place)))

    def _kept_file(self, path: str) -> Path | None:
        """Return where the bytes of a file or image are, or None for another path."""
        pieces = path.removeprefix(PROTECTED).split("/")
        if not path.startswith(PROTECTED) or len(pieces) < 3:  # noqa: PLR2004
            return None
        if pieces[0] == "images":
            pk = pieces[-3]
            return self._store.kept / pk if is_pk(pk) else None
        if pieces[0] == "dicom":
            return self._kept_instance(pieces[1], pieces[2])
        if not pieces[-2].isdigit():
            return None
        row = self._store.row(
            "SELECT json_extract(file, '$.sha256') AS sha256 FROM vals WHERE pk = ?",
            int(pieces[-2]),
        )
        return self._store.kept / row["sha256"] if row and row["sha256"] else None

    def _kept_instance(self, pk: str, number: str) -> Path | None:
        """Return where the bytes of a file of a DICOM image set are."""
        row = self._store.row(
            "SELECT json_extract(facts, '$.files[' || CAST(? AS INTEGER) || '].sha256') AS sha256"
            " FROM images WHERE pk = ?",
            *(number, pk),
        )
        return self._store.kept / row["sha256"] if row and row["sha256"] else None


def _span(text: str, size: int) -> range:
    """Return the bytes that a header Range asks for; all of them if it asks for nothing."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", text)
    if match is None:
        return range(size)
    start = min(int(match[1]), size)
    return range(start, min(int(match[2]) + 1, size) if match[2] else size)


def no_such_upload() -> Answer:
    """Return the error for a part of an upload that has ended."""
    words = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may "
        "have been aborted or completed."
    )
    return storage_error(404, "NoSuchUpload", words)


def _copy(
    target: BinaryIO, size: int, read: Callable[[memoryview], int], also: Callable[..., None]
) -> bool:
    """Copy `size` bytes in slices; return False if the body ends early."""
    buffer = memoryview(bytearray(min(SLICE, max(size, 1))))
    left = size
    while left:
        count = read(buffer[: min(left, len(buffer))])
        if not count:
            return False
        target.write(buffer[:count])
        also(buffer[:count])
        left -= count
    return True
