"""What de-identification is asked, and what it tells."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """What became of a file."""

    DONE = "done"
    ALREADY_DONE = "already-done"
    """By an earlier run, with the same key and procedure."""
    IGNORED = "ignored"
    """Not DICOM, hidden or a system's own, or a DICOMDIR: no upload would take it."""
    NOT_DICOM = "not-dicom"
    COPIED = "copied"
    """Not DICOM, and copied as it is."""
    REJECTED = "rejected"
    """The procedure does not cover its SOP class, which `about` names."""
    CUT_OFF = "cut-off"
    """Its pixel data ends early, or is missing; `expected` and `found` are in bytes."""
    DAMAGED = "damaged"
    """Its header cannot be read or written; `about` may name an attribute that it lacks."""
    UNREADABLE = "unreadable"
    """The system does not open it; `about` says why."""
    NOT_OURS = "not-ours"
    """In its place is a file that is no earlier result."""
    UNWRITABLE = "unwritable"
    """Its copy cannot be written; `about` says why."""
    LOOP = "loop"
    """A link to a folder that it is in, or to the copies."""
    CRASHED = "crashed"
    """The process that worked on it ended, also when nothing else ran."""


class FileResult(Struct, frozen=True, omit_defaults=True):
    """What became of one file, and what a person has to know about it."""

    name: str
    """Relative to the source folder, with `/`."""
    outcome: Outcome
    about: str = ""
    expected: int = 0
    found: int = 0
    burned_in: bool = False
    """It says that its pixels show text about the patient."""
    path_names_patient: bool = False
    """Its path contains a word of its PatientName."""


class Batch(Struct, frozen=True):
    """What became of some files."""

    files: tuple[FileResult, ...]
    removed: dict[str, int]
    """In how many files each attribute was removed, by keyword; only if it held something."""
    replaced: dict[str, int]
    """The same for attributes that hold a dummy value, or nothing, now."""
    new_uids: dict[str, int]


class Setup(Struct, frozen=True):
    """What all files have in common; folders have no symbolic links in their paths."""

    source: str
    target: str
    key: str
    """In hex."""
    others: bool = False
    """Files that are not DICOM are copied as they are."""
