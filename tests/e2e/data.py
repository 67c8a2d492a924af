"""Files that the end-to-end tests upload: small, and each of its own content."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SLICE = 1024 * 1024
PDF = b"%PDF-1.7\n"


def mha(seed: object, *, values: tuple[int, ...] = tuple(range(256)), side: int = 8) -> bytes:
    """A MetaImage of `side` × `side` × 4 voxels with values of the given ones."""
    voxels = bytes(random.Random(repr(seed)).choices(values, k=side * side * 4))
    head = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {side} {side} 4\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return head.encode() + voxels


def mask(seed: object) -> bytes:
    """A segmentation: a MetaImage of the values 0 and 1."""
    return mha(seed, values=(0, 1))


def write(path: Path, content: bytes | str) -> Path:
    """Write a file and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_large(path: Path, size: int, *, seed: int = 0) -> Path:
    """Write a file that begins as a PDF file does; the rest are pseudo-random bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    with path.open("wb") as file:
        for start in range(0, size, SLICE):
            file.write(chance.randbytes(min(SLICE, size - start)))
        file.seek(0)
        file.write(PDF[:size])
    return path


def dicom_slice(series: int, number: int, *, side: int = 64) -> bytes:
    """One CT slice as a scanner writes it, without its patient."""
    import io

    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

    study = f"1.2.826.0.1.3680043.8.498.{series + 1}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"{study}.{number + 1}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one = FileDataset(io.BytesIO(), {}, file_meta=meta, preamble=bytes(128))
    one.SOPClassUID = meta.MediaStorageSOPClassUID
    one.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    one.Modality = "CT"
    one.StudyInstanceUID = f"{study}.800000"
    one.SeriesInstanceUID = f"{study}.900000"
    one.InstanceNumber = number + 1
    one.ImagePositionPatient = [0, 0, number]
    one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    one.PixelSpacing = [0.7, 0.7]
    one.SliceThickness = 1
    one.Rows = one.Columns = side
    one.SamplesPerPixel = 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation = 15, 1
    one.RescaleIntercept, one.RescaleSlope = -1024, 1
    one.PixelData = random.Random(series * 100_003 + number).randbytes(side * side * 2)
    stream = io.BytesIO()
    one.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_series(folder: Path, series: int, slices: int, *, side: int = 64) -> None:
    """Write a DICOM series, one file a slice."""
    for number in range(slices):
        write(folder / f"IM{number + 1:04}.dcm", dicom_slice(series, number, side=side))


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(SLICE):
            digest.update(piece)
    return digest.hexdigest()


def json_lines(text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines."""
    for line in text.splitlines():
        found = json.loads(line)
        assert isinstance(found, dict), line
        yield found
