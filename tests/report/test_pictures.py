"""Thumbnails show the middle slice of the images that are on this computer."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image
from pydicom.data import get_testdata_file

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import parse
from manifest_uploader.report import slices
from manifest_uploader.report.picture_worker import EDGE, thumbnail
from manifest_uploader.report.pictures import Pictures, make_pictures
from tests.report.helpers import write_manifest


def shown(path: Path) -> np.ndarray[Any, Any]:
    """The thumbnail of a file, as pixels in grey."""
    found = thumbnail(str(path))
    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found))) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("L")).astype(int)


def volume() -> np.ndarray[Any, Any]:
    """Six slices of noise; the middle one is bright at the top, at the left brightest."""
    noise = np.random.default_rng(1).integers(0, 40, (6, 64, 64)).astype("int16")
    noise[3, :32] += 300
    noise[3, :32, :32] += 300
    return noise


def corners(pixels: np.ndarray[Any, Any]) -> list[str]:
    """How bright the quarters are: top left, top right, bottom left, bottom right."""
    half = EDGE // 2
    quarters = (
        pixels[:half, :half],
        pixels[:half, half:],
        pixels[half:, :half],
        pixels[half:, half:],
    )
    return ["bright" if one.mean() > 180 else "grey" if one.mean() > 60 else "dark"
            for one in quarters]  # fmt: skip


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nii", "a.nii.gz", "a.nrrd"])
def test_the_middle_slice_of_a_volume_is_shown_front_upwards(tmp_path: Path, name: str) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume()), str(tmp_path / name))

    pixels = shown(tmp_path / name)

    assert pixels.shape == (EDGE, EDGE)
    assert corners(pixels) == ["bright", "grey", "dark", "dark"]


def test_a_volume_that_is_stored_from_back_to_front_is_turned(tmp_path: Path) -> None:
    array = volume().transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii")  # x to the right, y up

    assert corners(shown(tmp_path / "a.nii")) == ["dark", "dark", "grey", "bright"]


def test_labels_of_a_segmentation_have_colours_and_an_empty_middle_is_skipped(
    tmp_path: Path,
) -> None:
    labels = np.zeros((8, 64, 64), "uint8")
    labels[2, 10:50, 10:50] = 1
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(labels), str(tmp_path / "a.mha"))

    found = thumbnail(str(tmp_path / "a.mha"))

    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found))) as image:
        red, green, blue = image.convert("RGB").getpixel((48, 48))  # type: ignore[misc]
    assert (red > 200, 120 < green < 220, blue < 80) == (True, True, True)


def test_dicom_is_shown_in_its_window(tmp_path: Path) -> None:
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    data.WindowCenter, data.WindowWidth = 5000, 2  # all of it is below
    data.save_as(tmp_path / "dark.dcm")
    del data.WindowCenter, data.WindowWidth
    data.save_as(tmp_path / "IM0001")

    assert shown(tmp_path / "dark.dcm").max() < 10
    assert shown(tmp_path / "IM0001").max() > 200


def test_a_wide_picture_keeps_its_shape(tmp_path: Path) -> None:
    Image.new("RGB", (400, 200), (200, 10, 10)).save(tmp_path / "a.png")

    assert shown(tmp_path / "a.png").shape == (EDGE // 2, EDGE)


def test_of_a_slide_a_small_page_is_shown(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (edge, edge), (edge // 8, 0, 0)) for edge in (1600, 400, 100)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])

    found = slices.read_slice(str(tmp_path / "a.tif"))

    assert found.pixels.shape == (100, 100, 3)


def test_a_slide_may_be_larger_than_memory(tmp_path: Path) -> None:
    huge, small = Image.new("1", (20_000, 20_000)), Image.new("1", (200, 200), 1)
    huge.save(tmp_path / "a.tif", compression="group4", save_all=True, append_images=[small])

    found = slices.read_slice(str(tmp_path / "a.tif"))

    assert (found.pixels.shape, found.pixels.min()) == ((200, 200, 3), 255)


@pytest.mark.parametrize("name", ["a.mha", "a.dcm", "a.png", "IM1"])
def test_what_is_no_image_has_no_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no image" * 100)

    assert thumbnail(str(tmp_path / name)) is None


def test_a_large_file_that_must_be_read_as_a_whole_has_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = SimpleITK.GetImageFromArray(volume())
    SimpleITK.WriteImage(image, str(tmp_path / "packed.mha"), useCompression=True)
    SimpleITK.WriteImage(image, str(tmp_path / "plain.mha"))
    monkeypatch.setattr(slices, "_MOST_PIXELS", 1000)

    assert thumbnail(str(tmp_path / "packed.mha")) is None
    assert thumbnail(str(tmp_path / "plain.mha")) is not None


# ── of a manifest ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Three cases: an image and a report, a series, and a case whose files are missing."""
    for place in ("a/ct.mha", "b/1.mha"):
        (tmp_path / place).parent.mkdir()
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume()), str(tmp_path / place))
    (tmp_path / "a/report.pdf").write_bytes(b"%PDF-1.4")
    for number in (1, 2, 3):
        bits = (
            b"no image"
            if number != 2
            else Path(str(get_testdata_file("MR_small.dcm"))).read_bytes()
        )
        (tmp_path / f"b/{number}.dcm").write_bytes(bits)
    entries = [
        {"name": "a", "sockets": {"ct": {"file": "a/ct.mha"}, "report": {"file": "a/report.pdf"}}},
        {"name": "b", "sockets": {"mr": {"files": "b/*.dcm"}, "score": 2}},
        {"name": "c", "sockets": {"ct": {"file": "c/ct.mha"}}},
    ]
    path = write_manifest(tmp_path / "m.yaml", entries)
    return parse(path.read_bytes(), str(path))


def test_each_image_that_is_there_has_a_picture(manifest: Manifest) -> None:
    found = make_pictures(manifest, root=None, cases=10)

    assert found.found.keys() == {("a", "ct"), ("b", "mr")}
    assert found.note is None


def test_of_many_cases_the_first_have_pictures(manifest: Manifest) -> None:
    found = make_pictures(manifest, root=None, cases=1)

    assert found.found.keys() == {("a", "ct")}
    assert found.note == "pictures of the first 1 case; --pictures N shows those of N"


def test_when_time_is_up_the_rest_has_none(manifest: Manifest) -> None:
    found = make_pictures(manifest, root=None, cases=10, most_s=-1)

    assert len(found.found) == 1
    assert found.note is not None
    assert found.note.startswith("pictures of 1 case only, to save time")


def test_without_the_folder_there_are_none(manifest: Manifest) -> None:
    found = make_pictures(manifest, root="nowhere", cases=10)

    assert Pictures(note="no pictures: root 'nowhere' does not exist") == found
