"""Reads items again at the end of a run, because late duplicates may have changed them.

What is found goes into a second plan for these cases: it corrects what differs, and gives items
that kept their temporary titles their own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from manifest_uploader.engine.session import Session
from manifest_uploader.plan.differences import Shown, compare, restore_of
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.platform.endpoints import ItemHidden, get_item, list_items
from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.state.history import LATE_FOR_S

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_FEW: Final = 20
"""So many items are read one by one; more of them by a list of the target."""


def look_again(session: Session, inputs: PlanInputs, names: frozenset[str]) -> PlanInputs:
    """What a second plan for some cases decides from: their history, and their items as they are.

    An item that the platform does not show is left as the history has it.
    """
    history = session.ledger.history
    cases = tuple(case for case in inputs.manifest.cases if case.name in names)
    pks = {case.name: pk for case in cases if (pk := history.cases[case.name].item)}
    seen = _read(session, set(pks.values()))
    shown = tuple(case for case in cases if seen.get(pks.get(case.name, "")) is not None)
    found = compare(
        replace(inputs.manifest, cases=shown),
        history,
        Shown({pk: item for pk, item in seen.items() if item is not None}),
        renamed={},
        url_of=lambda pk: pk,
    )
    facts = replace(
        inputs.facts,
        restore=restore_of(found.differences),
        settled=_settled(session, frozenset(case.name for case in shown)),
        gone=inputs.facts.gone | {pk for pk, item in seen.items() if item is None},
        leftovers=(),
    )
    manifest = replace(inputs.manifest, cases=cases)
    choices = replace(inputs.choices, adopt=False, retry_failed=False, resend_unchecked=False)
    return replace(
        inputs, manifest=manifest, facts=facts, history=history, choices=choices, renamed={}
    )


def _settled(session: Session, names: frozenset[str]) -> frozenset[str]:
    since = {name: session.ledger.history.cases[name].doubt_since for name in names}
    now = session.ledger.clock()
    return frozenset(name for name, at in since.items() if at is not None and now - at > LATE_FOR_S)


def _read(session: Session, pks: set[str]) -> dict[str, ItemSeen | None]:
    client: Client = session.client
    found: dict[str, ItemSeen | None] = {}
    if len(pks) > _FEW:
        found = {item.pk: item for item in list_items(client, session.target) if item.pk in pks}
    for pk in pks - found.keys():
        with contextlib.suppress(ItemHidden):
            found[pk] = get_item(client, session.target, pk)
    return found
