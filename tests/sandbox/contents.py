"""Small files of the formats that the platform imports."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.sandbox.helpers import mha


def dicom(
    series: str, number: int = 1, *, rows: int = 2, pixels: bytes = bytes(8), **tags: Any
) -> bytes:
    """Return one slice of a CT series; `tags` by keyword are set or changed."""
    meta: Any = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("x", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = "1.2.3"
    data.SeriesInstanceUID = series
    data.InstanceNumber = number
    data.Rows, data.Columns, data.SamplesPerPixel = rows, 2, 1
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation, data.PhotometricInterpretation = 0, "MONOCHROME2"
    data.ImagePositionPatient = [0, 0, number]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.PixelSpacing = [0.5, 0.5]
    data.PixelData = pixels
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def nifti(voxels: bytes = bytes(8), kind: int = 2, bits: int = 8) -> bytes:
    """Return a NIfTI file of 2 x 2 x 2."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 2, 2, 2, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, kind, bits)
    struct.pack_into("<3f", header, 108, 352, 0, 0)
    header[344:348] = b"n+1\0"
    return bytes(header) + voxels


def png() -> bytes:
    """Return a PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def tiff(values: tuple[int, int] | None = None) -> bytes:
    """Return a TIFF of 3 x 4 pixels of 0.1 mm; `values`: the range that its tags tell."""
    import numpy as np
    import tifffile

    tags = [] if values is None else [(280, 3, 1, values[0], True), (281, 3, 1, values[1], True)]
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        np.zeros((4, 3), np.uint8),
        photometric="minisblack",
        resolution=(100, 100),
        resolutionunit="CENTIMETER",
        extratags=tags,
    )
    return stream.getvalue()


def mhd(data: str = "a.raw") -> bytes:
    return f"NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = {data}\n".encode()


def compressed_mha(values: bytes) -> bytes:
    packed = zlib.compress(values)
    extra = f"CompressedData = True\nCompressedDataSize = {len(packed)}\nBinaryData = True\n"
    return mha(packed, extra=extra)


def series(*numbers: int, uid: str = "1.9") -> dict[str, bytes]:
    """Return slices of one series by file name."""
    return {f"s{number}.dcm": dicom(uid, number) for number in numbers}
