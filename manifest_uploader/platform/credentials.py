"""Finds the token in a file, the environment or the user's keyring.

The keyring comes last, because it is slow and on some desktops asks the user. It holds tokens by
the platform's host, and a token is read only for its own host.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from manifest_uploader.errors import CannotGoOn, ExtraMissing, TokenRefused
from manifest_uploader.system import disk

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

ENVIRONMENT: Final = "GRAND_CHALLENGE_AUTHORIZATION"
_SERVICE: Final = "manifest-uploader"
_TOKEN: Final = re.compile(r"(?:bearer\s+)?([0-9a-fA-F]{64})", re.IGNORECASE)
_NONE: Final = (
    "create one on your Grand Challenge profile page and store it with 'uploader login', in the "
    f"environment variable {ENVIRONMENT} or in a file for --token-file; to rehearse "
    "without one: uploader run --sandbox MANIFEST"
)
_CREATE: Final = "you can create a token on your Grand Challenge profile page"
_EMPTY: Final = "put the token into it; you can create one on your Grand Challenge profile page"
_T = TypeVar("_T")


def find(*, token_file: str | None, environment: Mapping[str, str], address: str) -> str:
    """The token for the platform at an API address: 64 hex characters.

    Raises:
        TokenRefused: there is no token, or it is not valid.

    """
    if token_file:
        text = _read(token_file)
        if not text.strip():
            raise TokenRefused(f"the token file '{token_file}' is empty", hint=_EMPTY)
        return parse(text, where=f"'{token_file}'")
    if environment.get(ENVIRONMENT, "").strip():
        return parse(environment[ENVIRONMENT], where=ENVIRONMENT)
    kept = _kept(host_of(address))
    if kept is None:
        raise TokenRefused("no API token found", hint=_NONE)
    return parse(kept, where="the keyring")


def place(*, token_file: str | None, environment: Mapping[str, str]) -> str:
    """Where `find` takes the token from, in words."""
    if token_file:
        return f"the file '{token_file}'"
    if environment.get(ENVIRONMENT, "").strip():
        return f"the environment variable {ENVIRONMENT}"
    return "the keyring"


def is_there(*, token_file: str | None, environment: Mapping[str, str], address: str) -> bool:
    """Whether a token is given, valid or not."""
    if token_file or environment.get(ENVIRONMENT, "").strip():
        return True
    return _kept(host_of(address)) is not None


def parse(text: str, *, where: str) -> str:
    """The token in a text with or without `Bearer `; error messages do not repeat the text."""
    if not text.strip():
        raise TokenRefused(f"there is no token in {where}", hint=_CREATE)
    found = _TOKEN.fullmatch(text.strip())
    if not found:
        raise TokenRefused(
            f"the content of {where} is not a valid token",
            hint="a token is 64 characters of 0-9 and a-f, with or without 'Bearer ' before it",
        )
    return found.group(1)


def _read(token_file: str) -> str:
    try:
        return _decoded(disk.read_bytes(Path(token_file)))
    except OSError as error:
        why = disk.reason(error)
        raise TokenRefused(f"the token file '{token_file}' cannot be read: {why}") from None
    except UnicodeDecodeError:
        raise TokenRefused(f"the token file '{token_file}' cannot be read") from None


def _decoded(data: bytes) -> str:
    """A text in UTF-8, or in UTF-16 as PowerShell's `>` writes it."""
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def host_of(address: str) -> str:
    """The platform's host, and its port unless it is the default one."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return host if port in {None, 443} else f"{host}:{port}"


# ── the keyring ─────────────────────────────────────────────────────────────────────────────


def require_keyring() -> None:
    """Raise ExtraMissing if keyring is not installed, before anyone is asked for a secret."""
    _backend()


def login(token: str, address: str) -> str:
    """Store a platform's token in the keyring; return the keyring's name.

    Raises:
        ExtraMissing: keyring is not installed.
        CannotGoOn: this machine has no usable keyring.

    """
    backend = _backend()
    _guarded(lambda: backend.set_password(_SERVICE, host_of(address), token))
    return str(backend.name)


def logout(address: str) -> bool:
    """Remove a platform's token from the keyring; return whether there was one.

    Raises:
        ExtraMissing: keyring is not installed.
        CannotGoOn: this machine has no usable keyring.

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
        raise ExtraMissing(
            "the package that stores the token is not installed", "keyring"
        ) from None
    return _guarded(keyring.get_keyring)


def _guarded(act: Callable[[], _T]) -> _T:
    """Call a keyring backend. Its errors vary and may contain the token, so none is quoted."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - backends raise anything
        raise CannotGoOn(
            f"this machine has no usable keyring ({type(error).__name__})",
            hint="is it locked? On machines without a desktop, keep the token in a file that only "
            "you can read, for --token-file",
        ) from None


def _kept(host: str) -> str | None:
    """The keyring's token for a host; None if there is none, or no keyring can be used."""
    if not host:
        return None
    try:
        backend = _backend()
        return _guarded(lambda: backend.get_password(_SERVICE, host))
    except CannotGoOn:
        return None
