"""Files on a real disk, and the values that name them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.manifest.model import FileValue, Identifiable, Manifest, TargetKind
from manifest_uploader.manifest.problems import Place, Problem

PLACE = Place("m.yaml", 9, 7)


def make_files(folder: Path, files: Mapping[str, bytes] | list[str]) -> None:
    """Write files below a folder; a list of names gives empty ones."""
    for name, data in (
        dict.fromkeys(files, b"").items() if isinstance(files, list) else files.items()
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def make_link(path: Path, target: Path) -> None:
    """Make a symbolic link; skip the test where the system does not allow it."""
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system makes no symbolic links")


def file_value(*paths: str, single: bool = False) -> FileValue:
    return FileValue("ct-image", paths, single, PLACE)


def root_at(folder: Path, *, follow_links: bool = False) -> Root:
    return Root(folder.resolve(), follow_links, "in data")


def find_source(folder: Path, *paths: str, single: bool = False) -> Source:
    """The files that paths name; they have no problem."""
    source = resolve(file_value(*paths, single=single), root_at(folder))
    assert isinstance(source, Source), source
    return source


def upload_names(folder: Path, *paths: str) -> list[str]:
    """The names that the files get inside the upload."""
    return [file.name for file in find_source(folder, *paths).files]


def find_problems(folder: Path, *paths: str, single: bool = False) -> tuple[Problem, ...]:
    """The problems with paths."""
    wrong = resolve(file_value(*paths, single=single), root_at(folder))
    assert isinstance(wrong, tuple), wrong
    assert {problem.place for problem in wrong} == {PLACE}
    return wrong


def find_problem(folder: Path, *paths: str, single: bool = False) -> tuple[str, str | None]:
    """The message and hint of the only problem with paths."""
    [problem] = find_problems(folder, *paths, single=single)
    return problem.message, problem.hint


def stat_file(path: Path, name: str | None = None) -> LocalFile:
    """A file on the disk as it is now."""
    facts = path.stat()
    return LocalFile(str(path), name or path.name, facts.st_size, facts.st_mtime_ns)


def manifest_with_root(path: Path, written_root: str | None) -> Manifest:
    start = Place(str(path), 1, 1)
    return Manifest(
        str(path), TargetKind.READER_STUDY, "rs", start, written_root, PLACE, Identifiable(), (), ""
    )


def make_dicom(path: Path, **attributes: object) -> Path:
    """A small DICOM file whose patient has no name, unless attributes say otherwise."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "CT"
    for name, content in {"PatientName": "", "PatientID": "", **attributes}.items():
        setattr(data, name, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path
