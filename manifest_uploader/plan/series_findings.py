"""What there is to say of DICOM files that are meant to be one image."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from manifest_uploader.files.looks import Flaw


class SeriesKind(StrEnum):
    """What there is to say of files that are meant to be one image."""

    # Problems: the image would not come, or not be the one that was meant.
    LEFT_OUT = "left-out"
    """The importer drops these and takes the rest; `flaw` says why, or `about` the format."""
    REFUSED = "refused"
    """The importer cannot read these slices and refuses the others with them; `flaw` says why."""
    NO_IMAGE = "no-image"
    """None of the files holds pixels."""
    SEVERAL_IMAGES = "several-images"
    """`found` images come of the files; `about` says what differs: `study`, `series`, `stack`,
    `SOP class`, `format`, `folder`. `files` are those outside the largest image; if it is the
    folder, `files` are all folders."""
    DUPLICATE = "duplicate"
    """`files` are copies of `others`, by SOPInstanceUID, in the same order."""
    SIZES = "sizes"
    """`files` have other rows, columns or colours than most."""
    BITS = "bits"
    """`files` have other bits per voxel than most."""
    ORIENTATIONS = "orientations"
    """`files` lie in another plane than most: a scout, a localizer."""
    NO_POSITION = "no-position"
    """`files` have no position, the others have one."""
    SAME_POSITIONS = "same-positions"
    """`found` slices at `expected` positions: two acquisitions; `files` are the second ones."""
    VIEWS = "views"
    """Projections from different sides, such as PA and LAT; `files` differ from most."""
    NO_NUMBER = "no-number"
    """`files` have no InstanceNumber, by which the importer orders slices."""
    SAME_NUMBER = "same-number"
    """`files` have the InstanceNumber of `others`, at another position."""
    ORDER = "order"
    """The order by InstanceNumber is not that of the positions; `files` are the first pair."""
    MULTIFRAME = "multiframe"
    """The importer takes the first of several files that hold many frames each."""
    UNEQUAL_TIMES = "unequal-times"
    """Time points of a 4D image have from `found` to `expected` slices; `files` are of the short
    ones, or have no time point at all."""
    NO_TIMES = "no-times"
    """A 4D image needs ContentTime and Exposure; `files` have not both."""
    # Problems of an image set; of `files`, which are `found`, the first few are named.
    NOT_DICOM = "not-dicom"
    """`about` is their format."""
    SOP_CLASS = "sop-class"
    """The platform takes no image set of the SOP class `about`."""
    DISAGREE = "disagree"
    """They have another value of the attribute `about` than most."""
    SPACING = "spacing"
    """They have another PixelSpacing than most."""
    BURNED_IN = "burned-in"
    """Their pixels may show the patient's name."""
    # Warnings: the image comes; somebody should look at it.
    GAP = "gap"
    """Between the two `files`, about `missing` slices are not there."""
    UNEVEN = "uneven"
    """Steps between slices vary from `usual_mm` to `step_mm`, which is between the `files`."""
    ONE_POSITION = "one-position"
    """All slices are at one position: a time series becomes a stack."""
    PROJECTIONS = "projections"
    """Several radiographs in one image; nothing tells their views apart."""
    UNPLACED = "unplaced"
    """No slice has a position, so the importer takes them to be 1 mm apart."""
    # Notes: the image is complete without these.
    IGNORED = "ignored"
    """The importer leaves `files` out; they are no slices."""


WARNINGS: Final = frozenset(
    {
        SeriesKind.GAP,
        SeriesKind.UNEVEN,
        SeriesKind.ONE_POSITION,
        SeriesKind.PROJECTIONS,
        SeriesKind.UNPLACED,
    }
)


class SeriesFinding(Struct, frozen=True, omit_defaults=True):
    """One thing to say; which fields are filled, `SeriesKind` tells."""

    kind: SeriesKind
    files: tuple[str, ...] = ()
    """As they were given."""
    others: tuple[str, ...] = ()
    flaw: Flaw | None = None
    about: str = ""
    expected: int | None = None
    found: int | None = None
    missing: int = 0
    step_mm: float | None = None
    usual_mm: float | None = None


class SeriesVerdict(Struct, frozen=True, omit_defaults=True):
    """What comes of files that are meant to be one image."""

    problems: tuple[SeriesFinding, ...] = ()
    warnings: tuple[SeriesFinding, ...] = ()
    notes: tuple[SeriesFinding, ...] = ()
    images: int = 0
    """How many the importer makes, unless it refuses them; the platform wants one."""
    slices: int | None = None
    """How many each time point has, the image's `depth`; None if it is not of slices."""
    timepoints: int = 1
