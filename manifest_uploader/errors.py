"""The exceptions that leave the package, grouped by what the caller does about them.

UploaderError                 message, hint; ends the command
├── UsageError                exit 2: the command line or the environment is wrong
├── ManifestInvalid           exit 2: carries every problem; nothing was sent
└── CannotGoOn                exit 3: remove the cause and run the same command again
    ├── TokenRefused          no token, or the platform does not accept it
    ├── PlatformRefused       the platform's answer does not let the run go on
    ├── PlatformUnreachable   the platform did not answer within the time given
    ├── StateLocked           another run holds the state, or may hold it
    ├── StateDamaged          uploader did not write a line of the state file
    ├── StateMismatch         the state file belongs to another platform or target
    ├── StateUnwritable       the state file cannot be written
    ├── OutputLost            standard output cannot be written
    └── ExtraMissing          an optional part is not installed
"""

from __future__ import annotations

from manifest_uploader.system.extras import install_command
from manifest_uploader.text import with_hint


class UploaderError(Exception):
    """A problem that a person can solve: `message` says what it is, `hint` what to do."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, and the hint on a line of its own: what Python shows of an error."""
        return with_hint(self.message, self.hint)


class UsageError(UploaderError):
    """The command line or the environment is wrong; nothing was done."""

    exit_code = 2


class CannotGoOn(UploaderError):
    """The run cannot go on; the same command continues once the cause is removed."""


class TokenRefused(CannotGoOn):
    """There is no token, or the platform does not accept it."""


class PlatformRefused(CannotGoOn):
    """The platform's answer does not let the run go on."""


class PlatformUnreachable(CannotGoOn):
    """The platform or its storage did not answer within the time given."""


class StateLocked(CannotGoOn):
    """Another run holds the state, or may hold it."""


class StateDamaged(CannotGoOn):
    """A whole line of the state file is not one that uploader wrote."""


class StateMismatch(CannotGoOn):
    """The state file belongs to another platform or target."""


class OutputLost(CannotGoOn):
    """Standard output cannot be written: its disk is full, for example."""


class StateUnwritable(CannotGoOn):
    """The state file cannot be written, and nothing may be sent without a record."""


class ExtraMissing(CannotGoOn):
    """An optional part of the package is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, hint=f"install them with: {install_command(extra)}")
