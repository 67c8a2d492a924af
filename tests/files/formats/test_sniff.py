"""What a file is, by its content."""

from __future__ import annotations

import struct

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.slides import is_slide
from manifest_uploader.files.formats.sniff import pointer_of, sniff
from manifest_uploader.files.looks import Flaw, FlawKind, Format
from tests.files.formats.helpers import look
from tests.files.formats.make import gzipped, metaimage, nifti, nrrd, page, png, tiff

NIFTI2 = struct.pack("<i", 540) + b"n+2\0" + bytes(532)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 2511\n"

POINTERS = [
    (LFS, About.GIT_LFS),
    (b"version https://hawser.github.com/spec/v1\noid sha256:ab\nsize 1\n", About.GIT_LFS),
    (b"/annex/objects/MD5E-s2511--d41d8cd98f00b204e9800998ecf8427e.nii.gz\n", About.GIT_ANNEX),
    (b"../../.git/annex/objects/Xx/9f/SHA256E-s1--ab.mha/SHA256E-s1--ab.mha", About.GIT_ANNEX),
    (b".git/annex/objects/Xx/9f/SHA256E-s1--ab.mha/SHA256E-s1--ab.mha", About.GIT_ANNEX),
    (b"outs:\n- md5: abc\n  size: 12\n  path: dvc.mha\n", About.DVC),
    (b"# made by us\nmd5: 12\nouts:\r\n  - etag: abc\n    path: a\n", About.DVC),
]

CONTENTS = [
    (b"", Format.EMPTY),
    (bytes(128) + b"DICM" + bytes(40), Format.DICOM),
    (b"II*\0".ljust(128, b"\0") + b"DICM", Format.DICOM),
    (metaimage(), Format.METAIMAGE),
    (metaimage(nl="\r\n"), Format.METAIMAGE),
    (b"NDims = 3\nDimSize = 4 3 2\nEle", Format.METAIMAGE),
    (b"\xef\xbb\xbfComment = hi\nElementDataFile = a.raw\n", Format.METAIMAGE),
    (nifti(), Format.NIFTI),
    (nifti(order=">"), Format.NIFTI),
    (gzipped(nifti()), Format.NIFTI),
    (NIFTI2, Format.NIFTI2),
    (gzipped(NIFTI2), Format.NIFTI2),
    (nifti(magic=b"ni1\0"), Format.ANALYZE),
    (nifti(magic=bytes(4)), Format.ANALYZE),
    (gzipped(nifti(magic=bytes(4))), Format.ANALYZE),
    (gzipped(b"hello"), Format.GZIP),
    (b"\x1f\x8b\x08 and then nonsense", Format.GZIP),
    (nrrd(), Format.NRRD),
    (tiff((page(), [bytes(32)])), Format.TIFF),
    (tiff((page(), [bytes(32)]), order=">"), Format.TIFF),
    (tiff((page(), [bytes(32)]), big=True), Format.TIFF),
    (tiff((page(), [bytes(32)]), big=True, order=">"), Format.TIFF),
    (png(), Format.PNG),
    (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Format.JPEG),
    (b"GIF89a\1\0\1\0", Format.GIF),
    (b"BM" + bytes(12) + bytes([40, 0, 0, 0]) + bytes(40), Format.BMP),
    (b"BM is how this note begins, and it goes on", Format.TEXT),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", Format.PDF),
    (b"PK\3\4" + bytes(30), Format.ZIP),
    (b"PK\5\6" + bytes(18), Format.ZIP),
    (b"FOCTFDS\1\0\0\0", Format.OCT),
    (b"FOCTFDA\1\0\0\0", Format.OCT),
    (b"CMDb\0\0\0\0", Format.OCT),
    (b"age,sex\n12,f\n", Format.TEXT),
    ("Größe;1\n".encode("latin-1") * 40, Format.TEXT),
    ("Größe;1\n".encode("utf-16"), Format.TEXT),
    (("a" + "é" * 3000).encode()[:4096], Format.TEXT),
    (b'{"a": 1}', Format.TEXT),
    (bytes(range(256)), Format.OTHER),
    (b"\xff" * 4096, Format.OTHER),
    (bytes(4096), Format.OTHER),
    (b"RIFF\x10\0\0\0WEBPVP8 ", Format.OTHER),
]


@pytest.mark.parametrize(("start", "expected"), CONTENTS)
def test_content_tells_the_format_whatever_the_name_is(start: bytes, expected: Format) -> None:
    found = {sniff(start, name) for name in ("a.dcm", "a.csv", "a.nii.gz", "a.hdr", "a", "a.png")}

    assert found == {expected}


@pytest.mark.parametrize(("data", "tool"), POINTERS)
def test_a_pointer_names_its_tool(data: bytes, tool: About) -> None:
    shown = look(data, "scan.mha")

    assert pointer_of(data) is tool
    assert shown.format is Format.POINTER
    assert shown.flaws == (Flaw(FlawKind.POINTER, about=tool),)


def test_a_text_about_pointers_is_no_pointer() -> None:
    assert sniff(b"See version https://git-lfs.github.com/spec/v1", "a.txt") is Format.TEXT
    assert sniff(b"outs: 3\nins: 4\n", "a.yaml") is Format.TEXT


def test_an_empty_file_is_a_flaw_and_a_text_is_none() -> None:
    assert look(b"").flaws == (Flaw(FlawKind.EMPTY),)
    assert look(b"a note").flaws == ()
    assert look(b"%PDF-1.7\n").flaws == ()


def test_the_name_decides_where_the_header_is_cut_off() -> None:
    start = nifti()[:300]

    assert sniff(start, "a.nii") is Format.NIFTI
    assert sniff(start, "A.HDR") is Format.ANALYZE
    assert sniff(start, "a.raw") is Format.OTHER


def test_a_number_alone_makes_no_analyze_header() -> None:
    start = struct.pack("<i", 348) + b"\xff" * 400

    assert sniff(start, "a.raw") is Format.OTHER


@pytest.mark.parametrize("name", ["a.svs", "A.NDPI", "x/y.mrxs", "a.b.isyntax"])
def test_a_slide_is_known_by_its_name(name: str) -> None:
    assert is_slide(name)
    assert not is_slide(name + ".txt")


def test_what_lies_under_a_slides_name_is_not_judged() -> None:
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF"

    assert look(jpeg, "a.mrxs").flaws == ()
    assert look(jpeg, "a.jpg").flaws != ()
    assert look(b"GIF89a", "a.vms").flaws == ()
