"""Where the token is: in a file, in the environment, or in the keyring of this machine's user.

The keyring is asked only when nothing else gives a token: it costs time, and on some desktops a
question. A token stands there under the host of the platform that it is for, and is read for no
other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from manifest_uploader.errors import CannotGoOn, ExtraMissing, TokenRefused

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

ENVIRONMENT: Final = "GRAND_CHALLENGE_AUTHORIZATION"
_SERVICE: Final = "manifest-uploader"
_TOKEN: Final = re.compile(r"(?:bearer\s+)?([0-9a-fA-F]{64})", re.IGNORECASE)
_NONE: Final = (
    "make one on your profile page on Grand Challenge and keep it with 'uploader login', or put "
    f"it into the environment's {ENVIRONMENT}, or into a file for --token-file; to rehearse "
    "without one: --sandbox"
)
_T = TypeVar("_T")


def find(*, token_file: str | None, environment: Mapping[str, str], address: str) -> str:
    """The token for the platform at an API address: 64 hex characters.

    Raises:
        TokenRefused: there is none, or what is there is none.

    """
    if token_file:
        return parse(_read(token_file), where=f"'{token_file}'")
    if environment.get(ENVIRONMENT, "").strip():
        return parse(environment[ENVIRONMENT], where=ENVIRONMENT)
    kept = _kept(host_of(address))
    if kept is None:
        raise TokenRefused("there is no token", hint=_NONE)
    return parse(kept, where="the keyring")


def is_there(*, token_file: str | None, environment: Mapping[str, str], address: str) -> bool:
    """Something is given that is to be a token."""
    if token_file or environment.get(ENVIRONMENT, "").strip():
        return True
    return _kept(host_of(address)) is not None


def parse(text: str, *, where: str) -> str:
    """The token in a text, with or without `Bearer `; no message repeats it."""
    if not text.strip():
        raise TokenRefused("there is no token", hint=_NONE)
    found = _TOKEN.fullmatch(text.strip())
    if not found:
        raise TokenRefused(
            f"what stands in {where} is no token",
            hint="a token is 64 characters of 0-9 and a-f, with or without 'Bearer ' before it",
        )
    return found.group(1)


def _read(token_file: str) -> str:
    try:
        return Path(token_file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise TokenRefused(f"the token file '{token_file}' cannot be read") from None


def host_of(address: str) -> str:
    """The platform's host, and its port where it is not the usual one."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return host if port in {None, 443} else f"{host}:{port}"


# ── the keyring ─────────────────────────────────────────────────────────────────────────────


def login(token: str, address: str) -> str:
    """Keep a token for a platform; the name of the keyring that has it now.

    Raises:
        ExtraMissing: keyring is not installed.
        CannotGoOn: no keyring of this machine takes it.

    """
    backend = _backend()
    _guarded(lambda: backend.set_password(_SERVICE, host_of(address), token))
    return str(backend.name)


def logout(address: str) -> bool:
    """Remove the token of a platform; whether there was one.

    Raises:
        ExtraMissing: keyring is not installed.
        CannotGoOn: the keyring does not let go of it.

    """
    backend, host = _backend(), host_of(address)
    if _guarded(lambda: backend.get_password(_SERVICE, host)) is None:
        return False
    _guarded(lambda: backend.delete_password(_SERVICE, host))
    return True


def _backend() -> KeyringBackend:
    try:
        import keyring  # noqa: PLC0415 - an extra
    except ImportError:
        raise ExtraMissing("the package that keeps the token is missing", "keyring") from None
    return _guarded(keyring.get_keyring)


def _guarded(act: Callable[[], _T]) -> _T:
    """What a keyring answers; its errors are anybody's, and may quote what they were given."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - backends raise what they like
        raise CannotGoOn(
            f"no keyring of this machine can be used ({type(error).__name__})",
            hint="is it locked? On machines without a desktop, keep the token in a file that only "
            "you can read, for --token-file",
        ) from None


def _kept(host: str) -> str | None:
    """The token that the keyring has for a host; None if it has none, or cannot be asked."""
    if not host:
        return None
    try:
        backend = _backend()
        return _guarded(lambda: backend.get_password(_SERVICE, host))
    except CannotGoOn:
        return None
