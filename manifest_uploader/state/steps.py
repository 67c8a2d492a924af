"""Step IDs: which unit of work an event is about."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, Self, final


class StepKind(StrEnum):
    """What a step does."""

    UPLOAD = "upload"
    TICKET = "ticket"
    """Makes the upload session that a fill names in place of an upload."""
    CREATE = "create"
    FILL = "fill"
    JOB = "job"
    """What an algorithm does with the inputs that its job was created with."""
    CASE = "case"
    """Nothing is sent: the event is about the case as a whole."""


_NUMBER: Final = re.compile("[0-9]{4,9}")
_AFTER_COLON: Final = {
    "create": StepKind.CREATE,
    "fill": StepKind.FILL,
    "job": StepKind.JOB,
}


@final
class StepId:
    """A step of a case.

    Prints as `CASE/SOCKET`, `CASE/SOCKET/0001`, `CASE/SOCKET:ticket`, `CASE:create`, `CASE:fill`,
    `CASE:job` or `CASE`.
    """

    __slots__ = ("case", "kind", "number", "socket")

    def __init__(
        self, case: str, kind: StepKind, socket: str | None = None, number: int | None = None
    ) -> None:
        self.case: Final = case
        self.kind: Final = kind
        self.socket: Final = socket
        """Of an upload or its ticket; None for all other steps."""
        self.number: Final = number
        """Of a file, from 1 on, if each file of the socket's value is an upload of its own."""

    @classmethod
    def upload(cls, case: str, socket: str, number: int | None = None) -> Self:
        """The upload of a socket's value, or of one of its files."""
        return cls(case, StepKind.UPLOAD, socket, number)

    @classmethod
    def ticket(cls, case: str, socket: str) -> Self:
        """The upload session of a socket's upload."""
        return cls(case, StepKind.TICKET, socket)

    @classmethod
    def create(cls, case: str) -> Self:
        """The creation of the case's item."""
        return cls(case, StepKind.CREATE)

    @classmethod
    def fill(cls, case: str) -> Self:
        """The fill of the case's item."""
        return cls(case, StepKind.FILL)

    @classmethod
    def job(cls, case: str) -> Self:
        """What becomes of the case's algorithm job."""
        return cls(case, StepKind.JOB)

    @classmethod
    def whole(cls, case: str) -> Self:
        """The case as a whole."""
        return cls(case, StepKind.CASE)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The step that prints as `text`; names of cases and sockets contain no `/` or `:`."""
        case, colon, word = text.rpartition(":")
        if colon and (kind := _AFTER_COLON.get(word)) is not None:
            return cls(case, kind)
        if word == StepKind.TICKET and "/" in case:
            case, _, socket = case.rpartition("/")
            return cls(case, StepKind.TICKET, socket)
        case, slash, socket = text.rpartition("/")
        if "/" in case and _NUMBER.fullmatch(socket):
            case, _, slug = case.rpartition("/")
            return cls(case, StepKind.UPLOAD, slug, int(socket))
        return cls(case, StepKind.UPLOAD, socket) if slash else cls(text, StepKind.CASE)

    def __str__(self) -> str:
        """The step as the state file has it."""
        match self.kind:
            case StepKind.UPLOAD if self.number is not None:
                return f"{self.case}/{self.socket}/{self.number:04}"
            case StepKind.UPLOAD:
                return f"{self.case}/{self.socket}"
            case StepKind.TICKET:
                return f"{self.case}/{self.socket}:ticket"
            case StepKind.CASE:
                return self.case
            case _:
                return f"{self.case}:{self.kind}"

    def __repr__(self) -> str:
        return f"StepId({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepId):
            return NotImplemented
        return self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    @property
    def _parts(self) -> tuple[str, StepKind, str | None, int | None]:
        return self.case, self.kind, self.socket, self.number
