"""A sandbox in this process, and what a test asks of it beside the uploader's own requests."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.sandbox import Fault, Running, Seen


@dataclass
class Box:
    """A sandbox, a connection to it, and where it keeps what it holds."""

    SOCKETS: ClassVar = (
        *("ct-image=Image", "mr-image=Image", "lesion-seg=Segmentation,segments=0-1"),
        *("dicom-set=DICOM Image Set", "some-score=Float", "remark=String", "findings=Anything"),
        *("details=Anything:file", "report=PDF file", "table=CSV file"),
    )

    running: Running
    client: Client
    dir: Path

    def target(self, kind: TargetKind = TargetKind.READER_STUDY) -> Target:
        answer = self.client.get(type_of(kind).path, slug="lung")
        return Target(kind, "lung", answer.json["results"][0]["pk"])

    def make(self, title: str = "", **fields: Any) -> str:
        """Make a display set; its pk."""
        body = {"reader_study": "lung", "title": title, **fields}
        answer = self.client.call("POST", type_of(TargetKind.READER_STUDY).items_path, json=body)
        assert answer.ok, answer.json
        return str(answer.json["pk"])

    def fill(self, item: str, *values: dict[str, Any], **fields: Any) -> Any:
        """PATCH a display set as somebody else would."""
        path = f"{type_of(TargetKind.READER_STUDY).items_path}{item}/"
        body = {**fields, **({"values": list(values)} if values else {})}
        return self.client.call("PATCH", path, json=body)

    def upload(self, name: str = "a.mha", content: bytes | None = None) -> str:
        """A completed upload, of an image unless something else is given; its pk."""
        content = mha() if content is None else content
        row = self.client.call("POST", "uploads/", json={"filename": name}).json
        path = f"uploads/{row['pk']}/{row['s3_upload_id']}/"
        signed = self.client.call(
            "PATCH", f"{path}generate-presigned-urls/", json={"part_numbers": [1]}
        )
        url = signed.json["presigned_urls"]["1"]
        put = self.client.storage.put_part(url, length=len(content), body=lambda: iter([content]))
        etag = put.headers["etag"]
        done = self.client.call(
            "PATCH",
            f"{path}complete-multipart-upload/",
            json={"parts": [{"ETag": etag, "PartNumber": 1}]},
        )
        assert done.json["status"] == "Completed"
        return str(row["pk"])

    def with_image(self, item: str, slug: str, upload: str) -> None:
        """Let an item import an upload."""
        address = self.client.address("uploads", upload)
        assert self.fill(item, {"interface": slug, "user_uploads": [address]}).ok

    def ticket(self, upload: str) -> str:
        """An upload session that waits for a fill; its pk."""
        uploads = [self.client.address("uploads", upload)]
        made = self.client.call("POST", "cases/upload-sessions/", json={"uploads": uploads})
        assert made.status == 201, made.json
        return str(made.json["pk"])

    def with_ticket(self, item: str, slug: str, ticket: str) -> None:
        """Let an item import the upload of a session."""
        address = self.client.address("cases/upload-sessions", ticket)
        assert self.fill(item, {"interface": slug, "upload_session": address}).ok

    def with_file(self, item: str, slug: str, upload: str) -> None:
        """Let an item import an upload as a file."""
        address = self.client.address("uploads", upload)
        assert self.fill(item, {"interface": slug, "user_upload": address}).ok

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the sandbox's memory says, or a change to it."""
        with sqlite3.connect(self.dir / "sandbox.sqlite3", timeout=10) as db:
            found = db.execute(statement, values).fetchall()
        db.close()
        return found

    def rows(self) -> dict[str, tuple[str, int]]:
        """Pk → (status, bytes) of the upload rows."""
        return {
            pk: (status, size)
            for pk, status, size in self.sql("SELECT pk, status, size FROM uploads")
        }

    def stored(self, upload: str) -> str:
        """The SHA-256 of what storage holds of an upload."""
        total = hashlib.sha256()
        parts = self.sql("SELECT file FROM parts WHERE upload = ? ORDER BY number", upload)
        for (file,) in parts:
            total.update((self.dir / "parts" / upload / file).read_bytes())
        return total.hexdigest()

    def settle(self) -> None:
        """Wait until every import has ended."""
        wait_for(lambda: self.sql("SELECT COUNT(*) FROM jobs") == [(0,)])


def wait_for(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What is looked for, once it is there."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
    return found


def mha(values: bytes = bytes(32), *, size: str = "4 4 2") -> bytes:
    """A small MetaImage."""
    head = f"ObjectType = Image\nNDims = 3\nDimSize = {size}\nElementType = MET_UCHAR\n"
    return head.encode() + b"ElementDataFile = LOCAL\n" + values


class Faulty:
    """A hook that lets the requests it is told of go wrong, and remembers all of them."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.before_it: Callable[[Seen], Fault | None] = lambda _: None
        self.after_it: Callable[[Seen], Fault | None] = lambda _: None

    def before(self, request: Seen) -> Fault | None:
        self.seen.append(request)
        return self.before_it(request)

    def after(self, request: Seen, status: int) -> Fault | None:
        return self.after_it(request)

    def kinds(self) -> list[str]:
        """The kinds of the requests so far."""
        return [one.kind for one in self.seen]
