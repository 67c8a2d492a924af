"""Our verdict on folders of DICOM files beside that of the platform's own importer."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.files.archives import look_archive
from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format
from manifest_uploader.plan.series import judge_folders, judge_series
from manifest_uploader.plan.series_findings import SeriesKind, SeriesVerdict
from tests.files.archive_samples import zip_of
from tests.files.dicom import folders


@pytest.fixture(scope="module")
def panimg() -> Any:
    return pytest.importorskip("panimg")


def look_at(name: str, file: bytes) -> FileLook:
    """A look at a file of these folders, DICOM or not."""
    found = look_dicom(io.BytesIO(file), len(file), name)
    if found is not None:
        return found
    if not file:
        return FileLook(Format.EMPTY, (Flaw(FlawKind.EMPTY),))
    if file.startswith((b"version https://git-lfs", b"/annex/")):
        return FileLook(Format.POINTER, (Flaw(FlawKind.POINTER),))
    if file.startswith(b"ObjectType"):
        return FileLook(Format.METAIMAGE)
    return FileLook(Format.TEXT if file.isascii() else Format.OTHER)


def verdict_on(folder: Mapping[str, bytes]) -> SeriesVerdict:
    """Ours."""
    return judge_series([(name, look_at(name, file)) for name, file in folder.items()])


def imported(
    panimg: Any, folder: Mapping[str, bytes], path: Path
) -> tuple[int, set[str], int, int]:
    """The importer's: number of images, files left out, slices and time points of one image."""
    for name, file in folder.items():
        (path / "in" / Path(name).parent).mkdir(parents=True, exist_ok=True)
        (path / "in" / name).write_bytes(file)
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = panimg.convert(
                input_directory=path / "in", output_directory=path / "out", post_processors=[]
            )
        except Exception:  # noqa: BLE001  what stops the importer stops the upload
            return 0, set(folder), 0, 0
        finally:
            logging.disable(logging.NOTSET)
    left = {one.name for one in found.file_errors if one not in found.consumed_files}
    image = next(iter(found.new_images), None)
    if image is None:
        return 0, left, 0, 0
    return len(found.new_images), left, image.depth or 1, image.timepoints or 1


def ignored(verdict: SeriesVerdict) -> set[str]:
    return {name for note in verdict.notes for name in note.files}


# ``folders`` takes seconds to write: its names are not asked for while tests are collected.


def test_what_the_importer_takes_whole_is_no_problem(
    panimg: Any, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for name, folder in (folders.good() | folders.with_strangers() | folders.warned()).items():
        with subtests.test(name):
            verdict = verdict_on(folder)
            images, left, slices, times = imported(panimg, folder, tmp_path / name)

            assert (images, left) == (1, ignored(verdict))
            assert verdict.problems == ()
            assert (verdict.slices, verdict.timepoints) == (slices, times)


def test_what_the_importer_refuses_or_leaves_out_is_a_problem(
    panimg: Any, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for name, folder in folders.refused().items():
        with subtests.test(name):
            verdict = verdict_on(folder)
            images, left, _, _ = imported(panimg, folder, tmp_path / name)

            assert images != 1 or left - ignored(verdict)
            assert verdict.problems
            told = {file for problem in verdict.problems for file in problem.files}
            assert images != 1 or left <= told | ignored(verdict)


def test_what_the_importer_takes_and_nobody_meant_is_a_problem(subtests: pytest.Subtests) -> None:
    for name, folder in folders.wrong().items():
        with subtests.test(name):
            assert verdict_on(folder).problems


def test_what_somebody_should_look_at_is_a_warning(subtests: pytest.Subtests) -> None:
    for name, folder in folders.warned().items():
        with subtests.test(name):
            assert verdict_on(folder).warnings


def test_nothing_is_said_of_good_folders(subtests: pytest.Subtests) -> None:
    for name, folder in (folders.good() | folders.with_strangers()).items():
        with subtests.test(name):
            verdict = verdict_on(folder)

            assert verdict.warnings == ()
            assert {note.kind for note in verdict.notes} <= {SeriesKind.IGNORED}


def test_a_zip_is_judged_by_its_folders() -> None:
    one = {f"a/{name}": file for name, file in folders.series().items()}
    two = {f"b/{name}": file for name, file in folders.series().items()}

    def judge(files: Mapping[str, bytes]) -> SeriesVerdict:
        return judge_folders(look_archive(io.BytesIO(zip_of(files)), Format.ZIP).members)

    assert judge({**one, "notes.txt": b"x"}) == SeriesVerdict(images=1, slices=5)
    assert [problem.about for problem in judge(one | two).problems] == ["folder"]


def test_there_are_enough_folders() -> None:
    groups = (folders.good(), folders.with_strangers(), folders.warned())
    groups += (folders.refused(), folders.wrong())

    assert sum(map(len, groups)) >= 120
