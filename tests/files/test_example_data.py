"""The examples' data are what a platform would take, and name nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.files.look import look_at
from manifest_uploader.files.looks import Format
from tests.files.helpers import stat_file

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = ("reader-study/data", "classic/mainfolder", "archive/data", "algorithm/data")
DATA = sorted(path for folder in FOLDERS for path in (EXAMPLES / folder).rglob("*.*"))
SERIES = sorted((EXAMPLES / "reader-study" / "data").glob("*/ct"))

pytestmark = pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")  # SWIG's own


def read_image(path: Path) -> Any:
    """An image, or a folder's DICOM series, as SimpleITK reads it."""
    import SimpleITK

    if not path.is_dir():
        return SimpleITK.ReadImage(path)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(  # type: ignore[no-untyped-call]
        str(path)
    )
    return SimpleITK.ReadImage(names)


def voxels(path: Path) -> Any:
    import SimpleITK

    return SimpleITK.GetArrayFromImage(read_image(path))


def test_there_are_data() -> None:
    assert len(SERIES) == 3
    assert sum(path.stat().st_size for path in DATA) < 1_000_000


@pytest.mark.parametrize("folder", SERIES, ids=lambda folder: folder.parent.name)
def test_a_series_is_one_volume_in_the_place_of_its_segmentation(folder: Path) -> None:
    image, segmentation = read_image(folder), read_image(folder.parent / "airways.mha")

    assert image.GetSize() == (32, 32, 6) == segmentation.GetSize()
    assert image.GetSpacing() == (2, 2, 5) == segmentation.GetSpacing()
    assert image.GetOrigin() == segmentation.GetOrigin()
    assert image.GetDirection() == segmentation.GetDirection()
    assert set(voxels(folder).flat) >= {-1000, 40}
    assert (voxels(folder)[voxels(folder.parent / "airways.mha") == 1] == -1000).all()


def test_segmentations_hold_nothing_but_0_and_1() -> None:
    segmentations = sorted(EXAMPLES.rglob("airways.mha"))

    assert len(segmentations) == 5
    assert [set(voxels(path).flat) for path in segmentations] == [{0, 1}] * 5


@pytest.mark.parametrize("pattern", ["classic/*/*/ct.mhd", "archive/*/*/ct.nii.gz"])
def test_other_images_are_volumes(pattern: str) -> None:
    images = list(EXAMPLES.glob(pattern))

    assert [read_image(path).GetSize() for path in images] == [(32, 32, 6)] * 2


def test_no_example_names_a_patient() -> None:
    looks = [look_at(stat_file(path)).look for path in EXAMPLES.rglob("*.dcm")]

    assert len(looks) == 18
    assert {one.format for one in looks} == {Format.DICOM}
    assert {one.names for one in looks} == {()}
    assert {one.flaws for one in looks} == {()}


def test_no_two_slices_share_an_identifier() -> None:
    import pydicom

    slices = [pydicom.dcmread(path) for path in EXAMPLES.rglob("*.dcm")]

    assert len({one.SOPInstanceUID for one in slices}) == 18
    assert len({one.SeriesInstanceUID for one in slices}) == 3
    assert len({one.StudyInstanceUID for one in slices}) == 3


def test_the_data_can_be_made_again(tmp_path: Path) -> None:
    """Images by their voxels, as another version of a library may write them another way."""
    script = str(EXAMPLES / "make_data.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, timeout=60)

    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    assert made == {path.relative_to(EXAMPLES) for path in DATA}
    for path in made:
        if path.suffix in (".mha", ".mhd", ".gz", ".dcm"):
            assert (voxels(tmp_path / path) == voxels(EXAMPLES / path)).all()
        else:
            assert (tmp_path / path).read_bytes() == (EXAMPLES / path).read_bytes()
