"""Storage: signed addresses, parts that are PUT to them, files that are read from them.

It answers as AWS S3 does: it checks signature and expiry, and knows no upload that has ended.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, urlencode

from manifest_uploader.sandbox.answers import Answer, storage_error
from manifest_uploader.sandbox.store import Store, discard, now

UPLOADS = "/grand-challenge-uploads/"
PROTECTED = "/grand-challenge-protected/"
LIFE_S = 3600
SLICE = 256 * 1024
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signer:
    """Signs addresses for an hour."""

    secret: bytes

    def sign(self, method: str, host: str, path: str, query: dict[str, str]) -> str:
        """Return the path with a query that proves who made it."""
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
        return f"{path}?{text}&X-Amz-Signature={self._signature(method, host, path, full)}"

    def complaint(self, method: str, host: str, path: str, query: dict[str, str]) -> Answer | None:
        """Return what storage says to an address that is too old or not genuine, or None."""
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
    """Return what storage says to an address that is too old."""
    return storage_error(403, "AccessDenied", "Request has expired")


@dataclass(frozen=True)
class Put:
    """A request to storage; its body has not been read yet."""

    method: str
    path: str
    query_text: str
    host: str
    has_authorization: bool
    size: int | None
    """The body's length in bytes, None if the client did not say it."""


class Storage:
    """Takes in parts and gives out files."""

    def __init__(self, store: Store, signer: Signer) -> None:
        """Keep the bytes in the store's folder."""
        self._store = store
        self._signer = signer

    def answer(self, put: Put, read: Callable[[memoryview], int], lose: str | None) -> Answer:
        """Do what a signed address allows; the body comes from read, which fills a buffer.

        `lose` is a fault: "" to forget the part, "corrupt" to keep something else.
        """
        query = dict(parse_qsl(put.query_text, keep_blank_values=True))
        complaint = self._complaint(put, query)
        if complaint is not None:
            return complaint
        if put.method in ("GET", "HEAD"):
            return self._download(put.path)
        if put.method != "PUT" or not put.path.startswith(UPLOADS):
            words = "The specified method is not allowed against this resource."
            return storage_error(405, "MethodNotAllowed", words)
        return self._take(put, query, read, lose)

    def _complaint(self, put: Put, query: dict[str, str]) -> Answer | None:
        if put.has_authorization:
            words = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified"
            )
            return storage_error(400, "InvalidArgument", words)
        method = "GET" if put.method == "HEAD" else put.method
        return self._signer.complaint(method, put.host, put.path, query)

    def _take(
        self, put: Put, query: dict[str, str], read: Callable[[memoryview], int], lose: str | None
    ) -> Answer:
        if put.size is None:
            words = "You must provide the Content-Length HTTP header."
            return storage_error(411, "MissingContentLength", words)
        upload = put.path.rpartition("/")[2]
        s3_id = query.get("uploadId", "")
        if not self._is_open(upload, s3_id):
            return no_such_upload()
        file = self._store.parts / upload / f"{query['partNumber']}.{secrets.token_hex(6)}"
        etag = self._receive(file, put.size, read)
        if etag is None:
            return storage_error(400, "IncompleteBody", "The request body ended early.")
        if lose:
            file.write_bytes(lose.encode())
            etag = hashlib.md5(lose.encode()).hexdigest()  # noqa: S324
        if lose == "" or not self._record(upload, s3_id, int(query["partNumber"]), etag, file):
            discard(file)
            if lose is None:
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
        """Note a part that has come in; False if its upload ended meanwhile."""
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
                self._store.later(lambda: discard(file.with_name(old["file"])))
        return True

    def _download(self, path: str) -> Answer:
        pieces = path.removeprefix(PROTECTED).split("/")
        row = None
        if path.startswith(PROTECTED) and len(pieces) > 1 and pieces[-2].isdigit():
            row = self._store.row(
                "SELECT json_extract(file, '$.sha256') AS sha256 FROM vals WHERE pk = ?",
                int(pieces[-2]),
            )
        kept = self._store.kept / (row["sha256"] or "-") if row else None
        if kept is None or not kept.is_file():
            return storage_error(404, "NoSuchKey", "The specified key does not exist.")
        return Answer(200, kept.read_bytes(), "application/octet-stream")


def no_such_upload() -> Answer:
    """Return what storage says to a part of an upload that has ended."""
    words = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may "
        "have been aborted or completed."
    )
    return storage_error(404, "NoSuchUpload", words)


def _copy(
    target: BinaryIO, size: int, read: Callable[[memoryview], int], also: Callable[..., None]
) -> bool:
    """Copy so many bytes a slice at a time; False if they end early."""
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
