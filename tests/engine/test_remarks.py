from __future__ import annotations

from manifest_uploader.engine.remarks import Remarks
from manifest_uploader.state.events import Confirmed
from tests.helpers import pk, step_id


def arrived(case: str, remark: str | None) -> Confirmed:
    return Confirmed(case, step_id(f"{case}/ct-image"), "ct-image", pk(9), remark)


def test_a_remark_is_told_once_with_the_values_it_is_about() -> None:
    remarks = Remarks()
    for event in (
        *(arrived(f"c{number}", "one was left out") for number in range(5)),
        *(arrived("c0", "one was left out"), arrived("c9", "two were"), arrived("c8", None)),
    ):
        remarks.add(event)

    assert remarks.notes() == [
        "c0/ct-image, c1/ct-image, c2/ct-image and 2 more: one was left out",
        "c9/ct-image: two were",
    ]


def test_without_remarks_there_is_nothing_to_tell() -> None:
    remarks = Remarks()
    remarks.add(arrived("a", None))

    assert remarks.notes() == []
