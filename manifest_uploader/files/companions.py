"""Name the files of one value inside their upload, and find those that lack a companion."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace

from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.system import disk

NAME_LIMIT: Final = 128
"""Characters. Grand Challenge rejects an upload with a longer file name."""

Files: TypeAlias = Mapping[str, LocalFile]
"""By path below the root, in the order in which they are sent."""
Finding: TypeAlias = tuple[str, str]
"""A problem and a hint."""

_PLAIN: Final = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]*[!-\[\]-~])?")
"""Printable ASCII without a backslash, and without a blank at either end: nearly all names."""
_PLAIN_NAMES: Final = re.compile(rf"(?:{_PLAIN.pattern}\n)*{_PLAIN.pattern}")
_HEADER: Final = 64 * 2**10
"""Bytes of a MetaImage file that are searched for its header."""
_ELEMENT: Final = re.compile(rb"^\s*ElementDataFile\s*=\s*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_MRXS: Final = ".mrxs"
_MHD: Final = ".mhd"


def with_upload_names(files: Files) -> Files:
    """The files with the names they get inside their upload.

    They lie in one folder, except that files below the folder of an `.mrxs` slide stay below it. If
    some of several DICOM files have equal names, each gets its position as a prefix. Names that
    differ only in case are equal: some file systems ignore it.
    """
    below = _below_slides(files)
    if not _has_equal_names(below) or not _are_dicom(files):
        return below
    width = max(4, len(str(len(below))))
    return {
        path: replace(file, name=f"{place:0{width}}-{posixpath.basename(path)}")
        for place, (path, file) in enumerate(below.items(), 1)
    }


def _are_dicom(files: Files) -> bool:
    from manifest_uploader.files.dicom import naming  # noqa: PLC0415 - late: rarely asked

    return all(naming.looks_dicom(file.path) for file in files.values())


def find_problems(files: Files) -> Iterator[Finding]:
    """Yield what would make an upload of these files fail or be read as something else."""
    names = {file.name for file in files.values()}
    if _has_equal_names(files):
        yield from _find_equal_names(files)
    if _are_plain(names):
        return
    for path, file in files.items():
        if len(file.name) > NAME_LIMIT or not _PLAIN.fullmatch(file.name):
            flaw = _name_flaw(file.name, alone=len(files) == 1)
            if flaw is not None:
                yield f"the name of '{_printable(path)}' {flaw}", "rename the file"
        ending = file.name[-5:].lower()
        if ending == _MRXS:
            yield from _find_lonely_slide(path, file, names)
        elif ending.endswith(_MHD):
            yield from _find_lonely_header(path, file, names)


def _are_plain(names: set[str]) -> bool:
    """Whether no name can be a problem, as the names of slices; asks all of them at once."""
    text = "\n".join(names)
    if not _PLAIN_NAMES.fullmatch(text) or max(map(len, names), default=0) > NAME_LIMIT:
        return False
    if text.count("\n") >= len(names):  # a name of several lines, each of them plain
        return False
    lower = text.lower()
    return _MRXS not in lower and _MHD not in lower


# ── names ───────────────────────────────────────────────────────────────────────────────────


def _has_equal_names(files: Files) -> bool:
    return len(set(_folded(file.name for file in files.values()))) < len(files)


def _folded(names: Iterable[str]) -> list[str]:
    """The names without what some file systems ignore; folds all of them at once."""
    text = "\0".join(names)
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", text.casefold()).split("\0")


def _find_equal_names(files: Files) -> Iterator[Finding]:
    first: dict[str, str] = {}
    names = _folded(file.name for file in files.values())
    for name, path in zip(names, files, strict=True):
        other = first.setdefault(name, path)
        if other == path:
            continue
        same = files[other].name == files[path].name
        what = "the same name" if same else "names that differ only in case"
        message = f"'{other}' and '{path}' have {what} and go into one upload"
        yield message, "rename one of them: the files of one image are uploaded side by side"


def _name_flaw(name: str, *, alone: bool) -> str | None:
    """What the platform does not accept in a file name; `alone`: it is the name of the upload."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if "\\" in name:
        return "contains a backslash"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "contains a control character"
    if alone and name != name.strip():
        return "begins or ends with a space, which the platform removes"
    if alone and len(name) > NAME_LIMIT:
        return f"is longer than {NAME_LIMIT} characters"
    return None


def _printable(path: str) -> str:
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in path
    )


# ── files that need others ──────────────────────────────────────────────────────────────────


def _below_slides(files: Files) -> Files:
    below = dict(files)
    if _MRXS not in "\n".join(files).lower():
        return below
    slides = [path[: -len(_MRXS)] for path in files if path[-len(_MRXS) :].lower() == _MRXS]
    for slide in slides:
        start = len(posixpath.dirname(slide) + "/") if "/" in slide else 0
        for path, file in files.items():
            if path.startswith(f"{slide}/"):
                below[path] = replace(file, name=path[start:])
    return below


def _find_lonely_slide(path: str, file: LocalFile, names: set[str]) -> Iterator[Finding]:
    if not any(name.startswith(file.name[: -len(_MRXS)] + "/") for name in names):
        folder = path[: -len(_MRXS)]
        message = f"'{path}' comes without the files of its folder '{folder}'"
        yield message, f'list both: files: ["{path}", "{folder}"]'


def _find_lonely_header(path: str, file: LocalFile, names: set[str]) -> Iterator[Finding]:
    data = element_data_file(file.path)
    if data is None or data in names:
        return
    if posixpath.basename(data.replace("\\", "/")) in names:
        message = f"'{path}' names its data file '{data}', but they are uploaded side by side"
        yield message, "set ElementDataFile to the file's name without a folder"
        return
    both = posixpath.normpath(posixpath.join(posixpath.dirname(path), data))
    if not disk.usable(file.path.parent / data).is_file():
        message = f"'{path}' has its data in '{data}', which does not exist"
        yield message, "copy it there; if it has another name, set ElementDataFile to that name"
        return
    message = f"'{path}' has its data in '{data}', which is not among the files"
    yield message, f'list both: files: ["{path}", "{both}"]'


def element_data_file(header: Path) -> str | None:
    """The data file that a MetaImage header names; None if it names none or several."""
    try:
        with disk.open_file(header) as stream:
            found = _ELEMENT.search(stream.read(_HEADER))
    except OSError:
        return None
    name = found[1].decode(errors="replace") if found else ""
    several = name.upper().startswith("LIST") or "%" in name
    return None if several or name.upper() in ("", "LOCAL") else name.removeprefix("./")
