from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Value
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Wait
from manifest_uploader.plan.values import ValuePlan, plan_value, wait_for
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Checked, Failure, OpenUpload
from manifest_uploader.state.history import CaseHistory, SocketHistory, UploadHistory
from tests.helpers import (
    SOCKETS,
    case,
    facts_of,
    file_value,
    image_value,
    inputs,
    json_value,
    pk,
    stat,
    step_id,
)

CT = file_value("ct-image")


def value_plan(
    value: Value = CT,
    *,
    facts: ValueFacts | None = None,
    was: SocketHistory | None = None,
    upload: UploadHistory | None = None,
    rows: dict[str, str] | None = None,
    **choices: Any,
) -> ValuePlan:
    """What is to be done about one value, with what is known of its socket."""
    one = case("a", value)
    past = CaseHistory(
        item=pk(1),
        title="a",
        sockets={value.socket: was} if was is not None else {},
        uploads={value.socket: upload} if upload is not None else {},
    )
    before = inputs(
        one,
        values={("a", value.socket): facts} if facts is not None else {},
        choices=Choices(**choices),
        rows=rows or {},
    )
    return plan_value(one, value, past, before)


def held(entry: Entry, standing: Any = "confirmed", **more: Any) -> SocketHistory:
    return SocketHistory(entry, 500.0, standing, **more)


def sent(tag: str = "a", *, content: str | None = "files:1", **more: Any) -> Entry:
    """What an upload of these files put into a socket."""
    return Entry("ct-image", None, stat=stat(tag), upload=pk(7), content=content, **more)


def stored(*, done: bool, tag: str = "a", content: str | None = None) -> UploadHistory:
    return UploadHistory(OpenUpload(pk(7), "sid", 8, stat(tag)), done=done, content=content)


# ── what is expected of an image ────────────────────────────────────────────────────────────


def facts_of_files(files: int, name: str, slices: int | None = None) -> ValueFacts:
    return ValueFacts(files, 100, name, stat=stat("a"), slices=slices)


@pytest.mark.parametrize(
    ("facts", "slices", "bundle"),
    [
        (facts_of_files(6, "ct.zip", 6), 6, True),
        (facts_of_files(2, "scan.zip"), None, True),
        (facts_of_files(2, "scan.zip", 0), None, True),
        (facts_of_files(1, "scan.ZIP"), None, True),
        (facts_of_files(1, "scan.tar.gz"), None, False),
        (facts_of_files(1, "scan.nii.gz"), None, False),
        (facts_of_files(1, "enhanced.dcm", 40), 40, False),
    ],
)
def test_what_an_image_must_hold_is_noted_before_it_is_sent(
    facts: ValueFacts, slices: int | None, bundle: bool
) -> None:
    entry = value_plan(facts=facts).entry

    assert entry is not None
    assert (entry.slices, entry.bundle) == (slices, bundle)


def test_a_file_for_a_file_socket_has_no_slices() -> None:
    facts = facts_of_files(1, "all.zip", 6)

    entry = value_plan(file_value("report"), facts=facts).entry

    assert entry is not None
    assert (entry.slices, entry.bundle) == (None, False)


def test_a_wait_expects_what_was_sent() -> None:
    entry = sent(slices=6, bundle=True, ticket=pk(8))

    found = value_plan(facts=facts_of("a"), was=held(entry, "waiting")).wait

    assert found is not None
    assert (found.slices, found.bundle, found.ticket) == (6, True, pk(8))


def test_of_what_an_earlier_version_sent_the_slices_are_counted_now() -> None:
    facts = facts_of_files(6, "ct.zip", 6)
    changed = ValueFacts(5, 99, "ct.zip", stat=stat("b"), slices=5)

    same = value_plan(facts=facts, was=held(sent(), "waiting")).wait
    other = value_plan(facts=changed, was=held(sent(), "waiting")).wait

    assert same is not None
    assert same.slices == 6
    assert other is not None
    assert other.slices is None


def test_a_value_that_is_sent_again_gets_a_ticket_of_its_own() -> None:
    """A ticket is used only once."""
    entry = sent(ticket=pk(8))
    rows = {pk(7): "Completed"}

    again = value_plan(
        facts=facts_of("a"), was=held(entry, "failed"), rows=rows, retry_failed=True
    ).entry

    assert again is not None
    assert (again.upload, again.ticket) == (pk(7), None)


# ── new values ──────────────────────────────────────────────────────────────────────────────


def test_a_new_file_is_uploaded_and_filled() -> None:
    found = value_plan(facts=facts_of("a", size=5))

    assert found.upload is not None
    assert (found.upload.step, found.upload.size, found.upload.row) == (
        step_id("a/ct-image"),
        5,
        None,
    )
    wanted = Entry("ct-image", stat=stat("a", 5))
    assert found.entry == wanted
    assert found.wait is None


def test_a_value_travels_in_the_fill() -> None:
    found = value_plan(json_value("some-score", 2.5))

    assert (found.upload, found.entry) == (None, Entry("some-score", json_digest(2.5)))


def test_a_value_for_a_file_socket_travels_as_a_json_file() -> None:
    found = value_plan(json_value("details", {"a": 1}))

    assert found.upload is not None
    assert found.upload.name == "details.json"
    assert found.entry is not None
    assert found.entry.stat == found.entry.content == json_digest({"a": 1})


def test_a_json_file_for_a_value_socket_travels_in_the_fill() -> None:
    found = value_plan(file_value("some-score"), facts=facts_of(content="json:1"))

    assert (found.upload, found.entry) == (None, Entry("some-score", "json:1", stat=stat("a")))


def test_an_existing_image_is_only_named() -> None:
    found = value_plan(image_value("ct-image", 3))

    assert (found.upload, found.entry) == (None, Entry("ct-image", image_digest(pk(3))))


# ── unchanged values ────────────────────────────────────────────────────────────────────────


def test_files_of_the_same_size_and_time_are_left_alone() -> None:
    assert value_plan(facts=facts_of("a"), was=held(sent("a"))) == ValuePlan(CT)


def test_files_of_another_time_and_the_same_content_are_noted_and_left_alone() -> None:
    found = value_plan(facts=facts_of("b", content="files:1"), was=held(sent("a")))

    assert found == ValuePlan(CT, found=Checked("a", step_id("a/ct-image"), "ct-image", stat("b")))


def test_an_equal_value_is_left_alone() -> None:
    was = held(Entry("some-score", json_digest(2)))

    assert value_plan(json_value("some-score", 2.0), was=was) == ValuePlan(
        json_value("some-score", 2.0)
    )


def test_an_adopted_upload_is_taken_as_it_is() -> None:
    assert value_plan(facts=facts_of("a"), was=held(sent("a", content=None))).entry is None


# ── changed values ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "facts", [facts_of("b"), facts_of("b", content="files:2"), facts_of("a", content="files:2")]
)
def test_files_of_other_content_are_sent(facts: ValueFacts) -> None:
    found = value_plan(facts=facts, was=held(sent("a")))

    assert found.upload is not None
    assert found.entry is not None


@pytest.mark.parametrize(
    ("value", "was"),
    [
        (json_value("some-score", 1), Entry("some-score", json_digest(True))),
        (json_value("some-score", 1), Entry("some-score", None, stat="s", content="files:1")),
        (image_value("ct-image", 3), Entry("ct-image", image_digest(pk(4)))),
        (image_value("ct-image", 3), sent("a")),
    ],
)
def test_another_value_is_sent(value: Value, was: Entry) -> None:
    assert value_plan(value, was=held(was)).entry is not None


def test_a_file_in_place_of_an_existing_image_is_sent() -> None:
    was = held(Entry("ct-image", image_digest(pk(4))))

    assert value_plan(facts=facts_of("a"), was=was).upload is not None


def test_what_the_platform_cleaned_up_is_sent_again() -> None:
    assert value_plan(facts=facts_of("a"), was=held(sent("a"), "lost")).upload is not None


# ── imports under way ───────────────────────────────────────────────────────────────────────


def test_an_import_under_way_is_waited_for() -> None:
    was = held(sent("a", before="11"), "waiting", repeated=True)

    found = value_plan(facts=facts_of("a"), was=was)

    assert found.entry is None
    assert found.wait is not None
    assert (found.wait.item, found.wait.upload, found.wait.before) == (pk(1), pk(7), "11")
    assert (found.wait.since, found.wait.repeated, found.wait.image) == (500.0, True, True)
    assert found.wait.socket_title == "Ct Image"


def test_a_change_during_an_import_waits_for_its_end_first() -> None:
    found = value_plan(facts=facts_of("b"), was=held(sent("a"), "waiting"))

    assert found.upload is not None
    assert found.wait is not None


@pytest.mark.parametrize("standing", ["failed", "lost", "confirmed"])
def test_a_change_after_an_import_waits_for_nothing(standing: str) -> None:
    found = value_plan(facts=facts_of("b"), was=held(sent("a"), standing))

    assert found.wait is None


# ── failed imports ──────────────────────────────────────────────────────────────────────────


def test_a_failed_import_is_looked_at_once_more_and_not_sent_again() -> None:
    found = value_plan(
        facts=facts_of("a"), was=held(sent("a"), "failed", failure=Failure("ct-image", "No image."))
    )

    assert (found.entry, found.failure) == (None, Failure("ct-image", "No image."))
    assert found.wait is not None
    assert found.wait.last_look


def test_a_failed_import_is_filled_again_on_demand_from_the_upload_that_was_kept() -> None:
    was = held(sent("a"), "failed")

    found = value_plan(facts=facts_of("a"), was=was, rows={pk(7): "Completed"}, retry_failed=True)

    assert found.upload is None
    assert found.entry is not None
    assert (found.entry.upload, found.entry.content) == (pk(7), "files:1")
    assert found.repeated
    assert found.value == CT


@pytest.mark.parametrize("rows", [{}, {pk(7): "Aborted"}, {pk(8): "Completed"}])
def test_a_failed_import_whose_upload_is_gone_is_sent_anew_on_demand(rows: dict[str, str]) -> None:
    was = held(sent("a"), "failed")

    found = value_plan(facts=facts_of("a"), was=was, rows=rows, retry_failed=True)

    assert found.upload is not None
    assert found.entry is not None
    assert found.entry.upload is None
    assert found.repeated
    assert found.value == CT


def test_a_failed_value_is_filled_again_on_demand() -> None:
    was = held(Entry("some-score", json_digest(2)), "failed")

    found = value_plan(json_value("some-score", 2), was=was, retry_failed=True)

    assert found.entry is not None
    assert found.wait is None


# ── what is waited for ──────────────────────────────────────────────────────────────────────


def test_a_wait_carries_all_that_a_look_needs() -> None:
    entry = Entry("report", None, stat="s", upload=pk(7), content="c", before="11")
    values = (CT, file_value("report", "a.pdf"))

    found = wait_for(
        entry,
        case="a",
        item=pk(1),
        values=values,
        socket=SOCKETS["report"],
        since=500.0,
        repeated=True,
    )

    assert found == Wait(
        *("a", pk(1), "report", "Report"),
        image=False,
        digest=None,
        upload=pk(7),
        before="11",
        since=500.0,
        repeated=True,
        source="a.pdf",
    )


def test_a_wait_for_a_value_whose_socket_is_gone_is_named_by_its_slug() -> None:
    entry = Entry("some-score", json_digest(2))

    found = wait_for(
        entry, case="a", item=pk(1), values=(), socket=None, since=500.0, repeated=False
    )

    assert (found.socket_title, found.digest, found.source) == ("some-score", json_digest(2), None)


# ── uploads of earlier runs ─────────────────────────────────────────────────────────────────


def test_a_complete_upload_that_no_fill_used_is_used() -> None:
    upload = stored(done=True, content="files:1")

    found = value_plan(facts=facts_of("a"), upload=upload, rows={pk(7): "Completed"})

    assert found.upload is None
    assert found.entry is not None
    assert (found.entry.upload, found.entry.content) == (pk(7), "files:1")


def test_a_complete_upload_of_touched_files_is_used() -> None:
    upload = stored(done=True, content="files:1")

    found = value_plan(
        facts=facts_of("b", content="files:1"), upload=upload, rows={pk(7): "Completed"}
    )

    assert found.upload is None


@pytest.mark.parametrize("status", ["Initialized", "Completed"])
def test_an_upload_that_was_begun_is_gone_on_with(status: str) -> None:
    upload = stored(done=False)

    found = value_plan(facts=facts_of("a"), upload=upload, rows={pk(7): status})

    assert found.upload is not None
    assert found.upload.row == upload.row


@pytest.mark.parametrize(
    ("tag", "rows"), [("a", {}), ("a", {pk(7): "Aborted"}), ("b", {pk(7): "Initialized"})]
)
def test_an_upload_that_is_gone_or_of_other_files_is_begun_anew(
    tag: str, rows: dict[str, str]
) -> None:
    found = value_plan(facts=facts_of(tag), upload=stored(done=False), rows=rows)

    assert found.upload is not None
    assert found.upload.row is None


def test_a_complete_upload_of_other_content_is_never_taken_for_this_one() -> None:
    upload = stored(done=True, content="files:1")

    found = value_plan(
        facts=facts_of("a", content="files:2"), upload=upload, rows={pk(7): "Completed"}
    )

    assert found.upload is not None
    assert found.upload.row is None
