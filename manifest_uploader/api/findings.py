"""What comes of looking: of validating, planning, comparing and fetching."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from manifest_uploader.api.showing import named, shortened
from manifest_uploader.engine.causes import failure_text
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.formatting import cases_words, problem_lines, warning_lines
from manifest_uploader.output.plan_lines import plan_lines
from manifest_uploader.output.verify_lines import verification_lines
from manifest_uploader.plan.differences import Difference
from manifest_uploader.plan.estimate import total_requests
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Action, CasePlan, total_size
from manifest_uploader.plan.steps import Plan as Steps
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import block

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU
    from manifest_uploader.engine.fetch_folder import Put
    from manifest_uploader.engine.fetching import Fetched as Found
    from manifest_uploader.engine.verification import Verification as Compared
    from manifest_uploader.plan.fetched import FetchedFile


class Validation(Struct, frozen=True):
    """What is wrong with a manifest, its files, or what they are for."""

    path: str
    problems: tuple[Problem, ...] = ()
    """What has to be put right before anything is sent."""
    warnings: tuple[Problem, ...] = ()
    """What is odd, and not wrong for certain."""
    cases: int = 0
    """How many cases there are; like all that follows, 0 if there are problems."""
    files: int = 0
    """How many files they have."""
    looked: int = 0
    """How many of them were looked into; fewer only with `quick`."""
    imported: int | None = None
    """How many images the platform's importer was content with; None: it was not asked."""
    asked: bool = False
    """Whether the platform was asked, too."""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def __str__(self) -> str:
        """What the command line says."""
        if self.problems:
            return str(problem_lines(self.problems, self.warnings))
        asked = "" if self.asked else "; the platform was not asked"
        end = f"{self.path}: {cases_words(self.cases)}, no problem{asked}"
        return str(block(*warning_lines(self.warnings), end))

    def __repr__(self) -> str:
        """The same; a notebook shows it."""
        return shortened(str(self))


class PlannedCase(Struct, frozen=True):
    """What a run would do for one case."""

    name: str
    title: str
    action: Action
    """`create`, `continue`, `update`, `wait` or `nothing`."""
    state: Standing
    item: str | None
    """The pk of its item; None if there is none yet."""
    uploads: int
    bytes: int
    sockets: tuple[str, ...]
    """The sockets that get a value."""
    problem: str | None
    """Why it failed before, or cannot go on."""


def planned_case(one: CasePlan) -> PlannedCase:
    """A planned case as Python code is told of it."""
    problem = "; ".join(dict.fromkeys(map(failure_text, one.failures))) or one.reason
    size = sum(upload.size for upload in one.uploads)
    return PlannedCase(
        name=one.case,
        title=one.title,
        action=one.action,
        state=one.standing,
        item=one.item,
        uploads=len(one.uploads),
        bytes=size,
        sockets=one.sockets,
        problem=problem,
    )


class Plan(Struct, frozen=True):
    """What a run would do."""

    steps: Steps
    """The engine's own."""
    facts: Facts
    """What the files and the platform showed."""
    upload_limit: int
    cases: tuple[PlannedCase, ...]
    """In the manifest's order."""

    @classmethod
    def of(cls, steps: Steps, facts: Facts, upload_limit: int) -> Plan:
        """The plan that the engine made."""
        return cls(steps, facts, upload_limit, tuple(map(planned_case, steps.cases)))

    @property
    def exit_code(self) -> int:
        """That of `uploader plan`: 1 if a case is gone or has failed, or if anything differs."""
        is_wrong = any(one.state in {Standing.DELETED, Standing.FAILED} for one in self.cases)
        return 1 if is_wrong or self.differences else 0

    @property
    def uploads(self) -> int:
        """How many uploads are needed."""
        return sum(one.uploads for one in self.cases)

    @property
    def bytes(self) -> int:
        """The bytes of all files that are to be sent."""
        return total_size(self.steps)

    @property
    def requests(self) -> int:
        """About how many requests it takes."""
        return total_requests(self.steps, self.facts.requests)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is odd about the files, and not wrong for certain."""
        return self.facts.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What else should be known."""
        return self.steps.notes

    @property
    def differences(self) -> tuple[Difference, ...]:
        """With `verify=True`: how the platform differs from what it should hold."""
        return self.steps.differences

    def __getitem__(self, name: str) -> PlannedCase:
        """The case of this name; raises KeyError."""
        return named(name, self.cases)

    def __str__(self) -> str:
        """What the command line says."""
        return str(plan_lines(self.steps, self.facts, self.upload_limit))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return shortened(str(self))


class Verification(Struct, frozen=True):
    """How the platform differs from the manifest and the state file."""

    found: Compared
    """The engine's own."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Each with `kind`, `case`, `socket`, `item`, `url`, `wanted` and `found`."""
        return self.found.found.differences

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        """What the command line says."""
        return str(verification_lines(self.found))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return shortened(str(self))


class Fetched(Struct, frozen=True):
    """What was brought back from the platform."""

    found: Found
    """The engine's own."""
    put: Mapping[str, Put]
    """What became of each table."""
    folder: Path

    @property
    def answers(self) -> list[dict[str, Any]]:
        """A row for each answer, as in `answers.csv`, for `pandas.DataFrame(…)`."""
        from manifest_uploader.output.fetch_lines import answer_record  # noqa: PLC0415 - late

        return [answer_record(row) for row in self.found.answers or ()]

    @property
    def files(self) -> tuple[FetchedFile, ...]:
        """With `items=True`: what became of each file, with its size and SHA-256."""
        return self.found.files or ()

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """A row for each case of an algorithm, as in `jobs.csv`, for `pandas.DataFrame(…)`."""
        from manifest_uploader.output.fetch_lines import job_record  # noqa: PLC0415 - late

        return [job_record(row) for row in self.found.jobs or ()]

    @property
    def exit_code(self) -> int:
        """1 if something is missing, or differs and was kept; 4 if jobs are still running."""
        from manifest_uploader.output.fetch_lines import (  # noqa: PLC0415 - late
            is_complete,
            is_waiting,
        )

        if not is_complete(self.found, self.put):
            return 1
        return 4 if is_waiting(self.found) else 0

    @property
    def ok(self) -> bool:
        """Whether nothing is missing, no file that differs was kept, and no job is running."""
        return self.exit_code == 0

    def __str__(self) -> str:
        """What the command line says."""
        from manifest_uploader.output.fetch_lines import fetch_lines  # noqa: PLC0415 - late

        return str(fetch_lines(self.found, self.put, lambda name: str(self.folder / name)))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return shortened(str(self))
