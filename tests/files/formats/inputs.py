"""Files as they are found, and how they can be wrong; each is one image, or is meant to be one."""

from __future__ import annotations

import bz2
import random
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.files.formats.make import VOXELS, gzipped, metaimage, nifti, nrrd, page, png, tiff

Inputs: TypeAlias = Iterator[tuple[str, Mapping[str, bytes]]]
"""A name for each, and its files: the header first."""

ROWS = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))
SKEWED = ((1, 0.5, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))
MANY = random.Random(1).randbytes(40 * 30 * 20)


def every_input() -> Inputs:
    yield from metaimages()
    yield from metaimages_with_data_files()
    yield from niftis()
    yield from nrrds()
    yield from pictures()
    yield from tiffs()


def _mha(name: str, data: bytes = VOXELS, **fields: Any) -> tuple[str, dict[str, bytes]]:
    return f"mha: {name}", {"a.mha": metaimage(data, **fields)}


def _nii(name: str, data: bytes = VOXELS, **fields: Any) -> tuple[str, dict[str, bytes]]:
    return f"nii: {name}", {"a.nii": nifti(data, **fields)}


def metaimages() -> Inputs:
    one = _mha
    yield one("plain")
    for type_, size in (
        *(("CHAR", 1), ("SHORT", 2), ("USHORT", 2), ("INT", 4), ("UINT", 4), ("LONG", 4)),
        *(("LONG", 8), ("ULONG", 4), ("LONG_LONG", 8), ("ULONG_LONG", 8), ("FLOAT", 4)),
        *(("DOUBLE", 8), ("ASCII_CHAR", 1), ("STRING", 1), ("UCHAR_ARRAY", 1), ("NONE", 1)),
        *(("FLOAT_MATRIX", 4), ("OTHER", 1), ("FOO", 1)),
    ):
        yield one(f"{type_} of {size}", VOXELS * size, ElementType=f"MET_{type_}")
        if size > 1:
            short = (VOXELS * size)[:-1]
            yield one(f"{type_} of {size}, one byte short", short, ElementType=f"MET_{type_}")
    for channels in range(6):
        yield one(f"{channels} channels", VOXELS * channels, ElementNumberOfChannels=channels)
    yield one("3 channels, short", VOXELS * 2, ElementNumberOfChannels=3)
    yield one("one byte short", VOXELS[:-1])
    yield one("trailing bytes", VOXELS + b"abc")
    yield one("no voxels", b"")
    yield one("CRLF", nl="\r\n")
    yield one("CRLF, short", VOXELS[:-1], nl="\r\n")
    yield one("CR", nl="\r")
    yield one("tabs", sign="\t=\t")
    yield one("no blanks", sign="=")
    for dims, size in (
        *(("1", "24"), ("2", "12 2"), ("4", "4 3 2 1"), ("4", "2 3 2 2"), ("5", "2 3 2 2 1")),
        *(("3", "4 3"), ("2", "4 3 2"), ("3", "4 3 0"), ("3", "4 3 -2"), ("3", "4,3,2")),
        *(("3", "4.0 3.0 2.0"), ("3", "  4  3\t2 "), ("3", "100000 100000 100000"), ("3", "")),
        *(("x", "4 3 2"), ("", "4 3 2"), ("11", "1 " * 11)),
    ):
        yield one(f"NDims {dims}, DimSize {size}", NDims=dims, DimSize=size, ElementSpacing=None)
    yield from _metaimage_fields()
    yield from _metaimage_headers()
    yield from _compressed_metaimages()


def _metaimage_fields() -> Inputs:
    one = _mha
    for name in ("ObjectType", "NDims", "BinaryData", "CompressedData", "DimSize", "ElementType"):
        yield one(f"without {name}", **{name: None})
    for value in ("Local", "local", ""):
        yield one(f"ElementDataFile {value}", ElementDataFile=value)
    for value in ("0 1 1", "1 1", "nan 1 1", "-1 1 1", "1,1,1", "1 1 1 1", "a b c"):
        yield one(f"ElementSpacing {value}", ElementSpacing=value)
    for value in ("0 0 0 0 0 0 0 0 0", "1 0 0 1 1 0 0 0 1", "1 0 0 0 1 0 0 0", "1 0 0 1 0 0 0 0 1"):
        yield one(f"TransformMatrix {value}", TransformMatrix=value)
    yield one("Offset of two", Offset="1 2")
    yield one("Color of two", Color="1 0")
    yield one("text voxels", b" ".join(b"%d" % one for one in VOXELS), BinaryData="False")


def _metaimage_headers() -> Inputs:
    one = _mha
    for length in (400, 499, 500, 9900):
        yield one(f"comment of {length}", Comment="x" * length)
    yield one("long field of its own", Foo="x" * 9000)
    yield one("line of 10,000", Foo="x" * 10_000)
    yield one("9,000 lines", **{f"K{place}": place for place in range(9000)})
    yield one("10,000 lines", **{f"K{place}": place for place in range(10_000)})
    yield one("UTF-8", Comment="é")
    yield "mha: Latin-1", {"a.mha": metaimage(Comment="X").replace(b"X", b"\xe9")}
    yield "mha: DimSize first", {"a.mha": b"DimSize = 4 3 2\n" + metaimage(DimSize=None)}
    yield "mha: a stray word", {"a.mha": metaimage().replace(b"DimSize", b"word\nDimSize")}
    yield "mha: byte order mark", {"a.mha": b"\xef\xbb\xbf" + metaimage()}
    yield "mha: another name", {"scan.dat": metaimage()}
    yield one("MSB", VOXELS * 2, ElementType="MET_SHORT", BinaryDataByteOrderMSB="True")
    for name, value in (
        *(("WindowCenter", "abc"), ("WindowCenter", "12"), ("WindowCenter", "[1, 2]")),
        *(("ContentTimes", "nope"), ("Exposures", "1 2"), ("SliceThickness", "")),
        *(("Laterality", "L" * 200), ("Laterality", "L"), ("t0", "1.5")),
    ):
        yield one(f"{name} {value}", **{name: value})


def _compressed_metaimages() -> Inputs:
    def one(name: str, data: bytes, size: int | None, **more: Any) -> tuple[str, dict[str, bytes]]:
        fields = {"CompressedData": "True", "CompressedDataSize": size, **more}
        return f"mha: {name}", {"a.mha": metaimage(data, **fields)}

    packed = zlib.compress(VOXELS)
    damaged = packed[:8] + bytes([packed[8] ^ 0xFF]) + packed[9:]
    yield one("compressed", packed, len(packed))
    yield one("compressed, in lower case", packed, len(packed), CompressedData="true")
    yield one("compressed, gzip", gzipped(VOXELS), len(gzipped(VOXELS)))
    yield one("compressed, no size", packed, None)
    yield one("compressed, size 0", packed, 0)
    yield one("compressed, size too large", packed, len(packed) + 3)
    yield one("compressed, trailing", packed + b"abc", len(packed))
    yield one("compressed, cut", packed[:-1], len(packed))
    yield one("compressed, half", packed[: len(packed) // 2], len(packed))
    yield one("compressed, end of zeros", packed[:-9] + bytes(9), len(packed))
    few = zlib.compress(VOXELS[:-4])
    yield one("compressed, too few voxels", few, len(few))
    yield one("compressed, damaged", damaged, len(damaged))
    yield one("compressed, it is not", VOXELS, len(VOXELS))
    yield one("compressed with HeaderSize", packed, None, HeaderSize=10)
    large = {"DimSize": "40 30 20"}
    many = zlib.compress(MANY)
    yield one("compressed, larger", many, len(many), **large)
    yield one("compressed, size too small", many, len(many) - 99, **large)


def metaimages_with_data_files() -> Inputs:
    def one(
        name: str, data: bytes, *, file: str = "a.raw", **fields: Any
    ) -> tuple[str, dict[str, bytes]]:
        fields = {"ElementDataFile": file, **fields}
        return f"mhd: {name}", {"a.mhd": metaimage(b"", **fields), file.removeprefix("./"): data}

    packed = zlib.compress(VOXELS)
    zraw = {"file": "a.zraw", "CompressedData": "True"}
    yield one("plain", VOXELS)
    yield one("CRLF", VOXELS, nl="\r\n")
    yield one("short", VOXELS[:-1])
    yield one("long", VOXELS + b"12")
    yield one("empty", b"")
    yield one("./", VOXELS, file="./a.raw")
    yield one("blank in the name", VOXELS, file="a b.raw")
    yield one("umlaut in the name", VOXELS, file="ä.raw")
    yield one("HeaderSize 10", bytes(10) + VOXELS, HeaderSize=10)
    yield one("HeaderSize 10, short", bytes(10) + VOXELS[:-1], HeaderSize=10)
    yield one("HeaderSize -1", bytes(10) + VOXELS, HeaderSize=-1)
    yield one("HeaderSize -1, short", VOXELS[:-1], HeaderSize=-1)
    yield one("HeaderSize -2", VOXELS, HeaderSize=-2)
    yield one("compressed", packed, CompressedDataSize=len(packed), **zraw)
    yield one("compressed, cut", packed[:-6], CompressedDataSize=len(packed), **zraw)
    yield one("compressed, no size", packed, **zraw)
    yield one("compressed, no size, trailing", packed + b"abc", **zraw)
    yield one("compressed, no size, cut", packed[:-6], **zraw)
    yield one("compressed, HeaderSize", bytes(9) + packed, HeaderSize=9, **zraw)
    yield (
        "mhd: LIST",
        {
            "a.mhd": metaimage(b"1.raw\n2.raw\n", ElementDataFile="LIST"),
            "1.raw": VOXELS[:12],
            "2.raw": VOXELS[12:],
        },
    )
    yield (
        "mhd: pattern",
        {
            "a.mhd": metaimage(b"", ElementDataFile="%d.raw 1 2 1"),
            "1.raw": VOXELS[:12],
            "2.raw": VOXELS[12:],
        },
    )
    yield one("LISTING.raw", VOXELS, file="LISTING.raw")
    yield one("50%.raw", VOXELS, file="50%.raw")


def niftis() -> Inputs:
    one = _nii
    whole = nifti()
    yield one("plain")
    yield one("big-endian", order=">")
    yield one("one byte short", VOXELS[:-1])
    yield one("trailing bytes", VOXELS + b"abc")
    yield one("no voxels", b"")
    for length in (20, 300, 347, 348, 350):
        yield f"nii: first {length} bytes", {"a.nii": whole[:length]}
    for name in ("a.NII", "a.dat", "a.img", "a.hdr", "a.nia", ".nii", "a.b.nii", "a.nii.gz"):
        yield f"nii: called {name}", {name: whole}
    for name in ("a.nii", "a.NII.GZ", "a.Nii.gz", "a.gz"):
        yield f"nii.gz: called {name}", {name: gzipped(whole)}
    for code, size in (
        *((0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (16, 4), (32, 8), (64, 8), (128, 3)),
        *((256, 1), (512, 2), (768, 4), (1024, 8), (1280, 8), (1536, 16), (1792, 16), (2304, 4)),
    ):
        yield one(f"data type {code}", VOXELS * size, datatype=code)
    for dim, count in (
        *(((1, 24, 1, 1, 1, 1, 1, 1), 24), ((2, 6, 4, 1, 1, 1, 1, 1), 24)),
        *(((2, 6, 4, 0, 0, 0, 0, 0), 24), ((4, 4, 3, 2, 1, 1, 1, 1), 24)),
        *(((4, 2, 3, 2, 2, 1, 1, 1), 24), ((5, 2, 3, 2, 2, 1, 1, 1), 24)),
        *(((5, 2, 3, 2, 1, 2, 1, 1), 24), ((5, 2, 3, 2, 1, 3, 1, 1), 36)),
        *(((7, 2, 3, 2, 1, 1, 1, 1), 12), ((7, 2, 3, 2, 1, 1, 1, 2), 24)),
        *(((4, 4, 3, 1, 2, 1, 1, 1), 24), ((3, 4, 3, 0, 1, 1, 1, 1), 24)),
        *(((0, 4, 3, 2, 1, 1, 1, 1), 24), ((8, 4, 3, 2, 1, 1, 1, 1), 24)),
    ):
        yield one(f"dim {dim}", bytes(count), dim=dim)
    yield from _nifti_fields()
    yield from _gzipped_niftis()


def _nifti_fields() -> Inputs:
    one = _nii
    yield one("displacements", bytes(36), dim=(5, 2, 3, 2, 1, 3, 1, 1), intent=1007)
    yield one("displacements over time", bytes(72), dim=(5, 2, 3, 2, 2, 3, 1, 1), intent=1007)
    yield one("displacements in a slice", bytes(36), dim=(5, 4, 3, 1, 1, 3, 1, 1), intent=1007)
    yield one("displacements in a line", bytes(36), dim=(5, 12, 1, 1, 1, 3, 1, 1), intent=1007)
    yield one("displacements in two", bytes(24), dim=(5, 2, 3, 2, 1, 2, 1, 1), intent=1007)
    yield one("displacements in one", bytes(12), dim=(5, 2, 3, 2, 1, 1, 1, 1), intent=1007)
    yield one("a vector of six", bytes(72), dim=(5, 2, 3, 2, 1, 6, 1, 1), intent=1007)
    for offset in (0, 100, 348, 352.5, float("nan"), -1):
        yield one(f"offset {offset}", offset=offset)
    yield one("offset 400", bytes(48) + VOXELS, offset=400)
    yield one("offset 400, short", bytes(48) + VOXELS[:-1], offset=400)
    yield one("offset 100000", offset=100_000)
    for slope, shift in ((0, 0), (2, 0), (1, 5), (0, 5), (float("nan"), 0), (1, float("nan"))):
        yield one(f"slope {slope}, intercept {shift}", slope=slope, intercept=shift)
    for magic in (b"ni1\0", bytes(4)):
        yield one(f"magic {magic!r}", magic=magic)
        yield one(f"magic {magic!r}, offset 0", magic=magic, offset=0)
    for skew in (9e-5, 2e-4, 1e-3):
        rows = ((1, skew, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))
        yield one(f"skewed by {skew}", rows=rows)
    yield one("skewed, large voxels", rows=((2, 1e-4, 0, 0), (0, 0.5, 0, 0), (0, 0, 5, 0)))
    yield one("skewed with a qform", rows=SKEWED, qform=1)
    yield one("skewed, not used", rows=SKEWED, sform=0)
    yield one("rotated", rows=((0.8, 0.6, 0, 0), (-0.6, 0.8, 0, 0), (0, 0, 1, 0)))
    yield one("an axis of zeros", rows=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0)))
    pair = {"magic": b"ni1\0", "offset": 0}
    yield "hdr: NIfTI pair", {"a.hdr": nifti(b"", **pair), "a.img": VOXELS}
    yield "hdr: Analyze", {"a.hdr": nifti(b"", magic=bytes(4), offset=0)[:348], "a.img": VOXELS}


def _gzipped_niftis() -> Inputs:
    def one(name: str, data: bytes) -> tuple[str, dict[str, bytes]]:
        return f"nii.gz: {name}", {"a.nii.gz": data}

    whole = nifti()
    large = nifti(MANY, dim=(3, 40, 30, 20, 1, 1, 1, 1))
    packed = gzipped(large)
    middle = 12_000
    yield one("plain", gzipped(whole))
    yield one("stored", gzipped(whole, 0))
    yield one("larger", packed)
    for less in (1, 4, 8, 40, middle):
        yield one(f"{less} bytes less", packed[:-less])
    yield one("trailing zeros", packed + bytes(100))
    yield one("trailing text", packed + b"junk")
    yield one("two members", gzipped(large[:400]) + gzipped(large[400:]))
    yield one("members of 90", b"".join(map(gzipped, _slices(large[:9000], 90))))
    yield one("many members", b"".join(map(gzipped, _slices(large, 900))))
    yield one("a gap", gzipped(large[:400]) + bytes(2) + gzipped(large[400:]))
    yield one("damaged", packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :])
    yield one("second half zeros", packed[:middle] + bytes(len(packed) - middle))
    yield one("voxels missing", gzipped(large[:-1]))
    yield one("more voxels", gzipped(large + b"abc"))
    yield one("header cut", gzipped(large[:200]))
    yield one("nothing", gzipped(b""))
    yield one("twice compressed", gzipped(packed))
    yield one("zlib", zlib.compress(large))


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))


def nrrds() -> Inputs:
    def one(name: str, data: bytes = VOXELS, **fields: Any) -> tuple[str, dict[str, bytes]]:
        return f"nrrd: {name}", {"a.nrrd": nrrd(data, **fields)}

    yield one("plain")
    yield one("one byte short", VOXELS[:-1])
    yield one("trailing bytes", VOXELS + b"123")
    yield one("CRLF", nl="\r\n")
    for magic in ("NRRD0001", "NRRD0005", "NRRD0006", "NRRD0000"):
        yield one(magic, magic=magic)
    for name in ("a.nhdr", "a.NRRD", "a.dat", "a.seg.nrrd"):
        yield f"nrrd: called {name}", {name: nrrd()}
    for type_, size in (
        *(("signed char", 1), ("uchar", 1), ("uint8_t", 1), ("short", 2), ("unsigned short", 2)),
        *(("int", 4), ("uint32", 4), ("longlong", 8), ("uint64_t", 8), ("float", 4), ("FLOAT", 4)),
        *(("double", 8), ("float32", 4), ("block", 1), ("long", 8), ("char", 1)),
    ):
        yield one(f"type {type_}", VOXELS * size, type=type_)
    yield one("int16 without endian", VOXELS * 2, type="short", endian=None)
    yield one("int16 short", (VOXELS * 2)[:-1], type="short")
    for name in ("type", "dimension", "sizes", "encoding", "endian"):
        yield one(f"without {name}", **{name: None})
    for dimension, sizes in (
        *((1, "24"), (2, "12 2"), (4, "2 3 2 2"), (5, "2 3 2 2 1"), (3, "4 3"), (3, "4 3 2 1")),
        *((3, "4 3 0"), (3, "-4 3 2"), (4, "4 3 2 1"), (17, "1 " * 17), (3, "100000 " * 3)),
    ):
        yield one(f"{dimension}: {sizes}", dimension=dimension, sizes=sizes)
    for kind, sizes in (
        *(("vector {}", "3 4 3 2"), ("RGB-color {}", "3 4 3 2"), ("RGBA-color {}", "4 4 3 2")),
        *(("list {}", "3 4 3 2"), ("list {}", "2 4 3 2"), ("list {}", "6 4 3 2")),
        *(("{} list", "4 3 2 3"), ("scalar {}", "1 4 3 2"), ("list {}", "1 4 3 2")),
        *(("complex {}", "2 4 3 2"), ("none {}", "3 4 3 2"), ("time {}", "2 4 3 2")),
        *(("3-color {}", "4 4 3 2"), ("3D-matrix {}", "9 4 3 2"), ("foo {}", "1 4 3 2")),
    ):
        dims = [int(size) for size in sizes.split()]
        count = dims[0] * dims[1] * dims[2] * dims[3]
        kinds = kind.format("domain domain domain")
        yield one(f"{kinds}: {sizes}", bytes(count), dimension=4, sizes=sizes, kinds=kinds)
    for line in (
        *("data file: b.raw", "datafile: b.raw", "Data File: b.raw", "foo: bar", "foo:=bar"),
        *("garbage", "sizes: 4 3 2", "# a comment", "content: x", "space: LPS", "space: foo"),
        *("WindowCenter:=abc", "WindowCenter:=12", "spacings: 1 1 1", "spacings: 0 1 1"),
        *("spacings: 1 1", "kinds: domain domain", 'labels: "a" "b" "c"', "labels: a b c"),
        *("measurement frame: (1,0,0) (0,1,0) (0,0,1)", "sample units: HU", "block size: 1"),
    ):
        yield one(f"line {line}", lines=[line])
    for vectors in (
        "(1,0,0) (0,1,0) (0,0,1)",
        "(1,0,0) (1,0,0) (0,0,1)",
        "(1,0,0) (9,1,0) (0,0,1)",
    ):
        yield one(f"directions {vectors}", space="LPS", space_directions=vectors)
    yield one("byte skip 5", b"12345" + VOXELS, byte_skip=5)
    yield one("byte skip 5, short", b"12345" + VOXELS[:-1], byte_skip=5)
    yield one("byte skip -1", b"12345" + VOXELS, byte_skip=-1)
    yield one("line skip 2", b"ab\ncd\n" + VOXELS, line_skip=2)
    yield one("line skip 20", b"ab\ncd\n" + VOXELS, line_skip=20)
    header = nrrd(b"").rstrip(b"\n")
    yield "nrrd: no end of the header", {"a.nrrd": header}
    yield "nrrd: header of 300 kB", {"a.nrrd": nrrd(lines=["#" + "x" * 300_000])}
    yield one("10,000 lines", lines=[f"k{place}:=v" for place in range(10_100)])
    yield from _encoded_nrrds()


def _encoded_nrrds() -> Inputs:
    def one(name: str, encoding: str, data: bytes, **more: Any) -> tuple[str, dict[str, bytes]]:
        return f"nrrd: {name}", {"a.nrrd": nrrd(data, encoding=encoding, **more)}

    numbers = b" ".join(b"%d" % one for one in VOXELS)
    packed = gzipped(VOXELS)
    many = gzipped(MANY)
    large = {"sizes": "40 30 20"}
    yield one("gzip", "gzip", packed)
    yield one("GZ", "GZ", packed)
    yield one("gzip, not compressed", "gzip", VOXELS)
    yield one("gzip, 1 byte less", "gzip", packed[:-1])
    yield one("gzip, 12 bytes less", "gzip", packed[:-12])
    yield one("gzip, too few", "gzip", gzipped(VOXELS[:-1]))
    yield one("gzip, too many", "gzip", gzipped(VOXELS * 2))
    yield one("gzip, trailing", "gzip", packed + b"junk")
    yield one("gzip, two members", "gzip", gzipped(VOXELS[:9]) + gzipped(VOXELS[9:]))
    yield one("gzip, larger", "gzip", many, **large)
    yield one("gzip, half", "gzip", many[: len(many) // 2], **large)
    yield one("gzip, damaged", "gzip", many[:90] + b"\0\xff\0\xff" + many[94:], **large)
    yield one("gzip, byte skip 5", "gzip", gzipped(b"12345" + VOXELS), byte_skip=5)
    yield one("gzip, line skip 1", "gzip", b"abc\n" + packed, line_skip=1)
    yield one("bzip2", "bzip2", bz2.compress(VOXELS))
    yield one("zrl", "zrl", VOXELS)
    yield one("hex", "hex", VOXELS.hex().encode())
    yield one("hex, lines", "hex", VOXELS.hex("\n", 8).encode())
    yield one("hex, short", "hex", VOXELS.hex().encode()[:-1])
    yield one("ascii", "ascii", numbers)
    yield one("ascii, commas", "txt", numbers.replace(b" ", b", "))
    yield one("ascii, short", "ascii", numbers[:-1])
    yield one("ascii, lines", "text", numbers.replace(b" ", b"\r\n"))
    yield (
        "nhdr: separate data",
        {
            "a.nhdr": nrrd(b"", lines=["data file: a.raw"]),
            "a.raw": VOXELS,
        },
    )


def pictures() -> Inputs:
    for depth, colour in (
        *((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (8, 3)),
        *((8, 4), (16, 4), (8, 6), (16, 6)),
    ):
        yield f"png: {depth} bits, colour type {colour}", {"a.png": png(depth=depth, colour=colour)}
    whole = png(40, 30, rows=b"".join(b"\0" + MANY[row * 40 :][:40] for row in range(30)))
    yield "png: interlaced", {"a.png": png(9, 9, interlaced=True, rows=bytes(81 + 24))}
    for less in (1, 8, 12, 13, 16, 30, 200):
        yield f"png: {less} bytes less", {"a.png": whole[:-less]}
    yield "png: trailing bytes", {"a.png": whole + b"junk"}
    yield "png: rows missing", {"a.png": png(rows=bytes(27))}
    yield "png: damaged", {"a.png": whole[:60] + bytes(8) + whole[68:]}
    yield "png: second half zeros", {"a.png": whole[:600] + bytes(len(whole) - 600)}
    yield "png: header damaged", {"a.png": whole[:18] + b"\7" + whole[19:]}
    yield "png: no width", {"a.png": png(0, 4)}
    yield "png: too many pixels", {"a.png": png(13_400, 13_400, rows=b"")}
    for name in ("a.jpg", "a", "a.mha"):
        yield f"png: called {name}", {name: whole}
    yield "gif", {"a.gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"}
    bmp = b"BM" + bytes([58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
    yield "bmp", {"a.bmp": bmp + bytes([1, 0, 24]) + bytes(29)}


def tiffs() -> Inputs:
    rows = [MANY[row * 8 :][:8] for row in range(4)]

    def one(name: str, called: str = "a.tif", **tags: Any) -> tuple[str, dict[str, bytes]]:
        changed = {f"t{tag.removeprefix('t')}": value for tag, value in tags.items()}
        return f"tif: {name}", {called: tiff((page(t278=(3, (1,)), **changed), rows))}

    yield one("plain")
    for photometric in (0, 1, 2, 3, 4, 5, 6, 8):
        yield one(f"photometric {photometric}", t262=(3, (photometric,)))
    yield one("no photometric", t262=None)
    yield one("no XResolution", t282=None)
    yield one("no YResolution", t283=None)
    yield one("resolution 0", t282=(5, (0, 1)))
    yield one("resolution over 0", t283=(5, (1, 0)))
    yield one("resolution as float", t282=(11, (1,)), t283=(11, (1,)))
    yield one("no unit", t296=None)
    for unit in (1, 2, 3, 4, 7):
        yield one(f"unit {unit}", t296=(3, (unit,)))
    for called in ("a.tiff", "a.dat", "a", "a.png", "a.svs"):
        yield one(f"called {called}", called)
    for name, low, high in (
        *(("1 to 3", 1, 3), ("0 to 3", 0, 3), ("0 to 0", 0, 0), ("1 to 65", 1, 65)),
        *(("1 to 64", 1, 64),),
    ):
        yield one(f"MinSampleValue {name}", t280=(3, (low,)), t281=(3, (high,)))
        yield one(f"SMinSampleValue {name}", t340=(1, (low,)), t341=(1, (high,)))
    whole = tiff((page(t278=(3, (1,))), rows))
    early = tiff((page(t278=(3, (1,))), rows), after=False)
    two = tiff(*[(page(t278=(3, (1,))), rows)] * 2)
    large = {"big": True, "order": ">"}
    yield "tif: BigTIFF, big-endian", {"a.tif": tiff((page(t278=(3, (1,))), rows), **large)}
    yield "tif: two pages", {"a.tif": two}
    yield "tif: directory first", {"a.tif": early}
    yield "tif: trailing bytes", {"a.tif": whole + b"junk"}
    for less in (1, 4, 60, len(whole) - 20, len(whole) - 8, len(whole) - 4):
        yield f"tif: {less} bytes less", {"a.tif": whole[:-less]}
    for less in (1, 8, 31, 32):
        yield f"tif: directory first, {less} bytes less", {"a.tif": early[:-less]}
    for less in (1, 100, 200, 230):
        yield f"tif: two pages, {less} bytes less", {"a.tif": two[:-less]}
