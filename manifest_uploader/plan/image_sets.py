"""Plans DICOM image sets: which of a set's files are on the platform, and which are to be sent.

The platform takes each file as an upload of its own. An upload of an earlier run is used again if
the file is as it was, and if its copy was made with the same key and procedure: the platform
refuses a set whose files have UIDs of two kinds.
"""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import stat_digest
from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.manifest.model import IMAGE_NAME_LENGTH, Case, FileValue
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.plan.steps import ImageSet, SentFile, Upload
from manifest_uploader.state.events import OpenUpload
from manifest_uploader.state.history import CaseHistory, UploadHistory
from manifest_uploader.state.steps import StepId

MOST_FILES: Final = 2000
"""Grand Challenge: so many files of one value at most."""


def image_name(case: Case, value: FileValue, *, end: str = "") -> str:
    """The name that the image gets: the manifest's, else of case and socket; then `end`.

    Grand Challenge drops a set silently whose name is longer than 255 characters.
    """
    name = value.image_name or f"{case.name} {value.socket}"
    return name[: IMAGE_NAME_LENGTH - len(end)].rstrip() + end


def plan_set(case: Case, value: FileValue, past: CaseHistory, inputs: PlanInputs) -> ImageSet:
    """Which files of a set are complete on the platform, and the uploads of the others."""
    complete: dict[int, SentFile] = {}
    uploads: list[Upload] = []
    files = inputs.facts.values[case.name, value.socket].each
    for number, file in enumerate(files, 1):
        stat = file_stat(file)
        before = _usable(past.file_uploads.get((value.socket, number)), stat, inputs)
        if before is not None and before.done:
            complete[number] = SentFile(before.row.pk, before.sha256)
        else:
            row = before.row if before is not None else None
            uploads.append(_upload(case, value, number, file, stat, row))
    names = tuple(file.name for file in files)
    return ImageSet(value.socket, image_name(case, value), names, complete, tuple(uploads))


def file_stat(file: LocalFile) -> str:
    """The digest of one file's name, size and time."""
    return stat_digest([(file.name, file.size, file.mtime_ns)])


def _usable(before: UploadHistory | None, stat: str, inputs: PlanInputs) -> UploadHistory | None:
    """An earlier upload of a file, if it is complete or can be continued."""
    made_by = inputs.facts.uid_key.made_by if inputs.facts.uid_key is not None else None
    if before is None or made_by is None:
        return None
    if (before.row.stat, before.row.made_by) != (stat, made_by):
        return None
    status = inputs.facts.rows.get(before.row.pk)
    usable = status == "Completed" or (status == "Initialized" and not before.done)
    return before if usable else None


def _upload(
    case: Case, value: FileValue, number: int, file: LocalFile, stat: str, row: OpenUpload | None
) -> Upload:
    """The upload of one file, under a name that tells nothing of it."""
    return Upload(
        StepId.upload(case.name, value.socket, number),
        case.name,
        value.socket,
        value,
        f"{number:04}.dcm",
        file.size,
        stat,
        row=row,
        file=file,
    )
