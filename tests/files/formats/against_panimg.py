"""Compare what we say of files with what the platform's importer makes of them.

`python -m tests.files.formats.against_panimg` prints where the two differ, and why that is meant.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from manifest_uploader.files.formats.segmentation import segmentation_flaws, stray_values
from manifest_uploader.files.looks import FileLook, Format
from tests.files.formats.helpers import flaws_of, look
from tests.files.formats.inputs import every_input
from tests.files.formats.written import written

HALF = "it imports what is there"
WRONG = "it imports other bytes than the voxels"

EXPLAINED = {
    **dict.fromkeys(
        (
            *("mhd: compressed, no size, cut", "mha: compressed, size too small"),
            *("mha: compressed, too few voxels", "nii: one byte short", "nii: no voxels"),
            *("nii: first 348 bytes", "nii: first 350 bytes", "nii: offset 400, short"),
            *("nii: offset 100000", "nii.gz: 40 bytes less", "nii.gz: members of 90"),
            *("nii.gz: 12000 bytes less", "tif: two pages, 230 bytes less"),
            *("nii.gz: a gap", "nii.gz: voxels missing", "png: rows missing"),
            "tif: directory first, 1 bytes less",
            *("tif: directory first, 8 bytes less", "tif: directory first, 31 bytes less"),
            *("tif: directory first, 32 bytes less", "tif: two pages, 1 bytes less"),
            *("tif: two pages, 100 bytes less", "tif: two pages, 200 bytes less"),
        ),
        HALF,
    ),
    **dict.fromkeys(
        (
            *("mha: compressed, no size", "mha: compressed, size 0", "mha: compressed, damaged"),
            *("mha: compressed with HeaderSize", "mha: compressed, it is not"),
            *(
                "mhd: LISTING.raw",
                "nii: magic b'ni1\\x00', offset 0",
                "mhd: compressed, HeaderSize",
            ),
            *("nii: magic b'\\x00\\x00\\x00\\x00', offset 0", "mha: compressed, end of zeros"),
            "nii.gz: second half zeros",
        ),
        WRONG,
    ),
}
"""Inputs that we refuse although the importer takes them."""


class Difference(NamedTuple):
    name: str
    importer: str
    ours: str


def differences() -> Iterator[Difference]:
    """What differs: whether an input is one whole image; its size, channels, type or segments."""
    for name, files in itertools.chain(every_input(), written()):
        found = _judge(files)
        flaws = flaws_of(files)
        first = look(next(iter(files.values())), next(iter(files)))
        is_lonely = first.data_file is not None and first.data_file not in files
        is_image = first.image is not None and not flaws and not is_lonely
        ours = (
            "no data file" if is_lonely else " ".join([*(one.kind for one in flaws), first.format])
        )
        if is_image != (found is not None):
            yield Difference(name, "an image" if found else "no image", ours)
        elif found is not None:
            mine = _shape(first, files, found)
            yield from (
                Difference(name, f"{key} {found[key]}", f"{key} {value}")
                for key, value in mine.items()
                if value != found[key]
            )


def _shape(shown: FileLook, files: Mapping[str, bytes], found: Mapping[str, Any]) -> dict[str, Any]:
    image = shown.image
    assert image is not None
    shape: dict[str, Any] = {"width": image.width, "height": image.height}
    if shown.format is not Format.TIFF:
        shape["depth"] = image.depth if image.dimensions > 2 else None
        shape["channels"] = image.channels
    can_be = not segmentation_flaws(shown)
    shape["is a segmentation"] = can_be
    if can_be:
        (_, data), *rest = files.items()
        separate = [(BytesIO(more), len(more)) for other, more in rest if other == shown.data_file]
        stray = stray_values(
            BytesIO(data),
            shown,
            frozenset((-1000,)),
            size=len(data),
            data=separate[0] if separate else None,
        )
        if stray is not None:
            good = image.dimensions < 4 or stray.volumes
            shape["segments"] = list(stray.values) if good else None
            shape["is a segmentation"] = good
        elif shown.format is Format.NRRD:
            del shape["is a segmentation"]
    return shape


def _judge(files: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The one image that the importer makes of some files; None if it makes none, or several."""
    from panimg import convert

    with tempfile.TemporaryDirectory() as given, tempfile.TemporaryDirectory() as made:
        for name, data in files.items():
            (Path(given) / name).write_bytes(data)
        try:
            with _silence():
                found = convert(
                    input_directory=Path(given),
                    output_directory=Path(made) / "out",
                    post_processors=[],
                )
        except Exception:  # noqa: BLE001 whatever it raises ends the import
            return None
    if len(found.new_images) != 1:
        return None
    image = next(iter(found.new_images))
    return {
        "width": image.width,
        "height": image.height,
        "depth": image.depth,
        "channels": {"GRAY": 1, "RGB": 3, "RGBA": 4}.get(image.color_space.value),
        "is a segmentation": image.segments is not None,
        "segments": None if image.segments is None else sorted(map(int, image.segments)),
    }


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the importer's libraries print from the screen."""
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for number, copy in enumerate(kept, 1):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
        logging.disable(logging.NOTSET)


def main() -> int:
    """Print all differences; return 1 if one has no reason, or a reason no difference."""
    total = sum(1 for _ in itertools.chain(every_input(), written()))
    found = list(differences())
    for one in found:
        why = EXPLAINED.get(one.name, "NOT EXPLAINED")
        print(f"{one.name}: the importer has {one.importer}, we say {one.ours}: {why}")
    without = set(EXPLAINED) - {one.name for one in found}
    print(f"{total} inputs, {len(found)} differences; explained, but none: {sorted(without)}")
    return 1 if without or any(one.name not in EXPLAINED for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
