"""There is a sentence for everything that can be wrong with files."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.segmentation import SegmentationFlaw, SegmentationFlawKind
from manifest_uploader.files.looks import (
    BIG_ENDIAN_PIXELS,
    SINGLE_FRAME_COLOUR,
    Flaw,
    FlawKind,
)
from manifest_uploader.plan.content_words import flaw_finding, segmentation_finding
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind
from manifest_uploader.plan.series_words import series_findings
from manifest_uploader.plan.value_look import FileFlaw

POINTERS = (About.GIT_LFS, About.GIT_ANNEX, About.DVC)
UNREADABLE = (About.COMPRESSED_DATA, About.HEADER)
UNSUPPORTED = [
    *(about for about in About if about not in POINTERS + UNREADABLE),
    *(SINGLE_FRAME_COLOUR, BIG_ENDIAN_PIXELS, "TransferSyntaxUID", "WindowCenter"),
]


def assert_plain(message: str) -> None:
    """It is one sentence with nothing left to fill in."""
    assert not re.search(r"[{}?\n]|None|  | ,|: *$|''|\.$", message), message


def finding(kind: SeriesKind, **more: object) -> SeriesFinding:
    """A finding with all fields filled."""
    found = {
        "files": ("IM1", "IM2"),
        "others": ("IM8", "IM9"),
        "about": "series",
        "expected": 6,
        "found": 5,
        "missing": 1,
        "step_mm": 2.5,
        "usual_mm": 1.25,
    }
    return SeriesFinding(kind, **{**found, **more})  # type: ignore[arg-type]


def words(*found: SeriesFinding) -> list[tuple[str, str | None]]:
    return list(series_findings(found))


# ── series ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", SeriesKind)
def test_there_is_a_sentence_for_every_finding(kind: SeriesKind) -> None:
    [(message, hint)] = words(finding(kind))

    assert_plain(message)
    assert re.search(r"'IM1'|2 (slices|pictures|files)|all 2", message), (
        "it says which, or how many"
    )
    assert (hint is None) == (kind is SeriesKind.IGNORED), "everything else can be mended"


@pytest.mark.parametrize("kind", [SeriesKind.LEFT_OUT, SeriesKind.REFUSED])
@pytest.mark.parametrize("flaw", FlawKind)
def test_a_flaw_is_told_in_its_own_words(kind: SeriesKind, flaw: FlawKind) -> None:
    about = "WindowCenter" if flaw is not FlawKind.POINTER else About.GIT_LFS

    [(message, hint)] = words(finding(kind, flaw=Flaw(flaw, about=about)))

    alone, alone_hint = flaw_finding(FileFlaw("IM1", Flaw(flaw, about=about)))
    assert (message, hint) == (f"{alone}; also 'IM2'", alone_hint)


def test_of_a_file_only_the_first_flaw_is_told() -> None:
    flaws = [Flaw(FlawKind.NO_CLASS, about="SOPClassUID"), Flaw(FlawKind.CUT)]
    first, second = (finding(SeriesKind.LEFT_OUT, files=("IM1",), flaw=flaw) for flaw in flaws)
    both = finding(SeriesKind.LEFT_OUT, files=("IM1", "IM2"), flaw=flaws[1])

    assert words(first, second) == words(first)
    assert [message for message, _ in words(first, both)] == [
        "'IM1' has no SOPClassUID; the platform leaves such DICOM files out",
        "'IM1' is cut short; also 'IM2'",
    ]


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        (
            SeriesKind.GAP,
            {},
            "1 slice is probably missing between 'IM1' and 'IM2': 2.5 mm, not 1.25 mm",
        ),
        (
            SeriesKind.GAP,
            {"missing": 3, "step_mm": 5.00001},
            "3 slices are probably missing between 'IM1' and 'IM2': 5 mm, not 1.25 mm",
        ),
        (
            SeriesKind.LEFT_OUT,
            {"files": tuple(f"IM{n}" for n in range(1, 1500))},
            "the platform leaves out 'IM1', 'IM2', 'IM3' and 1,496 more of the slices",
        ),
        (
            SeriesKind.SEVERAL_IMAGES,
            {},
            "these files are 5 images, of more than one series: 'IM1', 'IM2' unlike the others",
        ),
        (
            SeriesKind.SEVERAL_IMAGES,
            {"about": "folder", "files": ("a.zip/1", "a.zip/2"), "found": 2},
            "these files are 2 images, one for each folder of the archive: 'a.zip/1', 'a.zip/2'",
        ),
        (
            SeriesKind.DUPLICATE,
            {},
            "'IM1', 'IM2': the same slice as 'IM8', 'IM9' (equal SOPInstanceUID)",
        ),
    ],
)
def test_what_is_meant_is_named_and_counted(
    kind: SeriesKind, more: dict[str, object], message: str
) -> None:
    assert words(finding(kind, **more))[0][0] == message


# ── one file ────────────────────────────────────────────────────────────────────────────────


def every_flaw() -> Iterable[Flaw]:
    """Each kind of flaw, with each thing that it can be about."""
    for kind in FlawKind:
        match kind:
            case FlawKind.UNSUPPORTED:
                yield from (Flaw(kind, about=about) for about in UNSUPPORTED)
            case FlawKind.POINTER:
                yield from (Flaw(kind, about=about) for about in POINTERS)
            case FlawKind.UNREADABLE:
                yield from (Flaw(kind, about=about) for about in ("", *UNREADABLE))
            case FlawKind.CUT:
                yield Flaw(kind)
                yield Flaw(kind, 1000, 20)
                yield Flaw(kind, 4, 2, "frames")
            case _:
                yield Flaw(kind, about="SOPClassUID")


@pytest.mark.parametrize("flaw", list(every_flaw()), ids=str)
def test_there_is_a_sentence_for_every_flaw(flaw: Flaw) -> None:
    message, hint = flaw_finding(FileFlaw("ct/IM1", flaw))

    assert_plain(message)
    assert message.startswith("'ct/IM1'")
    assert hint
    assert_plain(hint)


def test_what_the_importer_does_not_read_is_told_apart() -> None:
    found = {flaw_finding(FileFlaw("a", Flaw(FlawKind.UNSUPPORTED, about=one))) for one in About}

    assert len(found) >= len(UNSUPPORTED) - 4


def test_a_cut_file_says_how_much_is_there() -> None:
    sizes = [Flaw(FlawKind.CUT, 1000, 20), Flaw(FlawKind.CUT, 4, 2, "frames"), Flaw(FlawKind.CUT)]

    assert [flaw_finding(FileFlaw("a", one))[0] for one in sizes] == [
        "'a' is cut short: 20 of 1,000 bytes",
        "'a' is cut short: 2 of 4 frames",
        "'a' is cut short",
    ]


# ── segmentations ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", SegmentationFlawKind)
def test_there_is_a_sentence_for_every_flaw_of_a_segmentation(kind: SegmentationFlawKind) -> None:
    message, hint = segmentation_finding(SegmentationFlaw(kind, found=70, about="int16"))

    assert_plain(message)
    assert "segmentation" in message
    assert hint
    assert "int16" not in hint, "that is what is wrong"
