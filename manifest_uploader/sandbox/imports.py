"""Imports uploads after a fill, asynchronously as the platform does.

Images take two tasks: the first one reads the uploads and deletes their rows; the second one
attaches the image to the item and can still fail. Files take one task, which deletes the row
before the value exists. DICOM image sets take two, and a refused one loses its uploads. The
queue is stored in the database, so that it survives a restart.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from sqlite3 import Row

from manifest_uploader.sandbox.dicom_sets import read_set
from manifest_uploader.sandbox.images import add_dicom_set, add_image, socket_complaint
from manifest_uploader.sandbox.job_states import cancel, find_job, start_when_complete
from manifest_uploader.sandbox.judge import ImportImpossible, Judge, JudgeClosed, Verdict
from manifest_uploader.sandbox.received import (
    UNEXPECTED,
    ImportFailed,
    ObjectGone,
    completed_upload,
    keep_bytes,
    read_upload,
    stored_name,
)
from manifest_uploader.sandbox.site import Site
from manifest_uploader.sandbox.sockets import Socket
from manifest_uploader.sandbox.store import new_pk
from manifest_uploader.sandbox.unpacking import (
    StoredFile,
    Unpacked,
    Upload,
    Workplace,
    replace_files,
)
from manifest_uploader.sandbox.uploads import remove_upload
from manifest_uploader.sandbox.values import set_value


@dataclass(frozen=True)
class Importer:
    """Does the jobs of the queue."""

    site: Site
    judge: Judge
    workplace: Workplace

    def resume(self) -> None:
        """Queue the jobs that are left from earlier starts."""
        for row in self.site.store.rows("SELECT seq, session, stage FROM jobs ORDER BY seq"):
            reads_images = row["session"] is not None and row["stage"] == 1
            queue = self.site.queue_images if reads_images else self.site.queue
            queue(row["seq"])

    def work(self, number: int) -> None:
        """Do one job; record its failure as the platform does."""
        job = self.site.store.row("SELECT * FROM jobs WHERE seq = ?", number)
        if job is None:
            return
        try:
            self._work(job)
        except JudgeClosed:
            return  # the job is done at the next start
        except ObjectGone:
            self._fail(job, "")
        except (ImportFailed, ImportImpossible) as error:
            self._fail(job, str(error) if job["stage"] > 1 or self._has_all_rows(job) else "")
        except Exception:  # noqa: BLE001 - whatever a damaged file does to a reader
            # If the rows are gone, another import deleted the bytes while they were read.
            self._fail(job, UNEXPECTED if self._has_all_rows(job) else "")

    def _has_all_rows(self, job: Row) -> bool:
        """Return whether all uploads of an import still have their rows."""
        wanted = [job["upload"]] if job["upload"] else self._session_uploads(job)
        find = "SELECT 1 FROM uploads WHERE pk = ?"
        return all(self.site.store.row(find, pk) is not None for pk in wanted)

    def _work(self, job: Row) -> None:
        if job["slices"] is not None:
            self._work_on_dicom_set(job)
            return
        if job["stage"] == 1:
            self._fail_on_purpose(job)
        if job["upload"] is not None or job["file"] is not None:
            self._import_file(job)
        elif job["stage"] == 1:
            self._read_images(job)
        else:
            self._attach_image(job)

    def _work_on_dicom_set(self, job: Row) -> None:
        if job["stage"] == 1:
            self._import_dicom_set(job)
            return
        with self.site.store.transaction():
            self._attach(job, image=job["image"])

    def _import_dicom_set(self, job: Row) -> None:
        """Make an image of a set's uploads, whose rows are gone afterwards in any case."""
        store, pks = self.site.store, json.loads(job["slices"])
        try:
            self._fail_on_purpose(job)
            files = read_set(store, pks, keep=self.site.options.keep_bytes)
        except Exception:  # noqa: BLE001 - whatever a file that is no DICOM does to a reader
            self._reject_dicom_set(job)
            return
        image = new_pk()
        with store.transaction():
            for pk in pks:
                remove_upload(store, pk)
            add_dicom_set(store, image, job["name"], files)
            store.run("UPDATE jobs SET stage = 2, image = ? WHERE seq = ?", image, job["seq"])
            self.site.enqueue(job["seq"])

    def _reject_dicom_set(self, job: Row) -> None:
        """End the import of a DICOM image set: its uploads are gone, and nothing says why."""
        store = self.site.store
        with store.transaction():
            for pk in json.loads(job["slices"]):
                remove_upload(store, pk)
            store.run("INSERT INTO notifications (user) VALUES (?)", job["user"])
            store.run("DELETE FROM jobs WHERE seq = ?", job["seq"])

    def _fail_on_purpose(self, job: Row) -> None:
        """Raise ImportFailed if a fault asks for it."""
        words = job["doom"]
        on_import = getattr(self.site.options.hook, "on_import", None)
        if words is None and on_import is not None:
            words = on_import(job["item"], self._socket(job).slug)
        if words is not None:
            raise ImportFailed(words)

    def _lose_on_purpose(self, job: Row, files: Unpacked) -> Unpacked:
        """Return the files with the changes that a fault asks for."""
        on_files = getattr(self.site.options.hook, "on_files", None)
        if on_files is None:
            return files
        names = tuple(file.name for file in files.files)
        return replace_files(files, on_files(job["item"], self._socket(job).slug, names))

    def _socket(self, job: Row) -> Socket:
        return self.site.sockets.by_pk[job["socket"]]

    def _read_images(self, job: Row) -> None:
        store = self.site.store
        if not self._begin_session(job):
            return
        rows = [completed_upload(store, pk) for pk in self._session_uploads(job)]
        _check_names(rows)
        uploads = [read_upload(store, row) for row in rows]
        with self.workplace.unpacked(uploads) as sent:
            files = self._lose_on_purpose(job, sent)
            verdict = self.judge.judge(files)
            if not verdict.images:
                raise ImportFailed(_not_imported(verdict))
            if self.site.options.keep_bytes:
                self._keep(uploads, verdict)
            with store.transaction():
                self._store_images(job, [row["pk"] for row in rows], verdict, files.files)

    def _begin_session(self, job: Row) -> bool:
        """Note that a session is being imported; return False if another job has done so."""
        begun = self.site.store.change(
            "UPDATE sessions SET status = 'Started'"
            " WHERE pk = ? AND status IN ('Re-Queued', 'Started')",
            job["session"],
        )
        if not begun:
            self.site.store.run("DELETE FROM jobs WHERE seq = ?", job["seq"])
        return bool(begun)

    def _keep(self, uploads: list[Upload], verdict: Verdict) -> None:
        """Keep the bytes of uploads under their SHA-256, and of images under their pk."""
        for upload in uploads:
            keep_bytes(self.site.store, upload)
        for picture in verdict.images:
            if picture.file is not None:
                shutil.copyfile(picture.file, self.site.store.kept / picture.pk)

    def _store_images(
        self, job: Row, uploads: list[str], verdict: Verdict, files: tuple[StoredFile, ...]
    ) -> None:
        """Store the images, delete the uploads' rows and queue the second task."""
        store = self.site.store
        for pk in uploads:
            if not remove_upload(store, pk):
                raise ObjectGone
        for picture in verdict.images:
            add_image(store, picture, files)
        message = _not_imported(verdict)
        store.run(
            "UPDATE sessions SET status = 'Succeeded', message = ?, images = ?, uploads = '[]'"
            " WHERE pk = ?",
            *(message, json.dumps([one.pk for one in verdict.images]), job["session"]),
        )
        if message:
            store.run("INSERT INTO notifications (user) VALUES (?)", job["user"])
        store.run("UPDATE jobs SET stage = 2 WHERE seq = ?", job["seq"])
        self.site.enqueue(job["seq"])

    def _attach_image(self, job: Row) -> None:
        store = self.site.store
        with store.transaction():
            row = store.row("SELECT images FROM sessions WHERE pk = ?", job["session"])
            images = json.loads(row["images"]) if row else []
            if len(images) != 1:
                raise ImportFailed("Image imports should result in a single image")
            row = store.row("SELECT facts FROM images WHERE pk = ?", images[0])
            complaint = socket_complaint(self._socket(job), json.loads(row["facts"]) if row else {})
            if complaint is not None:
                raise ImportFailed(complaint)
            self._attach(job, image=images[0])

    def _attach(self, job: Row, *, image: str | None = None, file: str | None = None) -> None:
        """Attach the value to the item or algorithm job, and end the import."""
        store = self.site.store
        item = store.row("SELECT answered FROM items WHERE pk = ?", job["item"])
        if item is None and find_job(store, job["item"]) is None:
            raise ObjectGone
        if item is not None and item["answered"]:
            words = "This display set cannot be changed, as answers for it already exist"
            raise ImportFailed(words)
        set_value(self.site, job["item"], job["socket"], image=image, file=file)
        store.run("DELETE FROM jobs WHERE seq = ?", job["seq"])
        start_when_complete(self.site, job["item"])

    def _import_file(self, job: Row) -> None:
        """Check a file and delete its upload's row, then attach it in a second transaction."""
        store = self.site.store
        if job["stage"] == 1:
            row = completed_upload(store, job["upload"])
            upload = read_upload(store, row)
            self._check_file(self._socket(job), upload)
            if self.site.options.keep_bytes:
                keep_bytes(store, upload)
            size, sha256 = upload.measure()
            name = stored_name(row["filename"])
            file = json.dumps({"name": name, "sha256": sha256, "size": size})
            with store.transaction():
                if not remove_upload(store, row["pk"]):
                    raise ObjectGone
                statement = "UPDATE jobs SET stage = 2, upload = NULL, file = ? WHERE seq = ?"
                store.run(statement, file, job["seq"])
        else:
            file = job["file"]
        with store.transaction():
            self._attach(job, file=file)

    def _check_file(self, socket: Socket, upload: Upload) -> None:
        """Raise ImportFailed for JSON that breaks its socket's schema; other files are not read."""
        if socket.family != "json":
            return
        value = json.loads(upload.read())
        complaint = self.site.validators.complaint(socket.pk, socket.full_schema, value)
        if complaint is not None:
            raise ImportFailed(complaint)

    def _session_uploads(self, job: Row) -> list[str]:
        query = "SELECT uploads FROM sessions WHERE pk = ?"
        row = self.site.store.row(query, job["session"])
        return list(json.loads(row["uploads"])) if row else []

    def _fail(self, job: Row, words: str) -> None:
        """End a job; a session records why images failed, but nothing does so for files.

        A failed image, and a file that was not completed, cancels the algorithm job whose input it
        is. A refused file does not: that job waits for ever.
        """
        store = self.site.store
        find = "SELECT 1 FROM uploads WHERE pk = ? AND status != 'Completed'"
        with store.transaction():
            if job["session"] is not None or store.row(find, job["upload"]) is not None:
                cancel(self.site, job["item"])
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


def _check_names(rows: list[Row]) -> None:
    if len({row["filename"] for row in rows}) < len(rows):
        words = "Duplicate files uploaded, please try again with a unique set of files"
        raise ImportFailed(words)


def _not_imported(verdict: Verdict) -> str:
    """Return how many files were not used, as the platform says it; nothing if all were."""
    plural = "" if verdict.left == 1 else "s"
    return f"{verdict.left} file{plural} could not be imported" if verdict.left else ""
