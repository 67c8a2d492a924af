"""What comes of a run, and where cases stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from manifest_uploader.api.showing import named, shortened
from manifest_uploader.engine.causes import explained
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.output.formatting import cases_words
from manifest_uploader.output.status_lines import stand_line, status_line
from manifest_uploader.output.summary_lines import summary_lines
from manifest_uploader.state.events import Failure as Recorded
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import block


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
        return named(name, self.cases)

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
    def are_jobs(self) -> bool:
        """Whether the cases are jobs of an algorithm."""
        return any(one.is_job for one in self.stands)

    @property
    def exit_code(self) -> int:
        """That of `uploader status`: 1 if a case has failed, is gone or is unsure."""
        return code_of(self.counts)

    def __getitem__(self, name: str) -> CaseStatus:
        """The case of this name; raises KeyError."""
        return named(name, self.cases)

    def __str__(self) -> str:
        """What the command line says."""
        last = status_line(self.counts, jobs=self.are_jobs)
        return str(block(*map(stand_line, self.stands), last))

    def __repr__(self) -> str:
        """The same, shortened; a notebook shows it."""
        return shortened(str(self))


def code_of(counts: Mapping[Standing, int]) -> int:
    """1 if a case has failed, is gone or is unsure, else 0."""
    wrong = (Standing.FAILED, Standing.DELETED, Standing.UNCONFIRMED)
    return 1 if any(counts.get(one) for one in wrong) else 0


def _case_status(one: CaseStanding) -> CaseStatus:
    failures = tuple(map(failure_of, one.failures))
    return CaseStatus(one.case, one.title, one.standing, one.item, failures)
