"""Asks panimg, the platform's own importer, what it makes of the files of one image.

It runs in processes of its own (`crew`). Nothing of its messages leaves them but what `Reason`
lists, because they may quote what is in a file. What it would write is not written: compressing
an image takes far longer than reading it.
"""

from __future__ import annotations

import errno
import gc
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec

from manifest_uploader.files.import_folder import ImportFolder, NoRoom, Unpackable
from manifest_uploader.files.import_verdict import Failure, Reason, Verdict
from manifest_uploader.files.listing import natural
from manifest_uploader.system import disk

_CHANNELS: Final = {"GRAY": 1, "RGB": 3, "YCBCR": 3, "RGBA": 4}
_MOST_APART: Final = 20
_NO_ROOM: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_REASONS: Final = {
    "Dicom image builder: could not read file": Reason.DICOM_PIXELS,
    "Number of slices per time point differs": Reason.TIMEPOINTS,
    "Data container of mhd file is missing": Reason.DATA_FILE,
    "which is not in the uploaded data directory": Reason.DATA_FILE,
    "Cannot find data file": Reason.DATA_FILE,
    "Mhd image builder: SimpleITK could not open file": Reason.METAIMAGE_DATA,
    "NRRD files with detached headers": Reason.DETACHED_NRRD,
    "Images with more than 4 channels": Reason.CHANNELS,
    "Voxel width could not be determined": Reason.RESOLUTION,
    "Voxel height could not be determined": Reason.RESOLUTION,
    "Color space could not be determined": Reason.COLORS,
}
"""Parts of panimg's messages; each builder adds one to every file that it cannot read."""
_NOT_CONVERTED: Final = ("Could not convert", "Could not open iSyntax file")
_SLIDE_LIBRARIES: Final = ("pyvips", "openslide")
_SCANNERS: Final = re.compile(rb"PHILIPS|Philips|PIM_DP|iScan|MedScan", re.ASCII)
"""In TIFF images of slide scanners, which may tell OpenSlide what they do not tell others."""
_ENDS: Final = 2**20
"""Bytes at both ends of a file, where TIFF has its texts."""


def start(_: object, scratch: str) -> Callable[[Any], Any]:
    """Import panimg; return the function that judges `{"files": [[path, name], …]}`."""
    _panimg()
    _write_less()
    gc.freeze()  # what stays need not be gone through after each image
    folders = (Path(scratch, str(number)) for number in itertools.count())

    def judge(request: Any) -> Any:
        folder = next(folders)
        folder.mkdir()
        try:
            return msgspec.to_builtins(_judge(request["files"], folder))
        finally:
            gc.collect()  # panimg leaves files open, which Windows does not remove
            disk.remove_tree(folder)

    return judge


def _panimg(*module: str) -> Any:
    """A module of the importer, which is an extra, takes 1 s to import, and has no types."""
    return import_module(".".join(("panimg", *module)))


def _judge(files: Iterable[tuple[str, str]], folder: Path) -> Verdict:
    given = ImportFolder(folder / "in")
    try:
        given.place(files)
        given.unpack()
    except Unpackable:
        return Verdict("", failure=Failure.BAD_ARCHIVE)
    except NoRoom:
        return Verdict("", failure=Failure.NO_ROOM)
    except OSError as error:
        failure = Failure.NO_ROOM if error.errno in _NO_ROOM else Failure.UNREADABLE
        return Verdict("", failure=failure)
    try:
        return _verdict(given, folder / "out")
    except Exception as error:  # noqa: BLE001 - the platform, too, fails on whatever panimg raises
        return Verdict("", failure=_failure(error))


def _failure(error: Exception) -> Failure:
    # SimpleITK raises a RuntimeError, in which the platform looks for this word.
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return Failure.MEMORY
    return Failure.NO_ROOM if getattr(error, "errno", None) in _NO_ROOM else Failure.UNEXPECTED


def _verdict(given: ImportFolder, output: Path) -> Verdict:
    made: list[_Made] = []
    found = _panimg().convert(
        input_directory=given.path,
        output_directory=output,
        builders=_noting(made),
        post_processors=[],
    )
    errors = {path: told for path, told in found.file_errors.items() if path in given.shown}
    dropped = [path for path in given.shown if path not in found.consumed_files]
    verdict = msgspec.structs.replace(
        _about(made, given),
        dropped=tuple(sorted((given.shown[path] for path in dropped), key=natural)),
        reasons=_reasons(errors.get(path, []) for path in dropped),
    )
    slides = any(_may_be_slide(path, errors.get(path, [])) for path in dropped)
    if slides and not _has_slide_libraries():
        return msgspec.structs.replace(verdict, failure=Failure.NO_LIBRARY)
    return verdict


# ── images ──────────────────────────────────────────────────────────────────────────────────


class _Made:
    """An image of panimg's that remembers which files it was made of."""

    def __init__(self, image: Any, made: list[_Made]) -> None:
        self._image, self._made = image, made
        self.consumed_files: set[Path] = image.consumed_files
        self.saved: Any = None

    def save(self, output_directory: Path) -> Any:
        """Save it; what panimg returns."""
        result = self._image.save(output_directory=output_directory)
        self.saved = result[0]
        self._made.append(self)
        return result


def _noting(made: list[_Made]) -> list[Any]:
    """The importer's builders, which note the images that they make."""

    def noted(builder: Any) -> Any:
        def build(*, files: set[Path]) -> Iterator[_Made]:
            for image in builder(files=files):
                yield _Made(image, made)

        return build

    return [noted(builder) for builder in _panimg("image_builders").DEFAULT_IMAGE_BUILDERS]


def _about(made: list[_Made], given: ImportFolder) -> Verdict:
    if not made:
        return Verdict("")
    names = [
        sorted((given.shown[path] for path in one.consumed_files), key=natural) for one in made
    ]
    order = sorted(range(len(made)), key=lambda one: (-len(names[one]), natural(names[one][0])))
    first = made[order[0]].saved
    others = [name for one in order[1:] for name in names[one]]
    lengths = (first.voxel_width_mm, first.voxel_height_mm, first.voxel_depth_mm)
    return Verdict(
        key="",
        images=len(made),
        width=first.width,
        height=first.height,
        depth=first.depth,
        timepoints=first.timepoints,
        spacing=tuple(float(length) for length in lengths if length is not None),
        segments=None if first.segments is None else tuple(sorted(map(int, first.segments))),
        channels=_CHANNELS.get(first.color_space.value, 0),
        apart=tuple(others[:_MOST_APART]),
    )


def _write_less() -> None:
    """Let panimg write one voxel of each image, and no copy of a TIFF image.

    One voxel still shows whether the output format takes this type of voxels.
    """
    models = _panimg("models")
    sitk: Any = import_module("SimpleITK")
    write = models.WriteImage

    def write_a_voxel(image: Any, fileName: str, **more: Any) -> None:  # noqa: N803 - SimpleITK's
        channels = image.GetNumberOfComponentsPerPixel()
        write(
            sitk.Image([1] * image.GetDimension(), image.GetPixelID(), channels), fileName, **more
        )

    models.WriteImage = write_a_voxel
    models.shutil = SimpleNamespace(copy=lambda src, dst: None)  # noqa: ARG005 - called by name


# ── dropped files ───────────────────────────────────────────────────────────────────────────


def _reasons(told: Iterable[list[str]]) -> tuple[Reason, ...]:
    """The reasons of all dropped files, each once."""
    found = {reason for messages in told for reason in _reasons_of(messages)}
    return tuple(sorted(found))


def _reasons_of(messages: list[str]) -> Iterator[Reason]:
    for message in messages:
        for words, reason in _REASONS.items():
            if words in message:
                yield reason


def _may_be_slide(path: Path, messages: list[str]) -> bool:
    """Whether libvips or OpenSlide might have read a file that was dropped."""
    if any(words in message for message in messages for words in _NOT_CONVERTED):
        return True
    if Reason.RESOLUTION not in _reasons_of(messages):
        return False
    with disk.open_file(path) as stream:
        start = stream.read(_ENDS)
        stream.seek(max(stream.seek(0, os.SEEK_END) - _ENDS, 0))
        return _SCANNERS.search(start + stream.read()) is not None


def _has_slide_libraries() -> bool:
    try:
        for name in _SLIDE_LIBRARIES:
            import_module(name)
    except (ImportError, OSError):
        return False
    return True
