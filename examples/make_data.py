"""Make the data of the examples: phantoms drawn by formula, of no patient, the same every time.

Needed only to change the data, which is kept beside the manifests. Run it with the packages of
the `test` extra installed:

    python examples/make_data.py [FOLDER]
"""  # noqa: INP001  a script beside data, not a package

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

Voxels: TypeAlias = np.ndarray[Any, np.dtype[Any]]

SIZE: Final = 32
"""Voxels along each side of a slice."""
SLICES: Final = 6
SPACING: Final = (2.0, 2.0, 5.0)
"""Millimetres between voxels along x, y and z."""
AIR: Final = -1000
SOFT_TISSUE: Final = 40
NODULE: Final = 110
"""Hounsfield units, like the two above."""
IMPLEMENTATION: Final = generate_uid(entropy_srcs=["manifest_uploader", "examples"])


@dataclass(frozen=True, slots=True)
class Phantom:
    """A chest in miniature: a disc of tissue, two airways that part, and some nodules."""

    number: int
    nodules: int

    @property
    def airways(self) -> Voxels:
        """Where there is air inside, as (z, y, x) of 0 and 1."""
        z, y, x = np.mgrid[:SLICES, :SIZE, :SIZE]
        apart = 1.2 * (SLICES - 1 - z) + self.number * 0.4
        middle = (SIZE - 1) / 2
        left = np.hypot(x - middle + apart, y - middle) < 2.6  # noqa: PLR2004
        right = np.hypot(x - middle - apart, y - middle) < 2.6  # noqa: PLR2004
        return np.where(left | right, 1, 0).astype(np.uint8)

    @property
    def ct(self) -> Voxels:
        """Hounsfield units as (z, y, x)."""
        z, y, x = np.mgrid[:SLICES, :SIZE, :SIZE]
        middle = (SIZE - 1) / 2
        voxels = np.where(np.hypot(x - middle, y - middle) < SIZE * 0.45, SOFT_TISSUE, AIR)
        for nodule in range(self.nodules):
            angle = 2.5 * nodule + self.number
            at_x, at_y = middle + 10 * np.cos(angle), middle + 10 * np.sin(angle)
            at_z = 1 + nodule % (SLICES - 2)
            away = np.sqrt((x - at_x) ** 2 + (y - at_y) ** 2 + (2.5 * (z - at_z)) ** 2)
            voxels[away < 2.8] = NODULE  # noqa: PLR2004
        voxels[self.airways == 1] = AIR
        return voxels.astype(np.int16)


def main(folder: Path) -> None:
    """Write the data of all examples below a folder."""
    make_reader_study(folder / "reader-study" / "data")
    make_classic(folder / "classic" / "mainfolder")
    make_archive(folder / "archive" / "data")
    make_algorithm(folder / "algorithm" / "data")


def make_reader_study(folder: Path) -> None:
    """Three patients with a DICOM series, a segmentation and a report each."""
    for number, nodules in [(1, 2), (2, 0), (3, 1)]:
        patient = folder / f"patient-{number:03}"
        phantom = Phantom(number, nodules)
        for index in range(SLICES):
            write_slice(patient / "ct" / f"IM{index + 1:04}.dcm", phantom, index)
        write_image(patient / "airways.mha", phantom.airways)
        write_pdf(patient / "report.pdf", f"Example patient {number}: {nodules} nodules.")


def make_classic(folder: Path) -> None:
    """Two patients with an image of two files and a segmentation of one."""
    for number in (1, 2):
        patient = folder / f"patient{number}_folder"
        phantom = Phantom(number, number)
        write_image(patient / "ct.mhd", phantom.ct)
        write_image(patient / "airways.mha", phantom.airways)


def make_archive(folder: Path) -> None:
    """Two scans with a table and a list of findings each."""
    for number in (1, 2):
        scan = folder / f"scan-{number}"
        phantom = Phantom(number, number + 1)
        write_image(scan / "ct.nii.gz", phantom.ct)
        volumes = [int(layer.sum()) * 4 for layer in phantom.airways]
        rows = [f"{index},{volume}" for index, volume in enumerate(volumes, 1)]
        write_text(scan / "areas.csv", "\n".join(["slice,airway_mm2", *rows, ""]))
        findings = {"nodules": phantom.nodules, "airway_mm3": sum(volumes) * 5}
        write_text(scan / "findings.json", json.dumps(findings, indent=2) + "\n")


def make_algorithm(folder: Path) -> None:
    """Two scans as inputs of jobs."""
    for number in (1, 2):
        write_image(folder / f"scan-{number}" / "ct.nii.gz", Phantom(number, number).ct)


def write_slice(path: Path, phantom: Phantom, index: int) -> None:
    """One slice of a CT series; nothing in it names a patient."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid(phantom, "slice", index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "EXAMPLE"
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    for keyword, value in (describe_series(phantom) | describe_pixels(phantom, index)).items():
        setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def describe_series(phantom: Phantom) -> dict[str, Any]:
    """What all slices of a series have in common."""
    return {
        "PatientName": "",
        "PatientID": "",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyInstanceUID": uid(phantom, "study"),
        "SeriesInstanceUID": uid(phantom, "series"),
        "FrameOfReferenceUID": uid(phantom, "frame"),
        "StudyDate": "",
        "StudyTime": "",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "SeriesNumber": 1,
        "Modality": "CT",
        "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
        "PositionReferenceIndicator": "",
        "Manufacturer": "",
        "KVP": None,
    }


def describe_pixels(phantom: Phantom, index: int) -> dict[str, Any]:
    """One slice's place and voxels."""
    return {
        "InstanceNumber": index + 1,
        "AcquisitionNumber": 1,
        "ImagePositionPatient": [0.0, 0.0, SPACING[2] * index],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": list(SPACING[:2]),
        "SliceThickness": SPACING[2],
        "Rows": SIZE,
        "Columns": SIZE,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "RescaleType": "HU",
        "PixelData": phantom.ct[index].astype("<i2").tobytes(),
    }


def uid(phantom: Phantom, *what: object) -> UID:
    """The same unique identifier for the same thing, every time."""
    words = ["manifest_uploader example", phantom.number, *what]
    return generate_uid(entropy_srcs=[str(word) for word in words])


def write_image(path: Path, voxels: Voxels) -> None:
    """A volume in the format that the file's ending says, in the place of the DICOM series."""
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(SPACING)  # type: ignore[no-untyped-call]
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(image, path)


def write_text(path: Path, text: str) -> None:
    """A text file with the same bytes on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def write_pdf(path: Path, text: str) -> None:
    """A page with one line on it."""
    page = f"BT /F1 14 Tf 20 60 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 120] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(page)} >>\nstream\n{page}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    write_text(path, body + end)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
