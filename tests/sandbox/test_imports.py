"""Imports of images and files, and everything that can fail in them."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.sandbox.helpers import Client, mha, wait_for, wait_for_imports, zipped

FOREVER = float("inf")


def dicom(series: str, number: int = 1, *, rows: int = 2, pixels: bytes = bytes(8)) -> bytes:
    """Return one slice of a CT series."""
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
    data.PixelData = pixels
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


def tiff() -> bytes:
    """Return the start of a TIFF of 3 x 4 pixels."""
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 3), (257, 4))]
    return b"II*\0" + struct.pack("<IH", 8, 2) + b"".join(entries) + bytes(4)


def mhd(data: str = "a.raw") -> bytes:
    return f"NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = {data}\n".encode()


def compressed_mha(values: bytes) -> bytes:
    return mha(zlib.compress(values), extra="CompressedData = True\n")


class ImportedItem:
    """An item, one of whose sockets is filled with files."""

    def __init__(self, client: Client, folder: Path, socket: str = "ct-image") -> None:
        self.client = client
        self.folder = folder
        self.socket = socket
        self.item = client.create()
        self.uploads: list[str] = []

    def fill_and_wait(self, files: dict[str, bytes]) -> ImportedItem:
        self.uploads = [self.client.upload(name, content) for name, content in files.items()]
        value = {"interface": self.socket, "user_uploads": self.uploads}
        answer = self.client.fill(self.item, value)
        assert answer.status_code == 200, answer.text
        wait_for_imports(self.folder)
        return self

    @property
    def image(self) -> dict[str, Any] | None:
        value = self.client.values(self.item).get(self.socket)
        return self.client.get(value["image"]).json() if value else None

    @property
    def words(self) -> str:
        message = str(self.client.sessions()[-1]["error_message"])
        return message.partition(" failed with error: ")[2]


@pytest.mark.parametrize(
    ("files", "name", "size"),
    [
        ({"a.mha": mha()}, "a.mha", (4, 4, 2)),
        ({"packed.mha": compressed_mha(bytes(32))}, "packed.mha", (4, 4, 2)),
        ({"a.mhd": mhd(), "a.raw": bytes(4)}, "a.mhd", (2, 2, None)),
        ({"a.mhd": mhd("a.zraw"), "a.zraw": bytes(4)}, "a.mhd", (2, 2, None)),
        ({"a.nii": nifti()}, "a.nii", (2, 2, 2)),
        ({"a.nii.gz": gzip.compress(nifti())}, "a.nii.gz", (2, 2, 2)),
        ({"1.dcm": dicom("1.9", 1), "2.dcm": dicom("1.9", 2)}, "1.2.3-0", (2, 2, 2)),
        ({"a.png": png()}, "a.png", (1, 1, None)),
        ({"slide.svs": tiff()}, "slide.svs", (3, 4, None)),
        ({"a.zip": zipped({"a.mha": mha()})}, "a.mha", (4, 4, 2)),
        ({"a.zip": zipped({"in/a.mhd": mhd(), "in/a.raw": bytes(4)})}, "a.mhd", (2, 2, None)),
        ({"a.zip": zipped({f"s/{i}": dicom("1.9", i) for i in range(5)})}, "1.2.3-0", (2, 2, 5)),
        (
            {"s.zip": zipped({"s.mrxs": b"\xff\xd8\xff", "s/Slidedat.ini": b"", "s/D.dat": b""})},
            "s.mrxs",
            (1, 1, None),
        ),
    ],
)
def test_readable_files_make_one_image(
    client: Client, tmp_path: Path, files: dict[str, bytes], name: str, size: tuple[int, ...]
) -> None:
    image = ImportedItem(client, tmp_path).fill_and_wait(files).image

    assert image is not None
    assert (image["name"], (image["width"], image["height"], image["depth"])) == (name, size)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.mha": b"nothing"}, "1 file could not be imported."),
        ({"a.mha": b""}, "1 file could not be imported."),
        ({"a.mha": mha(bytes(31))}, "1 file could not be imported."),
        ({"a.mha": compressed_mha(bytes(31))}, "1 file could not be imported."),
        ({"a.mha": mha(b"xx", extra="CompressedData = True\n")}, "1 file could not be imported."),
        ({"a.mhd": mhd()}, "1 file could not be imported."),
        ({"a.nii": nifti(bytes(7))}, "1 file could not be imported."),
        ({"a.nii.gz": gzip.compress(nifti())[:-9]}, "1 file could not be imported."),
        ({"a.dcm": dicom("1")[:-9]}, "1 file could not be imported."),
        ({"a.png": png()[:-9]}, "1 file could not be imported."),
        ({"s.zip": zipped({"s.mrxs": b"\xff\xd8\xff"})}, "1 file could not be imported."),
        ({f"{i}.txt": b"x" for i in range(12)}, "12 files could not be imported."),
        ({"a.zip": zipped({"a": b"1", "b": b"2"})}, "2 files could not be imported."),
        ({"a.mha": mha(), "b.mha": mha()}, "Image imports should result in a single image."),
        (
            {"a.zip": zipped({"x/1": dicom("1.9", 1), "y/2": dicom("1.9", 2)})},
            "Image imports should result in a single image.",
        ),
        (
            {"1": dicom("1.8", 1), "2": dicom("1.9", 2)},
            "Image imports should result in a single image.",
        ),
    ],
)
def test_files_that_do_not_make_one_image_fail_with_the_platforms_message(
    client: Client, tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait(files)

    assert imported.image is None
    assert imported.words == words


SEGMENTS = (
    "Image segments could not be determined, ensure the voxel values are integers and that it "
    "contains no more than 64 segments. Ensure the image has the minimum and maximum voxel values "
    "set as tags if the image is a TIFF file.."
)
INVALID = (
    "The valid voxel values for this segmentation are: {0, 1}. This segmentation is invalid as it "
    "contains the voxel values: {7}.."
)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.mha": mha(bytes([0, 1] * 16))}, ""),
        ({"a.mha": compressed_mha(bytes([0, 1] * 16))}, ""),
        ({"a.mha": mha(bytes([0, 7] * 16))}, INVALID),
        ({"a.mha": mha(b"\x00\x00\x00\x07" * 16, kind="MET_SHORT", size="4 4 2",
                       extra="BinaryDataByteOrderMSB = True\n")}, INVALID),
        ({"a.mha": mha(bytes(64), kind="MET_FLOAT", size="4 4 1")}, SEGMENTS),
        ({"a.mha": mha(bytes(range(72)), size="8 9 1")}, SEGMENTS),
        ({"a.nii": nifti(bytes([0, 1] * 4))}, ""),
        ({"a.nii": nifti(bytes([7] * 8))}, INVALID),
        ({"a.nii": nifti(bytes(32), kind=16, bits=32)}, SEGMENTS),
        ({"a.dcm": dicom("1", pixels=b"\x07\x00" * 4)}, INVALID),
        ({"a.tif": tiff()}, SEGMENTS),
    ],
)  # fmt: skip
def test_a_segmentation_may_contain_only_its_sockets_voxel_values(
    client: Client, tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    imported = ImportedItem(client, tmp_path, "lesion-seg").fill_and_wait(files)

    assert (imported.image is None) == bool(words)
    assert imported.words == words
    session = client.sessions()[-1]
    assert session["status"] == ("Failed" if words else "Succeeded")
    assert session["user_uploads"] == []


def test_a_failed_first_task_keeps_the_rows_and_the_old_value(
    client: Client, tmp_path: Path
) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": mha()})
    old = imported.image

    imported.fill_and_wait({"a.mha": b"nothing"})

    assert imported.image == old
    row = client.get(imported.uploads[0])
    assert (row.status_code, row.json()["status"]) == (200, "Completed")
    session = client.sessions()[-1]
    assert session["status"] == "Failed"
    assert session["uploads"] == imported.uploads
    assert session["user_uploads"] == [row.json()["pk"]]
    assert session["error_message"].startswith("Image validation for socket Ct Image failed")


def test_between_the_two_tasks_there_is_neither_a_row_nor_a_value(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_sandbox(import_delay_s=0.4)
    item, upload = client.create(), client.upload()
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    assert client.sessions()[0]["status"] == "Re-Queued"
    assert client.get(upload).status_code == 200

    wait_for(lambda: client.get(upload).status_code == 404)

    assert client.values(item) == {}
    assert client.sessions()[0]["status"] == "Succeeded"
    wait_for(lambda: client.values(item))


def test_only_one_of_several_items_gets_a_shared_upload(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=0.2)
    upload, items = client.upload(), [client.create() for _ in range(8)]
    for item in items:
        client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    wait_for_imports(tmp_path)

    assert sorted(len(client.values(item)) for item in items) == [0] * 7 + [1]
    messages = sorted(session["error_message"] for session in client.sessions())
    assert messages == ["", *["Image validation for socket Ct Image failed with error: ."] * 7]


def test_an_upload_does_not_exist_after_its_import(client: Client, tmp_path: Path) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": mha()})

    again = client.fill(imported.item, {"interface": "ct-image", "user_uploads": imported.uploads})

    words = "Invalid hyperlink - Object does not exist."
    assert again.json() == {"values": [{"user_uploads": [words]}]}


def test_two_uploads_of_the_same_name_fail_but_a_repeated_upload_does_not(
    client: Client, tmp_path: Path
) -> None:
    same = [client.upload("a.mha"), client.upload("a.mha")]
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": same})
    client.fill(item, {"interface": "mr-image", "user_uploads": [client.upload()] * 2})
    wait_for_imports(tmp_path)

    messages = {session["error_message"].partition("error: ")[2] for session in client.sessions()}
    assert messages == {
        "",
        "Duplicate files uploaded, please try again with a unique set of files.",
    }
    assert list(client.values(item)) == ["mr-image"]


def test_unreadable_files_beside_an_image_are_consumed(client: Client, tmp_path: Path) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": mha(), "notes.txt": b"x"})

    assert imported.image is not None
    assert {client.get(upload).status_code for upload in imported.uploads} == {404}


@pytest.mark.parametrize("name", ["a.mha", ".."])
def test_an_incomplete_or_badly_named_upload_fails(
    client: Client, tmp_path: Path, name: str
) -> None:
    item = client.create()
    upload = client.open_upload()["api_url"] if name == "a.mha" else client.upload(name)
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    wait_for_imports(tmp_path)

    assert client.sessions()[0]["error_message"].endswith("error: An unexpected error occurred.")
    assert client.get(upload).status_code == 200


def test_an_item_that_is_answered_meanwhile_gets_no_image(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=0.1)
    item, upload = client.create(), client.upload()
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    answer = {"display_set": client.running.url + item, "question": "q", "answer": 1}
    assert client.post("reader-studies/answers/", json=answer).is_success
    wait_for_imports(tmp_path)

    assert client.values(item) == {}
    assert (client.sessions()[0]["status"], client.sessions()[0]["uploads"]) == ("Failed", [])


@pytest.mark.parametrize(
    ("socket", "content", "taken"),
    [
        ("report-pdf", b"%PDF", True),
        ("report-pdf", b"", True),
        ("table-csv", b"\x00", True),
        ("any-file", b'{"a": 1}', True),
        ("any-file", b"{a", False),
        ("any-file", b"", False),
        ("schema-file", b'{"score": 0.5}', True),
        ("schema-file", b'{"score": 5}', False),
        ("points-file", b"{}", False),
    ],
)
def test_files_are_imported_or_ignored_without_a_message(
    client: Client, tmp_path: Path, socket: str, content: bytes, *, taken: bool
) -> None:
    item, upload = client.create(), client.upload("a.bin", content)
    assert client.fill(item, {"interface": socket, "user_upload": upload}).status_code == 200
    wait_for_imports(tmp_path)

    assert (socket in client.values(item)) == taken
    assert client.get(upload).status_code == (404 if taken else 200)
    assert client.sessions() == []
    assert client.get("notifications/").json()["results"] == ([] if taken else [{"read": False}])


def test_a_second_file_for_a_socket_replaces_the_first(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=0.05)
    item = client.create()
    for name in ("a.pdf", "b.pdf"):
        client.fill(item, {"interface": "report-pdf", "user_upload": client.upload(name, b"x")})
    wait_for_imports(tmp_path)

    assert len(client.values(item)) == 1


def test_a_dicom_image_set_is_accepted_but_not_imported(client: Client, tmp_path: Path) -> None:
    item, upload = client.create(), client.upload("1.dcm", dicom("1"))
    value = {"interface": "dicom-set", "user_uploads": [upload], "image_name": "n"}
    assert client.fill(item, value).status_code == 200
    wait_for_imports(tmp_path)

    assert (client.values(item), client.sessions()) == ({}, [])


def test_nothing_is_imported_with_an_infinite_delay(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(import_delay_s=FOREVER)
    item, upload = client.create(), client.upload()

    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})

    assert client.sessions()[0]["status"] == "Re-Queued"
    assert client.values(item) == {}


def test_a_stored_file_has_a_valid_name(client: Client, tmp_path: Path) -> None:
    item = client.create()
    upload = client.upload("sp ace & (1) é.pdf", b"x")
    client.fill(item, {"interface": "report-pdf", "user_upload": upload})
    wait_for_imports(tmp_path)

    address = client.values(item)["report-pdf"]["file"]

    assert httpx.URL(address).path.endswith("/sp_ace__1_é.pdf")


def test_the_voxel_values_of_a_large_segmentation_are_read(client: Client, tmp_path: Path) -> None:
    voxels = (b"\x00\x00" * 1000 + b"\x01\x00" * 24) * 16 * 40
    content = mha(voxels, kind="MET_USHORT", size="128 128 40")

    imported = ImportedItem(client, tmp_path, "lesion-seg").fill_and_wait({"a.mha": content})

    assert imported.image is not None
    assert imported.image["segments"] == [0, 1]
