"""CT slices as a scanner writes them, with a patient in their headers."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROOT: Final = "1.2.826.0.1.3680043.10.998."
NAME: Final = "Doe^Jane"
"""Of the patient; in no copy."""


def slice_of(number: int, *, series: int = 1, rows: int = 8, **attributes: Any) -> bytes:
    """A slice of `rows` times `rows` pixels; an attribute of None is left out."""
    meta: Any = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.SourceApplicationEntityTitle = "HOSPITAL_CT1"
    data = Dataset()
    given: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"{ROOT}{series}.{number}",
        "StudyDate": "20260102",
        "SeriesDate": "20260102",
        "StudyTime": "101112",
        "AccessionNumber": "A1234567",
        "Modality": "CT",
        "Manufacturer": "Maker",
        "InstitutionName": "General Hospital",
        "ReferringPhysicianName": "Roe^Richard",
        "StudyDescription": f"Chest of {NAME}",
        "SeriesDescription": "Lung 1.0",
        "PatientName": NAME,
        "PatientID": "4711",
        "PatientBirthDate": "19500203",
        "PatientSex": "F",
        "PatientComments": f"{NAME} was here",
        "KVP": "120",
        "SliceThickness": "1.0",
        "StudyInstanceUID": f"{ROOT}{series}",
        "SeriesInstanceUID": f"{ROOT}{series}.0",
        "FrameOfReferenceUID": f"{ROOT}{series}.9",
        "StudyID": "77",
        "SeriesNumber": series,
        "InstanceNumber": number,
        "ImagePositionPatient": [-200.0, -200.0, float(number)],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": rows,
        "PixelSpacing": [0.78125, 0.78125],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "WindowCenter": "-600",
        "WindowWidth": "1500",
        "PixelData": random.Random(1000 * series + number).randbytes(2 * rows * rows),
    }
    for keyword, value in (given | attributes).items():
        if value is not None:
            setattr(data, keyword, value)
    block = data.private_block(0x0019, "MAKER 1.0", create=True)
    block.add_new(0x01, "LO", f"private {NAME}")
    data.file_meta, data.preamble = meta, b"Made for Doe, Jane".ljust(128, b"\0")
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def write_set(folder: Path, count: int, *, series: int = 1, **attributes: Any) -> None:
    """A folder of the slices of one series, in files that are named after the patient."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        content = slice_of(number, series=series, **attributes)
        (folder / f"doe-jane-{number:03}.dcm").write_bytes(content)
