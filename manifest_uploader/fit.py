"""What of a manifest does not fit the platform: problems that only the facts show."""

from __future__ import annotations

from manifest_uploader import history as past_of
from manifest_uploader import targets
from manifest_uploader.desk import Desk
from manifest_uploader.kinds import misfit
from manifest_uploader.model import Case, CasePast, ImageValue, Problem, Value
from manifest_uploader.problems import did_you_mean


def in_file_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems as they stand in their file; those without a place first."""
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda one: (
                one.place is not None,
                one.place and (one.place.line, one.place.column),
            ),
        )
    )


def misfits(desk: Desk) -> list[Problem]:
    """Everything about the manifest that does not fit the platform, in the manifest's order."""
    found: list[Problem] = []
    for case in desk.manifest.cases:
        for value in case.values:
            problem = _value_problem(case, value, desk)
            if problem is not None:
                found.append(problem)
        found += _title_problems(case, desk)
        found += _limit_problems(case, desk)
    return found


def _value_problem(case: Case, value: Value, desk: Desk) -> Problem | None:
    socket = desk.facts.sockets.get(value.socket)
    place = value.key or value.place
    if socket is None:
        hint = did_you_mean(value.socket, list(desk.facts.sockets))
        return Problem(f"the platform has no socket '{value.socket}'", place, hint)
    found = misfit(value, socket)
    if found is not None:
        return Problem(found[0], value.place, found[1])
    files = desk.facts.values.get((case.name, value.socket))
    if files is not None and files.files > 1 and socket.super_kind != "Image":
        return Problem(
            f"socket '{socket.slug}' of kind '{socket.kind}' takes one file, not {files.files}",
            value.place,
        )
    return None


def _title_problems(case: Case, desk: Desk) -> list[Problem]:
    past = desk.history.cases.get(desk.renamed.get(case.name, case.name), past_of.EMPTY)
    noun, place = targets.noun(desk.target.kind), targets.place_noun(desk.target.kind)
    holder = desk.facts.titles.get(case.title) if case.title else None
    if holder is not None and past.title != case.title and not _may_adopt(case, past, desk):
        return [
            Problem(
                f"the {place} already has {_a(noun)} titled '{case.title}' ({holder})",
                case.title_place,
                "is it this case's own (the state was lost)? then --adopt takes it; "
                "else choose another title",
            )
        ]
    if case.title == "" and not desk.history.cases and desk.facts.items and not desk.choices.new:
        return [
            Problem(
                f"case '{case.name}' has no title, and without a state nobody can tell whether "
                f"the {place} holds it already",
                case.title_place,
                "is the state file beside the manifest? if this is new, add --new",
            )
        ]
    return []


def _a(noun: str) -> str:
    return f"a{'n' * (noun[0] in 'aeiou')} {noun}"


def _may_adopt(case: Case, past: CasePast, desk: Desk) -> bool:
    return desk.choices.adopt and past.item is None and case.name in desk.facts.looked


def _limit_problems(case: Case, desk: Desk) -> list[Problem]:
    streams = [
        value
        for value in case.values
        if not isinstance(value, ImageValue)
        and (socket := desk.facts.sockets.get(value.socket)) is not None
        and socket.super_kind != "Value"
    ]
    if len(streams) <= desk.choices.upload_limit:
        return []
    return [
        Problem(
            f"case '{case.name}' needs {len(streams)} uploads, and the account may hold "
            f"{desk.choices.upload_limit} at a time",
            case.place,
            "give it fewer sockets, or raise --upload-limit if the platform allows more",
        )
    ]
