"""Which files of a DICOM image set are sent, and which are there already."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import content_digest
from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, FileValue
from manifest_uploader.plan.checks import misfits
from manifest_uploader.plan.image_sets import file_stat, image_name
from manifest_uploader.plan.inputs import Choices, UidKey
from manifest_uploader.plan.requests import with_uploads
from manifest_uploader.plan.steps import Action, CasePlan
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Address, UploadPks
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    ImportFailed,
    Opened,
    OpenUpload,
    Started,
)
from manifest_uploader.state.steps import StepId
from tests.helpers import case, file_value, inputs, past_of_events, pk, plan_of, stat, step_id

KEY = UidKey("lung.uid-key", "k1")
FILES = tuple(LocalFile(f"/x/{n}.dcm", f"{n}.dcm", 10, n) for n in (1, 2, 3))
FACTS = ValueFacts(3, 30, "dicom-set.zip", stat=stat("set"), each=FILES, slices=3, where="x")
SET = case("a", file_value("dicom-set"))


def begun(number: int, made_by: str = "k1", file: LocalFile | None = None) -> Event:
    step = StepId.upload("a", "dicom-set", number)
    digest = file_stat(file or FILES[number - 1])
    return Opened("a", step, "dicom-set", pk(number), "sid", 8, digest, made_by)


def sent(number: int, made_by: str = "k1", file: LocalFile | None = None) -> list[Event]:
    """The events of a file that is complete on the platform."""
    step = StepId.upload("a", "dicom-set", number)
    done = Done("a", step, "dicom-set", pk=pk(number), sha256=f"sha-{number}")
    return [begun(number, made_by, file), done]


def planned(*events: Event, one: Case = SET, facts: ValueFacts = FACTS, **more: Any) -> CasePlan:
    rows = {pk(number): "Completed" for number in (1, 2, 3)} | more.pop("rows", {})
    usual: dict[str, Any] = {"uid_key": KEY, "rows": rows}
    values = {(one.name, "dicom-set"): facts}
    [found] = plan_of(one, values=values, history=past_of_events(*events), **(usual | more)).cases
    return found


def numbers(plan: CasePlan) -> list[int | None]:
    return [upload.step.number for upload in plan.uploads]


def test_each_file_is_an_upload_of_its_own_under_a_name_that_tells_nothing() -> None:
    found = planned()

    assert [str(one.step) for one in found.uploads] == [f"a/dicom-set/000{n}" for n in (1, 2, 3)]
    assert [one.name for one in found.uploads] == ["0001.dcm", "0002.dcm", "0003.dcm"]
    assert [one.file for one in found.uploads] == list(FILES)
    assert found.tickets == ()
    assert found.fill is not None
    assert found.fill.call.json["values"] == [
        {
            "interface": "dicom-set",
            "image_name": "a dicom-set",
            "user_uploads": UploadPks("dicom-set"),
        }
    ]
    [entry] = found.fill.entries
    assert (entry.slices, entry.image_name, entry.bundle) == (3, "a dicom-set", False)


def test_files_that_are_complete_are_not_sent_again_and_one_that_is_begun_goes_on() -> None:
    found = planned(*sent(1), begun(3), rows={pk(3): "Initialized"})

    assert numbers(found) == [2, 3]
    row = OpenUpload(pk(3), "sid", 8, file_stat(FILES[2]), "k1")
    assert [one.row for one in found.uploads] == [None, row]
    assert found.action is Action.CONTINUE


def test_a_set_whose_files_are_all_there_is_filled_in_their_order() -> None:
    found = planned(*sent(3), *sent(1), *sent(2))

    assert found.uploads == ()
    assert found.fill is not None
    [value], [entry] = found.fill.call.json["values"], found.fill.entries
    assert value["user_uploads"] == [Address("uploads", pk(n)) for n in (1, 2, 3)]
    assert (entry.upload, entry.uploads) == (pk(3), (pk(1), pk(2), pk(3)))
    assert entry.content == content_digest([(f"{n}.dcm", f"sha-{n}") for n in (1, 2, 3)])


@pytest.mark.parametrize("made_by", ["k2", None])
def test_a_set_that_was_begun_with_another_key_begins_anew(made_by: str | None) -> None:
    key = UidKey("lung.uid-key", made_by)

    found = planned(*sent(1), *sent(2), begun(3), uid_key=key, rows={pk(3): "Initialized"})

    assert numbers(found) == [1, 2, 3]
    assert [one.row for one in found.uploads] == [None] * 3


def test_it_is_told_that_a_set_begins_anew() -> None:
    values, past = {("a", "dicom-set"): FACTS}, past_of_events(*sent(1))

    def notes(key: UidKey) -> tuple[str, ...]:
        return plan_of(SET, values=values, history=past, uid_key=key).notes

    assert notes(KEY) == ()
    [note] = notes(UidKey("lung.uid-key", "k2"))
    assert note.startswith("sent again from the first file, because the key 'lung.uid-key'")
    assert note.endswith(": a/dicom-set")


def test_a_file_that_changed_or_whose_upload_is_gone_is_sent_again() -> None:
    old = LocalFile("/x/1.dcm", "1.dcm", 10, 99)

    assert numbers(planned(*sent(1, file=old), *sent(2), *sent(3))) == [1]
    assert numbers(planned(*sent(1), *sent(2), rows={pk(2): "Aborted"})) == [2, 3]


def filled(*more: Event) -> list[Event]:
    entry = Entry(
        *("dicom-set", None, stat("set")),
        upload=pk(3),
        slices=3,
        uploads=(pk(1), pk(2), pk(3)),
        image_name="a dicom-set",
    )
    fill = step_id("a:fill")
    return [
        *(*sent(1), *sent(2), *sent(3)),
        Started("a", step_id("a:create"), title="uploading-1"),
        Done("a", step_id("a:create"), pk=pk(9)),
        Started("a", fill, title="a", entries=(entry,), temporary="uploading-1"),
        *(more or (Done("a", fill, pk=pk(9)),)),
    ]


def test_a_set_that_is_there_needs_nothing_and_another_key_does_not_matter() -> None:
    seen = Confirmed("a", step_id("a/dicom-set"), "dicom-set", pk=pk(8))

    found = planned(*filled(), seen, uid_key=UidKey("lung.uid-key", None))

    assert (found.action, found.uploads) == (Action.NOTHING, ())


def test_a_refused_fill_is_repeated_with_the_files_that_are_there() -> None:
    refused = Failed("a", step_id("a:fill"), words="no", final=True)

    found = planned(*filled(refused))

    assert found.uploads == ()
    assert found.fill is not None
    assert found.fill.entries[0].uploads == (pk(1), pk(2), pk(3))


def test_a_refused_set_is_sent_again_only_on_request_and_then_all_of_it() -> None:
    events = [*filled(), ImportFailed("a", step_id("a/dicom-set"), "dicom-set", "refused")]

    assert planned(*events, rows={pk(n): "gone" for n in (1, 2, 3)}).uploads == ()
    again = planned(*events, choices=Choices(retry_failed=True))
    assert numbers(again) == [1, 2, 3]


def test_uploads_fill_the_hole_in_the_request() -> None:
    fill = planned().fill
    assert fill is not None
    whole = Done("a", step_id("a/dicom-set"), "dicom-set", pk=pk(3), content="files:x")

    found = with_uploads(fill, {"dicom-set": whole}, {}, {}, {"dicom-set": (pk(1), pk(3))})

    [value], [entry] = found.call.json["values"], found.entries
    assert value["user_uploads"] == [Address("uploads", pk(1)), Address("uploads", pk(3))]
    assert (entry.upload, entry.uploads, entry.content) == (pk(3), (pk(1), pk(3)), "files:x")


def test_cases_of_one_set_share_its_image() -> None:
    other = case("b", file_value("dicom-set"))
    values = {(name, "dicom-set"): FACTS for name in "ab"}

    first, second = plan_of(SET, other, values=values, uid_key=KEY).cases

    assert (numbers(first), numbers(second)) == ([1, 2, 3], [])
    [shared] = second.shared
    assert (shared.case, shared.socket, shared.is_awaited) == ("a", "dicom-set", True)


# ── names and numbers ───────────────────────────────────────────────────────────────────────


def named(name: str | None) -> FileValue:
    return replace(file_value("dicom-set"), image_name=name)


def test_an_image_is_named_as_the_manifest_says_and_never_too_long() -> None:
    assert image_name(SET, named(None)) == "a dicom-set"
    assert image_name(SET, named("CT 1")) == "CT 1"
    assert image_name(SET, named("x" * 255), end=" 0123") == "x" * 250 + " 0123"
    assert len(image_name(case("n" * 100), replace(named(None), socket="s" * 300))) == 255


def found_of(one: Case, facts: ValueFacts, **more: Any) -> list[str]:
    values = {(one.name, value.socket): facts for value in one.values}
    return [problem.message for problem in misfits(inputs(one, values=values, **more))]


def test_more_files_than_rows_are_a_problem_before_anything_is_sent() -> None:
    limit = Choices(upload_limit=2)

    assert found_of(SET, FACTS) == []
    assert found_of(SET, FACTS, choices=limit) == [
        "case 'a' needs 3 uploads, but the account may hold 2 at a time"
    ]
    assert found_of(SET, replace(FACTS, files=2001), choices=Choices(upload_limit=5000)) == [
        "2,001 files; the platform takes at most 2,000 of one image set"
    ]


def test_only_image_sets_have_names() -> None:
    odd = replace(file_value("ct-image"), image_name="CT 1")

    assert found_of(case("a", odd), FACTS) == ["socket 'ct-image' of kind 'Image' takes no 'name'"]
    assert found_of(case("a", named("CT 1")), FACTS) == []
