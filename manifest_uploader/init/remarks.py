"""Says what `uploader validate` will say about files, while their manifest is being made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.plan.content_words import flaw_finding, names_words
from manifest_uploader.plan.series_words import series_findings
from manifest_uploader.plan.value_look import ValueLook

_REFUSED: Final = "files that 'uploader validate' rejects, although they belong to a case"
_ODD: Final = "files to check"
_PATIENTS: Final = (
    "DICOM files that identify their patients, which 'uploader validate' refuses (remove it with "
    "'uploader deidentify', or say in the manifest what every reader may know: 'identifiable:')"
)


class Remark(Struct, frozen=True):
    """One thing to know about files."""

    sentence: str
    """What is said of all files like these."""
    about: str


def remarks(paths: Iterable[str], *, quick: bool) -> Iterator[Remark]:
    """What there is to say of the files of one image or document, given by absolute paths.

    `quick`: look into the first one only.
    """
    try:
        source = _source(paths)
        look = look_at_value(source, None, quick=quick) if source.files else None
    except FileChanged as error:
        yield Remark(_REFUSED, str(error))
        return
    if look is not None:
        yield from _of_look(look)


def _of_look(look: ValueLook) -> Iterator[Remark]:
    if look.names:
        yield Remark(_PATIENTS, names_words(look.names, look))
    yield from (Remark(_REFUSED, flaw_finding(one)[0]) for one in look.flaws)
    yield from (Remark(_REFUSED, text) for text, _ in series_findings(look.series_problems))
    yield from (Remark(_ODD, text) for text, _ in series_findings(look.series_remarks))


def _source(paths: Iterable[str]) -> Source:
    """The files as they are now; folders, which slides have beside them, are passed over."""
    files = []
    for path in paths:
        try:
            facts = Path(path).stat()
        except OSError:
            continue  # `validate` says so
        if stat.S_ISREG(facts.st_mode):
            name = os.path.basename(path)  # noqa: PTH119
            files.append(LocalFile(path, name, facts.st_size, facts.st_mtime_ns))
    return Source(tuple(files), files[0].name if files else "", len(files) > 1)
