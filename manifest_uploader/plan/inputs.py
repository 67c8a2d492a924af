"""The inputs of the planner: manifest, facts, history, and what the command line says."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Manifest, Value
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.platform.model import ItemSeen, Socket, Target
from manifest_uploader.state.history import History


class Facts(Struct, frozen=True):
    """Everything that was looked at before a plan is made."""

    values: Mapping[tuple[str, str], ValueFacts]
    """By (case, socket): the values that have files, unless they have a problem."""
    problems: tuple[Problem, ...] = ()
    """What the look itself found wrong: files, root, patients' names."""
    target: Target | None = None
    """None: the platform was not looked at (`--offline`)."""
    sockets: Mapping[str, Socket] = field(default_factory=dict)
    """By slug; all that the platform has."""
    items: int = 0
    """How many items the target holds, ours and others'."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Title → pk of items that are not ours; empty where the target holds only ours."""
    gone: frozenset[str] = frozenset()
    """Pks of our items that the target no longer holds."""
    highest_order: int = 0
    """The highest order number in the target, as far as it was looked at."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Upload pk → status of our uploads of earlier runs that are still there."""
    rows_used: int = 0
    """How many upload rows the account holds now."""
    looked: Mapping[str, ItemSeen] = field(default_factory=dict)
    """By case: items that were looked at in passing (`--adopt`)."""


class Choices(Struct, frozen=True):
    """What the command line says about planning."""

    adopt: bool = False
    recreate: bool = False
    retry_failed: bool = False
    new: bool = False
    upload_limit: int = 2000
    """Upload rows that the account may hold."""


class PlanInputs(Struct, frozen=True):
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


def socket_of(value: Value, inputs: PlanInputs) -> Socket:
    """The socket that a value goes into; it was seen to exist."""
    return inputs.facts.sockets[value.socket]
