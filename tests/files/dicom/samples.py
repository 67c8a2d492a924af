"""DICOM files as bytes: whole slices, and what becomes of them in real life."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.looks import DicomHeader, FileLook

ROOT = "1.2.826.0.1.3680043.10.999."
FRAGMENT = b"\xff\x4f\xff\x51" + bytes(20)
"""The start of a JPEG 2000 image, for what does not decode it."""


def slice_set(number: int = 1, *, series: int = 1, study: int = 1, **attributes: Any) -> Dataset:
    """The data set of a 4x4 CT slice whose patient has no name, unless attributes say otherwise.

    An attribute of None is left out.
    """
    data = Dataset()
    given: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"{ROOT}{study}.{series}.{number}",
        "StudyInstanceUID": f"{ROOT}{study}",
        "SeriesInstanceUID": f"{ROOT}{study}.{series}",
        "Modality": "CT",
        "PatientName": "",
        "PatientID": "",
        "PatientBirthDate": "",
        "InstanceNumber": number,
        "ImagePositionPatient": [0, 0, number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 4,
        "PixelSpacing": [1, 1],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(32),
    }
    for keyword, value in (given | attributes).items():
        if value is not None:
            setattr(data, keyword, value)
    return data


def colour_set(number: int = 1, *, frames: int | None = None, **attributes: Any) -> Dataset:
    """The data set of a 4x4 ultrasound image in colour."""
    colours = {
        "SamplesPerPixel": 3,
        "PlanarConfiguration": 0,
        "PhotometricInterpretation": "RGB",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "NumberOfFrames": frames,
        "PixelData": bytes(48 * (frames or 1)),
    }
    return slice_set(number, **(colours | attributes))


def compressed_set(number: int = 1, *, fragments: int = 1, **attributes: Any) -> Dataset:
    """The data set of a slice with fragments for pixels; it needs `JPEG2000Lossless`."""
    data = slice_set(number, PixelData=encapsulate([FRAGMENT] * fragments), **attributes)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def dicom_bytes(data: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A data set as a file."""
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.get("SOPClassUID") or CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID") or f"{ROOT}9"
    data.file_meta.TransferSyntaxUID = syntax
    if "PixelData" in data and not data["PixelData"].is_undefined_length:
        data["PixelData"].VR = "OW"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def slice_bytes(number: int = 1, syntax: UID = ExplicitVRLittleEndian, **attributes: Any) -> bytes:
    """A slice as a file."""
    return dicom_bytes(slice_set(number, **attributes), syntax)


def compressed_bytes(number: int = 1, **attributes: Any) -> bytes:
    """A slice with fragments as a file."""
    return dicom_bytes(compressed_set(number, **attributes), JPEG2000Lossless)


def bare(file: bytes) -> bytes:
    """A file without its preamble, mark and group 2, as old consoles write it."""
    return file[header_length(file) :]


def header_length(file: bytes) -> int:
    """Where the data set of a file starts."""
    return 144 + int.from_bytes(file[140:144], "little")


def bare_implicit(number: int = 1, **attributes: Any) -> bytes:
    """An implicit slice without preamble."""
    return bare(slice_bytes(number, ImplicitVRLittleEndian, **attributes))


def look(file: bytes, name: str = "IM1") -> FileLook | None:
    """A look into a file."""
    return look_dicom(io.BytesIO(file), len(file), name)


def seen(file: bytes, name: str = "IM1") -> FileLook:
    """A look into a file that is DICOM."""
    found = look(file, name)
    assert found is not None
    return found


def header_of(file: bytes) -> DicomHeader:
    """The header of a file that is DICOM."""
    header = seen(file).dicom
    assert header is not None
    return header


def names_in(file: bytes, name: str = "IM1") -> tuple[str, ...]:
    """The attributes of a DICOM file that identify its patient."""
    return seen(file, name).names
