"""Reads what a sandbox holds from its folder, even while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.job_states import outputs_of
from manifest_uploader.sandbox.store import Store


def read_items(store: Store) -> Iterator[dict[str, Any]]:
    """Yield all items with their values, by target and in the platform's order, then all jobs."""
    with store.transaction():
        items = store.rows(
            "SELECT t.kind, t.slug, i.* FROM items i JOIN targets t ON t.pk = i.target"
            " ORDER BY t.kind DESC, t.slug, i.position, i.seq"
        )
        held: dict[str, dict[str, Any]] = {item["pk"]: {} for item in items}
        for row in _values(store):
            if row["item"] in held:
                held[row["item"]][row["slug"]] = _value(row)
    for item in items:
        is_study = item["kind"] == "reader-study"
        yield {
            **{key: item[key] for key in ("kind", "slug", "pk", "title")},
            "order": item["position"] if is_study else None,
            "values": held[item["pk"]],
        }
    yield from read_jobs(store)


def read_jobs(store: Store) -> Iterator[dict[str, Any]]:
    """Yield all algorithm jobs with their inputs as values, and their outputs; the oldest first."""
    with store.transaction():
        jobs = store.rows(
            "SELECT a.slug, j.* FROM algorithm_jobs j JOIN algorithms a ON a.pk = j.algorithm"
            " ORDER BY j.seq"
        )
        keys = [key for job in jobs for key in (job["pk"], outputs_of(job["pk"]))]
        held: dict[str, dict[str, Any]] = {key: {} for key in keys}
        for row in _values(store):
            if row["item"] in held:
                held[row["item"]][row["slug"]] = _value(row)
    for job in jobs:
        yield {
            "kind": "algorithm",
            "slug": job["slug"],
            "pk": job["pk"],
            "title": "",
            "order": None,
            "status": job["status"],
            "values": held[job["pk"]],
            "outputs": held[outputs_of(job["pk"])],
        }


def _values(store: Store) -> list[Row]:
    return store.rows(
        "SELECT v.*, s.slug, m.facts FROM vals v JOIN sockets s ON s.pk = v.socket"
        " LEFT JOIN images m ON m.pk = v.image ORDER BY v.pk"
    )


def _value(row: Row) -> dict[str, Any]:
    if row["image"] is not None:
        files = json.loads(row["facts"])["files"] if row["facts"] else []
        return {"image": row["image"], "files": files}
    if row["file"] is not None:
        return {"file": json.loads(row["file"])}
    return {"value": json.loads(row["json"])}


def delete_object(store: Store, pk: str) -> bool:
    """Delete an item or image, as a person does on the web page; return False if it is unknown."""
    with store.transaction():
        store.run("DELETE FROM vals WHERE item = ? OR image = ?", pk, pk)
        items = store.change("DELETE FROM items WHERE pk = ?", pk)
        return items + store.change("DELETE FROM images WHERE pk = ?", pk) > 0


def has_memory(folder: Path) -> bool:
    """Return whether a folder belongs to a sandbox."""
    return (folder / "sandbox.sqlite3").is_file()


def as_table(items: list[dict[str, Any]]) -> str:
    """Return the items as text for people."""
    lines: list[str] = []
    for item in items:
        place = "" if item["order"] is None else f"  order {item['order']}"
        title = item.get("status") or item["title"] or "(no title)"
        lines.append(f"{item['kind']} {item['slug']}: {title}{place}  {item['pk']}")
        lines += [f"    {slug}: {_in_words(value)}" for slug, value in item["values"].items()]
        outputs = item.get("outputs", {})
        lines += [f"    -> {slug}: {_in_words(value)}" for slug, value in outputs.items()]
    return "\n".join(lines) or "no items"


def _in_words(value: dict[str, Any]) -> str:
    if "value" in value:
        return json.dumps(value["value"], ensure_ascii=False)
    if "file" in value:
        return f"file {value['file']['name']} ({value['file']['size']} bytes)"
    count = len(value["files"])
    return f"image {value['image']} ({count} file{'' if count == 1 else 's'})"
