from __future__ import annotations

import pytest

from manifest_uploader.engine.causes import explained, failure_text
from manifest_uploader.manifest.model import files_of
from manifest_uploader.state.events import Failure
from tests.helpers import file_value, image_value, json_value


def failed(words: str, source: str | None = None) -> Failure:
    return Failure("ct-image", words, source, of_import=True)


@pytest.mark.parametrize(
    ("words", "likely"),
    [
        ("120 files could not be imported.", "is it a whole image in a format"),
        ("Image imports should result in a single image.", "two series"),
        ("Duplicate files uploaded, please try again", "the same name"),
        ("Image segments could not be determined, ensure", "whole numbers as voxel values"),
        ("The valid voxel values for this segmentation are: {0, 1}.", "save the segmentation"),
        ("An unexpected error occurred.", "--retry-failed"),
    ],
)
def test_the_platforms_words_come_with_the_likely_cause(words: str, likely: str) -> None:
    found = explained(failed(words))

    assert found.startswith(f"{words} — ")
    assert likely in found


def test_words_that_nobody_knows_are_told_as_they_are() -> None:
    assert explained(failed("The moon is wrong.")) == "The moon is wrong."


def test_the_files_are_named() -> None:
    assert explained(failed("The moon is wrong.", "ct/*.dcm")) == (
        "The moon is wrong. (from ct/*.dcm)"
    )


def test_of_many_files_only_some_are_named() -> None:
    assert files_of(file_value("x", "a", "b", "c")) == "a, b, c"
    assert files_of(file_value("x", "a", "b", "c", "d", "e")) == "a, b, c and 2 more"
    assert files_of(json_value("x", 1)) == "the value in the manifest"
    assert files_of(image_value("x")) is None


def test_a_failure_is_told_with_its_socket_if_it_concerns_one() -> None:
    assert failure_text(Failure("ct-image", "No.")) == "ct-image: No."
    assert failure_text(Failure(None, "No.")) == "No."


def test_an_image_that_lacks_slices_is_told_with_what_to_do() -> None:
    """The platform's words in it mean that some files were left out, not all."""
    words = "5 of 6 slices arrived; the platform says: 1 file could not be imported"
    failure = Failure("ct-image", words, "ct/*.dcm", of_import=True, incomplete=True)

    found = explained(failure)

    assert found.startswith(f"{words} (from ct/*.dcm) — the image on the platform lacks the others")
    assert "is it a whole image" not in found


def test_only_failed_imports_are_explained() -> None:
    assert explained(Failure(None, "An unexpected error occurred")) == (
        "An unexpected error occurred"
    )
