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
from manifest_uploader.manifest.model import FileValue, Manifest, TargetKind
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


def link(path: Path, target: Path) -> None:
    """Make a symbolic link, where the system lets one."""
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system makes no symbolic links")


def value(*paths: str, single: bool = False) -> FileValue:
    return FileValue("ct-image", paths, single, PLACE)


def root(folder: Path, *, follow_links: bool = False) -> Root:
    return Root(folder.resolve(), follow_links, "in data")


def look(folder: Path, *paths: str, single: bool = False) -> Source:
    """Resolve paths that are right."""
    source = resolve(value(*paths, single=single), root(folder))
    assert isinstance(source, Source), source
    return source


def names(folder: Path, *paths: str) -> list[str]:
    """The names inside the upload that paths resolve to."""
    return [file.name for file in look(folder, *paths).files]


def problems(folder: Path, *paths: str, single: bool = False) -> tuple[Problem, ...]:
    """Resolve paths that are wrong."""
    wrong = resolve(value(*paths, single=single), root(folder))
    assert isinstance(wrong, tuple), wrong
    assert {problem.place for problem in wrong} == {PLACE}
    return wrong


def said(folder: Path, *paths: str, single: bool = False) -> tuple[str, str | None]:
    """The one problem of paths that are wrong: its message and hint."""
    [problem] = problems(folder, *paths, single=single)
    return problem.message, problem.hint


def local(path: Path, name: str | None = None) -> LocalFile:
    """A file as it is now."""
    facts = path.stat()
    return LocalFile(str(path), name or path.name, facts.st_size, facts.st_mtime_ns, facts.st_ino)


def manifest(path: Path, written_root: str | None) -> Manifest:
    start = Place(str(path), 1, 1)
    return Manifest(
        str(path), TargetKind.READER_STUDY, "rs", start, written_root, PLACE, False, (), ""
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
