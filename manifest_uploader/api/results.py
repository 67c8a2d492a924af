"""What comes of validating, planning, running, comparing and asking for the status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from manifest_uploader.engine.causes import explained, failure_text
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.formatting import cases_words, problem_lines, warning_lines
from manifest_uploader.output.run_lines import plan_lines, stand_line, status_line, summary_lines
from manifest_uploader.output.verify_lines import verification_lines
from manifest_uploader.plan.differences import Difference
from manifest_uploader.plan.estimate import total_requests
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Action, CasePlan, total_size
from manifest_uploader.plan.steps import Plan as Steps
from manifest_uploader.state.events import Failure as Recorded
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import block, did_you_mean, quoted

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU
    from manifest_uploader.engine.verification import Verification as Compared

_SHOWN: Final = 30
"""Lines of a text that a notebook shows of itself; `print` shows all."""


class Failure(Struct, frozen=True):
    """Why a case, or one of its values, failed."""

    socket: str | None
    """None: it concerns the case as a whole."""
    message: str
    """What the platform said, or what `uploader` found."""
    files: str | None
    """Of a failed import: the files, as the manifest names them."""
    explained: str
    """The message with the files and the likely cause."""

    def __str__(self) -> str:
        """`ct-image: …`."""
        return self.explained if self.socket is None else f"{self.socket}: {self.explained}"


def failure_of(one: Recorded) -> Failure:
    """A failure as Python code is told of it."""
    return Failure(one.socket, one.message, one.source, explained(one))


class CaseResult(Struct, frozen=True):
    """How one case stands at the end of a run."""

    name: str
    state: End
    """`done`, `failed`, `unsure`, `waiting` (for its import) or `pending` (not finished)."""
    item: str | None = None
    """The pk of its item on the platform."""
    url: str | None = None
    """The item's page."""
    unchanged: bool = False
    """It is done, and needed nothing."""
    failures: tuple[Failure, ...] = ()


def case_result(end: CaseEnd) -> CaseResult:
    """The end of a case as Python code is told of it."""
    failures = tuple(map(failure_of, end.failures))
    return CaseResult(end.case, end.end, end.item, end.url, end.unchanged, failures)


class Result(Struct, frozen=True):
    """What came of a run."""

    summary: Summary
    """The engine's own."""
    cases: tuple[CaseResult, ...]
    """In the manifest's order."""

    @classmethod
    def of(cls, summary: Summary) -> Result:
        """The result that the engine's summary tells."""
        return cls(summary, tuple(map(case_result, summary.ends)))

    @property
    def exit_code(self) -> int:
        """That of `uploader run`: 0 if every case is done, 4 if imports are awaited, else 1."""
        ends = {one.end for one in self.summary.ends}
        is_left = bool(self.summary.late_items or self.summary.lasting)
        if ends & {End.FAILED, End.UNSURE, End.PENDING} or is_left:
            return 1
        return 4 if End.WAITING in ends else 0

    @property
    def ok(self) -> bool:
        """Whether every case is done, and seen on the platform."""
        return self.exit_code == 0

    @property
    def unfinished(self) -> tuple[CaseResult, ...]:
        """The cases that are not done."""
        return tuple(one for one in self.cases if one.state is not End.DONE)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else should be known."""
        return self.summary.notes

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before it had done everything."""
        return self.summary.stopped

    @property
    def uploads(self) -> int:
        """Uploads completed in this run."""
        return self.summary.uploads

    @property
    def bytes_sent(self) -> int:
        """Bytes sent in this run."""
        return self.summary.traffic.bytes_sent

    @property
    def elapsed_s(self) -> float:
        """How long it took, in seconds."""
        return self.summary.elapsed_s

    def __getitem__(self, name: str) -> CaseResult:
        """The case of this name; raises KeyError."""
        return _named(name, self.cases)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for each case, for `pandas.DataFrame(…)`."""
        return [
            {
                "name": one.name,
                "state": one.state.value,
                "item": one.item,
                "url": one.url,
                "problem": "; ".join(map(str, one.failures)) or None,
            }
            for one in self.cases
        ]

    def __str__(self) -> str:
        """What the command line says at the end of a run."""
        return str(summary_lines(self.summary))

    def __repr__(self) -> str:
        """`<Result of 3 cases: 2 done, 1 failed>`."""
        counts = Counter(one.state.value for one in self.cases)
        states = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing"
        return f"<Result of {cases_words(len(self.cases))}: {states}>"


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
        return _shortened(str(self))


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
        is_wrong = any(one.state in {Standing.GONE, Standing.FAILED} for one in self.cases)
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
        return _named(name, self.cases)

    def __str__(self) -> str:
        """What the command line says."""
        return str(plan_lines(self.steps, self.facts, self.upload_limit))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return _shortened(str(self))


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
        return _shortened(str(self))


class CaseStatus(Struct, frozen=True):
    """Where one case stands."""

    name: str
    title: str
    state: Standing
    item: str | None
    failures: tuple[Failure, ...]


class Status(Struct, frozen=True):
    """Where the cases stand, from the state file alone."""

    stands: tuple[CaseStanding, ...]
    """The engine's own."""
    cases: tuple[CaseStatus, ...]

    @classmethod
    def of(cls, stands: Sequence[CaseStanding]) -> Status:
        """The status that the engine found."""
        return cls(tuple(stands), tuple(map(_case_status, stands)))

    @property
    def counts(self) -> dict[Standing, int]:
        """How many cases stand where."""
        return Counter(one.state for one in self.cases)

    @property
    def exit_code(self) -> int:
        """That of `uploader status`: 1 if a case has failed, is gone or is unsure."""
        return code_of(self.counts)

    def __getitem__(self, name: str) -> CaseStatus:
        """The case of this name; raises KeyError."""
        return _named(name, self.cases)

    def __str__(self) -> str:
        """What the command line says."""
        return str(block(*map(stand_line, self.stands), status_line(self.counts)))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return _shortened(str(self))


def code_of(counts: Mapping[Standing, int]) -> int:
    """1 if a case has failed, is gone or is unsure, else 0."""
    wrong = (Standing.FAILED, Standing.GONE, Standing.UNSURE)
    return 1 if any(counts.get(one) for one in wrong) else 0


def _case_status(one: CaseStanding) -> CaseStatus:
    failures = tuple(map(failure_of, one.failures))
    return CaseStatus(one.case, one.title, one.standing, one.item, failures)


_Case = TypeVar("_Case", CaseResult, PlannedCase, CaseStatus)


def _named(name: str, cases: Sequence[_Case]) -> _Case:
    for one in cases:
        if one.name == name:
            return one
    hint = did_you_mean(name, (one.name for one in cases))
    raise KeyError(f"there is no case {quoted(name)}" + (f": {hint}" if hint else ""))


def _shortened(text: str) -> str:
    """The first lines and the last one."""
    lines = text.splitlines()
    left = len(lines) - _SHOWN
    if left <= 0:
        return text
    return "\n".join(
        [*lines[: _SHOWN - 1], f"… {left:,} more lines: print(…) shows all", lines[-1]]
    )
