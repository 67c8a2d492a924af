"""DICOM image sets: what is imported, what is refused without a word, and their instances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from manifest_uploader.sandbox import Fault, Judge, Seen, start
from manifest_uploader.sandbox.dicom_sets import set_complaint
from tests.sandbox.contents import dicom
from tests.sandbox.helpers import PLAIN, Client, mha, options, wait_for_imports, zipped

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
DIFFERS = "Element '{}' has differing values across files: these must be identical."


def fill(
    client: Client, contents: list[bytes], name: str = "CT of case 1"
) -> tuple[str, list[str]]:
    """Fill a new item with a set; return the item and the uploads."""
    item = client.create()
    uploads = [client.upload(f"{n}.dcm", content) for n, content in enumerate(contents)]
    value = {"interface": "dicom-set", "image_name": name, "user_uploads": uploads}
    assert client.fill(item, value).status_code == 200
    return item, uploads


def image_of(client: Client, item: str) -> str:
    return str(client.values(item)["dicom-set"]["image"])


def test_a_set_becomes_an_image_without_sizes(client: Client, tmp_path: Path) -> None:
    name = "<b>ü & 影 / name</b>"
    item, uploads = fill(client, [dicom("1.9", number) for number in range(3)], f" {name} ")
    wait_for_imports(tmp_path)

    address = image_of(client, item)
    image = client.get(address).json()

    assert (image["name"], image["files"]) == (name, [])
    assert len(image["dicom_image_set"]["image_set_id"]) == 32
    assert (image["width"], image["depth"], image["shape"], image["color_space"]) == (
        *(None, None),
        *([], ""),
    )
    assert [client.get(upload).status_code for upload in uploads] == [404] * 3
    assert client.sessions() == []
    listed = client.get("cases/images/", params={"name": name}).json()["results"]
    assert [one["api_url"] for one in listed] == [address]


def test_an_image_names_one_instance_for_each_file(client: Client, tmp_path: Path) -> None:
    item, _ = fill(client, [dicom("1.9", 1)] * 2 + [dicom("1.9", 2)])
    wait_for_imports(tmp_path)

    answer = client.get(f"{image_of(client, item)}dicom/instances/").json()
    again = client.get(f"{image_of(client, item)}dicom/instances/").json()
    frames = client.get(f"{image_of(client, item)}dicom/frames/").json()

    uids = [one["sop_instance_uid"] for one in answer["instances"]]
    assert len(set(uids)) == 3
    assert uids == [one["sop_instance_uid"] for one in again["instances"]]
    assert all(uid.startswith("1.2.826.") and len(uid) <= 64 for uid in uids)
    assert {one["get_instance"]["method"] for one in answer["instances"]} == {"GET"}
    assert len(frames["image_frames"]) == 3


def test_instances_can_be_downloaded_if_contents_are_kept(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(keep_bytes=True)
    slices = [dicom("1.9", number) for number in range(2)]
    item, _ = fill(client, slices)
    wait_for_imports(tmp_path)

    requests = [
        one["get_instance"]
        for one in client.get(f"{image_of(client, item)}dicom/instances/").json()["instances"]
    ]

    found = [httpx.get(one["url"], headers=one["headers"], **PLAIN).content for one in requests]
    assert found == slices


def test_only_dicom_images_have_instances_and_only_for_those_who_see_them(
    client: Client, tmp_path: Path
) -> None:
    item, _ = fill(client, [dicom("1.9")])
    plain = client.create()
    client.fill(plain, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    address = image_of(client, item)
    stranger = client.stranger()

    ordinary = client.get(f"{client.values(plain)['ct-image']['image']}dicom/instances/")
    hidden = [stranger.get(address), stranger.get(f"{address}dicom/instances/")]

    assert ordinary.status_code == 404
    assert [answer.status_code for answer in hidden] == [404, 404]


def test_a_set_is_used_again_in_sockets_of_its_kind_only(client: Client, tmp_path: Path) -> None:
    item, _ = fill(client, [dicom("1.9")])
    wait_for_imports(tmp_path)
    image, other = image_of(client, item), client.create()

    ordinary = client.fill(other, {"interface": "ct-image", "image": image})
    fitting = client.fill(other, {"interface": "dicom-set", "image": image})

    assert ordinary.json() == {"values": [{"__all__": ["Image may not be DICOM"]}]}
    assert fitting.status_code == 200
    assert image_of(client, other) == image


SLICE = {"SOPClassUID": CT, "StudyInstanceUID": "1", "StudyID": "7"}


@pytest.mark.parametrize(
    ("heads", "complaint"),
    [
        ([SLICE, SLICE], None),
        ([{**SLICE, "SOPClassUID": MR}], None),
        ([{**SLICE, "SOPClassUID": SLIDE}], None),
        ([SLICE, {**SLICE, "SOPClassUID": ENHANCED_CT}], "Unsupported SOP Class"),
        ([SLICE, {}], "An unexpected error occurred"),
        ([SLICE, {"SOPClassUID": CT, "StudyInstanceUID": "1"}], None),
        *(
            ([{**SLICE, tag: "1"}, SLICE, {**SLICE, tag: "2"}], DIFFERS.format(tag))
            for tag in ("StudyInstanceUID", "SeriesInstanceUID", "PatientID", "StudyDate")
        ),
        *(
            ([{**SLICE, tag: "1"}, {**SLICE, tag: "2"}], DIFFERS.format(tag))
            for tag in ("StudyID", "AccessionNumber", "SeriesNumber")
        ),
    ],
)
def test_a_set_is_judged_by_its_tags(heads: list[dict[str, str]], complaint: str | None) -> None:
    assert set_complaint(heads) == complaint


@pytest.mark.parametrize(
    "contents",
    [
        [dicom("1.9", 1), b""],
        [dicom("1.9", 1), b"no DICOM" * 50],
        [zipped({"a.dcm": dicom("1.9")})],
        [dicom("1.9", 1, PatientID="a"), dicom("1.9", 2, PatientID="b")],
        [dicom("1.9", 1), dicom("1.8", 2)],
        [dicom("1.9", 1, SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")],
    ],
    ids=["empty", "text", "zip", "patients", "series", "ultrasound"],
)
def test_a_refused_set_loses_its_uploads_without_a_word(
    client: Client, tmp_path: Path, contents: list[bytes]
) -> None:
    item, uploads = fill(client, contents)
    wait_for_imports(tmp_path)

    assert {client.get(upload).status_code for upload in uploads} == {404}
    assert (client.values(item), client.sessions()) == ({}, [])
    assert client.get("cases/images/").json()["count"] == 0
    assert client.get("notifications/").json()["count"] == 1


@pytest.mark.parametrize(
    "contents",
    [
        [dicom("1.9", 1, StudyID="1"), dicom("1.9", 2)],
        [dicom("1.9", 1), dicom("1.9", 1)],
        [dicom("1.9", 1), dicom("1.9", 2, rows=1, pixels=bytes(4))],
        [dicom("1.9", 1), dicom("1.9", 2)[:-4]],
    ],
    ids=["a tag is missing", "a slice twice", "sizes", "cut off"],
)
def test_what_the_platform_does_not_notice_is_imported(
    client: Client, tmp_path: Path, contents: list[bytes]
) -> None:
    item, _ = fill(client, contents)
    wait_for_imports(tmp_path)

    assert image_of(client, item)


def test_a_set_of_an_upload_that_is_not_completed_is_refused(
    client: Client, tmp_path: Path
) -> None:
    item, row = client.create(), client.open_upload("1.dcm")
    value = {"interface": "dicom-set", "image_name": "x", "user_uploads": [row["api_url"]]}
    assert client.fill(item, value).status_code == 200
    wait_for_imports(tmp_path)

    assert client.get(row["api_url"]).status_code == 404
    assert client.values(item) == {}


def test_a_doubled_fill_makes_one_image(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=0.05)
    item, uploads = fill(client, [dicom("1.9", 1), dicom("1.9", 2)])
    value = {"interface": "dicom-set", "image_name": "CT of case 1", "user_uploads": uploads}
    assert client.fill(item, value).status_code == 200
    wait_for_imports(tmp_path)

    assert image_of(client, item)
    assert client.get("cases/images/?name=CT of case 1").json()["count"] == 1
    words = "Invalid hyperlink - Object does not exist."
    assert client.fill(item, value).json() == {"values": [{"user_uploads": [words]}]}


def test_a_name_may_have_255_characters(client: Client, tmp_path: Path) -> None:
    item, _ = fill(client, [dicom("1.9")], "x" * 255)
    wait_for_imports(tmp_path)

    assert client.get(image_of(client, item)).json()["name"] == "x" * 255


def test_several_uploads_may_have_one_name_and_several_parts(
    client: Client, tmp_path: Path
) -> None:
    large = dicom("1.9", rows=1500, pixels=bytes(6000), PixelData=bytes(6 * 1024**2))
    row = client.open_upload("1.dcm")
    parts = [client.put(row, large[: 5 * 1024**2], 1), client.put(row, large[5 * 1024**2 :], 2)]
    assert client.complete(row, *parts).is_success
    item = client.create()
    uploads = [row["api_url"], client.upload("1.dcm", dicom("1.9"))]
    value = {"interface": "dicom-set", "image_name": "x", "user_uploads": uploads}
    assert client.fill(item, value).is_success
    wait_for_imports(tmp_path)

    assert image_of(client, item)


class Failing:
    """Makes the imports of fills fail."""

    def before(self, request: Seen) -> Fault | None:
        return Fault.fail_import("on purpose") if request.kind == "item-fill" else None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def test_a_fault_can_refuse_a_set(start_sandbox: Callable[..., Client], tmp_path: Path) -> None:
    client = start_sandbox(hook=Failing())
    item, uploads = fill(client, [dicom("1.9")])
    wait_for_imports(tmp_path)

    assert client.get(uploads[0]).status_code == 404
    assert client.values(item) == {}


def test_a_set_survives_a_restart_between_its_two_stages(tmp_path: Path, judge: Judge) -> None:
    kinds: list[str] = []

    class Noting:
        def before(self, request: Seen) -> Fault | None:
            kinds.append(request.kind)
            return None

        def after(self, request: Seen, status: int) -> Fault | None:
            return None

    given: dict[str, Any] = {"judge": judge, "hook": Noting()}
    with (
        start(options(tmp_path, import_delay_s=float("inf"), **given)) as running,
        Client(running) as client,
    ):
        item, _ = fill(client, [dicom("1.9")])
    with start(options(tmp_path, **given)) as running, Client(running) as client:
        wait_for_imports(tmp_path)
        assert client.get(f"{image_of(client, item)}dicom/instances/").is_success
    assert kinds[-1] == "instances"


def test_an_ordinary_image_is_no_set(client: Client, tmp_path: Path) -> None:
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload("a.mha", mha())]})
    wait_for_imports(tmp_path)

    assert client.get(client.values(item)["ct-image"]["image"]).json()["dicom_image_set"] is None
