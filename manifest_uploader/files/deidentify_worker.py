"""De-identifies DICOM files, one by one, by the platform's own procedure.

It runs in processes of its own (`crew`). What is held in memory is a file's header. No value of a
file leaves this module, except for the copy.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from filecmp import cmp
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO, Final, TypeAlias

import msgspec

from manifest_uploader.files.deidentify_results import Batch, FileResult, Outcome, Setup
from manifest_uploader.files.dicom_pixels import CutOff, Pixels
from manifest_uploader.files.dicom_procedure import METHOD, Copy, Procedure, Rejected, pixels_of
from manifest_uploader.files.listing import is_ignored
from manifest_uploader.system import disk

_DICOMDIR: Final = "1.2.840.10008.1.3.10"
_PREAMBLE: Final = 128
_STARTS: Final = (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08")
"""Groups 2 and 8 in both orders of bytes: a DICOM file without a preamble begins with one."""
_NO_NAMES: Final = frozenset({"patient", "anonymous", "anon", "dummy", "unknown", "none", "test"})
_WORD: Final = re.compile(r"[^\W\d_]+")
_CHUNK: Final = 2**20
_SHORTEST: Final = 4
"""Letters of a Latin word that is looked for within others; shorter ones must stand alone."""


def start(setup: Any, _: str) -> Callable[[Any], Any]:
    """Load the procedure; return the function that de-identifies the files with these names."""
    worker = Deidentifier(msgspec.convert(setup, Setup))
    return lambda names: msgspec.to_builtins(worker.batch(names))


class Deidentifier:
    """De-identifies files of one folder into another."""

    def __init__(self, setup: Setup) -> None:
        """Load the procedure, which takes half a second."""
        self._procedure = Procedure(setup.key)
        self._source, self._target = Path(setup.source), Path(setup.target)
        self._others = setup.others
        self._changes: tuple[Counter[str], ...] = ()

    def batch(self, names: list[str]) -> Batch:
        """De-identify some files, whatever becomes of each."""
        self._changes = (Counter(), Counter(), Counter())
        results = tuple(self._one(name) for name in names)
        return Batch(results, *map(dict, self._changes))

    def _one(self, name: str) -> FileResult:
        try:
            with disk.open_file(self._source / name) as stream:
                found = self._file(name, stream)
                is_other = found.outcome is Outcome.NOT_DICOM
                return self._copy_as_it_is(name, stream) if is_other and self._others else found
        except OSError as error:
            return FileResult(name, Outcome.UNREADABLE, about=disk.reason(error))

    def _file(self, name: str, stream: BinaryIO) -> FileResult:
        start = stream.read(_PREAMBLE + 4)
        marked = start[_PREAMBLE:] == b"DICM"
        ignored = any(is_ignored(part) for part in name.split("/"))
        nothing = FileResult(
            name,
            Outcome.IGNORED if ignored else Outcome.NOT_DICOM,
            about="" if start else "empty",
        )
        if not (marked or start.startswith(_STARTS)):
            return nothing
        try:
            data = self._procedure.read(stream)
            if "SOPClassUID" in data:
                return self._copy(name, stream, data)
            is_index = data.file_meta.get("MediaStorageSOPClassUID") == _DICOMDIR
        except CutOff as cut:
            return FileResult(name, Outcome.CUT_OFF, expected=cut.expected, found=cut.found)
        except Exception as error:
            # pydicom raises any exception on a broken file, also an OSError; the system's have a
            # number.
            if getattr(error, "errno", None) is not None:
                raise
            return FileResult(name, Outcome.DAMAGED) if marked and not ignored else nothing
        if ignored or not marked:
            return nothing
        told = (Outcome.IGNORED, "") if is_index else (Outcome.DAMAGED, "SOPClassUID")
        return FileResult(name, *told)

    def _copy(self, name: str, stream: BinaryIO, data: Any) -> FileResult:
        target = self._target / name
        burned_in = data.get("BurnedInAnnotation") == "YES"
        names_patient = _names_patient(name, str(data.get("PatientName") or ""))
        known = self._known(target, self._source / name, data)
        if known is Outcome.ALREADY_DONE:
            return FileResult(name, known, burned_in=burned_in, path_names_patient=names_patient)
        if known is not None:
            return FileResult(name, known)
        before = dict(_filled(data))
        try:
            copy = self._procedure.copy(stream, data)
        except Rejected as rejected:
            return FileResult(name, Outcome.REJECTED, about=str(rejected))
        try:
            self._write(target, lambda file: _write_copy(copy, stream, file))
        except OSError as error:
            return FileResult(name, Outcome.UNWRITABLE, about=disk.reason(error))
        self._count(before, dict(_filled(data)))
        return FileResult(name, Outcome.DONE, burned_in=burned_in, path_names_patient=names_patient)

    def _copy_as_it_is(self, name: str, stream: BinaryIO) -> FileResult:
        """Copy a file that is not DICOM, unless its copy is there."""
        target = self._target / name
        if os.path.lexists(target):
            is_there = not target.is_symlink() and disk.patiently(
                lambda: cmp(self._source / name, target, shallow=False)
            )
            return FileResult(name, Outcome.COPIED if is_there else Outcome.NOT_OURS)

        def fill(copy: BinaryIO) -> None:
            stream.seek(0)
            copyfileobj(stream, copy, 2**20)

        try:
            self._write(target, fill)
        except OSError as error:
            return FileResult(name, Outcome.UNWRITABLE, about=disk.reason(error))
        return FileResult(name, Outcome.COPIED)

    def _known(self, target: Path, source: Path, data: Any) -> Outcome | None:
        """What is in the place of the copy: an earlier result, something else, or nothing."""
        if not os.path.lexists(target):
            return None
        if target.is_symlink() or not target.is_file():
            return Outcome.NOT_OURS
        if not target.stat().st_size:
            return None  # as a system that crashed may leave it
        method, is_whole = "", True
        try:
            with disk.open_file(target) as stream:
                there = self._procedure.read(stream)
                method = _last_method(there)
                pixels_of(stream, there)
        except CutOff:
            is_whole = False
        except Exception:  # noqa: BLE001 - pydicom raises any exception on what is no DICOM
            return Outcome.NOT_OURS
        if not method.startswith(METHOD):
            return Outcome.NOT_OURS
        is_same = (
            is_whole
            and method == self._procedure.method
            and there.get("SOPInstanceUID") == self._procedure.uids[data.get("SOPInstanceUID")]
            and target.stat().st_mtime_ns >= source.stat().st_mtime_ns
        )
        return Outcome.ALREADY_DONE if is_same else None

    def _write(self, target: Path, fill: Callable[[BinaryIO], None]) -> None:
        """Write under a temporary name, which is the same in each run, then rename."""
        if not Path(os.path.realpath(target.parent)).is_relative_to(self._target):
            raise OSError(0, "its folder is a link that leads out")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{sha256(os.fsencode(target.name)).hexdigest()[:32]}.part")
        try:
            with disk.open_file(temporary, "wb") as copy:
                fill(copy)
            disk.replace(temporary, target)
        except BaseException:
            disk.could_remove(temporary)
            raise

    def _count(self, before: _Filled, after: _Filled) -> None:
        """Count this file for each attribute that is no longer what it was."""
        removed: set[str] = set()
        replaced: set[str] = set()
        new_uids: set[str] = set()
        for path, (word, is_uid, value) in before.items():
            if path not in after:
                removed.add(word)
            elif after[path][2] != value:
                (new_uids if is_uid else replaced).add(word)
        for counter, words in zip(self._changes, (removed, replaced, new_uids), strict=True):
            counter.update(words)


_Filled: TypeAlias = dict[tuple[int, ...], tuple[str, bool, Any]]
"""By path of tags and positions: keyword, whether it is a UID, value."""


def _filled(data: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Every element that holds something, within sequences too; private ones share a word."""
    for element in data:
        here = (*path, int(element.tag))
        if element.VR == "SQ":
            for position, item in enumerate(element.value):
                yield from _filled(item, (*here, position))
        elif not element.is_empty and element.keyword != "SpecificCharacterSet":
            word = "private" if element.tag.is_private else element.keyword or "unknown"
            yield here, (word, element.VR == "UI", element.value)


def _last_method(data: Any) -> str:
    methods = data.get("DeidentificationMethod") or ""
    return methods if isinstance(methods, str) else str(methods[-1])


def _write_copy(copy: Copy, stream: BinaryIO, file: BinaryIO) -> None:
    file.write(copy.head)
    if copy.pixels is not None:
        _copy_bytes(stream, file, copy.pixels)


def _copy_bytes(stream: BinaryIO, copy: BinaryIO, pixels: Pixels) -> None:
    stream.seek(pixels.first)
    left = pixels.end - pixels.first
    while left and (chunk := stream.read(min(left, _CHUNK))):
        copy.write(chunk)
        left -= len(chunk)
    if left:
        raise OSError(0, "the original became shorter while it was read")
    copy.write(b"\0" * ((pixels.end - pixels.first) % 2))


def _names_patient(name: str, patient: str) -> bool:
    """Whether a path contains a word of a name; common words for nobody do not count."""
    path = name.casefold()
    words = {word for word in _WORD.findall(patient.casefold()) if word not in _NO_NAMES}
    alone = set(_WORD.findall(path))
    return any(
        word in alone or ((len(word) >= _SHORTEST or not word.isascii()) and word in path)
        for word in words
        if len(word) > 1
    )
