"""Values that share images, in several runs, each killed at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.digests import image_of, json_digest
from manifest_uploader.engine.loop import execute
from manifest_uploader.engine.results import End
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue, JsonValue
from manifest_uploader.plan.steps import Task
from manifest_uploader.state.events import Event
from tests.engine.pretended import Item, Pretended, act, failing, scheduler_for, unsure
from tests.engine.test_resuming import Story
from tests.helpers import case, facts_of, few_examples, file_value, json_value, messages, stat

FILES = ("one", "two", "three")
CASES = (
    case("a", file_value("ct-image", "one"), file_value("mr-image", "two")),
    case("b", file_value("ct-image", "two"), file_value("mr-image", "three")),
    case("c", file_value("ct-image", "three"), file_value("mr-image", "one")),
    case("d", file_value("ct-image", "one"), file_value("report", "one"), json_value("remark", "")),
    case("e", file_value("ct-image", "two"), file_value("mr-image", "two")),
    case("f", file_value("lesion-seg", "one"), json_value("some-score", 1)),
    case("g", json_value("some-score", 2)),
)
IMAGES = {("Image", one) for one in FILES} | {("Segmentation", "one")}


@dataclass
class SharingStory(Story):
    """A story of cases whose values name the same files."""

    manifest: tuple[Case, ...] = CASES
    versions: dict[str, str] = field(default_factory=dict)
    """File → its content, where it has changed."""

    def values(self) -> dict[tuple[str, str], ValueFacts]:
        return {
            (one.name, value.socket): replace(facts_of(self._tag(value)), where=value.paths[0])
            for one in self.manifest
            for value in one.values
            if isinstance(value, FileValue)
        }

    def _tag(self, value: FileValue) -> str:
        return f"{value.paths[0]} {self.versions.get(value.paths[0], '')}"

    def wanted(self, one: Case) -> dict[str, str | None]:
        return {
            value.socket: json_digest(value.value)
            if isinstance(value, JsonValue)
            else stat(self._tag(value))
            for value in one.values
            if isinstance(value, FileValue | JsonValue)
        }

    def held(self, item: Item) -> dict[str, str | None]:
        """What an item holds, with the files of images of other values."""
        return {
            slug: self.pool.pictures.get(image_of(content) or "", content)
            for slug, content in item.contents.items()
        }


def order(numbers: Sequence[int]) -> tuple[Case, ...]:
    """The cases in another order."""
    return tuple(CASES[number] for number in numbers)


@settings(few_examples, max_examples=200)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 60), st.sets(st.sampled_from(FILES))), max_size=6),
    st.permutations(range(len(CASES))),
    st.integers(1, 5),
    st.booleans(),
)
def test_every_case_holds_its_images_whenever_runs_are_killed(
    seed: int,
    kills: list[tuple[int, set[str]]],
    numbers: list[int],
    limit: int,
    has_tickets: bool,
) -> None:
    pool = Pretended(limit=limit, seed=seed, has_tickets=has_tickets)
    story = SharingStory(pool, manifest=order(numbers))
    for number, (turns, changed) in enumerate(kills):
        story.kill(turns)
        story.versions |= dict.fromkeys(sorted(changed), f"version {number}")

    story.end()
    story.act_late()
    ends = story.end()

    assert ends == {End.DONE}
    items = [item for item in story.pool.items.values() if item.title not in story.strays()]
    assert {item.title: story.held(item) for item in items} == {
        one.name: story.wanted(one) for one in CASES
    }
    assert len(items) == len(CASES)
    if has_tickets and not story.versions:
        assert len(story.pool.pictures) == len(IMAGES) + 1, "one upload an image, and the report"
    assert story.end() == {End.DONE}
    assert story.pool.begun == []


def test_cases_that_use_each_others_images_do_not_wait_for_each_other() -> None:
    for rows in (2, 3, 10_000):
        for wait in (1, 64):
            story = SharingStory(Pretended(rows_at_most=rows, seed=1))

            _, ends = act(story.plan(), story.pool, window=wait)

            assert {end.end for end in ends.values()} == {End.DONE}


def test_a_window_full_of_users_lets_their_source_begin() -> None:
    users = tuple(
        case(f"user-{number}", replace(file_value("ct-image", "one"), same_as="z/ct-image"))
        for number in range(30)
    )
    source = case("z", file_value("ct-image", "one"))
    story = SharingStory(Pretended(limit=2), manifest=(*users, source))

    _, ends = act(story.plan(), story.pool, window=4)

    assert {end.end for end in ends.values()} == {End.DONE}
    assert len(story.pool.pictures) == 1
    assert story.pool.steps()[0] == "z/ct-image"


def test_a_case_that_waits_for_several_images_counts_once_until_it_ends() -> None:
    sources = (case("y", file_value("ct-image", "one")), case("z", file_value("ct-image", "two")))
    users = tuple(
        case(
            f"user-{number}",
            file_value("report", f"report {number}"),
            replace(file_value("ct-image", "one"), same_as="y/ct-image"),
            replace(file_value("mr-image", "two"), same_as="z/ct-image"),
        )
        for number in range(9)
    )
    pool = Pretended(limit=2, stalled=True, fault=failing("user-1/report"))
    scheduler = scheduler_for(SharingStory(pool, manifest=(*sources, *users)).plan(), pool)
    flow, most = scheduler._flow, 0

    for events in execute(scheduler, pool):
        pool.written += events
        waiting = [one for one in flow.live.values() if one.awaited]
        assert flow.images.waiting == len(waiting)
        most = max(most, len(waiting))
        pool.stalled = most < 8

    assert flow.images.waiting == flow.busy == 0
    assert {end.case for end in scheduler.ends() if end.end is not End.DONE} == {"user-1"}


USERS = tuple(
    case(
        f"user-{number}",
        file_value("report", f"report {number}"),
        replace(file_value("ct-image", "one"), same_as="z/ct-image"),
    )
    for number in range(8)
)


def test_users_do_not_hold_the_rows_that_their_source_needs() -> None:
    source = case("z", file_value("ct-image", "one"))
    for rows in (1, 2, 3):
        pool = Pretended(limit=4, rows_at_most=rows)
        story = SharingStory(pool, manifest=(*USERS, source))

        _, ends = act(story.plan(), story.pool)

        assert {end.end for end in ends.values()} == {End.DONE}, rows


def test_users_make_room_for_their_source() -> None:
    source = case("z", file_value("ct-image", "one"))
    for seed in range(40):
        pool = Pretended(limit=4, bytes_at_most=100, seed=seed)
        story = SharingStory(pool, manifest=(*USERS, source))

        _, ends = act(story.plan(), story.pool)

        assert {end.end for end in ends.values()} == {End.DONE}, seed
        assert len(story.pool.pictures) == 1 + len(USERS)


SOURCE_ENDS: dict[str, Callable[[Task], Event | None]] = {
    "its upload fails": failing("a/ct-image"),
    "its creation is refused": failing("a:create"),
    "its fill is refused": failing("a:fill"),
    "nobody knows about its fill": unsure("a:fill"),
}


@pytest.mark.parametrize("fault", SOURCE_ENDS.values(), ids=SOURCE_ENDS)
@pytest.mark.parametrize("window", [1, 64])
def test_whatever_becomes_of_a_source_its_users_end(
    fault: Callable[[Task], Event | None], window: int
) -> None:
    story = SharingStory(Pretended(fault=fault, limit=1))

    _, ends = act(story.plan(), story.pool, window=window)

    without_a = {"b", "e", "f", "g"}  # and those that use images of these only
    assert {name for name, end in ends.items() if end.end is End.DONE} <= without_a
    assert End.PENDING not in {end.end for end in ends.values()}
    assert messages(ends["d"])[0].startswith(
        "ct-image: it uses the image of a/ct-image, which failed: "
    )


def test_a_changed_case_that_begins_after_its_source_has_failed_is_filled_once() -> None:
    source = case("a", file_value("ct-image", "one"))
    user = case("b", file_value("ct-image", "one"), json_value("some-score", 1))
    story = SharingStory(Pretended(), manifest=(source, user))
    assert story.end() == {End.DONE}
    story.versions["one"] = "changed"
    story.manifest = (source, case("b", user.values[0], json_value("some-score", 2)))
    story.pool = story.pool.restarted(fault=failing("a/ct-image"), limit=1)

    _, ends = act(story.plan(), story.pool, window=1)

    assert {end.end for end in ends.values()} == {End.FAILED}
    assert story.pool.steps() == ["a/ct-image", "Look", "b:fill", "Watch"]
    [item] = [item for item in story.pool.items.values() if item.title == "b"]
    assert item.contents["some-score"] == json_digest(2)


def test_users_of_an_image_that_is_not_imported_fail_and_follow_it() -> None:
    bad = Pretended(bad_imports=frozenset({"a/ct-image"}))
    story = SharingStory(bad)

    _, ends = act(story.plan(), story.pool)
    story.written += story.pool.written

    failed = {name for name, end in ends.items() if end.end is End.FAILED}
    assert failed == {"a", "c", "d"}
    story.pool = story.pool.restarted()
    story.versions["one"] = "mended"
    assert story.end() == {End.DONE}
    assert {item.title: story.held(item) for item in story.pool.items.values()} == {
        one.name: story.wanted(one) for one in CASES
    }
