"""Makes thumbnails of images, in a process of its own: `pictures` starts it."""

from __future__ import annotations

import base64
import io
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from manifest_uploader.report.slices import NoPicture, Slice, read_slice

EDGE: Final = 96
"""Pixels of a thumbnail's longer edge."""
_LONGEST_S: Final = 10.0
"""A picture that takes longer is given up, and this process with it."""
_QUALITY: Final = 55
_MOST_LABELS: Final = 16
"""A slice with no more values than that is a segmentation."""
_COLOURS: Final = (
    *((0, 0, 0), (255, 176, 0), (64, 176, 255), (120, 220, 120), (255, 110, 160)),
    *((190, 140, 255), (255, 230, 110), (90, 220, 220), (230, 130, 70)),
)
"""Of the labels of a segmentation, the background first."""


def start(_: object, __: str) -> Callable[[Any], str | None]:
    """Return the function that makes a thumbnail of the image at a path."""
    return thumbnail


def thumbnail(path: str) -> str | None:
    """A thumbnail as WebP in base64; None if there is nothing to show."""
    watch = threading.Timer(_LONGEST_S, os._exit, (1,))
    watch.daemon = True
    watch.start()
    try:
        return base64.b64encode(_drawn(read_slice(path))).decode()
    except NoPicture:
        return None
    except Exception:  # noqa: BLE001 - libraries raise anything about files that are not whole
        return None
    finally:
        watch.cancel()


def _drawn(found: Slice) -> bytes:
    """The slice as a WebP file."""
    from PIL import Image  # noqa: PLC0415 - an extra

    pixels, is_labels = _shaded(found)
    image = Image.fromarray(pixels)
    width, height = image.width, image.height * found.aspect
    scale = EDGE / max(width, height)  # a small image is enlarged, so that it can be seen
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = Image.Resampling.NEAREST if is_labels else Image.Resampling.LANCZOS
    image = image.resize(size, way)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=_QUALITY, method=4)
    return file.getvalue()


def _shaded(found: Slice) -> tuple[Any, bool]:
    """The slice in 8 bits, and whether it is a segmentation, whose labels have colours."""
    import numpy as np  # noqa: PLC0415 - an extra

    pixels = np.nan_to_num(np.asarray(found.pixels))
    if pixels.ndim == 3:  # noqa: PLR2004 - rows, columns, colours
        return pixels.astype("uint8"), False
    if (labels := _labels(np, pixels)) is not None:
        return labels, True
    low, high = found.low, found.high
    if low is None or high is None:
        inside = pixels[pixels > pixels.min()] if pixels.min() != pixels.max() else pixels
        low, high = (float(one) for one in np.percentile(inside, (1, 99)))
        if low == high:
            low, high = float(pixels.min()), float(pixels.max())
    shades = (pixels.astype("float32") - low) / max(high - low, 1e-9)
    shades = (shades.clip(0, 1) * 255).astype("uint8")
    return 255 - shades if found.inverted else shades, False


def _labels(np: Any, pixels: Any) -> Any:
    """The slice with a colour for each label; None if it is not a segmentation."""
    if pixels.dtype.kind not in "iub" or pixels.min() != 0:
        return None
    values = np.unique(pixels)
    if len(values) > _MOST_LABELS or values[-1] > 255:  # noqa: PLR2004 - 8 bits
        return None
    table = np.zeros((256, 3), "uint8")
    for number, value in enumerate(values):
        place = number if number == 0 else (int(value) - 1) % (len(_COLOURS) - 1) + 1
        table[int(value)] = _COLOURS[place]
    return table[pixels.astype("uint8")]
