from __future__ import annotations

from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.plan.steps import Create
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Address, Call, UploadPk
from manifest_uploader.state.events import Done, Opened, OpenUpload
from tests.helpers import case, file_value, json_value, pk, plan_of, step_id

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
