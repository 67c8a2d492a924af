"""A copy has what the platform's procedure leaves, nothing else, and is the same each time."""

from __future__ import annotations

import os
import struct
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pydicom
import pytest
from grand_challenge_dicom_de_identifier.deidentifier import DicomDeidentifier
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from manifest_uploader.errors import UsageError
from manifest_uploader.files import deidentify as module
from manifest_uploader.files.deidentify import find_files, open_folders
from manifest_uploader.files.deidentify_results import Batch, Outcome, Setup
from manifest_uploader.files.deidentify_worker import Deidentifier
from manifest_uploader.files.dicom_pixels import expected_bytes
from manifest_uploader.files.uid_key import ROOT, KeyedUids, make_key, read_key
from manifest_uploader.system import disk
from tests.files.helpers import make_link
from tests.files.importing import ROOT_UID, a_slice, write

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker, where nobody sees them
KEY = "ab" * 32
NAME = "MUSTERMANN^ERIKA"
SYNTAXES = [
    *(ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian),
    *(DeflatedExplicitVRLittleEndian, RLELossless),
]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path.resolve() / "in", tmp_path.resolve() / "out"
    source.mkdir()
    return source, target


def deidentify(folders: tuple[Path, Path], *names: str, key: str = KEY) -> Batch:
    source, target = folders
    given = names or tuple(sorted(path.name for path in source.iterdir()))
    return Deidentifier(Setup(str(source), str(target), key)).batch(list(given))


def outcome(folders: tuple[Path, Path], name: str = "IM1", *, key: str = KEY) -> Outcome:
    [one] = deidentify(folders, name, key=key).files
    return one.outcome


def a_patients_slice(number: int = 1, **attributes: Any) -> Dataset:
    """A slice that names its patient at the top, in a sequence and in private."""
    data = a_slice(number, PatientName=NAME, PatientID="4711", PatientBirthDate="19450312")
    inner = Dataset()
    inner.PatientName, inner.ReferencedSOPInstanceUID = NAME, data.SOPInstanceUID
    data.ReferencedPatientSequence = Sequence([inner])
    data.private_block(0x0009, "ACME", create=True).add_new(1, "PN", NAME)
    data.InstitutionName, data.StudyDate, data.StudyDescription = "St Mary", "20200102", NAME
    data.FrameOfReferenceUID = f"{ROOT_UID}.7"
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def encoded(data: Dataset, syntax: str) -> bytes:
    if syntax == RLELossless:
        data.compress(RLELossless)
    elif syntax != ExplicitVRLittleEndian:
        data.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            data.PixelData = struct.pack(">64H", *struct.unpack("<64H", data.PixelData))
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def without_preamble(data: bytes) -> bytes:
    (length,) = struct.unpack_from("<I", data, 140)
    return data[144 + length :]


# ── what a copy holds ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_copy_is_what_the_platforms_procedure_makes(
    folders: tuple[Path, Path], syntax: str
) -> None:
    source, target = folders
    (source / "IM1").write_bytes(encoded(a_patients_slice(), syntax))
    procedure = DicomDeidentifier()
    procedure.uid_map = KeyedUids(KEY)
    theirs = BytesIO()
    procedure.deidentify_file(str(source / "IM1"), output=theirs)

    assert outcome(folders) is Outcome.DONE

    theirs.seek(0)
    ours, expected = pydicom.dcmread(target / "IM1"), pydicom.dcmread(theirs)
    assert ours == expected
    assert ours.PixelData == expected.PixelData
    assert ours.file_meta.TransferSyntaxUID == syntax
    assert ours.file_meta.MediaStorageSOPInstanceUID == ours.SOPInstanceUID


def test_a_file_without_a_preamble_gets_one(folders: tuple[Path, Path]) -> None:
    source, target = folders
    whole = encoded(a_patients_slice(), ImplicitVRLittleEndian)
    (source / "IM1").write_bytes(without_preamble(whole))
    (source / "IM2").write_bytes(whole)

    deidentify(folders)

    assert (target / "IM1").read_bytes() == (target / "IM2").read_bytes()


def test_nothing_that_names_the_patient_is_left_anywhere(folders: tuple[Path, Path]) -> None:
    source, target = folders
    data = a_patients_slice()
    data.file_meta.SourceApplicationEntityTitle = "ST_MARY"
    data.file_meta.SendingApplicationEntityTitle = "MUSTERMANN"
    data.file_meta.PrivateInformationCreatorUID = "1.2.3"
    data.file_meta.PrivateInformation = b"MUSTERMANN"
    data.preamble = b"MUSTERMANN".ljust(128, b"\0")
    behind = Dataset()
    behind.add_new(0x7FE10010, "LO", "ACME")
    behind.add_new(0x7FE11001, "LO", NAME)
    tail = BytesIO()
    behind.save_as(tail, implicit_vr=False, little_endian=True)
    (source / "IM1").write_bytes(encoded(data, ExplicitVRLittleEndian) + tail.getvalue())

    assert outcome(folders) is Outcome.DONE

    copy = (target / "IM1").read_bytes()
    original = (source / "IM1").read_bytes()
    for words in (b"MUSTERMANN", b"4711", b"19450312", b"St Mary", b"ST_MARY", b"20200102"):
        assert words in original
        assert words not in copy
    assert copy[:128] == bytes(128)
    assert copy.endswith(original[original.index(b"\xe0\x7f\x10\0OW") :][: 12 + 128])


def test_pixels_are_copied_without_being_held_in_memory(folders: tuple[Path, Path]) -> None:
    source, target = folders
    path = write(a_slice(1), source / "IM1")
    rows = columns = 4096
    whole = path.read_bytes()
    at = whole.index(b"\xe0\x7f\x10\0OW")
    header = whole[:at].replace(b"\x28\0\x10\0US\x02\0\x08\0", b"\x28\0\x10\0US\x02\0\0\x10")
    header = header.replace(b"\x28\0\x11\0US\x02\0\x08\0", b"\x28\0\x11\0US\x02\0\0\x10")
    size = rows * columns * 2
    path.write_bytes(header + b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", size))
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size + size)
    worker = Deidentifier(Setup(str(source), str(target), KEY))

    tracemalloc.start()
    worker.batch(["IM1"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (target / "IM1").stat().st_size > size
    assert peak < size / 4


def test_pixels_of_an_odd_length_are_padded(folders: tuple[Path, Path]) -> None:
    source, target = folders
    data = a_slice(1, Rows=3, Columns=3, BitsAllocated=8, BitsStored=8, HighBit=7)
    data.PixelData = bytes(range(1, 11))
    whole = encoded(data, ImplicitVRLittleEndian)
    at = whole.index(b"\xe0\x7f\x10\0") + 4
    (source / "IM1").write_bytes(whole[:at] + struct.pack("<I", 9) + whole[at + 4 :][:9])

    assert outcome(folders) is Outcome.DONE

    assert pydicom.dcmread(target / "IM1").PixelData == bytes([*range(1, 10), 0])


def test_a_file_in_another_encoding_than_it_says_is_written_as_it_says(
    folders: tuple[Path, Path],
) -> None:
    source, target = folders
    implicit = without_preamble(encoded(a_slice(1), ImplicitVRLittleEndian))
    explicit = encoded(a_slice(1), ExplicitVRLittleEndian)
    (source / "IM1").write_bytes(
        explicit[: len(explicit) - len(without_preamble(explicit))] + implicit
    )

    assert outcome(folders) is Outcome.DONE

    copy = pydicom.dcmread(target / "IM1")
    assert copy.original_encoding == (False, True)
    assert copy.PixelData == a_slice(1).PixelData


@pytest.mark.parametrize("charset", ["ISO 2022 IR 87", "\\ISO 2022 IR 87", "BOGUS 99", "GB18030"])
def test_any_character_set_can_be_written(folders: tuple[Path, Path], charset: str) -> None:
    source, target = folders
    data = a_slice(1)
    data.SpecificCharacterSet = charset.split("\\")
    data.add_new(0x00100010, "PN", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B")
    write(data, source / "IM1")

    assert outcome(folders) is Outcome.DONE
    assert pydicom.dcmread(target / "IM1").PatientName == "DUMMY^PATIENT^^^"


def test_an_empty_method_of_an_earlier_de_identification_does_no_harm(
    folders: tuple[Path, Path],
) -> None:
    source, target = folders
    write(a_slice(1, DeidentificationMethod=""), source / "IM1")

    assert outcome(folders) is Outcome.DONE
    assert pydicom.dcmread(target / "IM1").PatientIdentityRemoved == "YES"


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({}, 128),
        ({"NumberOfFrames": 3}, 384),
        ({"BitsAllocated": 1}, 8),
        ({"BitsAllocated": 8, "SamplesPerPixel": 3}, 192),
        (
            {"BitsAllocated": 8, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"},
            128,
        ),
        ({"BitsAllocated": 8, "SamplesPerPixel": None}, 64),
        ({"Rows": None}, 0),
    ],
)
def test_the_header_implies_a_number_of_bytes(attributes: dict[str, Any], size: int) -> None:
    assert expected_bytes(a_slice(1, **attributes)) == size


# ── UIDs ────────────────────────────────────────────────────────────────────────────────────


def test_the_same_key_makes_the_same_bytes_and_another_one_other_uids(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    source, target = folders
    write(a_patients_slice(), source / "IM1")
    again, other = tmp_path.resolve() / "again", tmp_path.resolve() / "other"

    deidentify(folders)
    deidentify((source, again))
    deidentify((source, other), key="cd" * 32)

    assert (again / "IM1").read_bytes() == (target / "IM1").read_bytes()
    first, second = pydicom.dcmread(target / "IM1"), pydicom.dcmread(other / "IM1")
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert first[name].value != second[name].value


def test_files_that_belong_together_stay_together(folders: tuple[Path, Path]) -> None:
    source, target = folders
    for number in (1, 2):
        write(a_patients_slice(number), source / f"IM{number}")
    write(a_slice(3, StudyInstanceUID=f"{ROOT_UID}.2"), source / "IM3")

    deidentify(folders)

    one, two, three = (pydicom.dcmread(target / f"IM{number}") for number in (1, 2, 3))
    assert one.StudyInstanceUID == two.StudyInstanceUID != three.StudyInstanceUID
    assert one.SeriesInstanceUID == two.SeriesInstanceUID
    assert one.FrameOfReferenceUID == two.FrameOfReferenceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.StudyInstanceUID.startswith(ROOT)
    assert one.StudyInstanceUID.is_valid


def test_uids_with_padding_lists_and_empty_ones_are_mapped() -> None:
    uids = KeyedUids(KEY)

    assert uids["1.2.3\0"] == uids["1.2.3"] != uids["1.2.4"]
    assert uids[["1.2.3", "1.2.4"]] == [uids["1.2.3"], uids["1.2.4"]]
    assert uids[""] == uids[None] == ""
    assert len(uids["1.2.3"]) <= 64


# ── what is told ────────────────────────────────────────────────────────────────────────────


def test_attributes_are_counted_by_files(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    for number in (1, 2):
        write(a_patients_slice(number), source / f"IM{number}")
    write(a_slice(3), source / "IM3")

    found = deidentify(folders)

    assert found.replaced["PatientName"] == found.replaced["PatientID"] == 2
    assert found.removed["PatientName"] == 2  # the one in a sequence
    assert (found.removed["private"], found.removed["StudyDescription"]) == (2, 2)
    assert found.new_uids["SOPInstanceUID"] == 3
    assert "Modality" not in {**found.removed, **found.replaced}
    assert "PatientBirthDate" in found.replaced


@pytest.mark.parametrize(
    ("folder", "patient", "told"),
    [
        ("MUSTERMANN_ERIKA", NAME, True),
        ("mustermannerika", NAME, True),
        ("001", NAME, False),
        ("li", "Li^Wei", True),
        ("slices", "Li^Wei", False),
        ("patient-001", "Patient^001", False),
        ("山田", "Yamada^Tarou=山田^太郎", True),
        ("001", "", False),
    ],
)
def test_a_path_that_names_the_patient_is_told(
    folders: tuple[Path, Path], folder: str, patient: str, told: bool
) -> None:
    source, _ = folders
    data = a_slice(1, SpecificCharacterSet="ISO_IR 192", PatientName=patient)
    write(data, source / folder / "IM1")

    [one] = deidentify(folders, f"{folder}/IM1").files

    assert (one.outcome, one.path_names_patient) == (Outcome.DONE, told)


def test_text_in_the_picture_is_told(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    write(a_slice(1, BurnedInAnnotation="YES"), source / "IM1")
    write(a_slice(2, BurnedInAnnotation="NO"), source / "IM2")

    assert [one.burned_in for one in deidentify(folders).files] == [True, False]


# ── files that have no copy ─────────────────────────────────────────────────────────────────


def cut(data: bytes, by: int) -> bytes:
    return data[:-by]


RLE = encoded(a_slice(1), RLELossless)
WHOLE = encoded(a_slice(1), ExplicitVRLittleEndian)
TWO_FRAMES = encoded(a_slice(1, NumberOfFrames=2), ExplicitVRLittleEndian)
NO_CLASS = WHOLE.replace(b"\x08\0\x16\0UI", b"\x08\0\x17\0UI", 1)
LEFT_OUT = {
    "nothing": (b"", Outcome.NOT_DICOM),
    "text": (b"a note", Outcome.NOT_DICOM),
    "text that begins like DICOM": (b"\x08\0" + b"any text at all " * 20, Outcome.NOT_DICOM),
    "half of the pixels": (cut(WHOLE, 64), Outcome.CUT_OFF),
    "no pixels": (WHOLE[: WHOLE.index(b"\xe0\x7f\x10\0")], Outcome.CUT_OFF),
    "half a tag": (WHOLE[: WHOLE.index(b"\xe0\x7f\x10\0") + 6], Outcome.CUT_OFF),
    "fewer frames than it says": (TWO_FRAMES, Outcome.CUT_OFF),
    "no end of compressed pixels": (cut(RLE, 8), Outcome.CUT_OFF),
    "half of the compressed pixels": (cut(RLE, 40), Outcome.CUT_OFF),
    "a compressed frame less": (
        encoded(a_slice(1), RLELossless).replace(
            b"\x28\0\x10\0US", b"\x28\0\x08\0IS\x02\x002 \x28\0\x10\0US", 1
        ),
        Outcome.CUT_OFF,
    ),
    "no class": (NO_CLASS, Outcome.DAMAGED),
    "another class": (
        encoded(a_slice(1, SOPClassUID=SecondaryCaptureImageStorage), ExplicitVRLittleEndian),
        Outcome.REJECTED,
    ),
    "another class, cut off": (
        cut(
            encoded(a_slice(1, SOPClassUID=SecondaryCaptureImageStorage), ExplicitVRLittleEndian),
            64,
        ),
        Outcome.REJECTED,
    ),
    "a deflated file, cut off": (
        cut(encoded(a_slice(1), DeflatedExplicitVRLittleEndian), 60),
        Outcome.DAMAGED,
    ),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_not_whole_or_not_covered_has_no_copy(
    folders: tuple[Path, Path], what: str
) -> None:
    source, target = folders
    content, expected = LEFT_OUT[what]
    (source / "IM1").write_bytes(content)

    assert outcome(folders) is expected
    assert not target.exists() or not list(target.iterdir())


def test_a_number_of_bytes_is_told(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    (source / "IM1").write_bytes(cut(WHOLE, 28))

    [one] = deidentify(folders).files

    assert (one.outcome, one.expected, one.found) == (Outcome.CUT_OFF, 128, 100)


def test_a_file_cut_off_anywhere_has_no_copy_and_stops_nothing(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    lengths = range(0, len(WHOLE), 7)
    for length in lengths:
        (source / f"IM{length}").write_bytes(WHOLE[:length])

    found = deidentify(folders)

    assert len(found.files) == len(lengths)
    assert Outcome.DONE not in {one.outcome for one in found.files}


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", ".git/config", "DICOMDIR"])
def test_what_no_upload_would_take_is_ignored(folders: tuple[Path, Path], name: str) -> None:
    source, _ = folders
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(b"x")

    assert outcome(folders, name) is Outcome.IGNORED


def test_an_index_is_ignored_whatever_it_is_called(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    index = NO_CLASS.replace(
        b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.1.3.10".ljust(26, b"\0")
    )
    (source / "IM1").write_bytes(index)

    assert outcome(folders) is Outcome.IGNORED


def test_a_hidden_file_that_is_an_image_is_copied(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    write(a_slice(1), source / ".IM1")

    assert outcome(folders, ".IM1") is Outcome.DONE


def test_a_file_that_is_gone_is_told(folders: tuple[Path, Path]) -> None:
    [one] = deidentify(folders, "gone").files

    assert (one.outcome, one.about) == (Outcome.UNREADABLE, os.strerror(2))


# ── what already exists ───────────────────────────────────────────────────────────────────


def test_what_is_done_is_not_done_again(folders: tuple[Path, Path]) -> None:
    source, target = folders
    write(a_slice(1), source / "IM1")
    deidentify(folders)
    before = (target / "IM1").stat().st_mtime_ns

    found = deidentify(folders)

    assert [one.outcome for one in found.files] == [Outcome.ALREADY_DONE]
    assert found.removed == {}
    assert (target / "IM1").stat().st_mtime_ns == before


def test_what_a_person_has_to_know_is_told_again(folders: tuple[Path, Path]) -> None:
    """An earlier run may have been stopped before it said anything."""
    source, _ = folders
    write(a_slice(1, PatientName=NAME, BurnedInAnnotation="YES"), source / "MUSTERMANN")
    deidentify(folders)

    [one] = deidentify(folders).files

    assert one.outcome is Outcome.ALREADY_DONE
    assert (one.burned_in, one.path_names_patient) == (True, True)


def test_an_original_that_changed_is_done_again(folders: tuple[Path, Path]) -> None:
    source, target = folders
    write(a_slice(1), source / "IM1")
    deidentify(folders)
    write(a_slice(1, InstanceNumber=7), source / "IM1")
    later = (target / "IM1").stat().st_mtime_ns + 1
    os.utime(source / "IM1", ns=(later, later))

    assert outcome(folders) is Outcome.DONE
    assert pydicom.dcmread(target / "IM1").InstanceNumber == 7


def test_another_key_makes_another_copy(folders: tuple[Path, Path]) -> None:
    source, _ = folders
    write(a_slice(1), source / "IM1")
    deidentify(folders)

    assert outcome(folders, key="cd" * 32) is Outcome.DONE


@pytest.mark.parametrize("left", [0, 40])
def test_a_copy_that_a_crash_of_the_system_cut_off_is_made_again(
    folders: tuple[Path, Path], left: int
) -> None:
    source, target = folders
    write(a_slice(1), source / "IM1")
    deidentify(folders)
    whole = (target / "IM1").read_bytes()
    (target / "IM1").write_bytes(whole[:-40] if left else b"")

    assert outcome(folders) is Outcome.DONE
    assert (target / "IM1").read_bytes() == whole


@pytest.mark.parametrize("content", [b"a note", WHOLE])
def test_what_is_no_earlier_result_stays(folders: tuple[Path, Path], content: bytes) -> None:
    source, target = folders
    write(a_slice(1), source / "IM1")
    target.mkdir()
    (target / "IM1").write_bytes(content)

    assert outcome(folders) is Outcome.NOT_OURS
    assert (target / "IM1").read_bytes() == content


def test_a_link_in_the_target_never_leads_into_the_source(folders: tuple[Path, Path]) -> None:
    source, target = folders
    write(a_slice(1), source / "a" / "b" / "IM1")
    (source / "c").mkdir()
    target.mkdir()
    make_link(target / "a", source / "c")

    [one] = deidentify(folders, "a/b/IM1").files

    assert one.outcome is Outcome.UNWRITABLE
    assert list((source / "c").iterdir()) == []


def test_a_copy_that_cannot_be_written_leaves_nothing_behind(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = folders
    write(a_slice(1), source / "IM1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    [one] = deidentify(folders).files

    assert (one.outcome, one.about) == (Outcome.UNWRITABLE, "No space left on device")
    assert list(target.iterdir()) == []


# ── folders and keys ────────────────────────────────────────────────────────────────────────


def test_files_are_found_at_any_depth_also_behind_links(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "a" / "b").mkdir(parents=True)
    for name in ("IM10", "IM9", "a/IM1", "a/b/IM1"):
        (source / name).write_bytes(b"x")
    store = tmp_path / "store"
    store.mkdir()
    (store / "IM1").write_bytes(b"x")
    make_link(source / "linked", store)
    make_link(source / "a" / "up", source)
    make_link(source / "IM11", store / "IM1")

    names, skipped = find_files(open_folders(str(source), str(tmp_path / "out"), None))

    assert names == ["IM9", "IM10", "IM11", "a/IM1", "a/b/IM1", "linked/IM1"]
    assert [(one.name, one.outcome) for one in skipped] == [("a/up", Outcome.LOOP)]


def test_a_link_into_the_target_is_not_entered(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (target / "a").mkdir(parents=True)
    make_key(tmp_path / "out.key")
    make_link(source / "there", target / "a")

    names, skipped = find_files(open_folders(str(source), str(target), None))

    assert names == []
    assert [one.outcome for one in skipped] == [Outcome.LOOP]


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """A folder whose files' names differ only in case, or in how an accent is written."""
    source = tmp_path / "in"
    names = ["IM1", "im1", "a/IM2", "A/im2", "e\u0301", "\u00e9", "IM3"]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"x")
    if len([path for path in source.rglob("*") if path.is_file()]) < len(names):
        pytest.skip("this file system takes some of the names for the same")
    return source


def test_names_that_the_target_takes_for_the_same_are_told(
    twins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ignores_case", lambda _: True)

    names, skipped = find_files(open_folders(str(twins), str(tmp_path / "out"), None))

    assert len(names) == 4
    assert [one.outcome for one in skipped] == [Outcome.UNWRITABLE] * 3
    both = {(one.name, one.about) for one in skipped}
    assert ("im1", "DST treats its name and 'IM1' as the same") in both
    assert {*names, *(one.name for one in skipped)} == {
        *("IM1", "im1", "a/IM2", "A/im2", "e\u0301", "\u00e9", "IM3")
    }


def test_names_that_the_target_keeps_apart_are_all_found(twins: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"

    names, skipped = find_files(open_folders(str(twins), str(target), None))

    assert (len(names), skipped) == (7, [])
    assert list(tmp_path.iterdir()) == [twins], "nothing is left of the question"


@pytest.mark.parametrize("ignores", [False, True])
def test_the_target_is_asked_whether_it_ignores_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignores: bool
) -> None:
    exists_so = Path.exists

    def exists(path: Path) -> bool:
        return exists_so(path) or (ignores and exists_so(path.with_name(path.name.lower())))

    (tmp_path / "a").touch()
    if (tmp_path / "A").exists():
        pytest.skip("this file system ignores case whatever is asked")
    monkeypatch.setattr(Path, "exists", exists)

    assert module._ignores_case(tmp_path / "new" / "out") is ignores
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_key_is_made_once_and_only_for_its_user(tmp_path: Path) -> None:
    key = make_key(tmp_path / "new" / "out.key")

    assert read_key(tmp_path / "new" / "out.key") == key
    assert len(bytes.fromhex(key)) == 32
    assert os.name == "nt" or (tmp_path / "new" / "out.key").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="cannot be written"):
        make_key(tmp_path / "new" / "out.key")


@pytest.mark.parametrize("links", [True, False])
def test_a_key_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", Mock(side_effect=PermissionError))
    with monkeypatch.context() as killed:
        killed.setattr(disk, "open_file", Mock(side_effect=SystemExit))
        with pytest.raises(SystemExit):
            make_key(tmp_path / "out.key")

    assert read_key(tmp_path / "out.key") is None
    key = make_key(tmp_path / "out.key")

    assert read_key(tmp_path / "out.key") == key
    assert [one.name for one in tmp_path.iterdir()] == ["out.key"]


@pytest.mark.parametrize(
    "content", [b"", b"# only words\n", b"abc\n", b"\xff\xfe", b"0" * 64 + b"\n" + b"1" * 64]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(UsageError, match="does not hold a key"):
        read_key(tmp_path / "key")
