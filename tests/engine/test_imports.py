from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.engine.imports.judge import ROW_LIFE_S, Evidence, Seen, is_late, judge
from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.outcomes import Outcome, Watched
from manifest_uploader.plan.steps import Wait, Watch
from manifest_uploader.platform.images import ImageSeen
from manifest_uploader.platform.model import ItemSeen, SocketSeen
from manifest_uploader.platform.sessions import FailedImport, TicketSeen
from manifest_uploader.sandbox import Fault
from manifest_uploader.sandbox import Seen as Request
from manifest_uploader.state.events import Confirmed, Gone, ImportFailed, Noticed
from tests.box import Box, Faulty, mha, wait_for
from tests.helpers import SOCKETS, few_examples, file_seen, item_seen, pk, step_id, value_seen, wait

NO_IMAGE = "Image validation for socket Ct Image failed with error: 1 file could not be imported."
TWO = "Image validation for socket Ct Image failed with error: Image imports should result …"
UNKNOWN = "Image validation for socket Ct Image failed with error: ."
NAMED = FailedImport(pk(50), NO_IMAGE, frozenset({pk(7)}))
UNNAMED = FailedImport(pk(51), TWO, frozenset())
DAY = 86_400.0


def looked(item: ItemSeen | None = None, **more: Any) -> Seen:
    """What a look showed, a minute after the fill; without an item it was not looked at."""
    usual: dict[str, Any] = {
        "now": 1060.0,
        "items": {} if item is None else {item.pk: item},
        "gone_since": {},
        "sessions": (),
        "first_seen": {},
        "latest_file": 0.0,
    }
    return Seen(**{**usual, **more})


def judged(one: Wait, found: Seen, *, rivals: int = 1) -> Outcome | None:
    verdict = judge(one, found, refused_after_s=1800.0, rivals=rivals)
    return None if verdict is None else verdict.event


def failure(one: Wait, found: Seen, *, rivals: int = 1) -> ImportFailed:
    end = judged(one, found, rivals=rivals)
    assert isinstance(end, ImportFailed), end
    return end


EMPTY = item_seen(title="A")
GONE = {pk(7): 1030.0}


def test_a_refused_image_set_is_told_after_some_patience_with_what_to_do() -> None:
    one = wait("dicom-set", is_set=True, slices=3, source="a/*.dcm")
    soon = looked(EMPTY, gone_since={pk(7): 1030.0}, now=1500.0)
    late = looked(EMPTY, gone_since={pk(7): 1030.0}, now=1631.0)
    old = looked(EMPTY, gone_since={pk(7): 2000.0}, gone_before={pk(7)}, now=2061.0)

    assert judged(one, soon) is None
    for found in (failure(one, late), failure(one, old)):
        assert "no image from them, and gives no reason" in found.words
        assert "--retry-failed sends all of them again" in found.words
        assert (found.lost, found.source) == (False, "a/*.dcm")


def test_sessions_say_nothing_about_image_sets() -> None:
    about = FailedImport(pk(51), NO_IMAGE.replace("Ct Image", "Dicom Set"), frozenset())

    found = looked(EMPTY, gone_since=GONE, sessions=(about,))

    assert judged(wait("dicom-set", is_set=True), found) is None


def test_an_image_set_that_lacks_instances_is_incomplete() -> None:
    one = wait("dicom-set", is_set=True, slices=3)
    item = item_seen(dicom_set=SocketSeen("12", image_digest(pk(9)), pk(9)))

    def seen(count: int) -> Outcome | None:
        return judged(one, looked(item, images={pk(9): ImageSeen(pk(9), count, is_set=True)}))

    assert isinstance(seen(3), Confirmed)
    found = seen(2)
    assert isinstance(found, ImportFailed)
    assert (found.arrived, found.expected) == (2, 3)


# ── judge: it came ──────────────────────────────────────────────────────────────────────────


def test_an_image_that_is_another_than_before_is_seen() -> None:
    item = item_seen(ct_image=SocketSeen("12", image_digest(pk(9)), pk(9)))

    assert judged(wait(before="11"), looked(item)) == Confirmed(
        "a", step_id("a/ct-image"), "ct-image", pk(9)
    )


def test_another_value_is_not_the_new_one_while_the_upload_is_still_there() -> None:
    """An import uses its upload up, so an earlier one brought this value."""
    item = item_seen(ct_image=SocketSeen("12", image_digest(pk(9)), pk(9)))

    assert judged(wait(before="11"), looked(item, rows=[pk(7)])) is None


def test_a_file_that_is_another_than_before_is_seen() -> None:
    found = judged(wait("report", before="11"), looked(item_seen(report=file_seen("12"))))

    assert found == Confirmed("a", step_id("a/report"), "report", "12")


@pytest.mark.parametrize("gone", [{}, GONE])
def test_the_value_of_before_is_not_the_new_one(gone: dict[str, float]) -> None:
    assert (
        judged(wait(before="11"), looked(item_seen(ct_image=file_seen("11")), gone_since=gone))
        is None
    )


def test_an_equal_value_is_seen() -> None:
    one = wait("some-score", upload=None, digest=json_digest(2))

    found = judged(one, looked(item_seen(some_score=value_seen(2.0, "5"))))

    assert found == Confirmed("a", step_id("a/some-score"), "some-score", "5")


@pytest.mark.parametrize("item", [item_seen(), item_seen(some_score=value_seen(3))])
def test_a_value_that_is_another_after_all_has_failed(item: ItemSeen) -> None:
    one = wait("some-score", upload=None, digest=json_digest(2))

    found = failure(one, looked(item))
    assert found.words == "the platform accepted the value but holds a different one"
    assert not found.lost
    assert judged(one, looked()) is None


def test_what_came_is_seen_whatever_sessions_say() -> None:
    item = item_seen(ct_image=file_seen("12"))

    found = judged(wait(), looked(item, sessions=(NAMED, UNNAMED), gone_since=GONE))

    assert isinstance(found, Confirmed)


def test_an_item_that_is_gone_ends_the_wait() -> None:
    assert judged(wait(), looked(items={pk(1): None})) == Gone("a", step_id("a:fill"), pk(1))


# ── judge: the first stage failed ───────────────────────────────────────────────────────────


def test_a_session_that_names_the_upload_has_the_words() -> None:
    found = failure(wait(source="ct/*.dcm"), looked(sessions=(NAMED,)))

    assert (found.step, found.socket, found.words) == (step_id("a/ct-image"), "ct-image", NO_IMAGE)
    assert (found.source, found.lost) == ("ct/*.dcm", False)


def test_a_session_of_before_the_fill_means_nothing() -> None:
    old = looked(sessions=(NAMED,), first_seen={NAMED.pk: 999.0})
    new = looked(sessions=(NAMED,), first_seen={NAMED.pk: 1000.0})

    assert judged(wait(), old) is None
    assert isinstance(judged(wait(), new), ImportFailed)


def test_a_session_of_another_upload_means_nothing() -> None:
    assert judged(wait(upload=pk(8)), looked(sessions=(NAMED,))) is None


def test_a_repetition_of_a_fill_that_fails_without_words_means_nothing() -> None:
    second = FailedImport(NAMED.pk, UNKNOWN, NAMED.uploads)

    assert judged(wait(repeated=True), looked(sessions=(second,))) is None
    assert isinstance(judged(wait(), looked(sessions=(second,))), ImportFailed)
    assert isinstance(judged(wait(repeated=True), looked(sessions=(NAMED,))), ImportFailed)


# ── judge: the second stage failed ──────────────────────────────────────────────────────────


def test_a_session_without_uploads_means_the_wait_whose_row_is_gone() -> None:
    found = judged(wait(), looked(EMPTY, sessions=(UNNAMED,), gone_since=GONE))

    assert found == ImportFailed("a", step_id("a/ct-image"), "ct-image", TWO, None, lost=False)


@pytest.mark.parametrize(
    "found",
    [
        looked(EMPTY, sessions=(UNNAMED,)),
        looked(sessions=(UNNAMED,), gone_since=GONE),
        looked(EMPTY, sessions=(UNNAMED,), gone_since=GONE, first_seen={UNNAMED.pk: 999.0}),
        looked(
            EMPTY,
            sessions=(
                FailedImport(UNNAMED.pk, TWO.replace("Ct Image", "Mr Image"), UNNAMED.uploads),
            ),
            gone_since=GONE,
        ),
    ],
    ids=["row there", "not looked at", "older", "another socket"],
)
def test_a_session_without_uploads_means_nobody_otherwise(found: Seen) -> None:
    assert judged(wait(), found) is None


def test_among_rivals_a_session_means_one_only_if_there_is_one_for_each() -> None:
    other = replace(UNNAMED, pk=pk(52))
    one = looked(EMPTY, sessions=(UNNAMED,), gone_since=GONE)
    two = looked(EMPTY, sessions=(UNNAMED, other), gone_since=GONE)

    assert judged(wait(), one, rivals=2) is None
    assert failure(wait(), two, rivals=2).words.endswith("several cases fit)")


def test_a_row_that_is_gone_for_ten_minutes_without_a_value_has_failed() -> None:
    early = looked(EMPTY, gone_since=GONE, now=1030.0 + 600)
    late = replace(early, now=1030.0 + 601)

    assert judged(wait(), early) is None
    found = failure(wait(), late)
    assert found.words == (
        "the platform received the upload ten minutes ago, but made no value from it"
    )
    assert not found.lost
    assert judged(wait(), replace(late, items={})) is None


def test_a_row_that_is_gone_after_a_day_was_cleaned_up() -> None:
    found = failure(wait(), looked(EMPTY, gone_since=GONE, now=1000.0 + ROW_LIFE_S + 1))

    assert found.lost
    assert found.words == "the platform deleted the upload before it was imported"


# ── judge: what the ticket says ─────────────────────────────────────────────────────────────

TICKET = pk(70)


def ticketed(**more: Any) -> Wait:
    return wait(**{"ticket": TICKET, **more})


def says(status: str, message: str = "", item: ItemSeen | None = None, **more: Any) -> Seen:
    """A look that showed the ticket."""
    return looked(item, tickets={TICKET: TicketSeen(TICKET, status, message)}, **more)


@pytest.mark.parametrize("gone", [{}, GONE], ids=["first stage", "second stage"])
@pytest.mark.parametrize("item", [None, EMPTY], ids=["not looked at", "looked at"])
def test_a_ticket_that_failed_has_the_words(gone: dict[str, float], item: ItemSeen | None) -> None:
    found = judge(
        ticketed(source="ct/*.dcm"),
        says("Failed", NO_IMAGE, item, gone_since=gone),
        refused_after_s=1800.0,
    )

    assert found is not None
    assert isinstance(found.event, ImportFailed)
    assert (found.event.words, found.event.source) == (NO_IMAGE, "ct/*.dcm")
    assert found.evidence is Evidence.TICKET


@pytest.mark.parametrize("status", ["Queued", "Re-Queued", "Started", "Succeeded"])
def test_a_ticket_that_has_not_failed_ends_nothing(status: str) -> None:
    assert judged(ticketed(), says(status, item=EMPTY, gone_since=GONE)) is None


def test_a_ticket_that_was_cancelled_has_failed() -> None:
    assert failure(ticketed(), says("Cancelled")).words == (
        "the import failed, and the platform gives no reason"
    )


def test_what_came_is_seen_whatever_its_ticket_says() -> None:
    """An earlier fill with the same upload has brought it."""
    found = judged(ticketed(), says("Failed", UNKNOWN, item_seen(ct_image=file_seen("12"))))

    assert isinstance(found, Confirmed)


def test_sessions_of_others_mean_nothing_to_a_wait_with_a_ticket() -> None:
    found = looked(EMPTY, sessions=(NAMED, UNNAMED), gone_since=GONE)

    assert judged(ticketed(), found) is None


def test_a_repeated_fill_whose_ticket_found_its_upload_gone_may_still_bring_the_value() -> None:
    gone = says("Failed", UNKNOWN, EMPTY, gone_since=GONE)

    assert judged(ticketed(repeated=True), gone) is None
    assert failure(ticketed(), gone).words == UNKNOWN
    assert failure(ticketed(repeated=True), says("Failed", UNKNOWN)).words == UNKNOWN
    late = replace(gone, now=1030.0 + 601)
    assert "but made no value from it" in failure(ticketed(repeated=True), late).words


# ── judge: is it complete? ──────────────────────────────────────────────────────────────────

CT = item_seen(ct_image=SocketSeen("12", image_digest(pk(9)), pk(9)))
LEFT_OUT = "1 file could not be imported."


def counted(slices: int | None, message: str = "", **more: Any) -> Seen:
    """A look at an image that arrived, with so many slices."""
    return says("Succeeded", message, CT, images={pk(9): ImageSeen(pk(9), slices)}, **more)


def confirmed(remark: str | None = None) -> Confirmed:
    return Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9), remark)


def test_an_image_with_as_many_slices_as_were_sent_is_complete() -> None:
    assert judged(ticketed(slices=6), counted(6)) == confirmed()
    assert judged(ticketed(slices=6), counted(6, LEFT_OUT)) == confirmed()
    assert judged(ticketed(slices=6), counted(7)) == confirmed()


def test_an_image_with_fewer_slices_than_were_sent_has_failed() -> None:
    found = failure(ticketed(slices=6, source="patient-003/ct/*.dcm"), counted(5, LEFT_OUT))

    assert found.words == ("5 of 6 slices arrived; the platform says: 1 file could not be imported")
    assert (found.arrived, found.expected, found.lost) == (5, 6, False)
    assert (found.failure.incomplete, found.source) == (True, "patient-003/ct/*.dcm")


def test_slices_are_counted_without_a_ticket_too() -> None:
    found = looked(CT, images={pk(9): ImageSeen(pk(9), 5)})

    assert failure(wait(slices=6), found).words == "5 of 6 slices arrived"


def test_an_image_is_not_complete_before_it_was_counted() -> None:
    assert judged(ticketed(slices=6), says("Succeeded", item=CT)) is None


def test_an_image_that_cannot_be_counted_is_told_so() -> None:
    assert judged(ticketed(slices=6), counted(None)) == confirmed(
        "the platform does not say how many slices arrived"
    )


def test_files_left_out_of_an_image_without_known_slices_are_told() -> None:
    assert judged(ticketed(bundle=True), says("Succeeded", LEFT_OUT, CT)) == confirmed(
        "the platform says: 1 file could not be imported"
    )
    assert judged(ticketed(bundle=True), says("Succeeded", "", CT)) == confirmed()
    assert judged(ticketed(), says("Succeeded", LEFT_OUT, CT)) == confirmed()


def test_an_image_that_counted_as_incomplete_before_has_not_failed_anew() -> None:
    assert judged(ticketed(slices=6, last_look=True), counted(5)) is None
    assert judged(ticketed(slices=6, last_look=True), counted(6)) == confirmed()


# ── judge: a file without a word ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("waited", "latest", "refused"),
    [
        *[(1799.0, 0.0, False), (1800.0, 0.0, True), (119.0, 1001.0, False)],
        *[(120.0, 1001.0, True), (120.0, 1000.0, False), (120.0, 999.0, False)],
    ],
)
def test_a_file_that_stays_without_a_word_is_refused_in_the_end(
    waited: float, latest: float, refused: bool
) -> None:
    found = judged(wait("report"), looked(now=1000.0 + waited, latest_file=latest))

    assert isinstance(found, ImportFailed) is refused


def test_an_image_that_stays_is_only_queued() -> None:
    assert judged(wait(), looked(now=1000.0 + 10 * DAY, latest_file=2000.0)) is None


@pytest.mark.parametrize(
    ("refused_after_s", "waited_s", "late"),
    [(1800.0, 119.0, False), (1800.0, 120.0, True), (60.0, 59.0, False), (60.0, 60.0, True)],
)
def test_an_import_is_late_after_two_minutes_or_sooner_if_asked(
    refused_after_s: float, waited_s: float, late: bool
) -> None:
    assert is_late(wait(since=1000.0), 1000.0 + waited_s, refused_after_s) is late


@pytest.mark.parametrize(
    ("found", "evidence"),
    [
        (looked(sessions=(NAMED,)), Evidence.NAMED_SESSION),
        (looked(EMPTY, sessions=(UNNAMED,), gone_since=GONE), Evidence.UNNAMED_SESSION),
        (looked(EMPTY, gone_since=GONE, now=1030.0 + 601), Evidence.SILENCE),
        (looked(items={pk(1): None}), Evidence.ITEM),
    ],
    ids=["names the upload", "names only the socket", "nothing came", "deleted"],
)
def test_a_verdict_says_what_it_rests_on(found: Seen, evidence: Evidence) -> None:
    verdict = judge(wait(), found, refused_after_s=1800.0)

    assert verdict is not None
    assert verdict.evidence is evidence


def test_refused_after_can_be_shorter_than_two_minutes() -> None:
    found = looked(now=1005.0, latest_file=1001.0)

    verdict = judge(wait("report"), found, refused_after_s=5.0)
    assert verdict is not None
    assert isinstance(verdict.event, ImportFailed)


@few_examples
@given(
    st.sampled_from(["ct-image", "report", "some-score"]),
    st.booleans(),
    st.sampled_from([None, TICKET]),
    st.booleans(),
    st.floats(0, 3 * DAY),
    st.sampled_from([(), (NAMED,), (UNNAMED,), (NAMED, UNNAMED)]),
    st.sampled_from([None, EMPTY, item_seen(ct_image=file_seen("11"))]),
    st.integers(1, 3),
)
def test_no_wait_ends_well_without_its_value(
    slug: str,
    uploaded: bool,
    ticket: str | None,
    gone: bool,
    waited: float,
    sessions: tuple[FailedImport, ...],
    item: ItemSeen | None,
    rivals: int,
) -> None:
    one = wait(slug, before="11", upload=pk(7) if uploaded else None, ticket=ticket)
    found = looked(item, now=1000.0 + waited, sessions=sessions, gone_since=GONE if gone else {})

    end = judged(one, found, rivals=rivals)

    assert not isinstance(end, Confirmed)
    assert not (isinstance(end, ImportFailed) and end.lost) or (gone and waited > DAY)


# ── the watcher, against a sandbox ──────────────────────────────────────────────────────────


@dataclass
class WatcherSetup:
    """A watcher of a sandbox, whose clock the test sets."""

    box: Box
    hook: Faulty
    now: float = 1e9
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **more: Any) -> None:
        """Make a new watcher, as the next run does."""
        self.watcher = Watcher(
            self.box.client,
            self.box.target(),
            **{"sessions": {}, "refused_after_s": 1800.0, "clock": lambda: self.now, **more},
        )

    def image(self, content: bytes, slug: str = "ct-image", *, name: str = "a") -> Wait:
        """Begin an import of an image into a new item."""
        item, upload = self.box.make(name), self.box.upload(content=content)
        self.box.with_image(item, slug, upload)
        return self.wait(item, slug, upload, name=name)

    def ticketed(
        self, content: bytes, slug: str = "ct-image", *, name: str = "a", **more: Any
    ) -> Wait:
        """Begin an import of an image into a new item, by a ticket."""
        item, upload = self.box.make(name), self.box.upload(content=content)
        ticket = self.box.ticket(upload)
        self.box.with_ticket(item, slug, ticket)
        return self.wait(item, slug, upload, name=name, ticket=ticket, **more)

    def file(self, slug: str, content: bytes, *, name: str = "a") -> Wait:
        item, upload = self.box.make(name), self.box.upload("x.json", content)
        self.box.with_file(item, slug, upload)
        return self.wait(item, slug, upload, name=name)

    def wait(
        self, item: str, slug: str, upload: str | None, *, name: str = "a", **more: Any
    ) -> Wait:
        title = SOCKETS[slug].title
        image = SOCKETS[slug].super_kind == "Image"
        return Wait(name, item, slug, title, image, None, upload, None, self.now, **more)

    def watch(self, *waits: Wait, after: float = 30.0, **more: Any) -> list[Outcome]:
        """What a look brings so many seconds later; the last is `Watched`."""
        self.now += after
        self.hook.seen.clear()
        found = list(self.watcher.watch(Watch(waits, **more)))
        assert isinstance(found[-1], Watched)
        return found

    def ends(self, *waits: Wait, after: float = 30.0) -> list[Outcome]:
        kept = (Confirmed, ImportFailed, Gone)
        return [one for one in self.watch(*waits, after=after) if isinstance(one, kept)]


@pytest.fixture
def session(begin: Callable[..., Box]) -> WatcherSetup:
    hook = Faulty()
    return WatcherSetup(begin(hook=hook), hook)


@pytest.fixture
def stalled(begin: Callable[..., Box]) -> WatcherSetup:
    """A platform whose imports never run."""
    hook = Faulty()
    return WatcherSetup(begin(hook=hook, import_delay_s=float("inf")), hook)


def test_imports_that_arrived_are_seen(session: WatcherSetup) -> None:
    waits = [
        session.image(mha(), name="a"),
        session.file("details", b'{"a": 1}', name="b"),
        session.file("report", b"%PDF", name="c"),
    ]
    session.box.settle()

    found = session.ends(*waits)

    assert [type(one) for one in found] == [Confirmed] * 3
    assert {one.case for one in found} == {"a", "b", "c"}  # type: ignore[union-attr]


def test_imports_under_way_are_waited_for(stalled: WatcherSetup) -> None:
    waits = [stalled.image(mha(), name="a"), stalled.file("report", b"%PDF", name="b")]

    assert stalled.ends(*waits) == []
    assert stalled.watch(*waits)[-1] == Watched(rows=2)


def test_a_failed_image_is_told_with_the_platforms_words(session: WatcherSetup) -> None:
    one = session.image(b"no image")
    session.box.settle()

    [found] = session.ends(one)

    assert isinstance(found, ImportFailed)
    assert "Ct Image failed with error: 1 file could not be imported" in found.words


def test_of_many_failures_each_is_told_with_its_own_ticket(session: WatcherSetup) -> None:
    """Also of one socket at one moment, in both stages, beside old failures of the account."""
    old = [session.image(mha(bytes([9]) * 32), "lesion-seg", name=f"old{n}") for n in range(3)]
    waits = [
        *(session.ticketed(mha(bytes([n]) * 32), "lesion-seg", name=f"v{n}") for n in (5, 6, 7)),
        *(session.ticketed(b"no image", "lesion-seg", name=f"broken{n}") for n in range(2)),
        session.ticketed(mha(bytes(32)), "lesion-seg", name="good"),
    ]
    session.box.settle()

    found = {one.case: one for one in session.ends(*waits)}  # type: ignore[union-attr]

    assert len(old) == 3
    assert found.keys() == {"v5", "v6", "v7", "broken0", "broken1", "good"}
    assert isinstance(found["good"], Confirmed)
    words = {name: one.words for name, one in found.items() if isinstance(one, ImportFailed)}
    assert all(f"contains the voxel values: {{{n}}}" in words[f"v{n}"] for n in (5, 6, 7))
    assert all("1 file could not be imported" in words[f"broken{n}"] for n in range(2))
    assert "sessions" not in session.hook.kinds()


def test_waiting_with_tickets_never_lists_the_accounts_sessions(stalled: WatcherSetup) -> None:
    one = stalled.ticketed(mha())

    for _ in range(5):
        stalled.watch(one)
        assert stalled.hook.kinds() == ["upload-list", "session-get"]


def test_a_ticket_is_looked_at_once_its_import_takes_long(stalled: WatcherSetup) -> None:
    one = stalled.ticketed(mha())

    stalled.watch(one, after=2.9)
    assert "session-get" not in stalled.hook.kinds()
    stalled.watch(one, after=0.2)
    assert stalled.hook.kinds().count("session-get") == 1


def test_one_look_looks_at_so_many_tickets_and_the_next_at_others(stalled: WatcherSetup) -> None:
    upload = stalled.box.upload(content=mha())
    waits = [
        stalled.wait(pk(number), "ct-image", upload, name=f"c{number}", ticket=pk(number))
        for number in range(1, 101)
    ]
    asked: set[str] = set()

    for _ in range(3):
        stalled.watch(*waits)
        paths = [request.path for request in stalled.hook.seen if request.kind == "session-get"]
        assert len(set(paths)) == len(paths) == 64
        asked |= set(paths)

    assert len(asked) == 100


def test_many_tickets_are_looked_at_in_one_list_of_the_newest_sessions(
    session: WatcherSetup,
) -> None:
    """However many the account has."""
    session.box.sql(
        "INSERT INTO sessions (pk, user, status, message, uploads) WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " SELECT printf('%08x-0000-4000-8000-00000000000e', i), 3, 'Failed', 'Old.', '[]' FROM n"
    )
    waits = [
        session.ticketed(mha(bytes([n]) * 32), "lesion-seg", name=f"c{n}") for n in range(2, 42)
    ]
    session.box.settle()

    found = session.ends(*waits)

    assert len(found) == 40
    for one in found:
        assert isinstance(one, ImportFailed)
        assert f"contains the voxel values: {{{one.case[1:]}}}" in one.words
    assert session.hook.kinds().count("sessions") == 2, "their number, and the newest"
    assert "session-get" not in session.hook.kinds()


def test_a_list_that_shows_few_of_them_is_not_asked_for_again(stalled: WatcherSetup) -> None:
    """Other runs of the same user make sessions, too."""
    upload = stalled.box.upload(content=mha())
    waits = [
        replace(
            stalled.wait(pk(number), "ct-image", upload, name=f"c{number}", ticket=pk(number)),
            upload=pk(number),
        )
        for number in range(1, 41)
    ]

    stalled.watch(*waits)
    assert stalled.hook.kinds().count("sessions") == 1
    assert stalled.hook.kinds().count("session-get") == 40
    stalled.watch(*waits)
    assert "sessions" not in stalled.hook.kinds()
    assert stalled.hook.kinds().count("session-get") == 40


def test_a_slow_platform_is_asked_about_few_tickets_at_a_time(
    stalled: WatcherSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest_uploader.engine.imports.watcher._TICKETS_FOR_S", 0.0)
    waits = [stalled.ticketed(mha(), name=f"c{number}") for number in range(3)]

    stalled.watch(*waits)

    assert stalled.hook.kinds().count("session-get") == 1


def test_an_import_that_others_overtook_is_looked_at(session: WatcherSetup) -> None:
    """Its row is still there: it failed in the first stage, or waits."""
    broken = session.ticketed(b"no image", name="broken")
    session.now += 1
    good = session.ticketed(mha(), name="good")
    session.box.settle()

    found = session.ends(broken, good, after=5.0)

    assert {(one.case, type(one)) for one in found} == {  # type: ignore[union-attr]
        ("broken", ImportFailed),
        ("good", Confirmed),
    }


def test_a_series_that_arrived_complete_is_counted(session: WatcherSetup) -> None:
    one = session.ticketed(mha(), slices=2)
    session.box.settle()

    assert [type(end) for end in session.ends(one)] == [Confirmed]
    assert "image-get" in session.hook.kinds()


def test_a_series_that_arrived_incomplete_is_told_with_its_tickets_words(
    session: WatcherSetup,
) -> None:
    one = session.ticketed(mha(), slices=3)
    session.box.settle()
    session.box.sql("UPDATE sessions SET message = ?", LEFT_OUT)

    [found] = session.ends(one)

    assert isinstance(found, ImportFailed)
    assert found.words == ("2 of 3 slices arrived; the platform says: 1 file could not be imported")
    assert session.ends(replace(one, last_look=True)) == []


def test_the_images_of_many_series_are_counted_in_one_list(session: WatcherSetup) -> None:
    waits = [session.ticketed(mha(), name=f"c{number}", slices=2) for number in range(6)]
    session.box.settle()

    assert len(session.ends(*waits)) == 6
    assert session.hook.kinds().count("image-list") == 1
    assert "image-get" not in session.hook.kinds()


def test_images_without_slices_are_not_counted(session: WatcherSetup) -> None:
    one = session.ticketed(mha())
    session.box.settle()

    assert [type(end) for end in session.ends(one)] == [Confirmed]
    assert not {"image-get", "image-list"} & set(session.hook.kinds())


def test_an_image_that_another_editor_put_there_is_not_the_imports(session: WatcherSetup) -> None:
    """Its own session names the image that came of it."""
    one = session.ticketed(mha())
    session.box.settle()
    session.box.sql("UPDATE sessions SET images = '[]', status = 'Started'")

    assert session.ends(one) == []

    session.box.sql("UPDATE sessions SET status = 'Succeeded', images = ?", f'["{pk(99)}"]')

    assert session.ends(one) == []


def test_a_ticket_of_ours_is_never_another_imports_failure(session: WatcherSetup) -> None:
    """A fill of an earlier version named no ticket; its import is slow."""
    bad = session.ticketed(mha(bytes([7]) * 32), "lesion-seg", name="bad")
    slow = session.image(mha(bytes([1]) * 32), "lesion-seg", name="slow")
    session.box.settle()
    session.box.sql("UPDATE vals SET item = 'elsewhere' WHERE item = ?", slow.item)

    [found] = session.ends(bad, slow)
    assert isinstance(found, ImportFailed)
    assert found.case == "bad"

    assert session.ends(slow) == []


def test_without_tickets_all_messages_that_fit_are_told(session: WatcherSetup) -> None:
    waits = [session.image(mha(bytes([n]) * 32), "lesion-seg", name=f"c{n}") for n in (7, 8)]
    session.box.settle()

    found = session.ends(*waits)

    for one in found:
        assert isinstance(one, ImportFailed)
        assert "{7}" in one.words
        assert "{8}" in one.words
        assert one.words.endswith("(or this is another case's failure: several cases fit)")
    assert len(found) == 2


def test_an_image_that_the_second_stage_refuses_is_told_with_the_platforms_words(
    session: WatcherSetup,
) -> None:
    one = session.image(mha(bytes([7]) * 32), "lesion-seg")
    session.box.settle()

    found = [end for _ in range(3) for end in session.ends(one)]

    assert isinstance(found[0], ImportFailed)
    assert "valid voxel values for this segmentation" in found[0].words


def test_two_that_the_second_stage_refuses_are_told_each_once(session: WatcherSetup) -> None:
    waits = [session.image(mha(bytes([n]) * 32), "lesion-seg", name=f"c{n}") for n in (7, 8)]
    session.box.settle()

    found: list[Outcome] = []
    for _ in range(4):
        left = [w for w in waits if w.case not in {e.case for e in found}]  # type: ignore[union-attr]
        found += session.ends(*left)

    assert sorted(one.case for one in found) == ["c7", "c8"]  # type: ignore[union-attr]
    assert all(isinstance(one, ImportFailed) for one in found)


def test_a_second_stage_failure_does_not_take_a_slow_import_along(session: WatcherSetup) -> None:
    bad = session.image(mha(bytes([7]) * 32), "lesion-seg", name="bad")
    session.box.settle()
    [found] = session.ends(bad)
    assert isinstance(found, ImportFailed)
    slow = session.image(mha(bytes([1]) * 32), "lesion-seg", name="slow")
    session.box.settle()
    session.box.sql("UPDATE vals SET item = 'elsewhere' WHERE item = ?", slow.item)

    assert session.ends(slow) == []


def test_a_file_that_is_refused_says_nothing_until_a_later_one_arrived(
    session: WatcherSetup,
) -> None:
    bad = session.file("details", b"no json", name="bad")
    session.box.settle()
    assert session.ends(bad) == []
    session.now += 10
    good = session.file("details", b"{}", name="good")
    session.box.settle()

    assert [type(one) for one in session.ends(bad, good)] == [Confirmed]
    found = session.ends(bad, after=100.0)

    assert [type(one) for one in found] == [ImportFailed]


def test_a_file_that_stays_long_is_refused(stalled: WatcherSetup) -> None:
    one = stalled.file("report", b"%PDF")

    assert stalled.ends(one, after=1700.0) == []
    [found] = stalled.ends(one, after=200.0)

    assert isinstance(found, ImportFailed)
    assert "did not import it, and gives no reason" in found.words


def test_an_item_that_was_deleted_is_gone(session: WatcherSetup) -> None:
    one = session.image(mha())
    session.box.settle()
    session.box.sql("DELETE FROM vals")
    session.box.sql("DELETE FROM items")

    assert session.ends(one) == [Gone("a", step_id("a:fill"), one.item)]


def test_an_item_that_is_not_shown_is_waited_for(session: WatcherSetup) -> None:
    one = session.image(mha())
    session.box.settle()
    session.hook.before_it = lambda request: (
        Fault.answer(500) if request.kind == "item-get" else None
    )
    assert session.ends(one) == []

    session.hook.before_it = lambda _: None
    assert [type(end) for end in session.ends(one)] == [Confirmed]


def test_a_row_that_a_list_did_not_show_is_asked_for_before_it_counts_as_gone(
    stalled: WatcherSetup,
) -> None:
    one = stalled.image(mha())

    def hide(request: Request) -> Fault | None:
        if request.kind != "upload-list":
            return None
        body = b'{"count": 0, "next": null, "results": []}'
        return Fault.answer(200, (), body, "application/json")

    stalled.hook.before_it = hide
    assert stalled.ends(one) == []
    assert stalled.ends(one, after=700.0) == []
    assert "upload-get" in stalled.hook.kinds()


def test_rows_that_were_cleaned_up_after_a_day_are_lost(stalled: WatcherSetup) -> None:
    one = stalled.image(mha())
    stalled.box.sql("DELETE FROM uploads")

    [found] = stalled.ends(one, after=DAY + 60)

    assert isinstance(found, ImportFailed)
    assert found.lost


def test_a_wait_that_was_given_up_is_looked_at_once(session: WatcherSetup) -> None:
    came, lost = session.image(mha(), name="came"), session.image(b"no image", name="lost")
    session.box.settle()
    waits = [replace(one, last_look=True) for one in (came, lost)]

    found = session.watch(*waits, after=0.0)

    assert [type(one) for one in found] == [Confirmed, Watched]
    assert found[-1] == Watched(rows=1, over=(("lost", "ct-image"),))


def test_failed_sessions_of_before_mean_nothing(session: WatcherSetup) -> None:
    session.image(b"no image", name="old")
    session.box.settle()

    [noticed] = session.watcher.notice_old()
    assert isinstance(noticed, Noticed)
    assert len(noticed.sessions) == 1
    assert session.watcher.notice_old() == []
    session.now += 10
    item, upload = session.box.make("new"), session.box.sql("SELECT pk FROM uploads")[0][0]
    again = session.wait(item, "ct-image", upload, name="new")

    assert session.ends(again) == []


def test_what_an_earlier_run_noticed_is_known(session: WatcherSetup) -> None:
    one = session.image(b"no image")
    session.box.settle()
    [noticed] = session.watcher.notice_old()
    session.restart(sessions=dict.fromkeys(noticed.sessions, session.now - 100))

    assert session.watcher.notice_old() == []
    assert session.ends(one) == []


# ── few requests ────────────────────────────────────────────────────────────────────────────


def test_nothing_is_looked_at_whose_row_is_still_there(stalled: WatcherSetup) -> None:
    waits = [stalled.image(mha(), name=f"c{number}") for number in range(3)]

    stalled.watch(*waits, after=1.0)

    assert stalled.hook.kinds() == ["upload-list"]


def test_an_item_is_looked_at_less_and_less_often(session: WatcherSetup) -> None:
    one = session.image(mha())
    session.box.settle()
    session.box.sql("UPDATE vals SET item = 'elsewhere'")
    looks = []
    for second in range(60):
        session.watch(one, after=1.0)
        looks += [second] * session.hook.kinds().count("item-get")

    assert looks[0] == 0
    gaps = [later - before for before, later in pairwise(looks)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= 16
    assert len(looks) < 10


def test_many_items_are_looked_at_in_one_list(session: WatcherSetup) -> None:
    waits = [session.image(mha(), name=f"c{number}") for number in range(6)]
    session.box.settle()

    found = session.ends(*waits)

    assert len(found) == 6
    assert session.hook.kinds().count("item-list") == 1
    assert "item-get" not in session.hook.kinds()


def test_few_items_of_a_large_target_are_looked_at_one_by_one(session: WatcherSetup) -> None:
    waits = [session.image(mha(), name=f"c{number}") for number in range(6)]
    session.box.settle()
    session.restart(target_size=10_000)

    session.ends(*waits)

    assert session.hook.kinds().count("item-get") == 6


def test_sessions_are_listed_only_when_an_image_is_late(stalled: WatcherSetup) -> None:
    image, report = stalled.image(mha(), name="a"), stalled.file("report", b"%PDF", name="b")

    stalled.watch(image, report, after=2.0)
    assert "sessions" not in stalled.hook.kinds()
    stalled.watch(report, after=10.0)
    assert "sessions" not in stalled.hook.kinds()
    stalled.watch(image, report, after=1.0)
    assert stalled.hook.kinds().count("sessions") == 1
    stalled.watch(image, report, after=1.0)
    assert "sessions" not in stalled.hook.kinds()


def test_rows_are_counted_on_demand(session: WatcherSetup) -> None:
    session.box.upload()

    assert session.watch(count=True) == [Watched(rows=1)]
    assert session.watch() == [Watched()]


def test_waiting_changes_nothing(session: WatcherSetup) -> None:
    one = session.image(mha())
    wait_for(lambda: session.box.sql("SELECT COUNT(*) FROM jobs") == [(0,)])

    session.watch(one)

    assert {request.method for request in session.hook.seen} == {"GET"}


def test_a_message_is_about_a_socket_whose_title_may_contain_failed() -> None:
    words = "Image validation for socket Scan failed QC failed with error: No image."
    session = FailedImport(pk(60), words, frozenset())

    assert session.names("Scan failed QC")
    assert session.has_reason
    assert not FailedImport(pk(60), UNKNOWN, frozenset()).has_reason


def test_while_its_row_is_there_an_import_has_not_failed_whatever_session_may_mean_it(
    begin: Callable[..., Box],
) -> None:
    """A list did not show the rows of two waits, and one session means either of them."""
    box = begin()
    uploads = [box.upload(name=f"{name}.mha") for name in "ab"]
    items = [box.make(name) for name in "AB"]
    now = 10_000.0
    watcher = Watcher(
        box.client, box.target(), sessions={}, refused_after_s=1800.0, clock=lambda: now
    )
    waits = tuple(
        wait(case=name, item=item, upload=upload, since=now - 5)
        for name, item, upload in zip("ab", items, uploads, strict=True)
    )
    watcher._memory.gone_since = dict.fromkeys(uploads, now - 700)
    watcher._failed.seen = {UNNAMED.pk: UNNAMED}
    watcher._failed.first_seen = {UNNAMED.pk: now}
    look = Seen(
        now, dict.fromkeys(items, EMPTY), watcher._memory.gone_since, (UNNAMED,),
        watcher._failed.first_seen, 0.0,
    )  # fmt: skip

    ends = dict(watcher._judged(Watch(waits), look))

    assert set(ends.values()) == {None}
