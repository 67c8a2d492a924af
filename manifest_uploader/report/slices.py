"""Reads one slice of an image file, in the orientation in which people look at it.

The libraries are an extra. They read only the slice where the format allows it; what would have
to be read or unpacked as a whole is read only if it is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

_MOST_FILE: Final = 64 * 2**20
"""Bytes of a file that has to be read as a whole."""
_MOST_PIXELS: Final = 512 * 2**20
"""Bytes that such a file may unpack to."""
_MOST_SLICE: Final = 64 * 2**20
"""Bytes of one slice."""
_STREAMED: Final = (".mha", ".mhd", ".nii")
"""Formats of which ITK reads a single slice, if they are not compressed."""
_LEAST_EDGE: Final = 96
"""Of the pages of a slide, the smallest one that has as many pixels along its longer edge."""
_MOST_PAGES: Final = 32
_TRIES: Final = (1 / 2, 3 / 8, 5 / 8, 1 / 4, 3 / 4)
"""Where in a volume a slice is looked for that shows something, as shares of its depth."""

_VOLUMES: Final = (".mha", ".mhd", ".nii", ".nii.gz", ".nrrd", ".nhdr")
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".svs", ".bmp")
_OTHERS: Final = (
    *(".pdf", ".csv", ".tsv", ".json", ".txt", ".zip", ".gz", ".tar", ".tgz", ".xml", ".obj"),
    *(".stl", ".raw", ".zraw", ".mrxs", ".dat", ".mp4", ".ini", ".newick"),
)
"""Endings of files in which no image is looked for."""


class NoPicture(Exception):
    """The file holds no image that can be shown cheaply."""


class Slice(Struct, frozen=True):
    """One slice of an image."""

    pixels: Any
    """A numpy array of rows and columns, or of rows, columns and three colours of 8 bits."""
    aspect: float = 1.0
    """The height of a pixel divided by its width."""
    low: float | None = None
    """What is shown black; None: to be found from the pixels."""
    high: float | None = None
    """What is shown white."""
    inverted: bool = False
    """Low values are shown white."""


def is_image(name: str) -> bool:
    """Whether a file of this name may hold an image."""
    return not name.lower().endswith(_OTHERS) or name.lower().endswith(".nii.gz")


def read_slice(path: str) -> Slice:
    """The middle slice of an image, or one near it that shows something.

    Raises:
        NoPicture: there is none, or only at a price.
        Exception: whatever a library raises about a broken file.

    """
    name = path.lower()
    if name.endswith(_VOLUMES):
        return _read_volume(path)
    if name.endswith(_PICTURES):
        return _read_picture(path)
    return _read_dicom(path)


def _most_telling(depth: int, read: Callable[[int], Any]) -> Any:
    """The first of a few slices that is not of one value; else the middle one."""
    found: Any = None
    for number in dict.fromkeys(int(depth * share) for share in _TRIES):
        pixels = read(number)
        found = pixels if found is None else found
        if pixels.min() != pixels.max():
            return pixels
    return found


# ── DICOM ───────────────────────────────────────────────────────────────────────────────────


def _read_dicom(path: str) -> Slice:
    """The middle frame of a DICOM file, in its own window."""
    import pydicom  # noqa: PLC0415 - in a worker, once it is needed
    from pydicom.pixels.processing import apply_rescale  # noqa: PLC0415 - likewise
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415 - likewise

    header = pydicom.dcmread(path, stop_before_pixels=True)
    frames = int(header.get("NumberOfFrames") or 1)
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    bits = int(header.get("BitsAllocated") or 8) * int(header.get("SamplesPerPixel") or 1)
    if not 0 < rows * columns * bits // 8 <= _MOST_SLICE:
        raise NoPicture
    pixels = pixel_array(path, index=frames // 2)
    aspect = _dicom_aspect(header)
    if pixels.ndim == 3:  # noqa: PLR2004 - rows, columns, colours
        return Slice(pixels, aspect)
    low, high = _window(header)
    is_inverted = header.get("PhotometricInterpretation") == "MONOCHROME1"
    return Slice(apply_rescale(pixels, header), aspect, low, high, is_inverted)


def _window(header: Any) -> tuple[float | None, float | None]:
    """The first window of a DICOM header; for CT without one, from air to bone."""
    center, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if center is not None and width is not None and width > 1:
        return center - width / 2, center + width / 2
    return (-1000.0, 400.0) if header.get("Modality") == "CT" else (None, None)


def _first(value: Any) -> float | None:
    try:
        number = float(value if isinstance(value, str | int | float) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None


def _dicom_aspect(header: Any) -> float:
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing") or (1, 1)
    return _ratio(float(spacing[0]), float(spacing[1]))


def _ratio(height: float, width: float) -> float:
    ratio = height / width if height > 0 and width > 0 else 1.0
    return min(10.0, max(0.1, ratio))


# ── MetaImage, NIfTI, NRRD ──────────────────────────────────────────────────────────────────


def _read_volume(path: str) -> Slice:
    """A slice across the third axis of a volume."""
    sitk: Any = import_module("SimpleITK")  # it says that it has types, and has none
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # noqa: FBT003 - ITK's own signature
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    size = list(reader.GetSize())
    channels = reader.GetNumberOfComponents()
    _check_price(path, size, _bytes_each(reader, sitk) * channels)
    if len(size) < 3:  # noqa: PLR2004 - one slice
        pixels = sitk.GetArrayFromImage(reader.Execute())
    else:
        depth = size[2]
        pixels = _most_telling(depth, lambda number: _extracted(reader, sitk, size, number))
    spacing = reader.GetSpacing()
    if channels in {3, 4}:
        pixels = _as_colours(pixels[..., :3])
    elif channels > 1:
        pixels = pixels[..., 0]
    axes = reader.GetDirection()
    shown, aspect = _turned(pixels, axes, len(size)), _ratio(spacing[1], spacing[0])
    if len(size) >= 3 and pixels.min() <= -900 and pixels.dtype.kind in "if":  # noqa: PLR2004
        return Slice(shown, aspect, -1000.0, 400.0)  # only CT reaches the value of air
    return Slice(shown, aspect)


def _bytes_each(reader: Any, sitk: Any) -> int:
    wide = {sitk.sitkInt64, sitk.sitkUInt64, sitk.sitkFloat64}
    middle = {sitk.sitkInt32, sitk.sitkUInt32, sitk.sitkFloat32}
    kind = reader.GetPixelID()
    small = {sitk.sitkInt8, sitk.sitkUInt8, sitk.sitkVectorUInt8, sitk.sitkVectorInt8}
    return 8 if kind in wide else 4 if kind in middle else 1 if kind in small else 2


def _check_price(path: str, size: Sequence[int], bytes_each: int) -> None:
    """Raise NoPicture if more than a slice would have to be read of a large file."""
    if math.prod(size[:2]) * bytes_each > _MOST_SLICE:
        raise NoPicture
    pixels = math.prod(size) * bytes_each
    stored = sum(one.stat().st_size for one in _stored_files(Path(path)))
    is_streamed = path.lower().endswith(_STREAMED) and stored >= pixels
    if not is_streamed and (stored > _MOST_FILE or pixels > _MOST_PIXELS):
        raise NoPicture


def _stored_files(path: Path) -> Iterator[Path]:
    """The file, and the one beside it that holds the voxels of an `.mhd` or `.nhdr`."""
    yield path
    if path.suffix.lower() in {".mhd", ".nhdr"}:
        beside = (path.with_suffix(one) for one in (".raw", ".zraw", ".raw.gz"))
        yield from (one for one in beside if one.is_file())


def _extracted(reader: Any, sitk: Any, size: Sequence[int], number: int) -> Any:
    """One slice of a volume, at the first of several time points, as an array."""
    reader.SetExtractIndex([0, 0, number] + [0] * (len(size) - 3))
    reader.SetExtractSize([size[0], size[1], 0] + [0] * (len(size) - 3))
    return sitk.GetArrayFromImage(reader.Execute())


def _turned(pixels: Any, axes: Sequence[float], dimensions: int) -> Any:
    """The slice with its front or top upwards, and the patient's left or back to the right.

    `axes` is the matrix whose columns are the image's axes: towards left, back and head.
    """
    if dimensions < 3:  # noqa: PLR2004 - a picture, which has no patient's axes
        return pixels
    across, down = (
        max((axes[row * dimensions + column] for row in range(3)), key=abs) for column in (0, 1)
    )
    is_head = abs(axes[2 * dimensions + 1]) == abs(down)
    if (down < 0) != is_head:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if across < 0 else pixels


def _as_colours(pixels: Any) -> Any:
    return pixels if pixels.dtype == "uint8" else (pixels / max(pixels.max(), 1) * 255).clip(0, 255)


# ── PNG, JPEG, TIFF ─────────────────────────────────────────────────────────────────────────


def _read_picture(path: str) -> Slice:
    """A picture, or the smallest page of a slide that is large enough."""
    import numpy as np  # noqa: PLC0415 - in a worker
    from PIL import Image  # noqa: PLC0415 - likewise

    Image.MAX_IMAGE_PIXELS = None  # of a large image, only a small page is read
    with Image.open(path) as image:
        if image.format == "JPEG":
            image.draft("RGB", (2 * _LEAST_EDGE, 2 * _LEAST_EDGE))
        _choose_page(image)
        if math.prod(image.size) * len(image.getbands()) > _MOST_SLICE:
            raise NoPicture
        if image.mode.startswith(("I", "F")):
            return Slice(np.asarray(image))
        image.thumbnail((4 * _LEAST_EDGE, 4 * _LEAST_EDGE))
        return Slice(np.asarray(image.convert("RGB")))


def _choose_page(image: Any) -> None:
    """Turn to the page to show: of equal ones the middle, else a small one."""
    sizes = []
    for number in range(min(getattr(image, "n_frames", 1), _MOST_PAGES)):
        image.seek(number)
        sizes.append(image.size)
    if len(set(sizes)) == 1:
        image.seek(len(sizes) // 2)
        return
    shape = sizes[0][0] / sizes[0][1]
    alike = [
        (max(size), number)
        for number, size in enumerate(sizes)
        if abs(size[0] / size[1] / shape - 1) < 0.05 and max(size) >= _LEAST_EDGE  # noqa: PLR2004
    ]
    image.seek(min(alike)[1] if alike else 0)
