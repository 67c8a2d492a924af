"""Asks the platform what became of steps whose end nobody saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from manifest_uploader.items import has_acted
from manifest_uploader.lookups import find_by_title, get_item, is_row_gone
from manifest_uploader.model import CasePast, Done, Entry, Event, Failed, Gone, History, Target

if TYPE_CHECKING:  # httpx costs 0.3 s of CPU, which commands without a network save
    from manifest_uploader.connection import Connection


def settle(
    history: History, names: Iterable[str], connection: Connection, target: Target
) -> Iterator[Event]:
    """What is found out about unsure creations and fills, as events to be folded in.

    An unsure creation that is not found may be sent again under its title. A fill that shows no
    trace comes back as `Failed` without words: it did not act.
    """
    cases = {name: history.cases[name] for name in names if name in history.cases}
    yield from _creations(cases, connection, target)
    for name, past in cases.items():
        if past.filling is not None and past.item is not None:
            yield _fill(name, past, past.item, connection, target)


def _creations(
    cases: Mapping[str, CasePast], connection: Connection, target: Target
) -> Iterator[Event]:
    unsure = {
        past.temporary: name
        for name, past in cases.items()
        if past.item is None and past.temporary is not None
    }
    if not unsure:
        return
    for title, pk in find_by_title(connection, target, frozenset(unsure)).items():
        name = unsure[title]
        yield Done(name, f"{name}:create", pk=pk)


def _fill(name: str, past: CasePast, pk: str, connection: Connection, target: Target) -> Event:
    step = f"{name}:fill"
    item = get_item(connection, target, pk)
    if item is None:
        return Gone(name, step, pk)
    filling = past.filling
    assert filling is not None
    acted = has_acted(
        item,
        entries=filling.entries,
        title=filling.title,
        temporary=filling.temporary,
        gone=frozenset(_gone(filling.entries, connection)),
    )
    return Done(name, step, pk=pk) if acted else Failed(name, step, None, "", final=False)


def _gone(entries: tuple[Entry, ...], connection: Connection) -> Iterator[str]:
    for entry in entries:
        if entry.upload is not None and is_row_gone(connection, entry.upload):
            yield entry.upload
