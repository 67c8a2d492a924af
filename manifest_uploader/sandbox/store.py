"""The sandbox's memory: one SQLite file for data, and plain files for bytes.

A request is answered after its transaction is committed, so its effect survives the end of the
process. Nothing waits for the disk, so a power failure may undo the last requests.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

USER = 3
"""The user of the first token, an editor of every target."""

STRANGER = 4
"""The user of the second token, who may not see any target."""

COLLEAGUE = 5
"""A user without a token, who shares algorithm jobs with the first one."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sockets (
    pk INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT UNIQUE NOT NULL, title TEXT NOT NULL,
    kind TEXT NOT NULL, is_file INTEGER NOT NULL, path TEXT NOT NULL, schema TEXT, segments TEXT,
    guessed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS targets (
    pk TEXT PRIMARY KEY, kind TEXT NOT NULL, slug TEXT NOT NULL, UNIQUE (kind, slug));
CREATE TABLE IF NOT EXISTS uploads (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, user INTEGER NOT NULL,
    created REAL NOT NULL, filename TEXT NOT NULL, s3_id TEXT NOT NULL, status TEXT NOT NULL,
    size INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS uploads_of_user ON uploads (user, seq);
CREATE INDEX IF NOT EXISTS uploads_by_age ON uploads (created);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    modified REAL NOT NULL, file TEXT NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, target TEXT NOT NULL,
    title TEXT NOT NULL, position INTEGER NOT NULL, answered INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS titles ON items (target, title) WHERE title != '';
CREATE INDEX IF NOT EXISTS positions ON items (target, position, seq);
CREATE TABLE IF NOT EXISTS vals (
    pk INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL, socket INTEGER NOT NULL,
    json TEXT, image TEXT, file TEXT, UNIQUE (item, socket));
CREATE INDEX IF NOT EXISTS values_of_image ON vals (image);
CREATE TABLE IF NOT EXISTS images (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, facts TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS images_by_name ON images (json_extract(facts, '$.name'), seq);
CREATE TABLE IF NOT EXISTS sessions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, user INTEGER NOT NULL,
    status TEXT NOT NULL, message TEXT NOT NULL DEFAULT '', images TEXT NOT NULL DEFAULT '[]',
    uploads TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (user, seq);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL, item TEXT, socket INTEGER,
    session TEXT, upload TEXT, slices TEXT, file TEXT, stage INTEGER NOT NULL DEFAULT 1,
    doom TEXT, name TEXT, image TEXT);
CREATE TABLE IF NOT EXISTS algorithms (
    pk TEXT PRIMARY KEY, slug TEXT UNIQUE NOT NULL, image TEXT NOT NULL, created REAL NOT NULL,
    interfaces TEXT NOT NULL, credits INTEGER NOT NULL, ready INTEGER NOT NULL,
    runnable INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS algorithm_jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, algorithm TEXT NOT NULL,
    user INTEGER NOT NULL, created REAL NOT NULL, status TEXT NOT NULL, wanted TEXT NOT NULL,
    outputs TEXT NOT NULL, credits INTEGER NOT NULL, fails INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_of_algorithm ON algorithm_jobs (algorithm);
CREATE TABLE IF NOT EXISTS answers (
    pk TEXT PRIMARY KEY, item TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
    created REAL NOT NULL, creator TEXT NOT NULL DEFAULT 'sandbox-user', duration REAL);
CREATE INDEX IF NOT EXISTS answers_of_item ON answers (item);
CREATE TABLE IF NOT EXISTS questions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT UNIQUE NOT NULL, study TEXT NOT NULL,
    text TEXT NOT NULL, kind TEXT NOT NULL, options TEXT NOT NULL, UNIQUE (study, text));
CREATE TABLE IF NOT EXISTS notifications (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL);
"""
"""`jobs` are imports that wait, and `algorithm_jobs` what users start. `vals.item` is the pk of an
item, the pk of an algorithm job for its inputs, or that pk and `/outputs`."""
_VERSION = 3
_MIGRATION = """
DELETE FROM jobs WHERE session IS NOT NULL AND item IS NULL;
UPDATE sessions SET status = 'Re-Queued'
    WHERE status = 'Queued' AND pk IN (SELECT session FROM jobs);
"""
"""Earlier versions called every session "Queued" until its import began, and imported sessions
without an item at once."""
_NEW_COLUMNS = (
    ("jobs", "slices", "TEXT"),
    ("sockets", "guessed", "INTEGER NOT NULL DEFAULT 1"),
    ("jobs", "name", "TEXT"),
    ("jobs", "image", "TEXT"),
    ("answers", "creator", "TEXT NOT NULL DEFAULT 'sandbox-user'"),
    ("answers", "duration", "REAL"),
)
"""(table, column, type) that earlier versions did not have. They did not know either which sockets
of a rehearsal were guessed, nor the names of DICOM image sets."""


class FolderUnusable(Exception):
    """Says in one line why a folder cannot be used as a sandbox's memory."""


class Store:
    """A folder with the sandbox's database and files; transactions are serialized."""

    def __init__(self, folder: Path) -> None:
        """Open the folder's database; create folder and database if they are missing."""
        self.folder = folder
        self.parts = folder / "parts"
        self.kept = folder / "kept"
        self.work = folder / "work"
        try:
            for path in (folder, self.parts, self.kept, self.work):
                path.mkdir(parents=True, exist_ok=True)
            self._db = _connect(folder / "sandbox.sqlite3")
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            _migrate(self._db)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(folder, error) from error
        self._lock = threading.RLock()
        self._after: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a transaction; after the commit, call what was added with `later`."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._after = []
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            after = self._after
        for action in after:
            action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call the action when the transaction is committed, but not if it fails."""
        self._after.append(action)

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement; return the id of the inserted row."""
        with self._lock:
            return self._db.execute(statement, values).lastrowid or 0

    def change(self, statement: str, *values: Any) -> int:
        """Execute a statement; return the number of changed rows."""
        with self._lock:
            return self._db.execute(statement, values).rowcount

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with self._lock:
            first: sqlite3.Row | None = self._db.execute(query, values).fetchone()
            return first

    def number(self, query: str, *values: Any) -> int:
        """Return the single number that a query selects; 0 if there is none."""
        row = self.row(query, *values)
        return int(row[0] or 0) if row else 0

    def get_or_make(self, key: str, make: Callable[[], str]) -> str:
        """Return the text that the folder stores under a key; make it if the key is new."""
        self.run("INSERT OR IGNORE INTO meta VALUES (?, ?)", key, make())
        row = self.row("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else ""

    def sweep(self) -> None:
        """Remove the bytes of uploads whose rows no longer exist, and what imports left behind."""
        known = {row["pk"] for row in self.rows("SELECT pk FROM uploads")}
        for path in (*self.parts.iterdir(), *self.work.iterdir()):
            if path.name not in known:
                discard(path)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous = OFF")  # first: the change of the journal is synchronized, too
    db.execute("PRAGMA journal_mode = WAL")
    return db


def _migrate(db: sqlite3.Connection) -> None:
    """Make a database of an earlier version one of this version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version >= _VERSION:
        return
    for table, column, definition in _NEW_COLUMNS:
        known = {row["name"] for row in db.execute(f"PRAGMA table_info({table})")}
        if column not in known:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    if version < 1:
        db.executescript(_MIGRATION)
    db.execute("UPDATE jobs SET name = 'DICOM image set' WHERE slices IS NOT NULL AND name IS NULL")
    _name_questions(db)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _name_questions(db: sqlite3.Connection) -> None:
    """Store the pks of questions in answers, for which earlier versions stored any link."""
    rows = db.execute(
        "SELECT a.pk, a.question, i.target FROM answers a LEFT JOIN items i ON i.pk = a.item"
    ).fetchall()
    for row in rows:
        named = str(row["question"]).rstrip("/").rpartition("/")[2]
        made_up = str(uuid.uuid5(uuid.UUID(row["target"]), "question")) if row["target"] else named
        question = named if is_pk(named) else made_up
        db.execute("UPDATE answers SET question = ? WHERE pk = ?", (question, row["pk"]))


def _unusable(folder: Path, error: Exception) -> FolderUnusable:
    reason = getattr(error, "strerror", None) or error
    return FolderUnusable(f"cannot use {folder} as the sandbox's folder: {reason}")


class FolderLock:
    """Locks a folder for one sandbox, until it is closed or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder; raise FolderUnusable if another sandbox has locked it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "claim.sqlite3"
            self._db = sqlite3.connect(path, timeout=0, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(folder, error) from error
        try:
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._db.close()
            if "locked" not in str(error):
                raise _unusable(folder, error) from error
            raise FolderUnusable(f"another sandbox is running on {folder}") from error

    def close(self) -> None:
        """Unlock the folder."""
        self._db.close()


def new_token() -> str:
    """Return 64 random hex digits."""
    return secrets.token_hex(32)


def new_pk() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def discard(path: Path) -> None:
    """Remove a file or folder; whatever cannot be removed now is removed at the next start."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def timestamp(moment: float) -> str:
    """Return a time as the platform writes it: in UTC with microseconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> float:
    """Return the current time in seconds since 1970."""
    return time.time()


def is_pk(text: str) -> bool:
    """Return whether a text is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
