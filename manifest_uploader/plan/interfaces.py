"""Checks whether an algorithm takes the inputs of the cases."""

from __future__ import annotations

from typing import Final

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Value
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.inputs import PlanInputs
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.text import did_you_mean

_SHOWN: Final = 5
"""Combinations of inputs that one message names."""


def input_problems(case: Case, inputs: PlanInputs) -> list[Problem]:
    """What is wrong with the inputs of a case; nothing if its job takes exactly these."""
    interfaces = inputs.target.interfaces
    given = {value.socket for value in case.values}
    if any(set(one.inputs) == given for one in interfaces):
        return []
    known = sorted({slug for one in interfaces for slug in one.inputs})
    foreign = [
        value
        for value in case.values
        if value.socket not in known and value.socket in inputs.facts.sockets
    ]
    found = [
        Problem(
            f"the algorithm '{inputs.target.slug}' has no input '{value.socket}'",
            value.key or value.place,
            did_you_mean(value.socket, known) or _combinations(inputs),
        )
        for value in foreign
    ]
    if found or not given <= inputs.facts.sockets.keys():
        return found
    names = " and ".join(sorted(given)) or "no inputs"
    return [
        Problem(
            f"case '{case.name}' has {names}; the algorithm '{inputs.target.slug}' "
            "does not accept this combination",
            case.place,
            _combinations(inputs),
        )
    ]


def _combinations(inputs: PlanInputs) -> str:
    """The combinations of inputs that the algorithm takes, as a hint."""
    listed = [" and ".join(one.inputs) for one in inputs.target.interfaces]
    if not listed:
        return "the platform lists no inputs for this algorithm"
    more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"it takes: {'; or '.join(listed[:_SHOWN])}{more}"


def twins(inputs: PlanInputs) -> list[Problem]:
    """The cases whose inputs are those of an earlier case: a job runs once with the same inputs."""
    if not has_jobs(inputs.target.kind):
        return []
    first: dict[frozenset[tuple[str, str]], str] = {}
    found = []
    for case in inputs.manifest.cases:
        key = frozenset((value.socket, _mark(case, value, inputs)) for value in case.values)
        other = first.setdefault(key, case.name)
        if other != case.name and key:
            found.append(
                Problem(
                    f"case '{case.name}' has the same inputs as case '{other}': the algorithm "
                    "runs them once",
                    case.place,
                    "leave one of them out",
                )
            )
    return found


def _mark(case: Case, value: Value, inputs: PlanInputs) -> str:
    """What tells the value from others: its content, as far as it is known."""
    match value:
        case JsonValue():
            return json_digest(value.value)
        case ImageValue():
            return image_digest(value.pk)
        case FileValue():
            facts = inputs.facts.values.get((case.name, value.socket))
            known = facts.content or facts.where if facts is not None else None
            return known or f"{case.name}/{value.socket}"
