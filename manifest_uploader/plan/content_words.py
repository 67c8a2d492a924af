"""What is wrong with the content of files, in sentences: what, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from manifest_uploader.files.looks import FlawKind, Format
from manifest_uploader.plan.value_look import FileFlaw, NamedIn, ValueLook

if TYPE_CHECKING:
    from manifest_uploader.plan.content import Question

Finding: TypeAlias = tuple[str, str | None]
"""A message and a hint."""

_AGAIN: Final = "copy or export it again"
_ONE_FILE: Final = "save the image as .mha or .nii.gz, and name that file"
_FETCH: Final = {
    "Git LFS": "fetch its content first: git lfs pull",
    "git-annex": "fetch its content first: git annex get, or datalad get",
    "DVC": "fetch its content first: dvc pull",
}
_READ: Final = "DICOM, MHA, NIfTI, NRRD, TIFF, PNG or JPEG"


# ── one file ────────────────────────────────────────────────────────────────────────────────


def flaw_finding(one: FileFlaw, look: ValueLook) -> Finding:  # noqa: PLR0911 - one for each kind
    """What is wrong with one file."""
    file, flaw = f"'{one.file}'", one.flaw
    match flaw.kind:
        case FlawKind.EMPTY:
            return (f"{file} is empty", _AGAIN)
        case FlawKind.POINTER:
            message = f"{file} is only a pointer of {flaw.about}: the file itself is not here"
            return (message, _FETCH.get(flaw.about, "fetch its content first"))
        case FlawKind.CUT:
            return (f"{file} is cut short{_bytes(flaw.found, flaw.expected)}", _AGAIN)
        case FlawKind.NO_MARK:
            return (
                f"{file} is DICOM without its preamble and the mark 'DICM'; "
                "the platform leaves such files out",
                "write it again as a DICOM file with a file meta header (part 10 of the standard)",
            )
        case FlawKind.NO_CLASS:
            return (f"{file} has no {flaw.about}; the platform leaves such files out", _AGAIN)
        case FlawKind.NO_PIXELS:
            kind = f" ({flaw.about})" if flaw.about else ""
            return (f"{file} is DICOM without an image{kind}", "leave it out of the images")
        case FlawKind.SEPARATE_DATA:
            message = f"{file} has its data in another file, '{flaw.about}'; "
            return (message + "the platform does not read this format so", _ONE_FILE)
        case FlawKind.UNSUPPORTED:
            return (f"{file}: the platform does not read {flaw.about}", _instead(look))
        case FlawKind.LOCKED:
            return (
                f"{file} cannot be looked into ({flaw.about}), "
                "so it is not known whether it names a patient",
                "unpack it, and name the files themselves",
            )
        case FlawKind.UNREADABLE:
            about = f": {flaw.about}" if flaw.about else ""
            return (f"the header of {file} cannot be read{about}", _AGAIN)


def more_flaws(look: ValueLook) -> Finding | None:
    """That there are more files like these."""
    if not look.more_flaws:
        return None
    noun = "problem" if look.more_flaws == 1 else "problems"
    return (f"{look.more_flaws:,} more {noun} with files of this value", None)


def _bytes(found: int | None, expected: int | None) -> str:
    if found is None or expected is None:
        return ""
    return f": {found:,} bytes of {expected:,}"


def _instead(look: ValueLook) -> str:
    return _AGAIN if look.series is not None else _ONE_FILE


# ── what a file is ──────────────────────────────────────────────────────────────────────────


def no_image(question: Question, look: ValueLook) -> Finding:
    """The files hold no image that the platform reads."""
    found, count, name = look.formats[0]
    what = _what(found)
    if count > 1 or len(look.formats) > 1:
        return (
            f"none of the {look.files:,} files is an image; '{name}' is {what}",
            f"the platform reads {_READ}",
        )
    socket = f"; socket '{question.value.socket}' takes images" if question.socket else ""
    return (f"'{name}' is {what}, not an image{socket}", f"the platform reads {_READ}")


def several_images(look: ValueLook) -> Finding:
    """The files hold several images, and a value is one."""
    count = look.images + (look.series is not None)
    return (
        f"these files are {count} images, and a value is one image",
        "give each image a socket, or a case, of its own",
    )


def wrong_format(question: Question, name: str, found: Format) -> Finding:
    """A file is not what its socket is for."""
    assert question.socket is not None
    slug, kind = question.socket.slug, question.socket.kind
    return (f"'{name}' is {_what(found)}; socket '{slug}' is of kind '{kind}'", None)


def empty_table(name: str) -> Finding:
    """A CSV file without a byte: the platform takes it."""
    return (f"'{name}' is empty; it is sent as it is", None)


def _what(found: Format) -> str:
    match found:
        case Format.TEXT:
            return "plain text"
        case Format.OTHER:
            return "of no known format"
        case Format.EMPTY:
            return "empty"
        case Format.POINTER:
            return "only a pointer"
        case Format.GZIP:
            return "compressed by gzip"
        case Format.ANALYZE | Format.METAIMAGE | Format.NRRD | Format.NIFTI | Format.NIFTI2:
            return f"{_article(found)} {found} image"
        case _:
            return f"{_article(found)} {found} file"


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOUN" and word not in {"NIfTI", "NIfTI-2"} else "a"


# ── segmentations ───────────────────────────────────────────────────────────────────────────


def voxel_finding(question: Question, look: ValueLook) -> Finding | None:
    """A segmentation needs one channel of 8-bit voxels; None if it has them."""
    image = look.image
    if image is None:
        return None
    socket = f"socket '{question.value.socket}' takes a segmentation"
    if image.channels != 1:
        message = f"the image has {image.channels} channels; {socket}, which has one"
        return (message, "save each mask as an image of its own, with 8-bit voxels (uint8)")
    if image.scaled:
        message = f"the voxels are scaled when they are read, and become floats; {socket}"
        return (message, "save it with 8-bit voxels (uint8), scale 1 and offset 0")
    if image.voxel and image.voxel not in {"uint8", "int8"}:
        message = f"the voxels are {image.voxel}; {socket}, which the platform reads from 8 bits"
        return (message, "save it with 8-bit voxels (uint8)")
    return None


def stray_finding(question: Question, look: ValueLook) -> Finding | None:
    """Voxel values that the socket's segments do not name; None if there are none."""
    strays = look.strays
    if strays is None or not strays.found:
        return None
    allowed = _some(strays.allowed)
    noun = "value" if len(strays.found) == 1 else "values"
    return (
        f"the segmentation holds the voxel {noun} {_some(strays.found)}; "
        f"socket '{question.value.socket}' allows {allowed}",
        "change the voxel values, or ask the study's owner about the socket's segments",
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
    where = f"'{question.folder}'" if question.folder else "the root"
    counts = ", ".join(_count(one, look) for one in found)
    first = min(found, key=lambda one: one.first).first
    return (
        f"case '{question.case}': files identify a patient: {counts} of {where} "
        f"(for example '{first}')",
        f"de-identify them:  uploader deidentify {question.root or '.'} DEIDENTIFIED  and write  "
        "root: DEIDENTIFIED ; or, if every reader may see it, write  "
        f"identifiable: [{', '.join(one.keyword for one in found)}]  at the top of the manifest",
    )


def _count(one: NamedIn, look: ValueLook) -> str:
    if look.files == 1:
        return one.keyword
    return f"{one.keyword} in {one.files:,} of {look.looked:,} files"
