"""What the importer's verdict means for a socket, and how it is said."""

import pytest

from manifest_uploader.files.import_verdict import Failure, Reason, Verdict
from manifest_uploader.plan.import_verdicts import (
    DISPLACEMENT_FIELD,
    SEGMENTATION,
    ImportProblem,
    Misgiving,
    sentence,
    verdict_problems,
)

CT = Verdict("a", 1, width=8, height=8, depth=6, channels=1)


def kinds(verdict: Verdict, kind: str = "Image", **more):
    return [one.kind for one in verdict_problems(verdict, kind=kind, **more)]


def words(verdict: Verdict, kind: str = "Image", **more):
    [problem] = verdict_problems(verdict, kind=kind, **more)
    return sentence(problem)


def test_one_whole_image_is_no_problem():
    assert kinds(CT) == kinds(CT, slices=6) == kinds(CT, "Heat Map", segments={1}) == []


def test_no_image_is_a_problem():
    verdict = Verdict("a", dropped=("a.dcm",), reasons=(Reason.TIMEPOINTS,))

    assert verdict_problems(verdict, kind="Image") == (
        ImportProblem(Misgiving.NOT_IMPORTED, files=("a.dcm",), reasons=(Reason.TIMEPOINTS,)),
    )
    assert words(verdict) == (
        "the importer cannot read 'a.dcm'",
        "a series over time needs the same number of slices at each time: look for missing slices",
    )
    assert words(Verdict("a"))[0] == "the importer cannot read anything in this archive"


def test_several_images_are_a_problem():
    verdict = Verdict("a", 2, depth=3, channels=1, apart=("IM9.dcm",), dropped=("note.txt",))

    assert kinds(verdict, slices=4) == [Misgiving.SEVERAL_IMAGES, Misgiving.DROPPED]
    first, _ = verdict_problems(verdict, kind="Image")
    assert sentence(first)[0] == (
        "the importer makes 2 images from these files: 'IM9.dcm' separate from the others"
    )


def test_a_dropped_file_is_a_problem_unless_it_is_no_part_of_the_image():
    names = ("IM1.dcm", "IM2.dcm", "IM3.dcm", "IM4.dcm", "note.txt")
    verdict = Verdict("a", 1, depth=3, channels=1, dropped=names)

    dropped, left_out = verdict_problems(verdict, kind="Image", extras={"note.txt"})

    assert (dropped.is_note, left_out.is_note) == (False, True)
    assert (dropped.files, left_out.files) == (names[:4], names[4:])
    assert sentence(dropped)[0] == (
        "the importer leaves out 'IM1.dcm', 'IM2.dcm', 'IM3.dcm' and 1 more"
    )
    assert sentence(left_out) == (
        "the importer leaves out 'note.txt', which is not part of the image",
        None,
    )


@pytest.mark.parametrize(
    ("depth", "timepoints", "slices", "is_whole"),
    [
        (6, None, 6, True),
        (5, None, 6, False),
        (7, None, 6, False),
        (None, None, 1, True),
        (3, 2, 6, True),
        (3, None, 6, False),
    ],
)
def test_the_number_of_slices_has_to_be_the_same(depth, timepoints, slices, is_whole):
    verdict = Verdict("a", 1, depth=depth, timepoints=timepoints, channels=1)

    assert (kinds(verdict, slices=slices) == []) is is_whole


def test_a_missing_slice_is_said_with_both_numbers():
    assert words(CT, slices=7)[0] == "the importer makes an image of 6 slices from 7 slices"


def test_a_segmentation_needs_values_of_the_socket():
    mask = Verdict("a", 1, depth=6, channels=1, segments=(0, 1, 7))

    assert kinds(mask, SEGMENTATION, segments={0, 1, 7}) == []
    assert kinds(mask, SEGMENTATION) == kinds(mask, SEGMENTATION, segments=set()) == []
    assert kinds(mask, "Image", segments={0, 1}) == []
    assert words(mask, SEGMENTATION, segments={0, 1}) == (
        "the segmentation has voxels of 7, and the socket takes 0 and 1",
        "change the voxels, or the socket's overlay segments",
    )


def test_a_segmentation_needs_8_bit_voxels():
    assert words(CT, SEGMENTATION, segments={1}) == (
        "the importer finds no segments: the voxels are not 8-bit integers of one channel",
        "save the segmentation with voxels of type uint8",
    )
    assert kinds(CT, SEGMENTATION) == []


def test_a_displacement_field_has_three_values_for_each_voxel():
    field = Verdict("a", 1, depth=6, timepoints=3, channels=1)
    colors = Verdict("a", 1, depth=6, channels=3)

    assert kinds(field, DISPLACEMENT_FIELD) == []
    assert (
        kinds(colors, DISPLACEMENT_FIELD) == kinds(CT, DISPLACEMENT_FIELD) == [Misgiving.NO_FIELD]
    )


@pytest.mark.parametrize("failure", list(Failure))
def test_each_failure_has_words_and_only_what_may_be_fine_is_a_note(failure):
    [problem] = verdict_problems(Verdict("a", failure=failure), kind="Image", slices=6)

    message, hint = sentence(problem)
    assert problem.is_note is (failure in {Failure.NO_ROOM, Failure.NO_LIBRARY})
    assert message
    assert hint


def test_each_kind_has_words_of_its_own():
    kinds = set(Misgiving) - {Misgiving.FAILED, Misgiving.UNJUDGED}

    said = {sentence(ImportProblem(kind, files=("a",)))[0] for kind in kinds}

    assert len(said) == len(kinds)
    assert "{" not in "".join(said)


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_a_hint_of_its_own(reason):
    verdict = Verdict("a", dropped=("a",), reasons=(reason,))

    assert words(verdict)[1] != words(Verdict("a", dropped=("a",)))[1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((7,), "7"),
        ((7, 8), "7 and 8"),
        ((1, 2, 3), "1, 2 and 3"),
        (tuple(range(2, 12)), "2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
    ],
)
def test_long_lists_of_values_are_cut(values, said):
    problem = ImportProblem(Misgiving.STRAY_VALUES, values=values, allowed=(0,))

    assert sentence(problem)[0] == f"the segmentation has voxels of {said}, and the socket takes 0"
