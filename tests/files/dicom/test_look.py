"""What a look into a DICOM file shows: its header and what is wrong with it."""

from __future__ import annotations

import io
import logging
import os
import random
import struct
import warnings
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MediaStorageDirectoryStorage,
)

from manifest_uploader.files.dicom import fallback, inflate, reading, window
from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.looks import DicomHeader, FileLook, Flaw, FlawKind, Format
from tests.files.dicom.samples import (
    ROOT,
    bare,
    bare_implicit,
    colour_set,
    compressed_bytes,
    compressed_set,
    dicom_bytes,
    header_length,
    header_of,
    look,
    names_in,
    seen,
    slice_bytes,
    slice_set,
)

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def item(**attributes: Any) -> Dataset:
    data = Dataset()
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def flaws(file: bytes) -> list[tuple[str, str]]:
    """Kind and subject of all that is wrong with a file."""
    return [(flaw.kind.value, flaw.about) for flaw in seen(file).flaws]


# ── headers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_header_says_what_the_importer_groups_and_orders_by(syntax: UID) -> None:
    file = slice_bytes(
        7,
        syntax,
        ImagePositionPatient=["-1.5", "2", "3e1"],
        BitsAllocated=8,
        BitsStored=8,
        PixelData=bytes(16),
        StackID="s",
        TemporalPositionIndex=2,
        ContentTime="101010",
        Exposure=3,
        RescaleSlope="2",
        ViewPosition="AP",
    )

    assert seen(file) == FileLook(
        Format.DICOM,
        dicom=DicomHeader(
            sop_class=CTImageStorage,
            instance=f"{ROOT}1.1.7",
            study=f"{ROOT}1",
            series=f"{ROOT}1.1",
            stack="s",
            modality="CT",
            rows=4,
            columns=4,
            bits=8,
            number=7,
            temporal=2,
            position=(-1.5, 2, 30),
            orientation=(1, 0, 0, 0, 1, 0),
            scaled=True,
            view="AP//",
            spacing=(1, 1),
            agreeing=(digest(f"{ROOT}1"), digest(f"{ROOT}1.1"), digest(""), *[None] * 4),
        ),
    )


def digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def test_numbers_that_are_written_differently_are_the_same_and_values_are_not_kept() -> None:
    one = header_of(slice_bytes(SeriesNumber="3", PatientID="4711", BurnedInAnnotation="YES"))
    other = header_of(slice_bytes(SeriesNumber="03", PatientID="4711 "))

    assert one.agreeing == other.agreeing
    assert (one.burned_in, other.burned_in) == (True, False)
    assert "4711" not in repr(one)


@pytest.mark.parametrize("missing", ["ContentTime", "Exposure"])
def test_times_are_those_of_both_attributes(missing: str) -> None:
    both = {"ContentTime": "101010", "Exposure": 3}

    assert header_of(slice_bytes(**both)).has_times
    assert not header_of(slice_bytes(**(both | {missing: None}))).has_times


@pytest.mark.parametrize(
    ("value", "number"), [("5", 5), ("5.0", 5), ("", None), ("5.5", None), ("x", None)]
)
def test_a_number_that_is_none_is_missing(value: str, number: int | None) -> None:
    file = slice_bytes(InstanceNumber="00009").replace(b"00009 ", value.encode().ljust(6))

    assert header_of(file).number == number


@pytest.mark.parametrize(
    ("length", "stated", "frames"),
    [(32, None, 1), (96, None, 3), (96, 3, 3), (100, 3, 3), (128, 3, 4), (32, 0, 1)],
)
def test_frames_are_those_that_are_there(length: int, stated: int | None, frames: int) -> None:
    file = slice_bytes(PixelData=bytes(length), NumberOfFrames=stated)

    assert header_of(file).frames == frames


def test_frames_are_those_of_the_offset_table() -> None:
    assert header_of(compressed_bytes(fragments=3)).frames == 3


def test_an_orientation_may_stand_inside_a_sequence() -> None:
    shared = item(PlaneOrientationSequence=[item(ImageOrientationPatient=[0, 1, 0, 0, 0, 1])])
    file = slice_bytes(
        ImageOrientationPatient=None, SharedFunctionalGroupsSequence=Sequence([shared])
    )

    assert header_of(file).orientation == (0, 1, 0, 0, 0, 1)


# ── two readers ─────────────────────────────────────────────────────────────────────────────


def odd_data_sets() -> dict[str, Dataset]:
    """Data sets that exercise a reader."""
    deep = item(PatientID="4711")
    for _ in range(9):
        deep = item(ReferencedPatientSequence=[deep])
    private = slice_set()
    block = private.private_block(0x0009, "ACME", create=True)
    block.add_new(1, "OB", bytes(40_000))
    block.add_new(2, "SQ", [item(PatientName="Doe^Jane")])
    block.add_new(3, "UT", "long")
    undefined = slice_set(ReferencedPatientSequence=[item(PatientID="1"), item()])
    undefined["ReferencedPatientSequence"].is_undefined_length = True
    for one in undefined.ReferencedPatientSequence:
        one.is_undefined_length_sequence_item = True
    return {
        "plain": slice_set(),
        "named": slice_set(PatientName="Doe^Jane", OtherPatientIDs=["1", "2"]),
        "deep": slice_set(ReferencedPatientSequence=[deep]),
        "private": private,
        "undefined": undefined,
        "empty sequence": slice_set(ReferencedPatientSequence=[]),
        "icon": slice_set(IconImageSequence=[slice_set(PatientID="9")]),
        "frames": slice_set(NumberOfFrames=2, PixelData=bytes(64)),
        "no pixels": slice_set(PixelData=None),
        "behind": slice_set(DataSetTrailingPadding=bytes(40)),
        "many": slice_set(ReferencedPatientSequence=[item(PatientID="")] * 9000),
    }


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=lambda uid: uid.name)
@pytest.mark.parametrize("name", odd_data_sets())
def test_both_readers_see_the_same(name: str, syntax: UID, monkeypatch: pytest.MonkeyPatch) -> None:
    file = dicom_bytes(odd_data_sets()[name], syntax)
    asked = []
    monkeypatch.setattr(
        reading,
        "read_with_pydicom",
        lambda *given: asked.append(1) or fallback.read_with_pydicom(*given),
    )

    ours = seen(file)
    assert not asked
    monkeypatch.setattr(reading.Walk, "file_meta", give_up)
    theirs = seen(file)

    assert asked
    assert ours == theirs


def give_up(*_: object) -> int:
    raise reading.Unsure


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0QQ"),
        lambda file: file + b"garbage, or the padding of a tape",
        lambda file: file + bytes(600),
        lambda file: file[: header_length(file)] + bare_implicit(),
        lambda file: (
            slice_bytes(1, ImplicitVRLittleEndian)[
                : header_length(slice_bytes(1, ImplicitVRLittleEndian))
            ]
            + bare(file)
        ),
    ],
    ids=["unknown VR", "garbage", "padding", "implicit after all", "explicit after all"],
)
def test_what_the_standard_forbids_and_pydicom_reads_is_no_flaw(change: Any) -> None:
    file = change(slice_bytes())

    assert flaws(file) == []
    assert header_of(file).instance == f"{ROOT}1.1.1"


@pytest.mark.parametrize("rest", [bytes(600), b"garbage" * 99, b"\x09\0\x10\0QQ"])
def test_what_follows_the_pixels_is_not_read_twice(
    rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "read_with_pydicom", None)

    assert flaws(slice_bytes() + rest) == []


def test_no_value_reaches_warnings_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    implicit = slice_bytes(1, ImplicitVRLittleEndian)
    explicit = bare(slice_bytes(PatientID="4711"))
    file = implicit[: header_length(implicit)] + explicit.replace(b"\x60\0CS", b"\x60\0QQ")

    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        assert seen(file).names == ("PatientID",)

    assert not warned
    assert not caplog.records


# ── what is DICOM ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["a.dcm", "a", "a.img", "a.dat", "a.txt", "a.zip", "a.nii.gz", "1.2.840.7"]
)
def test_dicom_is_known_by_its_content(name: str) -> None:
    assert look(slice_bytes(), name) is not None
    assert look(bare_implicit(), name) is not None


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=lambda uid: uid.name)
def test_dicom_is_known_without_its_mark(syntax: UID) -> None:
    assert flaws(bare(slice_bytes(1, syntax))) == [("no-mark", "")]


def test_dicom_is_known_by_a_bare_file_header() -> None:
    assert flaws(slice_bytes()[132:]) == [("no-mark", "")]


def test_an_old_acr_nema_file_is_known() -> None:
    data = item(RecognitionCode="ACR-NEMA 2.0", Modality="CT", PatientName="Doe^Jane", Rows=1)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, implicit_vr=True, little_endian=True, enforce_file_format=False)

    assert seen(stream.getvalue(), "old.img").names == ("PatientName",)


@pytest.mark.parametrize("name", ["a.dcm", "a"])
@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\x08",
        b"DICM",
        bytes(2000),
        b"\x08\x00 an odd text" * 9,
        b"\x02\x00 an odd text" * 9,
        b"\x08\0\0\0\0\0\0\0" + bytes(800),
        struct.pack("<400H", *range(2, 402)),
        struct.pack("<400H", *([8, 5] * 200)),
        struct.pack("<400H", *([8, 0] * 200)),
        struct.pack("<400I", *([8] * 400)),
        struct.pack(">400H", *range(8, 408)),
        b"x" * 999,
        b"id,name\n1,DICM\n" * 20,
        bytes(range(256)) * 9,
    ],
    ids=lambda file: file[:8].hex(),
)
def test_other_bytes_are_not_dicom(file: bytes, name: str) -> None:
    assert look(file, name) is None


def test_random_bytes_are_not_dicom() -> None:
    source = random.Random(4)

    for start in (b"", b"\x08\0", b"\x02\0", b"\x08\0\x05\0", b"\x08\0\x16\0UI", b"\0\x08\0\x05"):
        for _ in range(200):
            assert look(start + source.randbytes(source.randrange(2000)), "a.dcm") is None


def test_programs_and_libraries_are_not_dicom() -> None:
    files = [path for path in Path(os.__file__).parent.iterdir() if path.is_file()]

    assert len(files) > 50
    assert [path for path in files if look(path.read_bytes(), path.name) is not None] == []


# ── flaws ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keyword", ["SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_file_without_what_the_importer_groups_by_is_told(keyword: str) -> None:
    assert flaws(slice_bytes(**{keyword: None})) == [("no-class", keyword)]
    assert flaws(slice_bytes(**{keyword: ""})) == []


def test_every_cut_of_a_file_is_told() -> None:
    for file in (slice_bytes(), compressed_bytes(), slice_bytes(1, ImplicitVRLittleEndian)):
        spared = 4 if file == compressed_bytes() else 0  # half an end mark is enough for pydicom
        for length in range(140, len(file) - spared):
            kinds = {flaw.kind for flaw in seen(file[:length]).flaws}
            assert kinds & {FlawKind.CUT, FlawKind.NO_PIXELS}, length


def test_a_cut_header_says_where_its_element_would_end() -> None:
    file = slice_bytes(ReferencedPatientSequence=[item(PatientComments="x" * 500)] * 3)
    at = file.index(b"x" * 500)

    assert seen(file[: at + 20]).flaws == (Flaw(FlawKind.CUT, at + 500, at + 20),)


def test_a_name_before_an_endless_element_is_told() -> None:
    """Pydicom forgets all that it read when an element of undefined length has no end."""
    file = slice_bytes(PatientName="Doe^Jane")
    at = file.index(b"\x20\0\x0d\0UI")
    endless = b"\x19\0\x01\x10OB\0\0\xff\xff\xff\xff" + bytes(90)

    found = seen(file[:at] + endless)

    assert found.names == ("PatientName",)
    assert [flaw.kind for flaw in found.flaws] == [FlawKind.CUT]


def test_a_value_too_long_for_memory_is_filled() -> None:
    file = slice_bytes().replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0QQ")
    at = file.index(b"\x20\0\x0d\0UI")
    comments = b"\x10\0\0\x40UT\0\0" + struct.pack("<I", 1_200_000) + b"x" * 1_200_000

    assert names_in(file[:at] + comments + file[at:]) == ("PatientComments",)


def test_cut_pixels_say_how_many_bytes_are_missing() -> None:
    file = slice_bytes(NumberOfFrames=3, PixelData=bytes(96))

    assert seen(file[:-30]).flaws == (Flaw(FlawKind.CUT, 96, 66),)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"Rows": 5}, 40),
        ({"NumberOfFrames": 2}, 64),
        ({"BitsAllocated": 32}, 64),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}, 96),
        ({"Rows": 9, "Columns": 9, "BitsAllocated": 8, "BitsStored": 8}, 81),
        ({"Rows": 10, "Columns": 30, "BitsAllocated": 1, "BitsStored": 1}, 38),
    ],
    ids=str,
)
def test_pixels_that_are_fewer_than_the_header_says_are_told(
    attributes: dict[str, Any], expected: int
) -> None:
    assert Flaw(FlawKind.CUT, expected, 32) in seen(slice_bytes(**attributes)).flaws


@pytest.mark.parametrize("length", [9, 10, 12])
def test_a_missing_padding_byte_is_no_flaw(length: int) -> None:
    attributes = {"Rows": 3, "Columns": 3, "BitsAllocated": 8, "BitsStored": 8}
    file = slice_bytes(**attributes, PixelData=bytes(12))

    assert flaws(file[: len(file) - 12 + length]) == []


def test_what_is_cut_behind_the_pixels_is_no_flaw() -> None:
    file = slice_bytes(DataSetTrailingPadding=bytes(40))

    assert flaws(file[:-30]) == []


def test_fragments_without_their_end_are_cut() -> None:
    file = compressed_bytes(fragments=2)

    assert flaws(file) == []
    assert seen(file[:-8]).flaws == (Flaw(FlawKind.CUT),)
    assert seen(file[:-20]).flaws == (Flaw(FlawKind.CUT),)


def test_fewer_fragments_than_frames_are_told() -> None:
    file = compressed_bytes(fragments=3, NumberOfFrames=4)

    assert seen(file).flaws == (Flaw(FlawKind.CUT, 4, 3, "frames"),)


class Counting(io.BytesIO):
    """Counts how often it is read."""

    reads = 0

    def read(self, count: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(count)


def slide(*, bad_table: bool = False) -> bytes:
    """A file of 100 frames of 40 kB each, with a name behind them."""
    data = slice_set(NumberOfFrames=100)
    data.PixelData = pydicom.encaps.encapsulate([bytes(40_000)] * 100)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    file = dicom_bytes(data, JPEG2000Lossless)
    if bad_table:
        at = file.index(b"\xfe\xff\0\xe0") + 8 + 4 * 99
        file = file[:at] + b"\1\0\0\0" + file[at + 4 :]
    return file + b"\xfc\xff\x10\0PN\x08\0Doe^Jane"


@pytest.mark.parametrize("bad_table", [False, True])
def test_many_frames_are_told_by_their_table(bad_table: bool) -> None:
    stream = Counting(slide(bad_table=bad_table))

    found = look_dicom(stream, len(stream.getvalue()), "IM1")

    assert found is not None
    assert (found.flaws, found.names) == ((), ("private name",))
    assert (stream.reads > 100) is bad_table
    assert flaws(slide(bad_table=bad_table)[:-40_000]) == [("cut", "")]


def test_one_frame_may_have_several_fragments() -> None:
    data = compressed_set()
    data.PixelData = pydicom.encaps.encapsulate([bytes(40)], fragments_per_frame=3)

    assert flaws(dicom_bytes(data, JPEG2000Lossless)) == []


def test_a_deflated_file_that_ends_early_is_cut() -> None:
    file = slice_bytes(1, DeflatedExplicitVRLittleEndian, PatientID="4711")

    assert flaws(file) == []
    assert flaws(file[:-4]) == [("cut", "")]
    assert seen(file[:-4]).names == ("PatientID",)


@pytest.mark.parametrize("lost", range(1, 7))
def test_a_deflated_file_is_whole_if_pydicom_can_inflate_it(lost: int) -> None:
    file = slice_bytes(1, DeflatedExplicitVRLittleEndian)[:-lost]
    try:
        pydicom.dcmread(io.BytesIO(file))
        expected = []
    except zlib.error:
        expected = [("cut", "")]

    assert flaws(file) == expected


def test_more_than_an_importer_holds_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_MOST", 100_000)
    file = slice_bytes(1, DeflatedExplicitVRLittleEndian, PixelData=bytes(900_000))

    assert flaws(file) == [("cut", "")]


def test_a_file_that_is_no_image_is_told() -> None:
    assert flaws(slice_bytes(PixelData=None)) == [("no-pixels", "")]
    assert flaws(slice_bytes(PixelData=b"")) == [("no-pixels", "")]
    directory = slice_bytes(SOPClassUID=MediaStorageDirectoryStorage, StudyInstanceUID=None)
    assert flaws(directory) == [("no-pixels", "DICOMDIR")]


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (colour_set(), "single-frame colour"),
        (colour_set(frames=1), "single-frame colour"),
        (colour_set(frames=2, PlanarConfiguration=None), "PlanarConfiguration"),
        (slice_set(BitsAllocated=24, PixelData=bytes(48)), "BitsAllocated"),
        (slice_set(BitsAllocated=12), "BitsAllocated"),
        (slice_set(BitsStored=17), "BitsStored"),
        (slice_set(Rows=None), "Rows"),
        (slice_set(PhotometricInterpretation="GREY"), "PhotometricInterpretation"),
        (slice_set(PixelRepresentation=None), "PixelRepresentation"),
        (slice_set(SamplesPerPixel=2, PixelData=bytes(64)), "SamplesPerPixel"),
        (slice_set(RescaleSlope=""), "RescaleSlope"),
        (slice_set(RescaleIntercept=""), "RescaleIntercept"),
        (slice_set(ImagePositionPatient=[1, 2]), "ImagePositionPatient"),
        (slice_set(ImagePositionPatient=""), "ImagePositionPatient"),
        (slice_set(ImageOrientationPatient=""), "ImageOrientationPatient"),
        (slice_set(ImageOrientationPatient=[0] * 6), "ImageOrientationPatient"),
        (slice_set(PixelSpacing=[0, 1]), "PixelSpacing"),
        (slice_set(PixelSpacing=""), "PixelSpacing"),
        (slice_set(SpacingBetweenSlices=""), "SpacingBetweenSlices"),
        (slice_set(SpacingBetweenSlices=-1), "SpacingBetweenSlices"),
        (slice_set(NumberOfFrames=""), "NumberOfFrames"),
        (slice_set(PerFrameFunctionalGroupsSequence=[]), "PerFrameFunctionalGroupsSequence"),
        (
            slice_set(PerFrameFunctionalGroupsSequence=[item()] * 3),
            "PerFrameFunctionalGroupsSequence",
        ),
        (slice_set(PhotometricInterpretation="MONOCHROME1", WindowCenter=""), "WindowCenter"),
        (slice_set(PhotometricInterpretation="MONOCHROME1", WindowCenter=-5), "WindowCenter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_importer_refuses_is_told(data: Dataset, about: str) -> None:
    assert ("unsupported", about) in flaws(dicom_bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        colour_set(frames=2),
        colour_set(frames=2, PhotometricInterpretation="YBR_FULL"),
        colour_set(frames=2, PhotometricInterpretation="YBR_FULL_422", PixelData=bytes(64)),
        slice_set(BitsAllocated=1, BitsStored=1, PixelData=bytes(2)),
        slice_set(BitsAllocated=32, BitsStored=32, PixelData=bytes(64)),
        slice_set(PhotometricInterpretation="PALETTE COLOR"),
        slice_set(PixelData=None, BitsAllocated=32, FloatPixelData=bytes(64), BitsStored=None),
        slice_set(HighBit=None, PixelSpacing=None, ImageOrientationPatient=None),
        slice_set(PhotometricInterpretation="MONOCHROME1", WindowCenter="40.5"),
        slice_set(PhotometricInterpretation="MONOCHROME1", WindowCenter=-5, RescaleSlope=2),
        slice_set(WindowCenter="", StackID="", TemporalPositionIndex=None, InstanceNumber=""),
        slice_set(
            PerFrameFunctionalGroupsSequence=[item()] * 2, NumberOfFrames=2, PixelData=bytes(64)
        ),
    ],
    ids=lambda data: "",
)
def test_what_the_importer_takes_has_no_flaw(data: Dataset) -> None:
    assert flaws(dicom_bytes(data)) == []


@pytest.mark.parametrize(
    ("uid", "about"),
    [
        ("1.2.840.10008.1.2.4.103", "MPEG-4 video"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.840.10008.1.2.4.999", "TransferSyntaxUID"),
        ("Doe^Jane", "TransferSyntaxUID"),
    ],
)
def test_pixels_that_nobody_decodes_are_told(uid: str, about: str) -> None:
    written = "1.2.840.10008.1.2.4.103"
    file = dicom_bytes(compressed_set(), UID(written))
    file = file.replace(written.encode(), uid.encode().ljust(len(written)))

    assert ("unsupported", about) in flaws(file)


def test_a_file_without_its_transfer_syntax_is_told() -> None:
    file = slice_bytes()

    assert flaws(file[:132] + bare(file)) == [("unsupported", "TransferSyntaxUID")]


def test_big_endian_pixels_are_taken_only_as_bytes_or_scaled() -> None:
    single_bytes = {"BitsAllocated": 8, "BitsStored": 8, "PixelData": bytes(16)}

    assert flaws(slice_bytes(1, ExplicitVRBigEndian)) == [("unsupported", "big-endian pixels")]
    assert flaws(slice_bytes(1, ExplicitVRBigEndian, RescaleIntercept=-1024)) == []
    assert flaws(slice_bytes(1, ExplicitVRBigEndian, **single_bytes)) == []


def test_a_whole_slide_is_not_held_against_the_rules_of_slices() -> None:
    data = compressed_set(
        fragments=2,
        SOPClassUID=WHOLE_SLIDE,
        SamplesPerPixel=3,
        NumberOfFrames=900,
        ImagePositionPatient="",
    )
    file = dicom_bytes(data, JPEG2000Lossless)

    assert flaws(file) == []
    assert flaws(file[:-9]) == [("cut", "")]


@pytest.mark.parametrize("rest", [b"", bytes(400), b"no data set at all" * 9, b"\xff" * 90])
def test_a_mark_and_nothing_behind_it_is_told(rest: bytes) -> None:
    [(kind, _)] = flaws(bytes(128) + b"DICM" + rest)

    assert kind in ("cut", "unreadable")


# ── no exception, no time, no memory ────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_damaged_files_raise_nothing(syntax: UID) -> None:
    source = random.Random(6)
    file = dicom_bytes(odd_data_sets()["deep"], syntax)

    for _ in range(400):
        damaged = bytearray(file[: source.randrange(100, len(file) + 1)])
        for _ in range(source.randrange(9)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        look(bytes(damaged))
        look(bytes(damaged[header_length(file) :]), "a.dcm")


def test_endless_nesting_is_no_recursion_error() -> None:
    level = b"\x08\0\x20\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    file = slice_bytes()

    assert flaws(file[: header_length(file)] + level * 9000)


@pytest.mark.parametrize("explicit", [True, False])
def test_a_header_without_end_is_not_read_to_the_end(
    explicit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "_MOST_READ", 1_000_000)
    start = slice_bytes(1, ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian)
    element = b"\x08\0\x01\x30" + (b"LO\0\0" if explicit else bytes(4))
    stream = Counting(start[: header_length(start)] + element * 1_000_000)

    found = look_dicom(stream, len(stream.getvalue()), "IM1")

    assert found is not None
    assert found.flaws == (Flaw(FlawKind.UNREADABLE),)
    assert stream.reads < 20


def test_pydicom_does_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "_MOST_READ", 10_000)
    start = slice_bytes()[: header_length(slice_bytes())]

    assert flaws(start + b"\x08\0\x60\0QQ\0\0" * 900 + bare(slice_bytes())) == []
    assert flaws(start + b"\x08\0\x60\0QQ\0\0" * 9000) == [("unreadable", "")]


def test_a_disk_error_is_raised() -> None:
    class Broken(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            if self.tell() > 20_000:
                raise OSError(5, "disk")
            return super().read(count)

    file = slice_bytes()
    file = file[: header_length(file)] + b"\x09\0\x10\0QQ" + bytes(90_000)

    with pytest.raises(OSError, match="disk"):
        look_dicom(Broken(file), len(file), "a.dcm")


def test_a_deflated_bomb_is_read_in_constant_memory() -> None:
    import tracemalloc

    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    file = slice_bytes(1, DeflatedExplicitVRLittleEndian)
    content = bare(slice_bytes())[:-44] + b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", 200_000_000)
    start = file[: header_length(file)] + bomb.compress(content)
    file = start + b"".join(bomb.compress(bytes(1_000_000)) for _ in range(200)) + bomb.flush()

    tracemalloc.start()
    found = seen(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found.flaws == ()
    assert peak < 3_000_000


def test_an_enhanced_image_has_its_frames() -> None:
    groups = [item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])]) for z in range(4)]
    file = slice_bytes(
        SOPClassUID=EnhancedCTImageStorage,
        ImagePositionPatient=None,
        NumberOfFrames=4,
        PixelData=bytes(128),
        PerFrameFunctionalGroupsSequence=groups,
    )

    assert (header_of(file).frames, flaws(file)) == (4, [])
