"""Imports of images and files, and everything that can fail in them."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.contents import compressed_mha, dicom, mhd, nifti, png, series, tiff
from tests.sandbox.helpers import Client, mha, wait_for, wait_for_imports, zipped

FOREVER = float("inf")


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
        ({"ü 影 & <b>.mha": mha()}, "ü 影 & <b>.mha", (4, 4, 2)),
        ({"packed.mha": compressed_mha(bytes(32))}, "packed.mha", (4, 4, 2)),
        ({"a.mhd": mhd(), "a.raw": bytes(4)}, "a.mhd", (2, 2, None)),
        ({"a.nii": nifti()}, "a.nii", (2, 2, 2)),
        ({"a.nii.gz": gzip.compress(nifti())}, "a.nii.gz", (2, 2, 2)),
        (series(1, 2), "1.2.3-0", (2, 2, 2)),
        (series(1), "1.2.3-0", (2, 2, 1)),
        ({"a.png": png()}, "a.png", (1, 1, None)),
        ({"slide.tif": tiff()}, "slide.tif", (3, 4, 1)),
        ({"a.zip": zipped({"a.mha": mha()})}, "a.mha", (4, 4, 2)),
        ({"a.zip": zipped({"in/a b.mhd": mhd(), "in/a.raw": bytes(4)})}, "a b.mhd", (2, 2, None)),
        ({"a.zip": zipped({f"s/{n}": d for n, d in series(*range(5)).items()})},
         "1.2.3-0", (2, 2, 5)),
        ({"o.zip": zipped({"in/i.zip": zipped({"a.mha": mha()})})}, "a.mha", (4, 4, 2)),
    ],
)  # fmt: skip
def test_readable_files_make_one_image(
    client: Client, tmp_path: Path, files: dict[str, bytes], name: str, size: tuple[int, ...]
) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait(files)

    assert imported.image is not None
    found = imported.image
    assert (found["name"], (found["width"], found["height"], found["depth"])) == (name, size)
    assert found["shape_without_color"] == [one for one in reversed(size) if one]
    assert client.sessions()[-1]["error_message"] == ""


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.mha": b"nothing"}, "1 file could not be imported."),
        ({"a.mha": b""}, "1 file could not be imported."),
        ({"a.mha": mha(bytes(31))}, "1 file could not be imported."),
        ({"a.mhd": mhd()}, "1 file could not be imported."),
        ({"a.dcm": dicom("1")[:-9]}, "1 file could not be imported."),
        ({**series(1, 2), "s3.dcm": dicom("1.9", 3)[:-1]}, "3 files could not be imported."),
        ({"a.zip": zipped({"a.mha": mha()})[:-9]}, "1 file could not be imported."),
        ({f"{i}.txt": b"x" for i in range(12)}, "12 files could not be imported."),
        ({"a.zip": zipped({"a": b"1", "b": b"2"})}, "2 files could not be imported."),
        ({"a.zip": zipped({})}, "An unexpected error occurred."),
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


@pytest.mark.parametrize(
    ("files", "depth", "spacing", "lost"),
    [
        (series(0, 1, 2, 3, 4, 5), 6, 1.0, 0),
        ({**series(0, 1, 2, 3, 4), "s5.dcm": b""}, 5, 1.0, 1),
        ({**series(0, 1, 3, 4, 5), "s2.dcm": b"version 1"}, 5, 1.25, 1),
        ({**series(0, 1, 3, 4, 5)}, 5, 1.25, 0),
        ({**series(0, 1, 2, 3, 4, 5), "again.dcm": dicom("1.9", 3)}, 7, 1.0, 0),
        ({**series(0, 1, 2, 3, 4, 5), "readme.txt": b"x", "a.csv": b"1"}, 6, 1.0, 2),
        ({"a.zip": zipped({**series(0, 1, 2, 3, 4), "s5.dcm": b""})}, 5, 1.0, 1),
    ],
)
def test_a_session_that_succeeds_says_how_many_files_were_not_used(
    client: Client, tmp_path: Path, files: dict[str, bytes], depth: int, spacing: float, lost: int
) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait(files)

    [session] = client.sessions()
    assert imported.image is not None
    assert (imported.image["depth"], imported.image["voxel_depth_mm"]) == (depth, spacing)
    plural = "" if lost == 1 else "s"
    words = f"{lost} file{plural} could not be imported" if lost else ""
    assert (session["status"], session["error_message"]) == ("Succeeded", words)
    assert session["user_uploads"] == []
    assert client.get("notifications/").json()["count"] == bool(lost)


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
        ({"a.mha": mha(bytes(32))}, ""),
        ({"a.mha": mha(bytes([0, 7] * 16))}, INVALID),
        ({"a.mha": mha(bytes(64), kind="MET_SHORT")}, SEGMENTS),
        ({"a.mha": mha(bytes(128), kind="MET_FLOAT")}, SEGMENTS),
        ({"a.nii": nifti(bytes([0, 1] * 4))}, ""),
        ({"a.nii": nifti(bytes([7] * 8))}, INVALID),
        ({"a.nii": nifti(bytes(32), kind=16, bits=32)}, SEGMENTS),
        ({"a.dcm": dicom("1")}, SEGMENTS),
        ({"a.tif": tiff()}, SEGMENTS),
        ({"a.tif": tiff((1, 1))}, ""),
    ],
)
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
    assert client.answer(item).is_success
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


def test_a_dicom_image_set_is_rejected_and_its_uploads_are_gone(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=FOREVER)
    rows = [client.open_upload(name) for name in series(1, 2)]
    for row in rows:
        client.complete(row, client.put(row, b"slice"))
    item = client.create()
    uploads = [row["api_url"] for row in rows]
    value = {"interface": "dicom-set", "user_uploads": uploads, "image_name": "n"}
    assert client.fill(item, value).status_code == 200
    assert [client.get(upload).status_code for upload in uploads] == [200, 200]
    client.running.close()

    client = start_sandbox()
    wait_for_imports(tmp_path)

    assert [client.get(f"uploads/{row['pk']}/").status_code for row in rows] == [404, 404]
    assert (client.values(item), client.sessions()) == ({}, [])
    assert client.get("notifications/").json()["count"] == 1
    words = "Invalid hyperlink - Object does not exist."
    assert client.fill(item, value).json() == {"values": [{"user_uploads": [words]}]}


@pytest.mark.parametrize(("socket", "name"), [("dicom-set", "x" * 256), ("ct-image", "n")])
def test_some_named_uploads_are_silently_ignored(
    client: Client, tmp_path: Path, socket: str, name: str
) -> None:
    item, upload = client.create(), client.upload("1.dcm", dicom("1"))
    value = {"interface": socket, "user_uploads": [upload], "image_name": name}

    assert client.fill(item, value).status_code == 200
    wait_for_imports(tmp_path)

    assert client.get(upload).json()["status"] == "Completed"
    assert client.values(item) == {}


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


def test_an_existing_image_must_fit_a_segmentation_too(client: Client, tmp_path: Path) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": mha(bytes([0, 7] * 16))})
    address = client.values(imported.item)["ct-image"]["image"]

    answer = client.fill(imported.item, {"interface": "lesion-seg", "image": address})

    assert (answer.status_code, answer.json()) == (
        400,
        {"values": [{"__all__": [INVALID.removesuffix(".")]}]},
    )


def test_zero_is_always_a_voxel_value_of_a_segmentation(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(sockets=("lesion-seg=Segmentation,segments=2-3",))
    imported = ImportedItem(client, tmp_path, "lesion-seg")

    assert imported.fill_and_wait({"a.mha": mha(bytes([0, 3] * 16))}).image is not None


def test_the_record_of_an_image_has_its_colours_and_time_points(
    client: Client, tmp_path: Path
) -> None:
    rgb = mha(bytes(96), extra="ElementNumberOfChannels = 3\n")
    video = mha(bytes(64), kind="MET_SHORT", size="4 4 1 2").replace(b"NDims = 3", b"NDims = 4")

    colour = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": rgb}).image
    times = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": video}).image

    assert colour is not None
    assert times is not None
    keys = ("color_space", "shape", "shape_without_color")
    assert [colour[key] for key in keys] == ["RGB", [2, 4, 4, 3], [2, 4, 4]]
    assert [times[key] for key in keys] == ["GRAY", [2, 1, 4, 4], [2, 1, 4, 4]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (mha(), "Deformation and displacement must be 4D images."),
        (
            mha(bytes(96), extra="ElementNumberOfChannels = 3\n"),
            "Deformation and displacement fields cannot have a color component.",
        ),
    ],
)
def test_a_displacement_field_needs_four_dimensions(
    start_sandbox: Callable[..., Client], tmp_path: Path, content: bytes, words: str
) -> None:
    client = start_sandbox(sockets=("field=Displacement field",))

    imported = ImportedItem(client, tmp_path, "field").fill_and_wait({"a.mha": content})

    assert imported.words == f"{words}."


def test_images_of_earlier_versions_are_still_shown(client: Client, tmp_path: Path) -> None:
    imported = ImportedItem(client, tmp_path).fill_and_wait({"a.mha": mha()})
    address = client.values(imported.item)["ct-image"]["image"]
    size = {"width": 4, "height": 4, "depth": 2}
    files = [{"name": "a.mha", "sha256": "", "size": 1}]
    facts = {"name": "a.mha", **size, "study": "", "series": "", "segments": [0], "files": files}
    with sqlite3.connect(tmp_path / "memory" / "sandbox.sqlite3") as db:
        db.execute("UPDATE images SET facts = ?", (json.dumps(facts),))
    db.close()

    image = client.get(address).json()

    assert (image["name"], image["shape"], image["voxel_depth_mm"]) == ("a.mha", [2, 4, 4], None)
