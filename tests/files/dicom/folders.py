"""Folders of DICOM files, each meant to be one image: good, bad and doubtful ones by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from tests.files.dicom.samples import (
    bare,
    bare_implicit,
    colour_set,
    compressed_set,
    dicom_bytes,
    header_length,
    slice_bytes,
)

Folder = dict[str, bytes]

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 9\n"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
TIMES: dict[str, Any] = {"ContentTime": "101010", "Exposure": 1}
WIDER: dict[str, Any] = {"Columns": 8, "PixelData": bytes(64)}
BYTES: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": bytes(16)}


def series(count: int = 5, syntax: UID = ExplicitVRLittleEndian, **attributes: Any) -> Folder:
    """Slices 1 mm apart."""
    return {f"IM{n:04}.dcm": slice_bytes(n, syntax, **attributes) for n in range(1, count + 1)}


def stack(*slices: Mapping[str, Any], **attributes: Any) -> Folder:
    """Slices with these attributes each."""
    return {
        f"IM{n:04}.dcm": slice_bytes(n, **(attributes | dict(one)))
        for n, one in enumerate(slices, 1)
    }


def at(*places: float, **attributes: Any) -> Folder:
    """Slices at these z coordinates, numbered in this order."""
    return stack(*({"ImagePositionPatient": [0, 0, z]} for z in places), **attributes)


def times(count: int, *, slices: int = 3, **attributes: Any) -> list[dict[str, Any]]:
    """The slices of a 4D image, time point by time point."""
    return [
        {"TemporalPositionIndex": time, "ImagePositionPatient": [0, 0, z], **TIMES, **attributes}
        for time in range(1, count + 1)
        for z in range(slices)
    ]


def enhanced(number: int = 1, frames: int = 4) -> bytes:
    """An enhanced CT image."""
    groups = []
    for z in range(frames):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, z]
        group.PlanePositionSequence = [position]
        groups.append(group)
    return slice_bytes(
        number,
        SOPClassUID=EnhancedCTImageStorage,
        ImagePositionPatient=None,
        NumberOfFrames=frames,
        PixelData=bytes(32 * frames),
        PerFrameFunctionalGroupsSequence=groups,
    )


def replaced(folder: Folder, **files: bytes | None) -> Folder:
    """A folder with files replaced or, by None, removed: `IM0003=b""`."""
    found = dict(folder)
    for stem, data in files.items():
        if data is None:
            del found[f"{stem}.dcm"]
        else:
            found[f"{stem}.dcm"] = data
    return found


@cache
def good() -> dict[str, Folder]:
    """What the importer takes whole, and nobody minds."""
    return {
        "one slice": series(1),
        "series": series(),
        "implicit": series(3, ImplicitVRLittleEndian),
        "deflated": series(3, DeflatedExplicitVRLittleEndian),
        "scaled big endian": series(3, ExplicitVRBigEndian, RescaleIntercept=-1024),
        "bytes": series(3, **BYTES),
        "MR": series(3, SOPClassUID=MRImageStorage, Modality="MR"),
        "downwards": at(5, 4, 3, 2, 1),
        "negative": at(-700.5, -702.5, -704.5),
        "rounded positions": at(0, 0.7, 1.3, 2.0, 2.7, 3.3, 4.0),
        "PET": at(0, 3.27, 6.54, 9.81, 13.08),
        "coronal": stack(
            *({"ImagePositionPatient": [0, y, 0]} for y in range(4)),
            ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
        ),
        "oblique": stack(
            *({"ImagePositionPatient": [0, 0.6 * n, 0.8 * n]} for n in range(5)),
            ImageOrientationPatient=[1, 0, 0, 0, 0.8, -0.6],
        ),
        "gantry tilt": stack(*({"ImagePositionPatient": [0, 0.3 * n, n]} for n in range(6))),
        "orientation rounded": stack(
            *({"ImageOrientationPatient": [1, n / 1e5, 0, 0, 1, 0]} for n in range(4))
        ),
        "numbers with gaps": stack(*({"InstanceNumber": 10 * n} for n in range(1, 5))),
        "one slice without number": series(1, InstanceNumber=None),
        "no SOP instance": series(3, SOPInstanceUID=""),
        "empty UIDs": series(2, StudyInstanceUID="", SeriesInstanceUID=""),
        "endings .img": {f"{n}.img": slice_bytes(n) for n in range(1, 4)},
        "no endings": {f"1.2.{n}": slice_bytes(n) for n in range(1, 4)},
        "4D": stack(*times(2)),
        "4D downwards": stack(*times(3)[::-1]),
        "4D colour": {
            f"{n}.dcm": dicom_bytes(colour_set(n, **one))
            for n, one in enumerate(times(2, slices=2))
        },
        "4D times of the first slices": stack(
            *(one if n % 3 == 0 else one | {"Exposure": None} for n, one in enumerate(times(2)))
        ),
        "one time point": stack(*times(1)),
        "cine": {"a.dcm": dicom_bytes(colour_set(frames=5))},
        "frames": {"a.dcm": slice_bytes(NumberOfFrames=4, PixelData=bytes(128))},
        "frames not stated": {"a.dcm": slice_bytes(PixelData=bytes(128))},
        "enhanced": {"a.dcm": enhanced()},
        "one frame each": series(3, NumberOfFrames=1),
        "one frame group each": series(3, PerFrameFunctionalGroupsSequence=[Dataset()]),
        "radiograph": {"a.dcm": slice_bytes(Modality="DX", ImagePositionPatient=None)},
        "padded files": {name: file + bytes(512) for name, file in series().items()},
        "cut behind the pixels": {"a.dcm": slice_bytes(DataSetTrailingPadding=bytes(40))[:-20]},
        "spacing missing in others": stack({}, {"PixelSpacing": ""}, {"PixelSpacing": ""}),
        "no step in several": series(3, SpacingBetweenSlices=""),
        "stack across series": stack(
            {"StackID": "1"}, {"StackID": "1", "SeriesInstanceUID": "1.2.9"}
        ),
        "scaled bits": stack({"RescaleSlope": 2}, BYTES),
        "two slices": series(2),
    }


@cache
def with_strangers() -> dict[str, Folder]:
    """What the importer takes whole, beside files that it leaves out rightly."""
    report = slice_bytes(9, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", PixelData=None)
    return {
        "notes": {**series(), "notes.txt": b"x"},
        "empty notes": {**series(), "notes.txt": b""},
        "spreadsheet": {**series(), "list.csv": b"a,b\n1,2\n"},
        "dose report": {**series(), "report.dcm": report},
        "DICOMDIR": {
            **series(),
            "DICOMDIR": slice_bytes(SOPClassUID="1.2.840.10008.1.3.10", PixelData=None),
        },
        "of macOS": {**series(), "._IM0001.dcm": b"\0\5\x16\7", ".DS_Store": b"x"},
        "PDF": {**series(), "a.pdf": b"%PDF-1.4\n"},
        "bare report": {**series(), "r": bare(report)},
        "structure set": {
            **series(),
            "s.dcm": slice_bytes(9, series=3, SOPClassUID=RTSTRUCT, PixelData=None),
        },
    }


@cache
def refused() -> dict[str, Folder]:
    """What the importer refuses, leaves out in part, or makes two images of."""
    cut = slice_bytes(3)
    compressed = dicom_bytes(compressed_set(3), JPEG2000Lossless)
    return {
        "no mark": {f"{n}.dcm": bare_implicit(n) for n in range(1, 4)},
        "one without mark": replaced(series(), IM0003=bare_implicit(3)),
        "empty slice": replaced(series(), IM0003=b""),
        "pointer": replaced(series(), IM0003=POINTER),
        "annex": replaced(series(), IM0003=b"/annex/objects/MD5E-s2511--d4.dcm\n"),
        "text named like a slice": replaced(series(), IM0003=b"not found"),
        "page named like a slice": replaced(series(), IM0003=b"<html>404</html>"),
        "header cut": replaced(series(), IM0003=cut[:200]),
        "header cut late": replaced(series(), IM0003=cut[: len(cut) - 60]),
        "mark only": replaced(series(), IM0003=cut[:132]),
        "pixels cut": replaced(series(), IM0003=cut[:-9]),
        "fragments cut": replaced(series(), IM0003=compressed[:-20]),
        "one without pixels": replaced(series(), IM0003=slice_bytes(3, PixelData=None)),
        "no class": replaced(series(), IM0003=slice_bytes(3, SOPClassUID=None)),
        "no series": series(3, SeriesInstanceUID=None),
        "no study": replaced(series(), IM0002=slice_bytes(2, StudyInstanceUID=None)),
        "other class": replaced(
            series(), IM0003=slice_bytes(3, SOPClassUID=SecondaryCaptureImageStorage)
        ),
        "two series": {**series(3), **{f"B{n}.dcm": slice_bytes(n, series=2) for n in range(3)}},
        "series of each slice": {f"{n}.dcm": slice_bytes(n, series=n) for n in range(1, 5)},
        "two studies": {**series(3), "B1.dcm": slice_bytes(1, study=2)},
        "two stacks": stack({"StackID": "1"}, {"StackID": "1"}, {"StackID": "2"}),
        "one in a stack": stack({}, {}, {"StackID": "2"}),
        "other size": replaced(series(), IM0003=slice_bytes(3, **WIDER)),
        "scout of other size": {**series(), "S.dcm": slice_bytes(9, **WIDER)},
        "missing number": replaced(series(), IM0003=slice_bytes(3, InstanceNumber=None)),
        "empty number": replaced(series(), IM0003=slice_bytes(3, InstanceNumber="")),
        "colour": {"a.dcm": dicom_bytes(colour_set())},
        "colour slices": {f"{n}.dcm": dicom_bytes(colour_set(n)) for n in range(1, 4)},
        "colour frames twice": {
            f"{n}.dcm": dicom_bytes(colour_set(n, frames=2)) for n in range(1, 3)
        },
        "big endian": series(3, ExplicitVRBigEndian),
        "structure set only": {"a.dcm": slice_bytes(SOPClassUID=RTSTRUCT, PixelData=None)},
        "4D uneven": stack(*times(2)[:5]),
        "4D one more": stack(*times(2), times(1)[0]),
        "4D without exposure": stack(*times(2, Exposure=None)),
        "4D without time": stack(*times(2, ContentTime=None)),
        "4D without one time": stack(
            *(one | ({"Exposure": None} if n == 3 else {}) for n, one in enumerate(times(2)))
        ),
        "enhanced without groups": {"a.dcm": slice_bytes(PerFrameFunctionalGroupsSequence=[])},
        "empty slope": replaced(series(), IM0003=slice_bytes(3, RescaleSlope="")),
        "first without spacing": replaced(series(), IM0001=slice_bytes(1, PixelSpacing="")),
        "first without plane": replaced(
            series(), IM0001=slice_bytes(1, ImageOrientationPatient="")
        ),
        "no step in one": series(1, SpacingBetweenSlices=""),
        "no step at one position": stack(
            {}, {}, ImagePositionPatient=[0, 0, 0], SpacingBetweenSlices=0
        ),
        "no bits": series(2, BitsStored=None),
        "video": {
            "a.dcm": dicom_bytes(compressed_set(), UID("1.2.840.10008.1.2.4.103")),
        },
        "no syntax": {"a.dcm": cut[:132] + cut[header_length(cut) :]},
        "a second image": {**series(), "b.mha": mha()},
        "ultrasound": {
            "a.dcm": dicom_bytes(colour_set(SOPClassUID=UltrasoundImageStorage, Modality="US"))
        },
    }


@cache
def wrong() -> dict[str, Folder]:
    """What the importer takes, and what is not the image that was meant."""
    slices = series()
    return {
        "a copy": {**slices, "copy of IM0003.dcm": slices["IM0003.dcm"]},
        "all twice": {**slices, **{f"b/{name}": file for name, file in slices.items()}},
        "scout": {
            **slices,
            "S.dcm": slice_bytes(9, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
        },
        "localizer": stack(
            {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
            {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
            {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
        ),
        "two acquisitions": at(0, 1, 2, 3, 0, 1, 2, 3),
        "two acquisitions in turn": at(0, 0, 1, 1, 2, 2),
        "MR over time, unmarked": at(*range(4), *range(4), *range(4), Modality="MR"),
        "same numbers": series(4, InstanceNumber=1),
        "numbers in disorder": at(0, 2, 4, 1, 3, 5),
        "two swapped": at(0, 2, 1, 3, 4),
        "PA and LAT": stack(
            {"ViewPosition": "PA"},
            {"ViewPosition": "LL"},
            Modality="DX",
            SOPClassUID=DigitalXRayImageStorageForPresentation,
            ImagePositionPatient=None,
        ),
        "one without position": replaced(slices, IM0003=slice_bytes(3, ImagePositionPatient=None)),
        "empty position": replaced(series(), IM0003=slice_bytes(3, ImagePositionPatient="")),
        "other bits": replaced(slices, IM0003=slice_bytes(3, **BYTES)),
        "enhanced twice": {"a.dcm": enhanced(1), "b.dcm": enhanced(2)},
        "frames twice": {
            f"{n}.dcm": slice_bytes(n, NumberOfFrames=2, PixelData=bytes(64)) for n in (1, 2)
        },
        "4D of 4 and 2": stack(*times(1, slices=4), *times(2, slices=4)[4:6]),
        "4D with timeless": stack(*times(2)[:5], times(1)[2] | {"TemporalPositionIndex": None}),
        "4D slice by slice": stack(*(times(2)[n] for n in (0, 3, 1, 4, 2, 5))),
        "4D of frames": {
            f"{n}.dcm": slice_bytes(
                n, NumberOfFrames=3, PixelData=bytes(96), TemporalPositionIndex=n, **TIMES
            )
            for n in (1, 2)
        },
        "4D numbered anew": stack(
            *(one | {"InstanceNumber": 1 + n % 3} for n, one in enumerate(times(2)))
        ),
        "frame groups without frames": {
            "a.dcm": slice_bytes(PerFrameFunctionalGroupsSequence=[Dataset()] * 3)
        },
    }


@cache
def warned() -> dict[str, Folder]:
    """What comes, and what somebody should look at."""
    return {
        "a slice missing": replaced(series(7), IM0004=None),
        "three slices missing": replaced(series(9), IM0004=None, IM0005=None, IM0006=None),
        "slabs": at(0, 1, 2, 3, 13, 14, 15, 16),
        "denser in the middle": at(0, 5, 10, 15, 17, 19, 21, 23, 28, 33, 38),
        "cine by files": stack(*[{}] * 5, ImagePositionPatient=[0, 0, 0]),
        "no position at all": series(3, ImagePositionPatient=None, ImageOrientationPatient=None),
        "radiographs": series(2, Modality="CR", ImagePositionPatient=None),
    }


def mha() -> bytes:
    """A MetaImage of 2x2x2 bytes."""
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = False\n"
        "ElementSpacing = 1 1 1\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
        "ElementDataFile = LOCAL\n"
    )
    return header.encode() + bytes(8)
