"""The exceptions that leave the package, grouped by what the caller does about them.

UploaderError                 message, hint; ends the command
├── UsageError                exit 2: the command line or the environment is wrong
├── ManifestInvalid           exit 2: carries every problem; nothing was sent
└── CannotGoOn                exit 3: run the same command again once it is mended
    ├── TokenRefused          no token, or the platform does not accept it
    ├── PlatformRefused       the platform answered, but not as it must for us to go on
    ├── PlatformUnreachable   nothing answered for as long as we were told to wait
    ├── StateLocked           another run holds the state
    ├── StateDamaged          a line of the state file is not what we wrote
    ├── StateMismatch         the state file belongs to another platform or target
    ├── StateUnwritable       what we are about to do could not be written down
    ├── OutputLost            standard output does not take what it is to be told
    └── ExtraMissing          an optional part is not installed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class UploaderError(Exception):
    """Something a person can act on; `message` says what, `hint` what to do."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UploaderError):
    """The command line or the environment is wrong; nothing was done."""

    exit_code = 2


class CannotGoOn(UploaderError):
    """The run cannot go on; the same command continues once the cause is mended."""


class TokenRefused(CannotGoOn):
    """There is no token, or the platform does not accept it."""


class PlatformRefused(CannotGoOn):
    """The platform answered, but with something no part of the run can use."""


class PlatformUnreachable(CannotGoOn):
    """The platform or its storage did not answer for as long as we were told to wait."""


class StateLocked(CannotGoOn):
    """Another run holds the state, or may hold it."""


class StateDamaged(CannotGoOn):
    """A line in the middle of the state file is not one that we wrote."""


class StateMismatch(CannotGoOn):
    """The state file belongs to another platform or target."""


class OutputLost(CannotGoOn):
    """Standard output does not take what it is to be told: its disk is full, say."""


class StateUnwritable(CannotGoOn):
    """The state file cannot be written: nothing may be sent that is not written down."""


class ExtraMissing(CannotGoOn):
    """An optional part of the package is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what}: pip install 'manifest-uploader[{extra}]'")
