"""Which files are fetched, and under which names."""

from __future__ import annotations

import pytest

from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.fetched import (
    CaseFiles,
    FetchedFile,
    FileState,
    WantedFile,
    Why,
    choose_files,
    images_wanted,
)
from manifest_uploader.platform.image_files import StoredImage, read_image_files
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.state.history import EMPTY, CaseHistory, SocketHistory
from tests.helpers import case as a_case
from tests.helpers import file_value, json_value, pk

MEDIA = "https://host/media"
FILE = SocketSeen("7", None, file=f"{MEDIA}/components/1/2/7/My%20report.pdf?sig=1")
IMAGE = SocketSeen("8", "image:x", image=pk(8))


def case(name: str, *sockets: str) -> Case:
    return a_case(name, *map(file_value, sockets), title=f"Title of {name}")


def item(**sockets: SocketSeen) -> ItemSeen:
    return ItemSeen(pk(1), "Seen", None, sockets)


def image(name: str, *endings: str) -> StoredImage:
    files = tuple(f"{MEDIA}/images/{number}/{pk(8)}{one}" for number, one in enumerate(endings))
    return StoredImage(pk(8), name, files)


def names_of(name: str, *endings: str) -> list[str]:
    one = CaseFiles(case("p"), EMPTY, item(ct=IMAGE))
    found = choose_files([one], {pk(8): image(name, *endings)}, ["p"])
    return [file.name.removeprefix("p/ct/") for file in found if isinstance(file, WantedFile)]


@pytest.mark.parametrize(
    ("name", "ending", "expected"),
    [
        ("ct.mha", ".mha", "ct.mha"),
        ("ct.nii.gz", ".mha", "ct.mha"),
        ("CT.NRRD", ".mha", "CT.mha"),
        ("1.2.840.1-0", ".mha", "1.2.840.1-0.mha"),
        ("slide.svs", ".tif", "slide.tif"),
        (".mha", ".mha", ".mha.mha"),
        ("", ".mha", f"{pk(8)}.mha"),
    ],
)
def test_a_single_file_of_an_image_is_named_after_it(name: str, ending: str, expected: str) -> None:
    assert names_of(name, ending) == [expected]


def test_several_files_of_an_image_keep_their_names_as_one_may_name_another() -> None:
    assert names_of("ct.mha", ".mhd", ".zraw") == [f"{pk(8)}.mhd", f"{pk(8)}.zraw"]


def test_the_name_of_a_file_is_that_of_its_address() -> None:
    (found,) = choose_files([CaseFiles(case("con"), EMPTY, item(report=FILE))], {}, ["con"])

    assert isinstance(found, WantedFile)
    assert found.name.startswith("_con~")
    assert found.name.endswith("/report/My report.pdf")
    assert (found.title, found.sha256) == ("Seen", None)


def test_a_case_may_be_called_like_a_table() -> None:
    (found,) = choose_files(
        [CaseFiles(case("items.csv"), EMPTY, item(report=FILE))], {}, ["items.csv"]
    )

    assert isinstance(found, WantedFile)
    assert found.name.partition("/")[0] not in {"items.csv", "answers.csv"}


def test_what_is_missing_is_named() -> None:
    cases = [
        CaseFiles(case("a", "ct"), EMPTY, None),
        CaseFiles(case("b", "ct", "mr"), EMPTY, item(mr=IMAGE, score=SocketSeen("9", "json:1"))),
    ]

    assert choose_files(cases, {}, ["a", "b"]) == [
        FetchedFile("a", "Title of a", None, None, FileState.MISSING, Why.NO_ITEM),
        FetchedFile("b", "Seen", "ct", None, FileState.MISSING, Why.NO_VALUE),
        FetchedFile("b", "Seen", "mr", None, FileState.MISSING, Why.NO_FILES),
    ]
    assert choose_files(cases[1:], {pk(8): image("set")}, ["b"])[1].socket == "mr"
    assert images_wanted(cases) == {pk(8)}


def test_a_value_that_is_missing_is_not_a_missing_file() -> None:
    one = a_case("a", json_value("score", 1))
    sent = CaseHistory(sockets={"score": SocketHistory(Entry("score", upload=pk(3)), 0.0, "lost")})

    assert choose_files([CaseFiles(one, EMPTY, item())], {}, ["a"]) == []
    (found,) = choose_files([CaseFiles(one, sent, item())], {}, ["a"])  # it was sent as a file
    assert isinstance(found, FetchedFile)
    assert found.why is Why.NO_VALUE


@pytest.mark.parametrize(("mark", "expected"), [("7", "ab"), ("6", None)])
def test_what_was_sent_is_only_expected_while_the_item_holds_it(
    mark: str, expected: str | None
) -> None:
    was = SocketHistory(Entry("report", upload=pk(3)), 0.0, "confirmed", pk=mark, sha256="ab")
    past = CaseHistory(item=pk(1), sockets={"report": was})

    (found,) = choose_files([CaseFiles(case("p"), past, item(report=FILE))], {}, ["p"])

    assert isinstance(found, WantedFile)
    assert found.sha256 == expected


def test_another_file_is_another_source() -> None:
    other = SocketSeen("9", None, file=FILE.file)
    sources = {
        file.source
        for held in (FILE, other, FILE)
        for file in choose_files([CaseFiles(case("p"), EMPTY, item(report=held))], {}, ["p"])
        if isinstance(file, WantedFile)
    }

    assert len(sources) == 2


def test_the_files_of_an_image_are_read() -> None:
    entry = {
        "pk": pk(8).upper(),
        "name": "ct.mha",
        "files": [{"file": f"{MEDIA}/a.mha"}, {"file": None}, None],
    }

    assert read_image_files(entry) == StoredImage(pk(8), "ct.mha", (f"{MEDIA}/a.mha",))
    assert read_image_files({"pk": pk(8), "files": None}) == StoredImage(pk(8), "", ())
    assert read_image_files({"pk": 8}) is None
