"""The key for the new UIDs of DICOM image sets: looked for before planning, made by a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.options import Options
from manifest_uploader.files.uid_key import fingerprint, make_key, read_key
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.plan.inputs import Facts, UidKey
from manifest_uploader.plan.notes import new_key_note
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.sockets import DICOM_SET

_IF_LOST: Final = "delete this file: incomplete sets are then sent again from their first file"


def with_key(options: Options, manifest: Manifest, facts: Facts) -> Facts:
    """The facts with the key for the new UIDs of image sets, if there are any.

    Raises:
        UsageError: it cannot be read.

    """
    values = (value for case in manifest.cases for value in case.values)
    used = {facts.sockets[value.socket] for value in values if value.socket in facts.sockets}
    if options.uid_key is None or not any(one.kind == DICOM_SET for one in used):
        return facts
    key = read_key(options.uid_key, if_lost=_IF_LOST)
    made_by = fingerprint(key) if key is not None else None
    return replace(facts, uid_key=UidKey(options.uid_key.name, made_by))


def key_for(options: Options, plan: Plan, note: Callable[[str], None]) -> str | None:
    """The key for the new UIDs of image sets, made if there is none; None: it is not needed.

    Raises:
        UsageError: it cannot be read or written.

    """
    if options.uid_key is None or not any(case.sets for case in plan.cases):
        return None
    key = read_key(options.uid_key, if_lost=_IF_LOST)
    if key is None:
        key = make_key(options.uid_key)
        note(new_key_note(options.uid_key.name))
    return key
