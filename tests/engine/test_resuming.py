"""Plan, scheduler and history together: several runs, each killed at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.recovery import repeat_fills
from manifest_uploader.engine.results import End
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, JsonValue
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.items import shows_at_once, took_effect
from manifest_uploader.state.events import Done, Event, Failed
from manifest_uploader.state.history import CaseHistory
from tests.engine.pretended import Pretended, act, killed
from tests.helpers import (
    SOCKETS,
    STUDY,
    case,
    facts_of,
    few_examples,
    file_value,
    json_value,
    past_of_events,
    plan_of,
    stat,
    step_id,
)

CASES = [
    case("a", file_value("ct-image"), json_value("some-score", 1), json_value("remark", "")),
    case("b", file_value("ct-image"), json_value("some-score", 2), json_value("remark", "")),
    case("c", file_value("report"), file_value("ct-image")),
    case("d", json_value("remark", "")),
]


@dataclass
class Story:
    """Several runs against one platform, and the events they record."""

    pool: Pretended
    written: list[Event] = field(default_factory=list)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    """(case, socket) → a tag for the current files of a value; `a` at first."""
    runs: int = 0

    def plan(self) -> Plan:
        """Recover, then plan, as every run does."""
        self.runs += 1
        self.written += self._recovered()
        history = past_of_events(*self.written)
        again = repeat_fills(history, [one.name for one in CASES], SOCKETS, STUDY, self.pool._fill)
        self.written += again
        return plan_of(
            *CASES,
            history=past_of_events(*self.written),
            rows={row: status for row, (status, _) in self.pool.rows.items()},
            values={key: self._facts(tag) for key, tag in self.tags.items()},
            items=len(self.pool.items),
            first_title=1000 * self.runs,
        )

    def kill(self, turns: int) -> None:
        plan = self.plan()
        self.pool = self.pool.restarted()
        killed(plan, self.pool, turns)
        self.written += self.pool.written

    def end(self) -> set[End]:
        plan = self.plan()
        self.pool = self.pool.restarted()
        _, ends = act(plan, self.pool)
        self.written += self.pool.written
        return {end.end for end in ends.values()}

    def change(self, key: tuple[str, str], tag: str) -> None:
        """Replace the files of a value."""
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
                    yield Done(name, step_id(f"{name}:create"), pk=pk)

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
            yield Done(name, step, pk=past.item)
        elif shows_at_once(
            seen, entries=filling.entries, title=filling.title, temporary=filling.temporary
        ):
            yield Failed(name, step, words="", final=False)

    def _by_tickets(self, name: str, past: CaseHistory, tickets: list[str]) -> Iterator[Event]:
        """A fill uses all of its tickets, or none."""
        assert past.filling is not None
        used = {ticket not in self.pool.tickets for ticket in tickets}
        assert len(used) == 1
        step = step_id(f"{name}:fill")
        if used == {True}:
            yield Done(name, step, pk=past.item)
        elif any(one.upload is None for one in past.filling.entries):
            yield Failed(name, step, words="", final=False)


file_values = [
    (one.name, value.socket)
    for one in CASES
    for value in one.values
    if isinstance(value, FileValue)
]


_SENT_TWICE = [(5, ("a", "ct-image")), (20, ("b", "ct-image")), (18, None), (3, ("b", "ct-image"))]
"""A fill is repeated; its upload is imported for the first one while the second run goes on."""


@settings(few_examples, max_examples=300)
@example(4574, _SENT_TWICE, 5, False)
@example(4574, _SENT_TWICE, 5, True)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 45), st.none() | st.sampled_from(file_values)), max_size=6),
    st.integers(1, 5),
    st.booleans(),
)
def test_every_case_is_there_once_with_its_bytes_whenever_runs_are_killed(
    seed: int, kills: list[tuple[int, tuple[str, str] | None]], limit: int, has_tickets: bool
) -> None:
    story = Story(Pretended(limit=limit, seed=seed, has_tickets=has_tickets))
    for number, (turns, changed) in enumerate(kills):
        story.kill(turns)
        if changed is not None:
            story.change(changed, f"tag{number}")

    ends = story.end()

    assert ends == {End.DONE}
    items = list(story.pool.items.values())
    assert sorted(item.title for item in items) == [one.name for one in CASES]
    assert {item.title: item.contents for item in items} == {
        one.name: story.wanted(one) for one in CASES
    }
    assert all(item.sockets.keys() == item.contents.keys() for item in items)
    assert story.end() == {End.DONE}
    assert story.pool.begun == []
