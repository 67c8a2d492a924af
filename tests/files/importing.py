"""Small images that the importer reads, and files that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from manifest_uploader.files.importer import Bundle

ROOT_UID = "1.2.826.0.1.3680043.10.999"


def a_slice(number: int, *, series: int = 1, size: int = 8, **attributes: Any) -> Dataset:
    """One CT slice of `size` × `size` voxels, 1 mm from the next."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = f"{ROOT_UID}.9.{series}.{number}"
    data.StudyInstanceUID = f"{ROOT_UID}.1"
    data.SeriesInstanceUID = f"{ROOT_UID}.1.{series}"
    data.Modality, data.InstanceNumber, data.SeriesNumber = "CT", number, series
    data.PatientName = data.PatientID = data.PatientBirthDate = ""
    data.Rows = data.Columns = size
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelSpacing, data.SliceThickness = [0.7, 0.7], 1.0
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [0, 0, float(number)]
    data.PixelData = np.full((size, size), number, np.uint16).tobytes()
    data["PixelData"].VR = "OW"
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def write(data: Dataset, path: Path) -> Path:
    """Write a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_series(folder: Path, numbers: Sequence[int], **attributes: Any) -> list[Path]:
    """`IM1.dcm` and so on, one slice each."""
    return [write(a_slice(one, **attributes), folder / f"IM{one}.dcm") for one in numbers]


def write_image(path: Path, voxels: Any) -> Path:
    """Write voxels in the format that the path's ending names."""
    import SimpleITK

    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels, isVector=False), str(path))
    return path


def bundle(*paths: Path, key: str = "a") -> Bundle:
    """A bundle of files under their base names."""
    return Bundle(key, tuple((str(path), path.name) for path in paths))
