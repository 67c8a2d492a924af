"""Among a study's sockets, that is proposed which fits by kind and by name."""

from __future__ import annotations

import pytest

from manifest_uploader.init.fit import Wanted, best, ranked
from manifest_uploader.init.slugs import to_slug
from tests.helpers import SOCKETS, socket

STUDY = list(SOCKETS.values())
MANY = [
    *STUDY,
    socket("generic-medical-image", "Image", "Image"),
    socket("lung-volume", "Float", "Value"),
    socket("airway-segmentation", "Segmentation", "Image"),
    socket("koerpergroesse", "Float", "Value"),
]


@pytest.mark.parametrize(
    ("wanted", "slug"),
    [
        (Wanted(("thorax-image", "CT 'Thorax 1.0 B70f'", "CT image"), is_dicom=True), "ct-image"),
        (Wanted(("t2", "MR 'T2 tra'", "MR image"), is_dicom=True), "mr-image"),
        (Wanted(("lesion", "lesion"), ".mha"), "lesion-seg"),
        (Wanted(("befund", "Befund 1"), ".pdf"), "report"),
        (Wanted(("x",), ".csv"), "table"),
        (Wanted(("Score",), values=(1.5, 2)), "some-score"),
        (Wanted(("Remarks",), values=("a", "b")), "remark"),
        (Wanted(("y",), ".mp4"), None),
        (Wanted(("y",), ".nii.gz"), None),
    ],
)
def test_a_study_s_socket_is_proposed(wanted: Wanted, slug: str | None) -> None:
    found = best(wanted, STUDY, of_target=True)

    assert slug == (found and found.slug)


@pytest.mark.parametrize(
    ("wanted", "slug"),
    [
        (Wanted(("airways",), ".mha"), "airway-segmentation"),
        (Wanted(("Lung volume",), values=(1.5,)), "lung-volume"),
        (Wanted(("Lung volume",), values=("big",)), None),
        (Wanted(("Größe",), values=(1.5,)), None),
        (Wanted(("x",), is_dicom=True), None),
    ],
)
def test_among_all_sockets_only_one_of_that_name_is_proposed(
    wanted: Wanted, slug: str | None
) -> None:
    found = best(wanted, MANY, of_target=False)

    assert slug == (found and found.slug)


def test_only_sockets_of_a_kind_that_may_take_it_are_listed() -> None:
    assert [one.slug for one in ranked(Wanted(("x",), values=(1.5,)), STUDY)] == [
        "some-score",
        "details",
        "findings",
    ]
    assert {one.kind for one in ranked(Wanted(("x",), ".nii.gz"), STUDY)} == {
        "Image",
        "Segmentation",
    }


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Müller Größe", "muller-groe"),
        ("Mu\u0308ller", "muller"),
        ("Übereinstimmung (%)", "ubereinstimmung"),
        ("Ärztin_1", "arztin-1"),
        ("Œdème", "deme"),
        ("面积", ""),
    ],
)
def test_a_slug_has_letters_as_the_platform_writes_them(name: str, slug: str) -> None:
    assert slug == to_slug(name)
