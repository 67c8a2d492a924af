"""Imports uploads after a fill, asynchronously as the platform does.

Images take two tasks: the first one reads the uploads and deletes their rows; the second one
attaches the image to the item and can still fail. Files take one task, which deletes the row
before the value exists. The queue is stored in the database, so that it survives a restart.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.readers.picture import Picture
from manifest_uploader.sandbox.readers.pictures import read_pictures
from manifest_uploader.sandbox.readers.source import Source, open_joined, source_of, unpacked
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import Socket
from manifest_uploader.sandbox.store import Store, new_pk
from manifest_uploader.sandbox.uploads import remove_upload
from manifest_uploader.sandbox.values import set_value

_WORKERS = 2
"""More would slow down requests without making imports faster: they share one interpreter."""
_UNEXPECTED = "An unexpected error occurred"


class ImportFailed(Exception):
    """Says why an import failed, in the platform's words."""


class ObjectGone(Exception):
    """Says that an upload or item no longer exists, for example because another job used it."""


class Queue:
    """Runs jobs in several threads, each job after a delay."""

    def __init__(self, delay_s: float) -> None:
        """Start without jobs."""
        self._delay_s = delay_s
        self._due: list[tuple[float, int]] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def add(self, job: int) -> None:
        """Schedule a job after the delay, or never if the delay is infinite."""
        if math.isinf(self._delay_s):
            return
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + self._delay_s, job))
            self._changed.notify()

    def start(self, work: Callable[[int], None]) -> None:
        """Start the threads."""
        for number in range(_WORKERS):
            name = f"import-{number}"
            thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Start no more jobs, and wait for the running ones."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[int], None]) -> None:
        _lower_priority()
        while (job := self._next()) is not None:
            work(job)

    def _next(self) -> int | None:
        with self._changed:
            while not self._stopped:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(wait_s)
        return None


def _lower_priority() -> None:
    """Give requests priority over this thread: the platform imports on other machines."""
    if sys.platform == "linux":  # elsewhere this would affect the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


@dataclass(frozen=True)
class Importer:
    """Does the jobs of the queue."""

    site: Site

    def resume(self) -> None:
        """Queue the jobs that are left from earlier starts."""
        for row in self.site.store.rows("SELECT seq FROM jobs ORDER BY seq"):
            self.site.queue(row["seq"])

    def work(self, number: int) -> None:
        """Do one job; record its failure as the platform does."""
        job = self.site.store.row("SELECT * FROM jobs WHERE seq = ?", number)
        if job is None:
            return
        try:
            self._work(job)
        except ObjectGone:
            self._fail(job, "")
        except ImportFailed as error:
            self._fail(job, str(error) if job["stage"] > 1 or self._has_all_rows(job) else "")
        except Exception:  # noqa: BLE001 - whatever a damaged file does to a reader
            # If the rows are gone, another import deleted the bytes while they were read.
            self._fail(job, _UNEXPECTED if self._has_all_rows(job) else "")

    def _has_all_rows(self, job: Row) -> bool:
        """Return whether all uploads of an import still have their rows."""
        wanted = [job["upload"]] if job["upload"] else self._session_uploads(job)
        find = "SELECT 1 FROM uploads WHERE pk = ?"
        return all(self.site.store.row(find, pk) is not None for pk in wanted)

    def _work(self, job: Row) -> None:
        if job["stage"] == 1:
            self._fail_on_purpose(job)
        if job["upload"] is not None or job["file"] is not None:
            self._import_file(job)
        elif job["stage"] == 1:
            self._read_images(job)
        else:
            self._attach_image(job)

    def _fail_on_purpose(self, job: Row) -> None:
        """Raise ImportFailed if a fault asks for it."""
        words = job["doom"]
        on_import = getattr(self.site.options.hook, "on_import", None)
        if words is None and on_import is not None:
            words = on_import(job["item"], self._socket(job).slug)
        if words is not None:
            raise ImportFailed(words)

    def _socket(self, job: Row) -> Socket:
        return self.site.sockets.by_pk[job["socket"]]

    def _read_images(self, job: Row) -> None:
        store = self.site.store
        store.run("UPDATE sessions SET status = 'Started' WHERE pk = ?", job["session"])
        uploads = self._session_uploads(job)
        rows = [_completed_upload(store, pk) for pk in uploads]
        _check_names(rows)
        sources = [source_of(row["filename"], part_paths(store, row["pk"])) for row in rows]
        needs_values = bool(self._socket(job).segments)
        with unpacked(sources, store.parts) as files:
            pictures = read_pictures(files, with_values=needs_values)
        if not pictures:
            plural = "" if len(files) == 1 else "s"
            raise ImportFailed(f"{len(files)} file{plural} could not be imported")
        if self.site.options.keep_bytes:
            for row, source in zip(rows, sources, strict=True):
                _keep_bytes(store, row["pk"], source.sha256)
        with store.transaction():
            self._store_images(job, uploads, pictures, files)

    def _store_images(
        self, job: Row, uploads: list[str], pictures: list[Picture], files: list[Source]
    ) -> None:
        """Store the images, delete the uploads' rows and queue the second task."""
        store = self.site.store
        for pk in uploads:
            if not remove_upload(store, pk):
                raise ObjectGone
        images = [_add_image(store, picture, files, len(pictures)) for picture in pictures]
        store.run(
            "UPDATE sessions SET status = 'Succeeded', images = ?, uploads = '[]' WHERE pk = ?",
            *(json.dumps(images), job["session"]),
        )
        store.run("UPDATE jobs SET stage = 2 WHERE seq = ?", job["seq"])
        self.site.enqueue(job["seq"])

    def _attach_image(self, job: Row) -> None:
        store = self.site.store
        with store.transaction():
            row = store.row("SELECT images FROM sessions WHERE pk = ?", job["session"])
            images = json.loads(row["images"]) if row else []
            if len(images) != 1:
                raise ImportFailed("Image imports should result in a single image")
            self._check_segments(images[0], self._socket(job))
            self._attach(job, image=images[0])

    def _check_segments(self, image: str, socket: Socket) -> None:
        if not socket.segments:
            return
        row = self.site.store.row("SELECT facts FROM images WHERE pk = ?", image)
        values = json.loads(row["facts"])["segments"] if row else None
        if values is None:
            raise ImportFailed(
                "Image segments could not be determined, ensure the voxel values are integers "
                "and that it contains no more than 64 segments. Ensure the image has the minimum "
                "and maximum voxel values set as tags if the image is a TIFF file."
            )
        invalid = set(values) - set(socket.segments)
        if invalid:
            raise ImportFailed(
                f"The valid voxel values for this segmentation are: {set(socket.segments)}. This "
                f"segmentation is invalid as it contains the voxel values: {invalid}."
            )

    def _attach(self, job: Row, *, image: str | None = None, file: str | None = None) -> None:
        """Attach the value to the item and end the job."""
        store = self.site.store
        item = store.row("SELECT answered FROM items WHERE pk = ?", job["item"])
        if item is None:
            raise ObjectGone
        if item["answered"]:
            words = "This display set cannot be changed, as answers for it already exist"
            raise ImportFailed(words)
        set_value(self.site, job["item"], job["socket"], image=image, file=file)
        store.run("DELETE FROM jobs WHERE seq = ?", job["seq"])

    def _import_file(self, job: Row) -> None:
        """Check a file and delete its upload's row, then attach it in a second transaction."""
        store = self.site.store
        if job["stage"] == 1:
            row = _completed_upload(store, job["upload"])
            source = source_of(row["filename"], part_paths(store, row["pk"]))
            self._check_file(self._socket(job), source)
            if self.site.options.keep_bytes:
                _keep_bytes(store, row["pk"], source.sha256)
            name = stored_name(row["filename"])
            file = json.dumps({"name": name, "sha256": source.sha256, "size": source.size})
            with store.transaction():
                if not remove_upload(store, row["pk"]):
                    raise ObjectGone
                statement = "UPDATE jobs SET stage = 2, upload = NULL, file = ? WHERE seq = ?"
                store.run(statement, file, job["seq"])
        else:
            file = job["file"]
        with store.transaction():
            self._attach(job, file=file)

    def _check_file(self, socket: Socket, source: Source) -> None:
        """Raise ImportFailed for JSON that breaks its socket's schema; other files are not read."""
        if socket.family != "json":
            return
        with source.open() as file:
            value = json.loads(file.read())
        complaint = self.site.validators.complaint(socket.pk, socket.full_schema, value)
        if complaint is not None:
            raise ImportFailed(complaint)

    def _session_uploads(self, job: Row) -> list[str]:
        query = "SELECT uploads FROM sessions WHERE pk = ?"
        row = self.site.store.row(query, job["session"])
        return list(json.loads(row["uploads"])) if row else []

    def _fail(self, job: Row, words: str) -> None:
        """End a job; a session records why images failed, but nothing does so for files."""
        store = self.site.store
        with store.transaction():
            if job["session"] is not None:
                self._fail_session(job, words)
            store.run("INSERT INTO notifications (user) VALUES (?)", job["user"])
            store.run("DELETE FROM jobs WHERE seq = ?", job["seq"])

    def _fail_session(self, job: Row, words: str) -> None:
        title = self._socket(job).title
        message = f"Image validation for socket {title} failed with error: {words}."
        left = [
            pk
            for pk in self._session_uploads(job)
            if self.site.store.row("SELECT 1 FROM uploads WHERE pk = ?", pk)
        ]
        self.site.store.run(
            "UPDATE sessions SET status = 'Failed', message = ?, uploads = ? WHERE pk = ?",
            *(message, json.dumps(left), job["session"]),
        )


def _completed_upload(store: Store, pk: str) -> Row:
    row = store.row("SELECT * FROM uploads WHERE pk = ?", pk)
    if row is None:
        raise ObjectGone
    if row["status"] != "Completed" or row["filename"] == "..":
        raise ImportFailed(_UNEXPECTED)
    return row


def _check_names(rows: list[Row]) -> None:
    if len({row["filename"] for row in rows}) < len(rows):
        words = "Duplicate files uploaded, please try again with a unique set of files"
        raise ImportFailed(words)


def part_paths(store: Store, pk: str) -> tuple[Path, ...]:
    """Return the files with an upload's parts, in order."""
    rows = store.rows("SELECT file FROM parts WHERE upload = ? ORDER BY number", pk)
    return tuple(store.parts / pk / row["file"] for row in rows)


def _keep_bytes(store: Store, pk: str, sha256: str) -> None:
    """Store an upload's bytes under their SHA-256."""
    path = store.kept / sha256
    if path.exists():
        return
    partial = store.kept / f"{sha256}.{pk}"
    with open_joined(part_paths(store, pk)) as source, partial.open("wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
    partial.replace(path)


def _add_image(store: Store, picture: Picture, files: list[Source], count: int) -> str:
    """Store an image with the names and digests of its files; return its pk."""
    pk = new_pk()
    # The other files of an upload are consumed together with its only image.
    sources = picture.sources if count > 1 else files
    facts: dict[str, Any] = {
        "name": picture.name,
        "width": picture.width,
        "height": picture.height,
        "depth": picture.depth,
        "study": picture.study,
        "series": picture.series,
        "segments": None if picture.values is None else sorted(picture.values),
        "files": [
            {"name": source.name, "sha256": source.sha256, "size": source.size}
            for source in sources
        ],
    }
    store.run("INSERT INTO images (pk, facts) VALUES (?, ?)", pk, json.dumps(facts))
    return pk


def add_made_up_image(store: Store, pk: str) -> None:
    """Store an image without contents, for items that refer to existing images."""
    facts = {"name": pk, "width": 1, "height": 1, "depth": None, "segments": None, "files": []}
    store.run("INSERT OR IGNORE INTO images (pk, facts) VALUES (?, ?)", pk, json.dumps(facts))


def stored_name(filename: str) -> str:
    """Return a file's name as the platform stores it: Django's get_valid_filename."""
    name = re.sub(r"[^-\w.]", "", filename.strip().replace(" ", "_"))
    if name in ("", ".", ".."):
        raise ImportFailed(_UNEXPECTED)
    return name
