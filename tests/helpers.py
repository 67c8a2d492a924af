"""Short ways to make the data that many tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from hypothesis import settings
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.causes import failure_text
from manifest_uploader.engine.results import CaseEnd
from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import (
    Case,
    FileValue,
    Identifiable,
    ImageValue,
    JsonValue,
    Manifest,
    TargetKind,
    Value,
)
from manifest_uploader.manifest.problems import Place
from manifest_uploader.plan.cases import make_plan
from manifest_uploader.plan.inputs import Choices, Facts, PlanInputs, renamed_cases
from manifest_uploader.plan.steps import Plan, Wait
from manifest_uploader.platform.model import Entry, Interface, ItemSeen, Socket, SocketSeen, Target
from manifest_uploader.state.events import Event
from manifest_uploader.state.history import History, fold
from manifest_uploader.state.steps import StepId

PLACE = Place("lung.yaml", 3, 5)
STUDY = Target(TargetKind.READER_STUDY, "lung", "00000000-0000-4000-8000-00000000aaaa")
ARCHIVE = Target(TargetKind.ARCHIVE, "lung", "00000000-0000-4000-8000-00000000bbbb")
ALGORITHM = Target(
    TargetKind.ALGORITHM,
    "nodules",
    "00000000-0000-4000-8000-00000000cccc",
    (Interface(("ct-image", "age"), ("report",)),),
)
TOKEN = "0123456789abcdef" * 4
few_examples = settings(max_examples=60, deadline=None)
"""Few Hypothesis examples and no deadline, for every run of the tests."""


def pk(number: int) -> str:
    """A pk of the platform's form."""
    return f"{number:08x}-0000-4000-8000-000000000000"


# ── sockets ─────────────────────────────────────────────────────────────────────────────────


def socket(slug: str, kind: str, super_kind: str, path: str = "") -> Socket:
    return Socket(slug, slug.replace("-", " ").title(), kind, super_kind, path)


SOCKETS = {
    one.slug: one
    for one in (
        socket("ct-image", "Image", "Image", "images/ct-image"),
        socket("mr-image", "Image", "Image", "images/mr-image"),
        socket("lesion-seg", "Segmentation", "Image", "images/lesion-seg"),
        socket("dicom-set", "DICOM Image Set", "Image", "images/dicom-set"),
        socket("some-score", "Float", "Value", "some-score.json"),
        socket("remark", "String", "Value", "remark.json"),
        socket("findings", "Anything", "Value", "findings.json"),
        socket("details", "Anything", "File", "details.json"),
        socket("report", "PDF file", "File", "report.pdf"),
        socket("table", "CSV file", "File", "table.csv"),
    )
}


# ── manifests ───────────────────────────────────────────────────────────────────────────────


def file_value(slug: str, *paths: str, single: bool = False) -> FileValue:
    return FileValue(slug, paths or (f"{slug}.mha",), single, PLACE, key=PLACE)


def json_value(slug: str, value: Any) -> JsonValue:
    return JsonValue(slug, value, PLACE, key=PLACE)


def image_value(slug: str, number: int = 99) -> ImageValue:
    return ImageValue(slug, pk(number), PLACE, key=PLACE)


def case(
    name: str, *values: Value, title: str | None = None, order: int | None = None, line: int = 3
) -> Case:
    place = Place("lung.yaml", line, 5)
    return Case(name, name if title is None else title, order, values, place, place)


def manifest(*cases: Case, kind: TargetKind = TargetKind.READER_STUDY) -> Manifest:
    return Manifest("lung.yaml", kind, "lung", PLACE, None, PLACE, Identifiable(), cases, "0" * 64)


# ── plan inputs ─────────────────────────────────────────────────────────────────────────────


def stat(tag: str, size: int = 100) -> str:
    """A stat digest; the tag stands for the names and times of the files."""
    return f"stat:{size}:{tag}"


def facts_of(tag: str = "a", *, size: int = 100, content: str | None = None) -> ValueFacts:
    return ValueFacts(1, size, f"{tag}.mha", stat=stat(tag, size), content=content)


def inputs(
    *cases: Case,
    history: History | None = None,
    values: Mapping[tuple[str, str], ValueFacts] | None = None,
    target: Target = STUDY,
    choices: Choices | None = None,
    names: Iterable[str] | None = None,
    written: Iterable[Case] | None = None,
    **facts: Any,
) -> PlanInputs:
    """Plan inputs with facts for every file value; `written` are all cases of the manifest."""
    whole = manifest(*cases, kind=target.kind)
    found = {
        (one.name, value.socket): facts_of()
        for one in cases
        for value in one.values
        if isinstance(value, FileValue)
    } | dict(values or {})
    all_cases = cases if written is None else tuple(written)
    all_names = frozenset(names) if names is not None else frozenset(one.name for one in all_cases)
    past = history or History()
    return PlanInputs(
        whole,
        Facts(values=found, **{"target": target, "sockets": SOCKETS, **facts}),
        past,
        choices or Choices(),
        target,
        all_cases,
        all_names,
        renamed_cases(whole, past, all_names),
    )


def messages(end: CaseEnd) -> tuple[str, ...]:
    """The messages about a case's failures, as people see them."""
    return tuple(map(failure_text, end.failures))


def titles(first: int = 1) -> Callable[[], str]:
    """A function that returns predictable temporary titles."""
    numbers = count(first)
    return lambda: f"uploading-{next(numbers):012x}"


def plan_of(*cases: Case, first_title: int = 1, **more: Any) -> Plan:
    return make_plan(inputs(*cases, **more), temporary=titles(first_title))


# ── histories ───────────────────────────────────────────────────────────────────────────────


def step_id(text: str) -> StepId:
    """The step that prints as `text`."""
    return StepId.parse(text)


def past_of_events(*events: Event) -> History:
    """The history of events that are a second apart, starting in 2001."""
    return fold(replace(event, time=1e9 + second) for second, event in enumerate(events))


# ── what the platform shows ─────────────────────────────────────────────────────────────────


def item_seen(
    number: int = 1, *, title: str | None = "", order: int | None = 10, **sockets: SocketSeen
) -> ItemSeen:
    """An item; sockets by slug, with `_` for `-`."""
    held = {slug.replace("_", "-"): one for slug, one in sockets.items()}
    return ItemSeen(pk(number), title, order, held)


def value_seen(value: Any, mark: str = "1") -> SocketSeen:
    return SocketSeen(mark, json_digest(value))


def file_seen(mark: str = "1") -> SocketSeen:
    return SocketSeen(mark, None)


def entry(slug: str, **more: Any) -> Entry:
    return Entry(slug, more.pop("digest", None), **more)


def wait(slug: str = "ct-image", **more: Any) -> Wait:
    """A wait for an upload; into an image socket by default."""
    usual = Wait(
        "a",
        pk(1),
        slug,
        SOCKETS[slug].title,
        image=SOCKETS[slug].super_kind == "Image",
        digest=None,
        upload=pk(7),
        before=None,
        since=1000.0,
    )
    return replace(usual, **more)
