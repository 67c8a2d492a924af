"""`same-as` stands for the files, or for the image, of another value."""

from __future__ import annotations

from manifest_uploader.manifest.model import FileValue, ImageValue, Value
from manifest_uploader.manifest.parser import parse

PK = "6cae04d9-f29e-43bf-8b4f-414a1712c245"


def values_of(cases: str) -> dict[str, Value]:
    text = f"version: 1\ntarget: {{kind: archive, slug: lung}}\ncases:\n{cases}"
    manifest = parse(text, "lung.yaml")
    return {
        f"{case.name}/{value.socket}": value for case in manifest.cases for value in case.values
    }


def test_it_has_the_paths_of_the_other_value_and_its_own_place() -> None:
    found = values_of(
        "  - {name: a, sockets: {ct: {same-as: b/mr}}}\n"
        "  - {name: b, sockets: {mr: {files: [one.dcm, two.dcm]}}}\n"
    )

    value = found["a/ct"]
    assert isinstance(value, FileValue)
    assert (value.paths, value.single) == (("one.dcm", "two.dcm"), False)
    assert (value.same_as, value.place.line) == ("b/mr", 4)


def test_it_may_stand_for_a_value_that_itself_stands_for_another() -> None:
    found = values_of(
        "  - {name: a, sockets: {ct: {same-as: b/ct}}}\n"
        "  - {name: b, sockets: {ct: {same-as: c/ct}}}\n"
        "  - {name: c, sockets: {ct: {file: ct.mha}}}\n"
    )

    assert {value.paths for value in found.values() if isinstance(value, FileValue)} == {
        ("ct.mha",)
    }


def test_it_may_stand_for_an_image_that_the_platform_has() -> None:
    found = values_of(f"  - {{name: a, sockets: {{ct: {{image: {PK}}}, mr: {{same-as: a/ct}}}}}}\n")

    value = found["a/mr"]
    assert isinstance(value, ImageValue)
    assert (value.socket, value.pk) == ("mr", PK)


def test_blanks_around_its_names_mean_nothing() -> None:
    found = values_of(
        "  - {name: a, sockets: {ct: {same-as: ' b / mr '}}}\n"
        "  - {name: b, sockets: {mr: {file: mr.mha}}}\n"
    )

    value = found["a/ct"]
    assert isinstance(value, FileValue)
    assert (value.paths, value.same_as) == (("mr.mha",), "b/mr")
