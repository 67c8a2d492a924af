"""Decides what a person should do next, and what to type for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.output.formatting import cases_words, counted
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.state.standing import Standing

_LEFT: Final = (Standing.NEW, Standing.UPLOADING, Standing.IMPORTING, Standing.CHANGED)


class Step(Struct, frozen=True):
    """One thing to do."""

    words: str
    command: str | None = None


class Commands(Struct, frozen=True):
    """Writes commands about the same manifest and state file, for the user's shell."""

    write: Callable[[str, tuple[str, ...]], str]
    """From the name of a command and more options to a line to type."""

    def __call__(self, name: str, *options: str) -> str:
        """The line to type."""
        return self.write(name, options)


def next_steps(
    counts: Mapping[Standing, int],
    commands: Commands,
    *,
    kind: TargetKind,
    runs_since: str | None = None,
    problems: int = 0,
    unchecked: int = 0,
) -> tuple[Step, ...]:
    """What to do next, the most important first; at least one step.

    Args:
        counts: How many cases are in each state.
        commands: Writes commands.
        kind: The kind of the target.
        runs_since: Since when a run is at work; None if there is none.
        problems: How many problems the manifest has.
        unchecked: How many values were adopted without a look at their content.

    """
    if runs_since is not None:
        words = f"An upload has been running since {runs_since}. Follow it:"
        return (Step(words, commands("status", "--watch")),)
    steps = [*_problem_steps(problems, commands), *_trouble_steps(counts, commands, kind)]
    left = sum(counts.get(one, 0) for one in _LEFT)
    if left and not counts.get(Standing.FAILED) and not counts.get(Standing.UNCONFIRMED):
        words = _left_words(counts, left, jobs=has_jobs(kind))
        steps.append(Step(words, commands("run")))
    if unchecked:
        adopted, them = counted(unchecked, "adopted value"), "it" if unchecked == 1 else "them"
        words = f"The content of {adopted} was not checked. To send {them} again:"
        steps.append(Step(words, commands("run", "--resend-unchecked")))
    if not steps:
        words = "Nothing to do. To compare the platform with the manifest at any time:"
        steps.append(Step(words, commands("verify")))
    return tuple(steps)


def _problem_steps(problems: int, commands: Commands) -> list[Step]:
    if not problems:
        return []
    words = f"The manifest has {counted(problems, 'problem')}. See what is wrong:"
    return [Step(words, commands("validate"))]


def _trouble_steps(
    counts: Mapping[Standing, int], commands: Commands, kind: TargetKind
) -> list[Step]:
    steps = []
    if counts.get(Standing.FAILED):
        words = "Fix what failed, then run again. Only what is new or changed is sent:"
        steps.append(Step(words, commands("run")))
        again = "start failed jobs" if has_jobs(kind) else "send failed imports"
        words = f"If the files are right, {again} again unchanged:"
        steps.append(Step(words, commands("run", "--retry-failed")))
    elif unconfirmed := counts.get(Standing.UNCONFIRMED):
        words = (
            f"Run again. It looks up what became of {cases_words(unconfirmed)}, and "
            "sends nothing twice:"
        )
        steps.append(Step(words, commands("run")))
    if deleted := counts.get(Standing.DELETED):
        items = counted(deleted, type_of(kind).item_noun)
        words = f"{items} {_were(deleted)} deleted on the platform. To recreate:"
        steps.append(Step(words, commands("run", "--recreate")))
    return steps


def _left_words(counts: Mapping[Standing, int], left: int, *, jobs: bool) -> str:
    if left == counts.get(Standing.IMPORTING) and jobs:
        return f"{counted(left, 'job')} {_are(left)} still running. See what became of them:"
    if left == counts.get(Standing.IMPORTING):
        return f"{cases_words(left)} {_are(left)} still importing. See whether they arrived:"
    if left == counts.get(Standing.CHANGED):
        return f"{cases_words(left)} {_were(left)} changed in the manifest. Send the changes:"
    if left == counts.get(Standing.NEW) == sum(counts.values()):
        return "Nothing was uploaded yet. Start:"
    return f"{cases_words(left)} {_are(left)} not finished. Continue:"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
