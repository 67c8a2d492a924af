"""What the planner decides from: manifest, facts, history and choices on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from manifest_uploader.files.looks import ImageHeader
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case, Manifest, Value
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.differences import NOTHING, Difference, Restore
from manifest_uploader.platform.images import ImageSeen
from manifest_uploader.platform.model import ItemSeen, Socket, Target
from manifest_uploader.platform.stored_files import FileSeen
from manifest_uploader.state.history import EMPTY, CaseHistory, History
from manifest_uploader.text import composed


class UidKey(Struct, frozen=True):
    """The key that makes the new UIDs of de-identified files."""

    file: str
    """As messages name it."""
    made_by: str | None
    """The fingerprint of the key and of the procedure; None: there is no key yet."""


class Facts(Struct, frozen=True):
    """What the local files and the platform showed before planning."""

    values: Mapping[tuple[str, str], ValueFacts]
    """By (case, socket): the values with files and without problems."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the files: missing, cut short, naming patients …"""
    warnings: tuple[Problem, ...] = ()
    """What should be known of the files, and is not wrong for certain."""
    files: int = 0
    """Files of the values that were looked into, or remembered from an earlier look."""
    files_looked: int = 0
    """How many of them were looked into; fewer only with `--quick`."""
    imported: int | None = None
    """How many images the platform's importer was asked about; None: it was not asked."""
    target: Target | None = None
    """None: the platform was not looked at (`--offline`)."""
    sockets: Mapping[str, Socket] = field(default_factory=dict)
    """All sockets of the platform, by slug."""
    items: int = 0
    """How many items the target holds, our own and others."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Title → pk of items that are not ours; empty if the target holds only our own."""
    gone: frozenset[str] = frozenset()
    """Pks of our items that the target no longer holds."""
    highest_order: int = 0
    """The highest order number seen in the target."""
    other_orders: tuple[int, ...] = ()
    """The order numbers of items that are not ours; empty if the target holds only our own."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Pk → status of the upload rows of earlier runs that still exist."""
    rows_used: int = 0
    """How many upload rows the account holds now."""
    looked: Mapping[str, ItemSeen] = field(default_factory=dict)
    """By case: items of the same title that can be adopted (`--adopt`)."""
    settled: frozenset[str] = frozenset()
    """Cases in doubt that were compared so late that no duplicate of their fills is expected."""
    leftovers: tuple[ItemSeen, ...] = ()
    """Empty items that late creations of ours made, and that no case has."""
    stored: Mapping[tuple[str, str], FileSeen] = field(default_factory=dict)
    """By (case, socket): what the files of adoptable items hold, as far as they could be read."""
    images: Mapping[str, ImageSeen] = field(default_factory=dict)
    """By pk: images of adoptable items."""
    headers: Mapping[tuple[str, str], ImageHeader] = field(default_factory=dict)
    """By (case, socket): of local images that are compared with those of adoptable items."""
    missing_images: frozenset[str] = frozenset()
    """Pks of images that the manifest names and the platform does not show."""
    lost_images: frozenset[str] = frozenset()
    """Pks of images of earlier runs that values need, and that the platform no longer has."""
    listed: Mapping[str, ItemSeen] = field(default_factory=dict)
    """All items by pk; empty if there was no need to list them, or once they were compared."""
    differences: tuple[Difference, ...] = ()
    """How the target differs from what it should hold, if it was compared."""
    changed: tuple[Difference, ...] = ()
    """What others changed in our items, as far as a list shows it that was read anyway."""
    unread: tuple[tuple[str, str], ...] = ()
    """(case, socket) of files whose content could not be compared, though it was asked for."""
    restore: Restore = NOTHING
    """What a run puts back."""
    no_start: str | None = None
    """Why no job of the algorithm can be started now, in the platform's words."""
    uid_key: UidKey | None = None
    """None: no value is a DICOM image set."""
    requests: int = 0
    """How many requests it took to find this out; only known to `plan`."""


class Choices(Struct, frozen=True):
    """What the command line says about planning."""

    adopt: bool = False
    recreate: bool = False
    retry_failed: bool = False
    new: bool = False
    resend_unchecked: bool = False
    """Send adopted values again whose content nobody compared."""
    upload_limit: int = 2000
    """Most upload rows that the account may hold."""


class PlanInputs(Struct, frozen=True):
    """What the planner decides from."""

    manifest: Manifest
    facts: Facts
    history: History
    choices: Choices
    target: Target
    whole: tuple[Case, ...]
    """All cases of the manifest, chosen or not."""
    names: frozenset[str]
    """Their names."""
    renamed: Mapping[str, str]
    """New name → name in the history."""


def renamed_cases(manifest: Manifest, history: History, names: frozenset[str]) -> dict[str, str]:
    """New name → old name of cases whose name or title is that of a case that left the manifest.

    Names that differ only in how their accents are composed are the same.
    """
    spelt = {composed(name): name for name in history.cases if name not in names}
    left = {
        past.title: name
        for name, past in history.cases.items()
        if name not in names and past.title and past.item and not past.gone
    }
    new = [case for case in manifest.cases if case.name not in history.cases]
    found = {case.name: spelt[composed(case.name)] for case in new if composed(case.name) in spelt}
    for case in new:
        if case.name not in found and left.get(case.title) not in {None, *found.values()}:
            found[case.name] = left[case.title]
    return found


def socket_of(value: Value, inputs: PlanInputs) -> Socket:
    """The socket that a value goes into; it must exist on the platform."""
    return inputs.facts.sockets[value.socket]


def recorded(case: Case, inputs: PlanInputs) -> CaseHistory:
    """The recorded history of a case, under its present or its former name."""
    return inputs.history.cases.get(inputs.renamed.get(case.name, case.name), EMPTY)


def recorded_cases(inputs: PlanInputs) -> dict[str, CaseHistory]:
    """The recorded history of each case of the plan, by name."""
    return {case.name: recorded(case, inputs) for case in inputs.manifest.cases}
