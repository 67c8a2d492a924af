"""Plan, scheduler and history together: several runs, each killed at any moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.recovery import repeat_fills
from manifest_uploader.engine.results import End
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, JsonValue, Value
from manifest_uploader.plan.differences import Shown, compare, restore_of
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.items import took_effect
from manifest_uploader.state.events import Done, Event, Failed, Started
from manifest_uploader.state.history import CaseHistory
from tests.engine.pretended import Pretended, act, killed
from tests.helpers import (
    SOCKETS,
    STUDY,
    case,
    facts_of,
    few_examples,
    file_value,
    inputs,
    json_value,
    past_of_events,
    plan_of,
    stat,
    step_id,
)

CASES = (
    case("a", file_value("ct-image"), json_value("some-score", 1), json_value("remark", "")),
    case("b", file_value("ct-image"), json_value("some-score", 2), json_value("remark", "")),
    case("c", file_value("report"), file_value("ct-image")),
    case("d", json_value("remark", "")),
)


@dataclass
class Story:
    """Several runs against one platform, and the events they record."""

    pool: Pretended
    written: list[Event] = field(default_factory=list)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    """(case, socket) → a tag for the current files of a value, `a` at first; or the new value."""
    runs: int = 0

    manifest: tuple[Case, ...] = CASES

    @property
    def cases(self) -> list[Case]:
        """The manifest as it is now."""
        return [
            replace(one, values=tuple(self._value(one, value) for value in one.values))
            for one in self.manifest
        ]

    def _value(self, one: Case, value: Value) -> Value:
        tag = self.tags.get((one.name, value.socket))
        return replace(value, value=tag) if tag and isinstance(value, JsonValue) else value

    def plan(self) -> Plan:
        """Recover, then plan, as every run does."""
        self.runs += 1
        self.written += self._recovered()
        self.written += repeat_fills(
            past_of_events(*self.written),
            [one.name for one in self.manifest],
            SOCKETS,
            STUDY,
            send=self.pool._fill,
            is_gone=lambda upload: upload not in self.pool.rows,
        )
        return self._plan(*self.cases)

    def _plan(self, *cases: Case, **more: Any) -> Plan:
        return plan_of(
            *cases,
            **more,
            history=past_of_events(*self.written),
            rows={row: status for row, (status, _) in self.pool.rows.items()},
            values=self.values(),
            items=len(self.pool.items),
            first_title=1000 * self.runs,
        )

    def values(self) -> dict[tuple[str, str], ValueFacts]:
        """The facts of the files that have changed."""
        return {key: self._facts(tag) for key, tag in self.tags.items() if key in file_values}

    def kill(self, turns: int) -> None:
        plan = self.plan()
        self.pool = self.pool.restarted()
        killed(plan, self.pool, turns)
        self.written += self.pool.written

    def end(self) -> set[End]:
        plan = self.plan()
        self.pool = self.pool.restarted()
        first, ends = act(plan, self.pool)
        self.written += self.pool.written
        if held := first.held():
            self.pool.written = []
            _, more = act(self._plan_of_held(held), self.pool, first)
            self.written += self.pool.written
            ends = {**ends, **more}
        return {end.end for end in ends.values()}

    def _plan_of_held(self, held: Collection[str]) -> Plan:
        """The second plan of a run, with the items of these cases as they are now."""
        history = past_of_events(*self.written)
        cases = [one for one in self.cases if one.name in held]
        seen = {pk: item for pk in self.pool.items if (item := self.pool._seen(pk)) is not None}
        manifest = inputs(*cases).manifest
        found = compare(manifest, history, Shown(seen), renamed={}, url_of=lambda pk: pk)
        return self._plan(*cases, restore=restore_of(found.differences))

    def strays(self) -> set[str]:
        """The titles of empty items that late creations may have made."""
        history = past_of_events(*self.written)
        return {title for past in history.cases.values() for title in past.twice}

    def act_late(self) -> None:
        """Let everything that is late act now."""
        while self.pool.late:
            self.pool.act_late()

    def change(self, key: tuple[str, str], tag: str) -> None:
        """Replace the files of a value, or the value."""
        self.tags[key] = tag

    def wanted(self, one: Case) -> dict[str, str | None]:
        return {
            value.socket: json_digest(value.value)
            if isinstance(value, JsonValue)
            else stat(self.tags.get((one.name, value.socket), "a"))
            for value in one.values
        }

    def _facts(self, tag: str) -> ValueFacts:
        return facts_of(tag)

    def _recovered(self) -> Iterator[Event]:
        for name, past in past_of_events(*self.written).cases.items():
            yield from self._creation(name, past)
        for name, past in past_of_events(*self.written).cases.items():
            yield from self._fill(name, past)

    def _creation(self, name: str, past: CaseHistory) -> Iterator[Event]:
        if past.item is None and past.temporary is not None:
            for pk, item in self.pool.items.items():
                if item.title == past.temporary:
                    yield Done(name, step_id(f"{name}:create"), pk=pk, again=True)

    def _fill(self, name: str, past: CaseHistory) -> Iterator[Event]:
        filling = past.filling
        if filling is None or past.item is None:
            return
        tickets = [one.ticket for one in filling.entries if one.ticket is not None]
        if tickets:
            yield from self._by_tickets(name, past, tickets)
            return
        seen = self.pool._seen(past.item)
        assert seen is not None
        gone = {one.upload for one in filling.entries if one.upload not in self.pool.rows}
        acted = took_effect(
            seen,
            entries=filling.entries,
            title=filling.title,
            temporary=filling.temporary,
            gone=frozenset(one for one in gone if one),
        )
        step = step_id(f"{name}:fill")
        if acted:
            yield Done(name, step, pk=past.item, again=True)
        elif not self._has_uploads(filling):
            yield Failed(name, step, words="", final=False)

    def _by_tickets(self, name: str, past: CaseHistory, tickets: list[str]) -> Iterator[Event]:
        """A fill uses all of its tickets, or none."""
        assert past.filling is not None
        used = {ticket not in self.pool.tickets for ticket in tickets}
        assert len(used) == 1
        step = step_id(f"{name}:fill")
        if used == {True}:
            yield Done(name, step, pk=past.item)
        elif not self._has_uploads(past.filling):
            yield Failed(name, step, words="", final=False)

    def _has_uploads(self, filling: Started) -> bool:
        return any(one.upload in self.pool.rows for one in filling.entries)


scores = [("a", "some-score"), ("b", "some-score")]
file_values = [
    (one.name, value.socket)
    for one in CASES
    for value in one.values
    if isinstance(value, FileValue)
]


_SENT_TWICE = [
    (5, {("a", "ct-image")}),
    (20, {("b", "ct-image")}),
    (18, set()),
    (3, {("b", "ct-image")}),
]
"""A fill is repeated; its upload is imported for the first one while the second run goes on."""


@settings(few_examples, max_examples=300)
@example(4574, _SENT_TWICE, 5, False)
@example(4574, _SENT_TWICE, 5, True)
@given(
    st.integers(0, 2**32),
    st.lists(
        st.tuples(st.integers(0, 45), st.sets(st.sampled_from(file_values + scores))), max_size=6
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_every_case_is_there_once_with_its_bytes_whenever_runs_are_killed(
    seed: int, kills: list[tuple[int, set[tuple[str, str]]]], limit: int, has_tickets: bool
) -> None:
    story = Story(Pretended(limit=limit, seed=seed, has_tickets=has_tickets))
    for number, (turns, changed) in enumerate(kills):
        story.kill(turns)
        for key in sorted(changed):
            story.change(key, f"tag{number}")

    story.end()
    story.act_late()
    ends = story.end()

    assert ends == {End.DONE}
    items = [item for item in story.pool.items.values() if item.title not in story.strays()]
    assert sorted(item.title for item in items) == [one.name for one in CASES]
    assert {item.title: item.contents for item in items} == {
        one.name: story.wanted(one) for one in story.cases
    }
    assert all(item.sockets.keys() == item.contents.keys() for item in items)
    assert story.end() == {End.DONE}
    assert story.pool.begun == []
