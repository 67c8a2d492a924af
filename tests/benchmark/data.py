"""The work: folders with cases, as a manifest for us and as JSON lines for the official client."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmark.places import STUDY

_PDF = b"%PDF-1.4\n"
Case = tuple[str, Mapping[str, Any]]
"""Title, and by socket: a list of files for an image, a file, or a number."""


def write_cases(folder: Path, cases: Iterable[Case]) -> None:
    """`manifest.yaml` and `cases.jsonl` with the same cases."""
    lines = ["version: 1", f"target: {{kind: reader-study, slug: {STUDY}}}", "cases:"]
    with (folder / "cases.jsonl").open("w") as file:
        for title, values in cases:
            file.write(json.dumps({"title": title, "values": values}) + "\n")
            lines += [f"  - name: {title}", "    sockets:"]
            lines += [f"      {slug}: {_yaml(value)}" for slug, value in values.items()]
    (folder / "manifest.yaml").write_text("\n".join(lines) + "\n")


def keep_first(folder: Path, count: int) -> None:
    """Leave the official client only some of the cases."""
    lines = (folder / "cases.jsonl").read_text().splitlines()[:count]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n")


def many_small(folder: Path, count: int) -> None:
    """Cases of a 1 MB image, a 200 kB PDF and a float."""
    pixels = os.urandom(1_000_000)
    header = (
        "ObjectType = Image\nNDims = 3\nDimSize = 500 500 4\nElementType = MET_UCHAR\n"
        "ElementDataFile = LOCAL\n"
    )
    for number in range(count):
        (folder / f"i{number}.mha").write_bytes(header.encode() + pixels)
        (folder / f"r{number}.pdf").write_bytes(_PDF + pixels[:200_000])
    write_cases(
        folder,
        (
            (
                f"case-{number:04}",
                {
                    "ct-image": [f"i{number}.mha"],
                    "report": f"r{number}.pdf",
                    "score": number + 0.5,
                },
            )
            for number in range(count)
        ),
    )


def series(folder: Path, count: int, slices: int, *, side: int = 160) -> None:
    """Cases of one DICOM series each; slices of 160 by 160 have 50 kB."""
    import numpy as np
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    pixels = np.zeros((side, side), "int16").tobytes()
    for case in range(count):
        study, uid = generate_uid(), generate_uid()
        for number in range(slices):
            meta = FileMetaDataset()
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            meta.MediaStorageSOPClassUID = CTImageStorage
            meta.MediaStorageSOPInstanceUID = generate_uid()
            one = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
            one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
            one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = study, uid, "CT"
            one.PatientName = one.PatientID = one.PatientBirthDate = ""
            one.Rows = one.Columns = side
            one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
            one.BitsAllocated = one.BitsStored = 16
            one.HighBit, one.PixelRepresentation = 15, 1
            one.PixelSpacing, one.InstanceNumber = [1, 1], number + 1
            one.ImagePositionPatient = [0, 0, number]
            one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            one.PixelData = pixels
            path = folder / f"s{case}" / f"{number:04}.dcm"
            path.parent.mkdir(exist_ok=True)
            one.save_as(path)
    write_cases(
        folder,
        (
            (
                f"case-{case:04}",
                {"ct-image": [f"s{case}/{number:04}.dcm" for number in range(slices)]},
            )
            for case in range(count)
        ),
    )
    _name_folders(folder, count)


def huge(folder: Path, mib: int) -> None:
    """One file."""
    with (folder / "a.pdf").open("wb") as file:
        file.write(_PDF.ljust(2**20))
        for _ in range(mib - 1):
            file.write(os.urandom(2**20))
    write_cases(folder, [("case", {"report": "a.pdf"})])


def two_files(folder: Path, count: int) -> None:
    """Cases of two tiny files and a number."""
    for number in range(count):
        (folder / f"a{number}.pdf").write_bytes(_PDF)
        (folder / f"b{number}.csv").write_bytes(b"a,b\n")
    write_cases(
        folder,
        (
            (
                f"case-{number:05}",
                {"report": f"a{number}.pdf", "table": f"b{number}.csv", "score": 0.5},
            )
            for number in range(count)
        ),
    )


def same_series(folder: Path, count: int, slices: int) -> None:
    """Cases of one small DICOM series each: the same files, by hard links."""
    series(folder, 1, slices, side=16)
    for case in range(1, count):
        (folder / f"s{case}").mkdir()
        for path in (folder / "s0").iterdir():
            (folder / f"s{case}" / path.name).hardlink_to(path)
    _name_folders(folder, count)


def _name_folders(folder: Path, count: int) -> None:
    """In the manifest a series is a folder: nobody lists 300 slices."""
    lines = ["version: 1", f"target: {{kind: reader-study, slug: {STUDY}}}", "cases:"]
    for case in range(count):
        lines += [f"  - name: case-{case:04}", "    sockets:"]
        lines += [f"      ct-image: {{files: s{case}}}"]
    (folder / "manifest.yaml").write_text("\n".join(lines) + "\n")


def _yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"{{files: {json.dumps(value)}}}"
    return f"{{file: {value}}}" if isinstance(value, str) else str(value)
