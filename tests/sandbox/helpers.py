"""A client of the sandbox, and files to upload."""

from __future__ import annotations

import io
import json
import sqlite3
import ssl
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from manifest_uploader.sandbox import Running, SandboxOptions

SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "number", "maximum": 1}},
    "additionalProperties": False,
}


def mha(
    values: bytes = bytes(32), *, kind: str = "MET_UCHAR", size: str = "4 4 2", extra: str = ""
) -> bytes:
    """Return a small MetaImage."""
    head = f"ObjectType = Image\nNDims = 3\nDimSize = {size}\n{extra}ElementType = {kind}\n"
    return head.encode() + b"ElementDataFile = LOCAL\n" + values


def zipped(files: dict[str, bytes]) -> bytes:
    """Return an uncompressed zip of files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def wait_for(look: Callable[[], Any], seconds: float = 10) -> Any:
    """Call a function until it returns something true; return that."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def options(folder: Path, **more: Any) -> SandboxOptions:
    """Return options with reader studies, an archive and sockets of many kinds."""
    schema = folder / "schema.json"
    folder.mkdir(exist_ok=True)
    schema.write_text(json.dumps(SCHEMA))
    choice = folder / "choice.json"
    choice.write_text('{"enum": ["a", "b", "c"]}')
    sockets = (
        *("ct-image=Image", "mr-image=Image", "lesion-seg=Segmentation,segments=0-1"),
        *("heat-map=Heat Map", "dicom-set=DICOM Image Set", "age-float=Float"),
        *("count-int=Integer", "flag-bool=Bool", "note-string=String", "any-value=Anything"),
        *("any-file=Anything:file", f"schema-value=Anything,schema={schema}"),
        *(f"schema-file=Anything:file,schema={schema}", f"choice-value=Choice,schema={choice}"),
        *("bbox-value=2D bounding box", "points-file=Multiple points:file"),
        *("report-pdf=PDF file", "table-csv=CSV file", "bundle-zip=ZIP file"),
        "thumb-png=Thumbnail png",
    )
    given = {
        "reader_studies": ("rs", "rs2"),
        "archives": ("ar",),
        "sockets": sockets,
        "import_delay_s": 0.0,
        **more,
    }
    return SandboxOptions(dir=folder / "memory", **given)


PLAIN: dict[str, Any] = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
"""For httpx: no proxy, and no certificates, which each client would take 70 ms to load."""


class Client(httpx.Client):
    """Sends requests to a sandbox as a user of the platform."""

    def __init__(self, running: Running, token: str | None = None) -> None:
        self.running = running
        self.others: list[Client] = []
        authorization = f"Bearer {token or running.token}"
        super().__init__(base_url=running.url, headers={"Authorization": authorization}, **PLAIN)

    def stranger(self) -> Client:
        """Return a client of the user without rights, which is closed together with this one."""
        self.others.append(Client(self.running, self.running.token_without_rights))
        return self.others[-1]

    def close(self) -> None:
        for other in self.others:
            other.close()
        super().close()

    def open_upload(self, filename: str = "a.mha") -> dict[str, Any]:
        """Create an upload; return its row."""
        answer = self.post("uploads/", json={"filename": filename})
        assert answer.status_code == 201, answer.text
        row: dict[str, Any] = answer.json()
        return row

    def step(self, row: dict[str, Any], name: str, data: Any = None) -> httpx.Response:
        """Send one of the requests about an upload."""
        method = "GET" if name == "list-parts" else "PATCH"
        path = f"uploads/{row['pk']}/{row['s3_upload_id']}/{name}/"
        return (
            self.request(method, path, json=data)
            if data is not None
            else self.request(method, path)
        )

    def sign(self, row: dict[str, Any], number: int = 1) -> str:
        """Return the signed address of a part."""
        answer = self.step(row, "generate-presigned-urls", {"part_numbers": [number]})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["presigned_urls"][str(number)])

    def put(self, row: dict[str, Any], content: bytes, number: int = 1) -> dict[str, Any]:  # type: ignore[override]
        """PUT one part; return its entry for completing the upload."""
        answer = httpx.put(self.sign(row, number), content=content, **PLAIN)
        assert answer.status_code == 200, answer.text
        return {"ETag": answer.headers["ETag"], "PartNumber": number}

    def complete(self, row: dict[str, Any], *parts: dict[str, Any]) -> httpx.Response:
        """Complete an upload."""
        return self.step(row, "complete-multipart-upload", {"parts": list(parts)})

    def upload(self, filename: str = "a.mha", content: bytes | None = None) -> str:
        """Upload a file; return its address."""
        row = self.open_upload(filename)
        part = self.put(row, mha() if content is None else content)
        assert self.complete(row, part).status_code == 200
        return str(row["api_url"])

    def create(self, **fields: Any) -> str:
        """Create a display set; return its path."""
        answer = self.post("reader-studies/display-sets/", json={"reader_study": "rs", **fields})
        assert answer.status_code == 201, answer.text
        return f"reader-studies/display-sets/{answer.json()['pk']}/"

    def fill(self, item: str, *values: dict[str, Any]) -> httpx.Response:
        """Fill an item with values."""
        return self.patch(item, json={"values": list(values)})

    def answer(self, item: str, answer: Any = "x") -> httpx.Response:
        """Answer the first question about a display set."""
        study = self.get(self.get(item).json()["reader_study"]).json()
        question = study["questions"][0]["api_url"]
        data = {"display_set": self.running.url + item, "question": question, "answer": answer}
        return self.post("reader-studies/answers/", json=data)

    def values(self, item: str) -> dict[str, Any]:
        """Return an item's values by socket."""
        held = self.get(item).json()["values"]
        return {value["interface"]["slug"]: value for value in held}

    def sessions(self) -> list[dict[str, Any]]:
        """Return the user's upload sessions."""
        results: list[dict[str, Any]] = self.get("cases/upload-sessions/").json()["results"]
        return results


def wait_for_imports(folder: Path) -> None:
    """Wait until every import has ended."""
    db = sqlite3.connect(folder / "memory" / "sandbox.sqlite3")
    try:
        wait_for(lambda: db.execute("SELECT COUNT(*) = 0 FROM jobs").fetchone()[0])
    finally:
        db.close()
