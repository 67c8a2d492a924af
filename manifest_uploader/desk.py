"""What lies before the planner: manifest, facts, history, and what the command line says."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from manifest_uploader.model import Facts, History, Manifest, Socket, Target, Value


class Choices(Struct, frozen=True):
    """What the command line says about planning."""

    adopt: bool = False
    recreate: bool = False
    retry_failed: bool = False
    new: bool = False
    upload_limit: int = 2000
    """Upload rows that the account may hold."""


class Desk(Struct, frozen=True):
    """What lies before the planner."""

    manifest: Manifest
    facts: Facts
    history: History
    choices: Choices
    target: Target
    names: frozenset[str]
    """Of all cases of the manifest, chosen or not."""
    renamed: Mapping[str, str]
    """New name → the name that the history knows."""


def renamed_cases(manifest: Manifest, history: History, names: frozenset[str]) -> dict[str, str]:
    """Cases that are new by name, but bear the title of one that left the manifest."""
    left = {
        past.title: name
        for name, past in history.cases.items()
        if name not in names and past.title and past.item and not past.gone
    }
    return {
        case.name: left[case.title]
        for case in manifest.cases
        if case.name not in history.cases and case.title in left
    }


def socket_of(value: Value, desk: Desk) -> Socket:
    """The socket that a value goes into; it was seen to exist."""
    return desk.facts.sockets[value.socket]
