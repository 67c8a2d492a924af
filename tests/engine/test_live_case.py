from __future__ import annotations

from manifest_uploader.digests import content_digest
from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.plan.image_sets import file_stat
from manifest_uploader.plan.inputs import UidKey
from manifest_uploader.plan.steps import Create
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Address, Call, UploadPk
from manifest_uploader.state.events import Done, Opened, OpenUpload
from manifest_uploader.state.steps import StepId
from tests.helpers import case, file_value, json_value, past_of_events, pk, plan_of, step_id

UPLOADED = Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), content="files:1")


def live() -> LiveCase:
    """A new case of an image, a report and a score."""
    values = (file_value("ct-image"), file_value("report"), json_value("some-score", 1))
    [planned] = plan_of(case("a", *values)).cases
    return LiveCase.begin(planned)


def test_a_case_lacks_its_uploads_until_the_last_is_complete() -> None:
    found = live()
    assert found.missing == {"ct-image", "report"}
    assert not found.holds_part

    assert not found.note_upload("ct-image", UPLOADED)
    assert found.holds_part
    assert found.note_upload("report", UPLOADED)

    assert not found.holds_part


def test_a_row_is_kept_with_all_that_continuing_needs() -> None:
    found = live()

    found.note_row(Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s"))

    assert found.opened == {step_id("a/ct-image"): OpenUpload(pk(7), "sid", 8, "s")}


def test_an_item_that_is_created_with_its_values_names_their_uploads() -> None:
    found = live()
    body = {"values": [Address("uploads", UploadPk("ct-image"))]}
    call = Call("POST", "items/", body)
    entry = Entry("ct-image", stat="s")
    found.create = Create(step_id("a:create"), "a", "a", None, call, (entry,))
    found.fill = None
    found.note_upload("ct-image", UPLOADED)

    ready = found.ready_creation()

    assert ready.call.json == {"values": [Address("uploads", pk(7))]}
    assert found.entries == (Entry("ct-image", stat="s", upload=pk(7), content="files:1"),)


def test_a_fill_that_is_split_sends_what_is_complete_and_then_the_rest() -> None:
    found = live()
    found.note_upload("ct-image", UPLOADED)

    found.split_fill()
    assert [entry.socket for entry in found.entries] == ["ct-image"]
    assert not found.holds_part
    assert not found.note_upload("report", UPLOADED)
    assert found.next_fill()

    assert [entry.socket for entry in found.entries] == ["report", "some-score"]
    assert not found.next_fill()


def test_a_case_with_an_image_set_is_ready_once_all_its_files_are_there() -> None:
    found = with_set()

    assert not found.note_upload("dicom-set", file_done(3))
    [second] = [upload for upload in found.plan.uploads if found.lacks(upload)]
    assert second.step.number == 2
    assert found.note_upload("dicom-set", file_done(2))
    assert not found.lacks(second)

    fill = found.ready_fill(None)
    [entry] = fill.entries
    assert (entry.upload, entry.uploads) == (pk(3), (pk(1), pk(2), pk(3)))
    assert entry.content == content_digest([("1", "sha"), ("2", "sha"), ("3", "sha")])
    [value] = fill.call.json["values"]
    assert value["user_uploads"] == [Address("uploads", pk(n)) for n in (1, 2, 3)]


def file_done(number: int) -> Done:
    step = StepId.upload("a", "dicom-set", number)
    return Done("a", step, "dicom-set", pk=pk(number), sha256="sha")


def with_set() -> LiveCase:
    """A case of a set of three files, of which the first is on the platform."""
    files = tuple(LocalFile(f"/x/{n}", f"{n}", 10, n) for n in (1, 2, 3))
    facts = ValueFacts(3, 30, "dicom-set.zip", stat="s", each=files, slices=3)
    step = StepId.upload("a", "dicom-set", 1)
    begun = Opened("a", step, "dicom-set", pk(1), "sid", 8, file_stat(files[0]), "key")
    [planned] = plan_of(
        case("a", file_value("dicom-set")),
        values={("a", "dicom-set"): facts},
        history=past_of_events(begun, file_done(1)),
        rows={pk(1): "Completed"},
        uid_key=UidKey("lung.uid-key", "key"),
    ).cases
    live = LiveCase.begin(planned)
    live.item = pk(9)
    return live
