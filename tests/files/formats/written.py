"""Whole files as the programs write them that people use."""

from __future__ import annotations

import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.files.formats.inputs import Inputs
from tests.files.formats.make import gzipped


def written() -> Inputs:
    """Whole files as common programs write them; without those that are not installed."""
    yield from _by_simpleitk()
    yield from _by_nibabel()
    yield from _by_tifffile()
    yield from _by_pillow()


def _by_simpleitk() -> Inputs:
    import numpy as np
    import SimpleITK

    values = np.arange(12 * 10 * 8)
    for kind in ("uint8", "int8", "int16", "uint16", "int32", "float32", "float64"):
        image = SimpleITK.GetImageFromArray((values % 100).reshape(8, 10, 12).astype(kind))
        for ending in ("mha", "mhd", "nii", "nii.gz", "nrrd"):
            for compressed in (False, True):
                name = f"SimpleITK: {kind} {ending}{' compressed' if compressed else ''}"
                yield (
                    name,
                    _saved(f"a.{ending}", partial(_write, image, compressed)),
                )
    flat = (values[:120] % 250).reshape(10, 12).astype("uint8")
    colour = SimpleITK.GetImageFromArray(np.stack([flat] * 3, 2), isVector=True)
    grey = SimpleITK.GetImageFromArray(flat)
    four = SimpleITK.JoinSeries(
        [SimpleITK.GetImageFromArray(values.reshape(8, 10, 12).astype("int16"))] * 3
    )
    for name, image, endings in (
        ("grey", grey, ("png", "jpg", "mha", "nrrd", "nii")),
        ("colour", colour, ("png", "jpg", "mha", "nrrd", "nii.gz")),
        ("4D", four, ("mha", "nrrd", "nii.gz")),
    ):
        for ending in endings:
            yield (
                f"SimpleITK: {name} {ending}",
                _saved(f"a.{ending}", partial(_write, image, False)),
            )


def _write(image: Any, compressed: bool, path: str) -> None:
    import SimpleITK

    SimpleITK.WriteImage(image, path, compressed)


def _saved(name: str, write: Any) -> dict[str, bytes]:
    """What a program writes under a name; the file of that name first."""
    with tempfile.TemporaryDirectory() as folder:
        write(str(Path(folder) / name))
        paths = sorted(Path(folder).iterdir(), key=lambda path: path.name != name)
        return {path.name: path.read_bytes() for path in paths}


def _by_nibabel() -> Inputs:
    try:
        import nibabel
        import numpy as np
    except ImportError:
        return
    values = (np.arange(12 * 10 * 8) % 100).reshape(12, 10, 8)
    for kind in ("uint8", "int16", "float32", "float64", "int64"):
        image = nibabel.Nifti1Image(values.astype(kind), np.eye(4), dtype=kind)
        for ending in ("nii", "nii.gz"):
            yield (
                f"nibabel: {kind} {ending}",
                _saved(f"a.{ending}", lambda path, image=image: nibabel.save(image, path)),
            )
    extended = nibabel.Nifti1Image(values.astype("int16"), np.eye(4))
    extended.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"hello " * 9))
    yield "nibabel: with an extension", {"a.nii": extended.to_bytes()}
    swapped = extended.as_reoriented(np.array([[0, 1], [1, 1], [2, 1]]))
    yield "nibabel: reoriented", {"a.nii": swapped.to_bytes()}
    second = nibabel.Nifti2Image(values.astype("int16"), np.eye(4))
    yield "nibabel: NIfTI-2", {"a.nii": second.to_bytes()}
    yield "nibabel: NIfTI-2 compressed", {"a.nii.gz": gzipped(second.to_bytes())}
    pair = nibabel.Nifti1Pair(values.astype("int16"), np.eye(4))
    yield "nibabel: NIfTI pair", _saved("a.hdr", lambda path: nibabel.save(pair, path))
    analyze = nibabel.AnalyzeImage(values.astype("int16"), np.eye(4))
    yield "nibabel: Analyze", _saved("a.hdr", lambda path: nibabel.save(analyze, path))


def _by_tifffile() -> Inputs:
    try:
        import numpy as np
        import tifffile
    except ImportError:
        return
    flat = (np.arange(96 * 80) % 200).reshape(96, 80).astype("uint8")
    colour = np.stack([flat] * 3, 2)
    scale: dict[str, Any] = {"resolution": (200, 200), "resolutionunit": "CENTIMETER"}
    for name, array, options in (
        ("grey", flat, {}),
        ("int16", flat.astype("int16"), {}),
        ("float", flat.astype("float32"), {}),
        ("colour", colour, {"photometric": "rgb"}),
        ("planes", np.moveaxis(colour, 2, 0).copy(), {"photometric": "rgb", "planarconfig": 2}),
        ("tiles", colour, {"photometric": "rgb", "tile": (32, 48)}),
        ("strips", flat, {"rowsperstrip": 7}),
        ("deflate", flat, {"compression": "zlib"}),
        ("stack", np.stack([flat] * 4), {"photometric": "minisblack"}),
        ("stack of tiles", np.stack([flat] * 4), {"photometric": "minisblack", "tile": (32, 32)}),
    ):
        for kind in ({}, {"bigtiff": True}, {"byteorder": ">"}):
            out = io.BytesIO()
            tifffile.imwrite(out, array, **scale, **options, **kind)
            yield f"tifffile: {name} {kind or ''}", {"a.tif": out.getvalue()}
    out = io.BytesIO()
    tifffile.imwrite(out, np.stack([flat] * 4), imagej=True, **scale)
    yield "tifffile: ImageJ", {"a.tif": out.getvalue()}
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=True, ome=True) as writer:
        options = {"photometric": "rgb", "tile": (32, 32)}
        writer.write(colour, subifds=2, **options, **scale)
        writer.write(colour[::2, ::2], subfiletype=1, **options)
        writer.write(colour[::4, ::4], subfiletype=1, **options)
    yield "tifffile: OME pyramid", {"a.ome.tif": out.getvalue()}


def _by_pillow() -> Inputs:
    try:
        import numpy as np
        from PIL import Image
    except ImportError:
        return
    flat = (np.arange(96 * 80) * 7 % 200).reshape(96, 80).astype("uint8")
    grey = Image.fromarray(flat)
    colour = Image.merge("RGB", [grey, grey.rotate(90, expand=False), grey.rotate(180)])
    for name, image, kind, options in (
        ("grey", grey, "JPEG", {}),
        ("colour", colour, "JPEG", {}),
        ("progressive", colour, "JPEG", {"progressive": True}),
        ("CMYK", colour.convert("CMYK"), "JPEG", {}),
        ("several", colour, "MPO", {"save_all": True, "append_images": [colour]}),
        ("alone", colour, "MPO", {"save_all": True}),
        ("palette", colour.quantize(16), "PNG", {}),
        ("bits", grey.convert("1"), "PNG", {}),
        ("transparent", grey, "PNG", {"transparency": 3}),
        ("alpha", colour.convert("RGBA"), "PNG", {}),
        ("animated", grey, "PNG", {"save_all": True, "append_images": [colour.convert("L")]}),
        ("plain", colour, "TIFF", {}),
        ("dpi", colour, "TIFF", {"dpi": (300, 300)}),
        ("LZW", colour, "TIFF", {"dpi": (300, 300), "compression": "tiff_lzw"}),
        ("JPEG", colour, "TIFF", {"dpi": (300, 300), "compression": "jpeg"}),
        ("fax", grey.convert("1"), "TIFF", {"dpi": (300, 300), "compression": "group4"}),
        ("pages", colour, "TIFF", {"dpi": (9, 9), "save_all": True, "append_images": [grey]}),
        ("web", colour, "WEBP", {}),
    ):
        out = io.BytesIO()
        image.save(out, kind, **options)
        yield f"Pillow: {name} {kind}", {"a": out.getvalue()}
