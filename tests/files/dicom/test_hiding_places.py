"""A patient's name is found wherever in a file it hides, and so is the patient's number.

Each place hides one attribute. The files are written to the disk and looked at from there.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from manifest_uploader.files.archives import is_archive, look_archive
from manifest_uploader.files.dicom.look import look_dicom
from manifest_uploader.files.looks import FileLook, Format
from tests.files.archive_samples import tar_of, zip_of
from tests.files.dicom.samples import (
    bare,
    compressed_set,
    dicom_bytes,
    header_length,
    slice_bytes,
    slice_set,
)

Hide = Callable[[str], bytes]
"""Makes a file that holds the attribute of this keyword in one place only."""

VALUES = {"PatientName": "MUSTERMANN^ERIKA", "PatientID": "LIDC-IDRI-0001"}
TAGS = {"PatientName": 0x10, "PatientID": 0x20}
EXPLICIT, IMPLICIT = ExplicitVRLittleEndian, ImplicitVRLittleEndian


def named(keyword: str, **attributes: Any) -> Dataset:
    """A data set that holds the attribute, and nothing else but `attributes`."""
    data = Dataset()
    setattr(data, keyword, VALUES[keyword])
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def element(keyword: str, vr: str = "LO", value: bytes | None = None) -> bytes:
    """The attribute as an explicit little-endian element."""
    value = VALUES[keyword].encode() if value is None else value
    value += b" " * (len(value) % 2)
    start = struct.pack("<HH", 0x10, TAGS[keyword]) + vr.encode()
    if vr in ("UN", "OB", "UT"):
        return start + b"\0\0" + struct.pack("<I", len(value)) + value
    return start + struct.pack("<H", len(value)) + value


# ── at the top, in files of any name and syntax ─────────────────────────────────────────────


def top(keyword: str, syntax: UID = EXPLICIT, **attributes: Any) -> bytes:
    return slice_bytes(1, syntax, **{keyword: VALUES[keyword]}, **attributes)


def compressed(keyword: str, syntax: UID) -> bytes:
    return dicom_bytes(compressed_set(**{keyword: VALUES[keyword]}), syntax)


def bare_top(keyword: str, syntax: UID) -> bytes:
    return bare(top(keyword, syntax))


def in_charset(keyword: str, charset: str, name: bytes) -> bytes:
    """The name in a character set; a number is in ASCII in all of them."""
    value = name if keyword == "PatientName" else VALUES[keyword].encode()
    data = slice_set(**{keyword: None})
    data.add_new(0x00080005, "CS", "ISO_IR 192")
    data.add_new(0x00100000 | TAGS[keyword], "PN" if keyword == "PatientName" else "LO", value)
    return dicom_bytes(data).replace(b"ISO_IR 192", charset.encode().ljust(10))


def with_vr(keyword: str, vr: str, value: bytes | None = None) -> bytes:
    """The attribute with another VR than the dictionary's."""
    file = slice_bytes(PatientName=None, PatientID=None, PatientBirthDate=None)
    at = file.index(b"\x20\0\x0d\0UI")
    return file[:at] + element(keyword, vr, value) + file[at:]


# ── inside sequences ────────────────────────────────────────────────────────────────────────


def nested(
    keyword: str, outer: str, syntax: UID = EXPLICIT, *, depth: int = 1, undefined: bool = False
) -> bytes:
    data = named(keyword)
    for _ in range(depth):
        around = Dataset()
        setattr(around, outer, [Dataset(), data])
        if undefined:
            around[outer].is_undefined_length = True
            for item in around[outer]:
                item.is_undefined_length_sequence_item = True
        data = around
    full = slice_set()
    full.update(data)
    return dicom_bytes(full, syntax)


def in_private_sequence(keyword: str, syntax: UID, vr: str = "SQ") -> bytes:
    data = slice_set()
    block = data.private_block(0x0009, "ACME", create=True)
    if vr == "SQ":
        block.add_new(1, "SQ", [Dataset(), named(keyword)])
    else:
        value = struct.pack("<HHI", 0x10, TAGS[keyword], 16) + VALUES[keyword].ljust(16).encode()
        block.add_new(1, "UN", struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value)
    return dicom_bytes(data, syntax)


def in_unknown_sequence_of_undefined_length(keyword: str) -> bytes:
    value = struct.pack("<HHI", 0x10, TAGS[keyword], 16) + VALUES[keyword].ljust(16).encode()
    items = struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value
    items += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    file = slice_bytes()
    at = file.index(b"\x20\0\x0d\0UI")
    start = struct.pack("<HH", 0x19, 0x1001) + b"UN\0\0\xff\xff\xff\xff"
    return file[:at] + start + items + file[at:]


# ── where readers of headers do not look ────────────────────────────────────────────────────


def behind_private_data(keyword: str, syntax: UID, size: int) -> bytes:
    data = slice_set(**{keyword: VALUES[keyword]})
    data.private_block(0x0009, "ACME", create=True).add_new(1, "OB", bytes(size))
    return dicom_bytes(data, syntax)


def behind_the_pixels(keyword: str, file: bytes) -> bytes:
    return file + element(keyword)


def before_all(keyword: str) -> bytes:
    file = slice_bytes()
    at = header_length(file)
    return file[:at] + element(keyword) + file[at:]


def behind_a_decoy(keyword: str) -> bytes:
    data = slice_set(**{keyword: VALUES[keyword]})
    decoy = b"\xe0\x7f\x10\0OW\0\0\4\0\0\0" * 3
    data.private_block(0x0009, "ACME", create=True).add_new(1, "OB", decoy)
    return dicom_bytes(data)


def in_second_copy(keyword: str) -> bytes:
    """The attribute twice, at first empty."""
    file = slice_bytes()
    at = file.index(b"\x20\0\x0d\0UI")
    return file[:at] + element(keyword) + file[at:]


def in_damaged(keyword: str, change: Callable[[bytes], bytes]) -> bytes:
    return change(top(keyword))


def with_other_syntax(keyword: str) -> bytes:
    """A header that says explicit, and data that are implicit."""
    file = slice_bytes()
    return file[: header_length(file)] + bare_top(keyword, IMPLICIT)


def packed(keyword: str, pack: Callable[[bytes], bytes]) -> bytes:
    return pack(top(keyword))


KANJI = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
SYNTAXES = [EXPLICIT, IMPLICIT, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
ENDINGS = [
    *(".dcm", ".DCM", ".dicom", ".ima", "", ".1", ".840.113619.2.55.3", ".img", ".dat", ".raw"),
    *(".txt", ".csv", ".json", ".tif", ".jpg", ".png", ".pdf", ".zip", ".nii", ".nii.gz", ".mha"),
    *(".nrrd", ".bin", ".tmp", ".v2", ".hdr", ".xml", ".gz", ".tar", ".mrxs", ".svs", ".h5"),
]


def at_the_top() -> dict[str, Hide]:
    return {
        **{f"syntax {one.name}": partial(top, syntax=one) for one in SYNTAXES},
        **{
            f"syntax {one.name}": partial(compressed, syntax=one)
            for one in (JPEG2000Lossless, JPEGBaseline8Bit, RLELossless)
        },
        **{f"bare {one.name}": partial(bare_top, syntax=one) for one in SYNTAXES[:3]},
        "bare header": lambda keyword: top(keyword)[132:],
        **{
            f"charset {charset}": partial(in_charset, charset=charset, name=name)
            for charset, name in {
                "ISO_IR 192": "Müller".encode(),
                "ISO_IR 100": b"M\xfcller",
                "ISO_IR 87": KANJI,
                "ISO_IR 149": b"\x1b$)C\xb1\xe8",
                "GB18030": "王".encode("gb18030"),
                "GBK": "厖".encode("gbk"),
                "ISO_IR 13": b"\xd4\xcf\xc0\xde",
                "ISO_IR 144": "Иван".encode("iso8859-5"),
                "BOGUS 99": b"M\xfcller",
                "": b"\xff\xfe",
            }.items()
        },
        **{f"VR {vr}": partial(with_vr, vr=vr) for vr in ("UN", "LO", "LT", "OB", "UT", "AE")},
        "VR unknown": partial(with_vr, vr="QQ"),
        "padded with NULs": partial(with_vr, vr="LO", value=b"Doe\0\0\0"),
        "led by blanks": partial(with_vr, vr="LO", value=b" " * 40 + b"Doe"),
        "several values": partial(with_vr, vr="LO", value=b"\\ANON\\Doe"),
        "no series at all": partial(top, SeriesInstanceUID=None, SOPClassUID=None),
        "no pixels": partial(top, PixelData=None),
    }


def in_sequences() -> dict[str, Hide]:
    found: dict[str, Hide] = {}
    for syntax in SYNTAXES:
        for outer in ("ReferencedPatientSequence", "RequestAttributesSequence"):
            found[f"{outer} {syntax.name}"] = partial(nested, outer=outer, syntax=syntax)
        found[f"deep {syntax.name}"] = partial(
            nested, outer="OtherPatientIDsSequence", syntax=syntax, depth=9
        )
        found[f"undefined {syntax.name}"] = partial(
            nested, outer="OriginalAttributesSequence", syntax=syntax, depth=4, undefined=True
        )
    for syntax in SYNTAXES[:2]:
        found[f"private {syntax.name}"] = partial(in_private_sequence, syntax=syntax)
    found["frames"] = partial(nested, outer="PerFrameFunctionalGroupsSequence")
    found["report"] = partial(nested, outer="ContentSequence")
    found["private UN"] = partial(in_private_sequence, syntax=EXPLICIT, vr="UN")
    found["undefined UN"] = in_unknown_sequence_of_undefined_length
    return found


def out_of_sight() -> dict[str, Hide]:
    late = {
        f"behind {size} {syntax.name}": partial(behind_private_data, syntax=syntax, size=size)
        for size in (40_000, 400_000, 3_000_000)
        for syntax in SYNTAXES[:2]
    }
    slices = {
        "pixels": slice_bytes(),
        "fragments": dicom_bytes(compressed_set(), JPEG2000Lossless),
        "big pixels": slice_bytes(PixelData=bytes(900_000)),
        "no pixels": slice_bytes(PixelData=None),
    }
    return {
        **late,
        **{f"after {name}": partial(behind_the_pixels, file=one) for name, one in slices.items()},
        "before all": before_all,
        "decoy": behind_a_decoy,
        "twice": in_second_copy,
        "other syntax": with_other_syntax,
        "cut": partial(in_damaged, change=lambda file: file[:-40]),
        "cut early": partial(in_damaged, change=lambda file: file[: file.index(b"\x20\0\x13\0")]),
        "garbage behind": partial(in_damaged, change=lambda file: file + b"garbage" * 9),
        "wrong VR": partial(
            in_damaged, change=lambda file: file.replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0QQ")
        ),
        "marked twice": partial(
            in_damaged, change=lambda file: file[:132].replace(b"\0", b"\1") + file[132:]
        ),
    }


def in_archives() -> dict[str, Hide]:
    kinds: dict[str, Callable[[bytes], bytes]] = {
        "zip": lambda file: zip_of({"a.dcm": file}),
        "stored zip": lambda file: zip_of({"a.dcm": file}, compressed=False),
        "second in zip": lambda file: zip_of({"a": slice_bytes(), "b": file, "c": b"x"}),
        "text in zip": lambda file: zip_of({"a/b/notes.txt": file}),
        "zip in zip": lambda file: zip_of({"in.zip": zip_of({"a": file})}),
        "named otherwise": lambda file: zip_of({"in.dat": zip_of({"a": file})}),
        "zip in zip in zip": lambda file: zip_of({"a": zip_of({"b": zip_of({"c": file})})}),
        "tar": lambda file: tar_of({"a": file}),
        "tar.gz": lambda file: tar_of({"a": file}, "w:gz"),
        "tar.bz2": lambda file: tar_of({"a": file}, "w:bz2"),
        "tar.xz": lambda file: tar_of({"a": file}, "w:xz"),
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "gzip in zip": lambda file: zip_of({"a.gz": gzip.compress(file)}),
        "zip in gzip": lambda file: gzip.compress(zip_of({"a": file})),
        "zip in tar": lambda file: tar_of({"z": zip_of({"a": file})}),
        "tar in zip": lambda file: zip_of({"t": tar_of({"a": file})}),
        "bare in zip": lambda file: zip_of({"a": bare(file)}),
        "gzip of gzip": lambda file: gzip.compress(gzip.compress(file)),
    }
    return {name: partial(packed, pack=pack) for name, pack in kinds.items()}


@cache
def places() -> dict[str, tuple[str, Hide]]:
    """File name and maker of the file, by a description of the place."""
    found = {f"named {ending or 'without'}": (f"IM1{ending}", top) for ending in ENDINGS}
    found |= {f"bare, named {end}": (f"IM1{end}", bare_implicit_top) for end in ENDINGS[:12]}
    for hides in (at_the_top(), in_sequences(), out_of_sight(), in_archives()):
        found |= {place: ("IM1", hide) for place, hide in hides.items()}
    return found


def bare_implicit_top(keyword: str) -> bytes:
    return bare_top(keyword, IMPLICIT)


def names_in(path: Path) -> tuple[str, ...]:
    """The attributes that identify a patient in a file on the disk, or in what is in it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if is_archive(stream.read(512)):
            archive = look_archive(stream, Format.ZIP).look
            assert archive.flaws == ()
            return archive.names
        look: FileLook | None = look_dicom(stream, size, path.name)
    assert look is not None
    return look.names


@pytest.mark.parametrize("place", places())
def test_a_patient_is_found_in_each_place(place: str, tmp_path: Path) -> None:
    name, hide = places()[place]
    allowed = {"PatientID"}
    for keyword in VALUES:
        (tmp_path / keyword).mkdir()
        (tmp_path / keyword / name).write_bytes(hide(keyword))

    found = {keyword: names_in(tmp_path / keyword / name) for keyword in VALUES}

    assert found == {keyword: (keyword,) for keyword in VALUES}
    forbidden = {keyword: set(words) - allowed for keyword, words in found.items()}
    assert forbidden == {"PatientName": {"PatientName"}, "PatientID": set()}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_private_name_is_found(syntax: UID) -> None:
    data, inner = slice_set(), Dataset()
    inner.private_block(0x0011, "SIEMENS RIS", create=True).add_new(0x30, "PN", "Doe^Jane")
    data.ReferencedImageSequence = [inner]
    file = dicom_bytes(data, syntax)

    assert look_names(file) == ("private name",)


def look_names(file: bytes) -> tuple[str, ...]:
    import io

    found = look_dicom(io.BytesIO(file), len(file), "IM1")
    assert found is not None
    return found.names


def test_there_are_enough_places() -> None:
    assert len(places()) > 120
