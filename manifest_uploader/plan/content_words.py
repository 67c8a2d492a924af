"""What is wrong with the content of files, in sentences: what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.segmentation import (
    MOST_SEGMENTS,
    SegmentationFlaw,
    SegmentationFlawKind,
)
from manifest_uploader.files.looks import (
    BIG_ENDIAN_PIXELS,
    SINGLE_FRAME_COLOUR,
    Flaw,
    FlawKind,
    Format,
)
from manifest_uploader.plan.value_look import FileFlaw, FormatSeen, NamedIn, ValueLook
from manifest_uploader.platform.model import Socket
from manifest_uploader.text import some_names

if TYPE_CHECKING:
    from manifest_uploader.plan.content import Question

Finding: TypeAlias = tuple[str, str | None]
"""A message and a hint."""

_AGAIN: Final = "copy or export it again"
_ONE_FILE: Final = "save the image as one file, .mha or .nii.gz"
_READ: Final = "the platform reads DICOM, MHA, NIfTI, NRRD, TIFF, PNG, JPEG and whole slides"
_FETCH: Final = {
    About.GIT_LFS: "fetch its content first: git lfs pull",
    About.GIT_ANNEX: "fetch its content first: git annex get, or datalad get",
    About.DVC: "fetch its content first: dvc pull",
}


# ── one file ────────────────────────────────────────────────────────────────────────────────


def flaw_finding(one: FileFlaw) -> Finding:
    """What is wrong with one file."""
    if one.flaw.kind is FlawKind.UNSUPPORTED:
        message, hint = _UNSUPPORTED.get(one.flaw.about, (_OTHERWISE, _AGAIN))
    else:
        message, hint = _FLAWS[one.flaw.kind]
    about = one.flaw.about or About.HEADER  # only what cannot be read at all is about nothing
    message = message.format(file=f"'{one.file}'", about=about, size=_sizes(one.flaw))
    return message, _FETCH.get(one.flaw.about, hint)  # type: ignore[call-overload]


_FLAWS: Final[dict[FlawKind, Finding]] = {
    FlawKind.EMPTY: ("{file} is empty", _AGAIN),
    FlawKind.POINTER: (
        "{file} is only a pointer of {about}; the file itself is not here",
        "fetch its content first",
    ),
    FlawKind.CUT: ("{file} is cut short{size}", _AGAIN),
    FlawKind.UNREADABLE: ("{file} is damaged: its {about} cannot be read", _AGAIN),
    FlawKind.NO_MARK: (
        "{file} is DICOM without the mark 'DICM' at its start; the platform leaves such files out",
        "save it as a DICOM file with its file meta information (DICOM, part 10)",
    ),
    FlawKind.NO_CLASS: (
        "{file} has no {about}; the platform leaves such DICOM files out",
        "export the series again",
    ),
    FlawKind.NO_PIXELS: (
        "{file} is DICOM without an image",
        "if it is a slice, it was cut off: copy or export it again; otherwise leave it out",
    ),
    FlawKind.SEPARATE_DATA: (
        "{file} has its data in another file, '{about}'; the platform reads no such pair",
        _ONE_FILE,
    ),
    FlawKind.NO_DATA: (
        "{file} has its data in '{about}', which is not among the files",
        "list both files",
    ),
    FlawKind.LOCKED: (
        "{file} cannot be read, so it cannot be checked for patient data",
        "if it was cut short, copy it again; otherwise unpack it, and name the files themselves",
    ),
}
_OTHERWISE: Final = "{file}: the platform cannot read it, because of its {about}"
_UNSUPPORTED: Final[dict[str, Finding]] = {
    SINGLE_FRAME_COLOUR: (
        "{file}: the platform reads colour only in DICOM files of several frames",
        "save the picture as PNG or TIFF",
    ),
    BIG_ENDIAN_PIXELS: (
        "{file} has big-endian pixels, which the platform does not read",
        "save it with another transfer syntax (explicit VR little endian)",
    ),
    "TransferSyntaxUID": (
        "{file}: the platform cannot read its pixels as they are compressed (transfer syntax)",
        "save it uncompressed (explicit VR little endian)",
    ),
    About.NAME: (
        "{file} is NIfTI, which the platform recognizes only by the endings '.nii' and '.nii.gz'",
        "rename the file",
    ),
    About.COMPRESSED_NAME: (
        "{file} is compressed; the platform recognizes that only by the ending '.nii.gz'",
        "rename the file",
    ),
    About.FORMAT: ("{file} has a format that the platform does not read", _ONE_FILE),
    About.VERSION: (
        "{file} has a version of its format that the platform does not read",
        _ONE_FILE,
    ),
    About.CHANNELS: (
        "{file}: the platform reads images of 1, 3 or 4 channels, not these",
        "save further channels as images of their own, or along a 4th dimension",
    ),
    About.DIMENSIONS: ("{file}: the platform reads images of 2, 3 or 4 dimensions", _ONE_FILE),
    About.VOXEL_TYPE: (
        "{file}: the platform does not read voxels of this type",
        "save it with a common type, such as int16 or float32",
    ),
    About.ENCODING: ("{file}: the platform does not read data that is stored this way", _ONE_FILE),
    About.DATA_FILES: (
        "{file} has its data in several files, which the platform does not read",
        _ONE_FILE,
    ),
    About.RESOLUTION: (
        "{file} does not say how large its pixels are; the platform needs that of a TIFF",
        "save it with a resolution in pixels per centimetre or inch",
    ),
    About.PHOTOMETRIC: (
        "{file}: the platform reads TIFF images in grey, RGB or YCbCr only",
        "save it in one of them",
    ),
    About.COMPRESSED_SIZE: (
        "{file} is compressed and lacks CompressedDataSize, so that the platform reads noise",
        _ONE_FILE,
    ),
    About.HEADER_SIZE: (
        "{file}: HeaderSize does not point to the voxels, so that the platform reads noise",
        _ONE_FILE,
    ),
    About.HEADER_LENGTH: ("{file}: its header is longer than the platform reads", _ONE_FILE),
    About.DIRECTION: (
        "{file}: its axes are skewed or parallel, which the platform does not read",
        "resample it, or set its qform or its direction to perpendicular axes",
    ),
    About.SPACING: (
        "{file}: its voxels have no size, or a negative one",
        "set its spacing to the size of a voxel in mm",
    ),
    About.BIT_DEPTH: (
        "{file}: the platform reads PNG with at least 8 bits per channel, and JPEG with 8",
        "save the picture with 8 bits per channel",
    ),
    About.PIXELS: (
        "{file} has more pixels than the platform reads in a PNG or JPEG",
        "save the picture as a TIFF in tiles, with its resolution",
    ),
    About.SEVERAL_PICTURES: (
        "{file} contains several pictures (MPO), which the platform does not read",
        "save the picture as PNG",
    ),
}


def more_flaws(look: ValueLook) -> Finding | None:
    """That there are more files like these."""
    if not look.more_flaws:
        return None
    noun = "file" if look.more_flaws == 1 else "files"
    return f"{look.more_flaws:,} more {noun} like these", None


def _sizes(flaw: Flaw) -> str:
    if flaw.found is None or flaw.expected is None:
        return ""
    return f": {flaw.found:,} of {flaw.expected:,} {flaw.about or 'bytes'}"


# ── all files ───────────────────────────────────────────────────────────────────────────────


def no_image(question: Question, look: ValueLook) -> Finding:
    """The files hold no image that the platform reads."""
    if look.packed:
        message = f"'{look.packed[0]}' stays packed: the platform unpacks only ZIP archives"
        return message, "unpack it and name its files, or pack them into a ZIP archive"
    seen = look.formats[0]
    if look.files > 1:
        message = f"none of the {look.files:,} files is an image; '{seen.first}' is {_what(seen)}"
    else:
        message = f"'{seen.first}' is {_what(seen)}, not an image"
    if question.socket is not None:
        message += f"; socket '{question.socket.slug}' takes images"
    return message, _READ


def no_dicom(look: ValueLook) -> Finding:
    """None of the files is DICOM, and a DICOM image set is of nothing else."""
    seen = look.formats[0]
    return (
        f"a DICOM image set consists of DICOM files, and '{seen.first}' is {_what(seen)}",
        "name DICOM files; unpack archives",
    )


def several_images(look: ValueLook) -> Finding:
    """The files hold several images, and a value is one."""
    return (
        f"these files are {look.images:,} images, and a value is one image",
        "give each image a socket, or a case, of its own",
    )


def pages_finding(look: ValueLook) -> Finding | None:
    """That only the first page of a TIFF is imported; None if it has no other."""
    if look.pages <= 1:
        return None
    message = f"the TIFF has {look.pages:,} pages of one size; the platform takes the first of them"
    return message, "are they slices? then save them as one .mha or .nii.gz"


def extras_finding(look: ValueLook) -> Finding | None:
    """Files that the importer leaves out; None if there are none."""
    if not look.extras:
        return None
    return f"the platform leaves out {some_names(look.extras, 5)}: not part of the image", None


def wrong_format(socket: Socket, seen: FormatSeen) -> Finding:
    """A file is not what its socket is for."""
    message = f"'{seen.first}' is {_what(seen)}; socket '{socket.slug}' is for a {socket.kind}"
    return message, "is this the right file?"


def empty_table(name: str) -> Finding:
    """A CSV file without a byte: the platform takes it."""
    return f"'{name}' is empty; it is sent as it is", None


def _what(seen: FormatSeen) -> str:
    match seen.format:
        case Format.TEXT:
            return "plain text"
        case Format.OTHER:
            return "of an unknown format"
        case Format.GZIP:
            return "compressed by gzip"
        case Format.EMPTY | Format.POINTER:
            return seen.format.value
        case Format.NRRD | Format.OCT | Format.ANALYZE:
            return f"an {seen.format} image"
        case _:
            return f"a {seen.format} file"


# ── segmentations ───────────────────────────────────────────────────────────────────────────


def segmentation_finding(flaw: SegmentationFlaw) -> Finding:
    """Why an image cannot be a segmentation."""
    message, hint = _SEGMENTATION[flaw.kind]
    return message.format(found=flaw.found, about=flaw.about, most=MOST_SEGMENTS), hint


_UINT8: Final = "save it with one channel of 8-bit voxels (uint8)"
_RANGE: Final = "set the tags MinSampleValue and MaxSampleValue to the lowest and highest value"
_SEGMENTATION: Final[dict[SegmentationFlawKind, Finding]] = {
    SegmentationFlawKind.CHANNELS: (
        "the image has {found} channels; a segmentation has one",
        _UINT8,
    ),
    SegmentationFlawKind.VOXELS: (
        "the voxels are {about}; the platform takes a segmentation only with 8-bit voxels",
        _UINT8,
    ),
    SegmentationFlawKind.SCALED: (
        "the header scales the voxels, which become floats; a segmentation has 8-bit voxels",
        "save it with 8-bit voxels (uint8), slope 1 and offset 0",
    ),
    SegmentationFlawKind.VECTOR: (
        "the voxels are read as vectors or as colours; a segmentation has one channel",
        _UINT8,
    ),
    SegmentationFlawKind.VOLUMES: (
        "the image has {found} volumes; a segmentation has {most} at most",
        "save the segments as voxel values of one volume",
    ),
    SegmentationFlawKind.NO_RANGE: (
        "the TIFF image does not say its lowest and highest voxel value; a segmentation has to",
        _RANGE,
    ),
    SegmentationFlawKind.RANGE: (
        "the TIFF image says that it has {found} voxel values; a segmentation has {most} at most",
        _RANGE,
    ),
}


def stray_finding(look: ValueLook) -> Finding | None:
    """Voxel values that the socket's segments do not name; None if there are none."""
    strays = look.strays
    if strays is None or not strays.found:
        return None
    found, allowed = _some(strays.found), _some(strays.allowed)
    if strays.volumes:
        message = f"the volumes of a 4D segmentation are its segments: here {found} without a name"
        return f"{message}; the socket has {allowed}", "remove volumes, or ask for a fitting socket"
    noun = "value" if len(strays.found) == 1 else "values"
    return (
        f"the segmentation contains the voxel {noun} {found}; its socket allows {allowed}",
        "change these voxels, or choose a socket with these segments",
    )


def _some(values: tuple[int, ...]) -> str:
    shown = ", ".join(str(one) for one in values[:8])
    return f"{shown} and {len(values) - 8} more" if len(values) > 8 else shown  # noqa: PLR2004


# ── patients ────────────────────────────────────────────────────────────────────────────────


def names_finding(question: Question, look: ValueLook) -> Finding | None:
    """The files identify a patient; None if they do not, or if the manifest allows it."""
    forbidden = set(question.identifiable.forbidden(one.keyword for one in look.names))
    found = [one for one in look.names if one.keyword in forbidden]
    if not found:
        return None
    counts = names_words(found, look)
    where = f" in '{question.folder}'" if question.folder else ""
    first = found[0].first
    example = "" if first == counts else f", for example '{first}'"
    message = f"DICOM files{where} identify a patient: {counts}{example}"
    remedy = question.remedy
    keywords = sorted({*(one.keyword for one in found), *question.identifiable.keywords})
    can_list = not any(" " in one for one in keywords)  # "private name" is no attribute's keyword
    allow = f"identifiable: [{', '.join(keywords)}]" if can_list else "identifiable: allowed"
    return message, (
        f"{_unpack_first(look)}remove it:  {remedy.command}  and {remedy.then} ; "
        f"or, if every reader may know it, write  {allow}  at the top"
    )


def _unpack_first(look: ValueLook) -> str:
    """What to do before de-identification, which does not reach into archives."""
    has_archive = any(one.format in {Format.ZIP, Format.GZIP} for one in look.formats)
    if not has_archive and look.counted <= look.looked:
        return ""
    return "unpack the archives, and name their files in the manifest; then "


def names_words(found: Iterable[NamedIn], look: ValueLook) -> str:
    """`PatientName in 214 of 240 files, PatientID in 240 of 240 files`."""
    return ", ".join(_count(one, look) for one in found)


def _count(one: NamedIn, look: ValueLook) -> str:
    if look.counted == 1:
        return one.keyword
    return f"{one.keyword} in {one.files:,} of {look.counted:,} files"
