"""Sockets: how the command line describes them, and how the API presents them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifest_uploader.sandbox.kinds import KINDS, suggest_kind
from manifest_uploader.sandbox.schemas import check_schema, schema_of
from manifest_uploader.sandbox.store import Store


class OptionInvalid(Exception):
    """Says in one line what is wrong with an option."""


@dataclass(frozen=True)
class Socket:
    """A named slot for values."""

    pk: int
    slug: str
    title: str
    kind: str
    is_file: bool
    """Whether values of a JSON kind are stored as files."""
    path: str
    schema: Any = None
    """This socket's own schema in addition to its kind's, or None."""
    segments: tuple[int, ...] = ()
    """The voxel values that a segmentation may contain; empty if there is no restriction."""

    @property
    def family(self) -> str:
        """Return what a value of this socket consists of: image, json or file."""
        return KINDS[self.kind].family

    @property
    def code(self) -> str:
        """Return the kind's short code in messages."""
        return KINDS[self.kind].code

    @property
    def super_kind(self) -> str:
        """Return how a value of this socket is delivered: as Image, Value or File."""
        if self.family == "image":
            return "Image"
        return "File" if self.is_file or self.family == "file" else "Value"

    @property
    def full_schema(self) -> Any:
        """Return what a JSON value must satisfy."""
        own = schema_of(self.kind)
        return own if self.schema is None else {"allOf": [own, self.schema]} if own else self.schema

    def to_json(self) -> dict[str, Any]:
        """Return the socket as the API presents it."""
        return {
            "title": self.title,
            "description": "",
            "slug": self.slug,
            "kind": self.kind,
            "pk": self.pk,
            "default_value": None,
            "super_kind": self.super_kind,
            "relative_path": self.path,
            "overlay_segments": [
                {"name": str(value), "visible": True, "voxel_value": value}
                for value in self.segments
            ],
            "look_up_table": None,
        }


class Sockets:
    """All sockets of a sandbox; they do not change while it runs."""

    def __init__(self, sockets: tuple[Socket, ...]) -> None:
        """Index the sockets by pk and by slug."""
        self.all = sockets
        self.by_pk = {socket.pk: socket for socket in sockets}
        self.by_slug = {socket.slug: socket for socket in sockets}
        self.json_by_pk = {socket.pk: socket.to_json() for socket in sockets}


def parse_socket(line: str) -> Socket:
    """Return the socket that `SLUG=KIND[:file][,schema=FILE][,segments=0-1]` describes."""
    slug, equals, rest = line.partition("=")
    if not equals or not re.fullmatch(r"[-\w]+", slug, re.ASCII):
        message = f"'{line}' is not a socket: it must look like SLUG=KIND, e.g. ct-image=Image"
        raise OptionInvalid(message)
    kind_text, *extras = rest.split(",")
    name, colon, storage = kind_text.strip().partition(":")
    if colon and storage != "file":
        raise OptionInvalid(f"'{line}': ':{storage}' is not known, only ':file' is")
    kind = _kind(name, line)
    options = _extras(extras, line)
    return Socket(
        pk=0,
        slug=slug,
        title=slug.replace("-", " ").replace("_", " ").title(),
        kind=kind,
        is_file=bool(colon),
        path=_path(slug, kind),
        schema=_read_schema(options["schema"]) if "schema" in options else None,
        segments=_segments(options.get("segments"), kind, line),
    )


def _kind(name: str, line: str) -> str:
    for known in KINDS:
        if known.casefold() == name.casefold():
            return known
    meant = suggest_kind(name)
    hint = f"; did you mean '{meant}'?" if meant else ""
    raise OptionInvalid(f"'{line}': the platform has no kind '{name}'{hint}")


def _path(slug: str, kind: str) -> str:
    found = KINDS[kind]
    return f"images/{slug}" if found.family == "image" else slug + found.ending


def _extras(extras: list[str], line: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for extra in extras:
        key, equals, value = extra.partition("=")
        if key not in ("schema", "segments") or not equals or not value:
            message = f"'{line}': '{extra}' is not known; write schema=FILE or segments=0-1"
            raise OptionInvalid(message)
        options[key] = value
    return options


def _read_schema(file: str) -> Any:
    try:
        schema = json.loads(Path(file).read_text("utf-8"))
        check_schema(schema)
    except (OSError, ValueError) as error:
        raise OptionInvalid(f"'{file}' is not a usable JSON Schema: {error}") from error
    return schema


def _segments(text: str | None, kind: str, line: str) -> tuple[int, ...]:
    if text is None:
        return (0, 1) if kind == "Segmentation" else ()
    if not re.fullmatch(r"\d+(-\d+)?(\+\d+(-\d+)?)*", text):
        message = f"'{line}': segments must look like 0-1, or 0-3+7, not '{text}'"
        raise OptionInvalid(message)
    values: set[int] = set()
    for piece in text.split("+"):
        low, _, high = piece.partition("-")
        values.update(range(int(low), int(high or low) + 1))
    return tuple(sorted(values))


def add_sockets(
    store: Store, sockets: tuple[Socket, ...], guessed: tuple[Socket, ...] = ()
) -> None:
    """Add sockets to the folder, after the platform's generic ones.

    `sockets` replace those that the folder already has under their slugs. `guessed` ones replace
    only other guesses.
    """
    generic = _generic_sockets()
    for socket in generic:
        _insert(store, socket, guessed=False)
    named = {socket.slug for socket in (*generic, *sockets)}
    for socket in sockets:
        _insert(store, socket, guessed=False)
        _update(store, socket, only_guessed=False)
    for socket in guessed:
        if socket.slug not in named:
            _insert(store, socket, guessed=True)
            _update(store, socket, only_guessed=True)


def _insert(store: Store, socket: Socket, *, guessed: bool) -> None:
    """Add a socket unless its slug is taken."""
    store.run(
        "INSERT INTO sockets (slug, title, kind, is_file, path, schema, segments, guessed)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM sockets WHERE slug = ?)",
        *(socket.slug, *_columns(socket), guessed, socket.slug),
    )


def _update(store: Store, socket: Socket, *, only_guessed: bool) -> None:
    """Make the socket of this slug what is wanted; its values stay."""
    store.run(
        "UPDATE sockets SET title = ?, kind = ?, is_file = ?, path = ?, schema = ?, segments = ?,"
        " guessed = ? WHERE slug = ? AND (guessed OR NOT ?)",
        *(*_columns(socket), only_guessed, socket.slug, only_guessed),
    )


def _columns(socket: Socket) -> tuple[Any, ...]:
    schema = None if socket.schema is None else json.dumps(socket.schema)
    segments = json.dumps(socket.segments)
    return socket.title, socket.kind, socket.is_file, socket.path, schema, segments


def load_sockets(store: Store) -> Sockets:
    """Return all sockets in the folder."""
    return Sockets(
        tuple(
            Socket(
                pk=row["pk"],
                slug=row["slug"],
                title=row["title"],
                kind=row["kind"],
                is_file=bool(row["is_file"]),
                path=row["path"],
                schema=json.loads(row["schema"]) if row["schema"] else None,
                segments=tuple(json.loads(row["segments"])),
            )
            for row in store.rows("SELECT * FROM sockets ORDER BY pk")
        )
    )


def _generic_sockets() -> tuple[Socket, ...]:
    """Return sockets that exist on every instance of the platform."""
    return (
        _generic_socket("generic-medical-image", "Image", ""),
        _generic_socket("generic-overlay", "Heat Map", ""),
        _generic_socket("results-json-file", "Anything", "results.json"),
        _generic_socket("predictions-json-file", "Anything", "predictions.json", is_file=True),
        _generic_socket("predictions-csv-file", "CSV file", "predictions.csv", is_file=True),
        _generic_socket("predictions-zip-file", "ZIP file", "predictions.zip", is_file=True),
        _generic_socket("metrics-json-file", "Anything", "metrics.json"),
    )


def _generic_socket(slug: str, kind: str, path: str, *, is_file: bool = False) -> Socket:
    words = {"json": "JSON", "csv": "CSV", "zip": "ZIP"}
    title = " ".join(words.get(word, word.title()) for word in slug.split("-"))
    return Socket(0, slug, title, kind, is_file, path)
