"""Look into a file of any format but DICOM and ZIP."""

from __future__ import annotations

from typing import BinaryIO

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.jpeg import look_jpeg
from manifest_uploader.files.formats.metaimage import look_metaimage
from manifest_uploader.files.formats.nifti import look_nifti
from manifest_uploader.files.formats.nrrd import look_nrrd
from manifest_uploader.files.formats.png import look_png
from manifest_uploader.files.formats.shared import unsupported
from manifest_uploader.files.formats.slides import is_slide
from manifest_uploader.files.formats.sniff import pointer_of
from manifest_uploader.files.formats.tiff import look_tiff
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format


def look_image(stream: BinaryIO, size: int, start: bytes, name: str, format_: Format) -> FileLook:
    """What a look into a file shows: its header, and whether all of it is there.

    UNSUPPORTED is what the platform's importer does not read as an image; a file socket may take
    it all the same. `image` is None where the header cannot be read, and of formats that the
    importer does not read. Of a MetaImage whose data is in another file, that file is judged by
    `data_flaws`.

    Args:
        stream: The file, open for reading and seeking; where it is does not matter.
        size: Its length in bytes.
        start: Its first bytes, `sniff.ENOUGH` or all.
        name: Its name: the importer goes by it for NIfTI images and slides.
        format_: What `sniff` made of it.

    Raises:
        OSError: The file cannot be read.

    """
    slide = is_slide(name)
    if format_ is Format.METAIMAGE:
        return look_metaimage(stream, size)
    if format_ in (Format.NIFTI, Format.NIFTI2, Format.ANALYZE):
        return look_nifti(stream, size, start, name, format_)
    if format_ is Format.NRRD:
        return look_nrrd(stream, size)
    if format_ is Format.TIFF:
        return look_tiff(stream, size, name)
    if format_ in (Format.PNG, Format.JPEG) and not slide:
        # some readers of slides keep a picture under the slide's name
        return (look_png if format_ is Format.PNG else look_jpeg)(stream, size)
    return FileLook(format_, flaws=_other_flaws(start, format_, is_slide=slide))


def _other_flaws(start: bytes, format_: Format, *, is_slide: bool) -> tuple[Flaw, ...]:
    match format_:
        case Format.EMPTY:
            return (Flaw(FlawKind.EMPTY),)
        case Format.POINTER:
            return (Flaw(FlawKind.POINTER, about=pointer_of(start) or ""),)
        case Format.GIF | Format.BMP if not is_slide:
            return unsupported(About.FORMAT)
        case _:
            return ()
