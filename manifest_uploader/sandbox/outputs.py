"""The outputs of algorithm jobs, made up so that each job's differ and each fits its socket.

An output whose socket is an input, too, is that input again. Other values fit their socket's
schema; other images are the job's first fitting image, or a small one. Their contents are always
kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.images import socket_complaint
from manifest_uploader.sandbox.job_states import outputs_of
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import Socket
from manifest_uploader.sandbox.store import new_pk
from manifest_uploader.sandbox.values import set_value

_SMALL_IMAGE = (
    b"ObjectType = Image\nNDims = 3\nDimSize = 4 4 2\nElementType = MET_UCHAR\n"
    b"ElementDataFile = LOCAL\n" + bytes(32)
)
_SMALL_FACTS: Mapping[str, Any] = {
    "width": 4,
    "height": 4,
    "depth": 2,
    "color_space": "GRAY",
    "segments": [0],
    **dict.fromkeys(("voxel_width_mm", "voxel_height_mm", "voxel_depth_mm"), 1.0),
}


class OutputImpossible(Exception):
    """Says that a job makes no output that fits its socket, so that it fails."""


def make_outputs(site: Site, job: Row) -> None:
    """Store all outputs of a job, or raise OutputImpossible."""
    query = "SELECT * FROM vals WHERE item = ? ORDER BY pk"
    inputs = {row["socket"]: row for row in site.store.rows(query, job["pk"])}
    for slug in json.loads(job["outputs"]):
        socket = site.sockets.by_slug[slug]
        value = _output(site, job, socket, inputs)
        set_value(site, outputs_of(job["pk"]), socket.pk, **value)


def _output(
    site: Site, job: Row, socket: Socket, inputs: Mapping[int, Row]
) -> dict[str, str | None]:
    """Return an output as the arguments of `set_value`."""
    same = inputs.get(socket.pk)
    if socket.family == "image":
        return {"image": _make_image(site, socket, inputs)}
    if same is not None and _has_contents(site, same):
        return {"text": same["json"], "file": same["file"]}
    if socket.family == "file":
        return {"file": _keep(site, socket, _content(socket, job["pk"]))}
    value = _value(site, job["pk"], socket, inputs)
    if site.validators.complaint(socket.pk, socket.full_schema, value) is not None:
        raise OutputImpossible
    text = json.dumps(value)
    return {"file": _keep(site, socket, text.encode())} if socket.is_file else {"text": text}


def _has_contents(site: Site, row: Row) -> bool:
    """Return whether the bytes of a file are kept; a value has none."""
    return not row["file"] or (site.store.kept / json.loads(row["file"])["sha256"]).is_file()


def _value(site: Site, job: str, socket: Socket, inputs: Mapping[int, Row]) -> Any:
    if socket.kind == "Anything" and socket.schema is None:
        paths = sorted(site.sockets.by_pk[pk].path for pk in inputs)
        invocation = {"pk": f"algorithms-job-{job}-00", "inputs": paths}
        return {"acc": 0.5, "score": 1, "invocation_json": [invocation]}
    if socket.kind == "String" and socket.schema is None:
        return f"made by job {job}"
    return example(socket.schema or socket.full_schema)


def example(schema: Any) -> Any:
    """Return a value that fulfills a simple JSON Schema."""
    given = schema if isinstance(schema, dict) else {}
    if "const" in given or given.get("enum"):
        return given["const"] if "const" in given else given["enum"][0]
    kinds = given.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    return _EXAMPLES[kind](given) if kind in _EXAMPLES else None


def _example_object(schema: Mapping[str, Any]) -> Any:
    fields = schema.get("properties", {})
    return {name: example(fields.get(name)) for name in schema.get("required", ())}


def _example_number(schema: Mapping[str, Any]) -> Any:
    wanted = 1 if schema["type"] == "integer" else 0.5
    return max(min(wanted, schema.get("maximum", wanted)), schema.get("minimum", wanted))


_EXAMPLES: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "object": _example_object,
    "array": lambda schema: [example(schema.get("items"))] * schema.get("minItems", 0),
    "number": _example_number,
    "integer": _example_number,
    "boolean": lambda _schema: True,
    "string": lambda schema: "x" * schema.get("minLength", 0),
}


def _content(socket: Socket, job: str) -> bytes:
    """Return the contents of a file that differs from those of other jobs."""
    text = f"made by job {job}"
    if socket.code == "PDF":
        return (
            f"%PDF-1.4\n% {text}\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n".encode()
        )
    if socket.code == "CSV":
        return f"job\n{job}\n".encode()
    if socket.code == "ZIP":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("output.txt", text)
        return stream.getvalue()
    return text.encode()


def _keep(site: Site, socket: Socket, content: bytes) -> str:
    """Keep the contents of a file; return its record."""
    digest = hashlib.sha256(content).hexdigest()
    (site.store.kept / digest).write_bytes(content)
    name = PurePosixPath(socket.path).name
    return json.dumps({"name": name, "sha256": digest, "size": len(content)})


def _make_image(site: Site, socket: Socket, inputs: Mapping[int, Row]) -> str:
    """Make an image that fits a socket; return its pk."""
    facts = dict(_SMALL_FACTS)
    pk, source, name = new_pk(), None, ""
    for row in _images(site, socket, inputs):
        found = json.loads(row["facts"])
        if socket_complaint(socket, found) is None and (site.store.kept / row["pk"]).is_file():
            facts, source, name = found, site.store.kept / row["pk"], f"{row['pk']}.mha"
            break
    if socket.kind == "DICOM Image Set" or socket_complaint(socket, facts) is not None:
        raise OutputImpossible
    kept = site.store.kept / pk
    if source is None:
        kept.write_bytes(_SMALL_IMAGE)
    else:
        shutil.copyfile(source, kept)
    content = {
        "name": "output.mha",
        "size": kept.stat().st_size,
        "sha256": _digest(kept.read_bytes()),
    }
    record = {**facts, "name": name or f"{pk}.mha", "files": [content]}
    site.store.run("INSERT INTO images (pk, facts) VALUES (?, ?)", pk, json.dumps(record))
    return pk


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _images(site: Site, socket: Socket, inputs: Mapping[int, Row]) -> list[Row]:
    """Return the images among a job's inputs: first the one in the socket of the output."""
    order = sorted(inputs, key=lambda pk: pk != socket.pk)
    query = "SELECT * FROM images WHERE pk = ?"
    found = [site.store.row(query, inputs[pk]["image"]) for pk in order if inputs[pk]["image"]]
    return [row for row in found if row is not None]
