from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crash.helpers import Rich, platform
from tests.e2e.data import dicom_slice, mask, mha
from tests.faults import Instead

BROKEN, TWO_SERIES, BAD_MASK, BAD_JSON = "patient-03", "patient-07", "patient-11", "patient-15"
MENDED = "patient-16"


FOUND = {
    f"{BROKEN}-ct.mha": b"this is no image",
    f"{BAD_MASK}-airways.mha": mha("bad", values=(7, 9)),
    **{f"IM{slice_}.dcm": dicom_slice(2, slice_, side=16) for slice_ in (2, 3)},
}
"""What the import finds, though other files were sent."""


def twenty_cases(folder: Path) -> Rich:
    box = Rich(folder, root=folder / "data")
    for number in range(20):
        name = f"patient-{number:02}"
        image: dict[str, Any] = {"file": f"{name}/{name}-ct.mha"}
        if name == TWO_SERIES:
            image = {"files": f"{name}/ct/*.dcm"}
            for slice_ in range(4):
                box.write(dicom_slice(1, slice_, side=16), name, "ct", f"IM{slice_}.dcm")
        box.write(mha(name), name, f"{name}-ct.mha")
        box.write(mask(name), name, f"{name}-airways.mha")
        box.write(json.dumps("seven" if name == BAD_JSON else 7), name, "age.json")
        sockets = {
            "ct-image": image,
            "airway-segmentation": {"file": f"{name}/{name}-airways.mha"},
            "age": {"file": f"{name}/age.json"},
            "some-score": number + 0.5,
        }
        box.add(name, sockets)
    box.save()
    return box


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "age.schema.json"
    path.write_text('{"type": "number"}')
    return path


def test_imports_that_fail_are_named_and_only_what_is_mended_is_sent(
    tmp_path: Path, schema: Path
) -> None:
    box = twenty_cases(tmp_path)
    sockets = (
        *("ct-image=Image", "airway-segmentation=Segmentation,segments=0-1"),
        *("some-score=Float", f"age=Anything:file,schema={schema}"),
    )
    hook = Instead(FOUND)
    with platform(tmp_path, sockets=sockets, import_delay_s=0.05, hook=hook) as box.served:
        first = box.go("--refused-after", "2").expect(1)
        failed = {name: "\n".join(reasons) for name, reasons in first.failures.items()}

        assert set(failed) == {BROKEN, TWO_SERIES, BAD_MASK, BAD_JSON}
        assert "ct-image: " in failed[BROKEN]
        assert "1 file could not be imported." in failed[BROKEN]
        assert "Image imports should result in a single image." in failed[TWO_SERIES]
        assert "airway-segmentation: " in failed[BAD_MASK]
        assert "it contains the voxel values: " in failed[BAD_MASK]
        assert "age: " in failed[BAD_JSON]
        assert "have to match the socket's schema" in failed[BAD_JSON]
        assert (first.ends["done"], first.ends["failed"]) == (16, 4)

        same = box.go("--refused-after", "2").expect(1)
        assert set(same.failures) == set(failed)
        assert (same.summary["uploads"], same.summary["bytes_sent"]) == (0, 0)

        del hook.files[f"{BROKEN}-ct.mha"]
        mended = box.write(mha("mended"), BROKEN, f"{BROKEN}-ct.mha")
        second = box.go("--refused-after", "2").expect(1)
        assert set(second.failures) == {TWO_SERIES, BAD_MASK, BAD_JSON}
        assert second.summary["uploads"] == 1
        assert second.summary["bytes_sent"] == mended.stat().st_size
        assert [one["case"] for one in second.events("started", "ct-image")] == [BROKEN]

        third = box.go("--refused-after", "2", "--retry-failed").expect(1)
        assert set(third.failures) == {TWO_SERIES, BAD_MASK, BAD_JSON}
        assert third.ends["done"] == 17

        hook.files.clear()
        box.write("8", BAD_JSON, "age.json")
        box.write(mask("mended"), BAD_MASK, f"{BAD_MASK}-airways.mha")
        for slice_ in range(4):
            content = dicom_slice(3, slice_, side=16)
            box.write(content, TWO_SERIES, "ct", f"IM{slice_}.dcm")
        last = box.go("--refused-after", "2").expect(0)
        assert last.summary["uploads"] == 3
        box.check()
