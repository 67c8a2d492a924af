"""What a command may be told, from the command line or from Python; the names are the same.

`--retry-failed` is `retry_failed`. Values that are not given come from the environment, or are the
defaults of the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from manifest_uploader.api.worker_settings import jobs_of, with_workers
from manifest_uploader.engine.options import REFUSED_AFTER_S, Options, Policy
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import TokenRefused, UsageError
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform import credentials
from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import did_you_mean, quoted

DEFAULT_PLATFORM: Final = "https://grand-challenge.org/api/v1/"

Count: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]


_PATIENCE: Final = Patience()
_POLICY: Final = Policy()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a command may be told. It holds no token, only where to find it."""

    manifest: str
    state: str | None = None
    sandbox: bool = False
    platform: str | None = None
    token_file: str | None = None
    socket: tuple[str, ...] = ()
    root: str | None = None
    follow_links: bool = False
    only: tuple[str, ...] = ()
    first: Count | None = None
    give_up_after: Seconds = _PATIENCE.give_up_s
    stall_timeout: Seconds = _PATIENCE.stall_s
    checksum: bool = False
    quick: bool = False
    adopt: bool = False
    resend_unchecked: bool = False
    recreate: bool = False
    retry_failed: bool = False
    new: bool = False
    jobs: Count | None = None
    """None: 8, or with workers 32."""
    dask: str | None = None
    dask_slurm: Count | None = None
    dask_pbs: Count | None = None
    dask_lsf: Count | None = None
    jobs_per_worker: Count | None = None
    """None: 4."""
    worker_root: str | None = None
    no_wait: bool = False
    wait_timeout: Seconds = _POLICY.wait_timeout_s
    refused_after: Seconds = REFUSED_AFTER_S
    settle_after: Seconds = _POLICY.settle_s
    upload_limit: Count = Choices().upload_limit
    take_over: bool = False
    receipts: bool = False
    keep_bytes: bool = False
    import_check: bool = False
    verify: bool | None = None
    """None: the command compares anyway, or never."""
    content: bool = False
    command: str = "take_over=True"
    """What to type to break another run's lock."""
    typed: bool = False
    """They were typed in a shell, and not written in Python."""

    def spelled(self, option: str) -> str:
        """How the user writes an option that is on or off: `--retry-failed`."""
        return f"--{option.replace('_', '-')}" if self.typed else f"{option}=True"


USUAL: Final = Settings("")
"""What is not said."""
_NO_OPTIONS: Final = frozenset({"manifest", "command", "typed"})


def make_settings(manifest: str, given: dict[str, Any]) -> Settings:
    """Settings from Python's keyword arguments.

    Raises:
        UsageError: one of them does not exist, or has a value that it cannot have.

    """
    known = [one for one in Settings.__struct_fields__ if one not in _NO_OPTIONS]
    for name in given:
        if name not in known:
            raise UsageError(f"unknown option {quoted(name)}", hint=did_you_mean(name, known))
    plain = {name: _plain(value) for name, value in given.items() if value is not None}
    for name in ("only", "socket"):
        if isinstance(plain.get(name), str):
            plain[name] = [plain[name]]
    try:
        return msgspec.convert({**plain, "manifest": manifest}, Settings)
    except msgspec.ValidationError as error:
        expected, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`").partition("[")[0]
        what = f"{name}={given.get(name)!r} cannot be used"
        raise UsageError(what, hint=expected[0].lower() + expected[1:]) from None


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


# ── the engine's options ────────────────────────────────────────────────────────────────────


@contextmanager
def opened(given: Settings, *, offline: bool = False, sends: bool = False) -> Iterator[Options]:
    """The options; with `sandbox`, a sandbox runs until the `with` statement ends.

    Args:
        given: what the command was told.
        offline: the platform is not asked.
        sends: the command sends something, which a sandbox is to remember.

    Raises:
        UsageError: a setting or the environment is wrong.
        ManifestInvalid: no sandbox can be made up for the manifest.
        TokenRefused: there is no token.
        CannotGoOn: the sandbox cannot start.

    """
    with (
        _on_platform(given, options_of(given), offline=offline, sends=sends) as options,
        with_workers(given, options) as ready,
    ):
        yield ready


@contextmanager
def _on_platform(
    given: Settings, options: Options, *, offline: bool, sends: bool
) -> Iterator[Options]:
    """The options with the platform; a sandbox runs until the `with` statement ends."""
    if offline:
        yield options
    elif given.sandbox:
        from manifest_uploader.api import sandboxes  # noqa: PLC0415 - a server; few need it

        manifest = read_manifest(options).manifest
        made_up = sandboxes.MadeUp(
            manifest, given.socket, given.upload_limit, keep_bytes=given.keep_bytes
        )
        with (
            sandboxes.folder_for(stem(given.manifest), options.state, sends=sends) as folder,
            sandboxes.started_for(made_up, folder) as running,
        ):
            platform = parse_platform(running.url, running.token)
            yield replace(options, platform=platform, sandbox_id=running.id)
    else:
        address = platform_address(given.platform)
        token = _token(given, options, address)
        yield replace(options, platform=parse_platform(address, token))


def _token(given: Settings, options: Options, address: str) -> str:
    """The token; without one, what is wrong with the manifest is told first."""
    try:
        return find_token(given.token_file, address)
    except TokenRefused:
        reading = read_manifest(options)
        if reading.problems:
            raise ManifestInvalid(reading.problems, warnings=reading.remarks) from None
        raise


def options_of(given: Settings) -> Options:
    """The options without a platform; raises UsageError if one needs another."""
    if given.content and given.verify is False:
        content, verify = given.spelled("content"), given.spelled("verify")
        raise UsageError(f"{content} works only with {verify}", hint=f"add {verify}")
    return Options(
        given.manifest,
        state_path(given),
        root=root_of(given.root),
        follow_links=given.follow_links,
        only=given.only,
        first=given.first,
        jobs=jobs_of(given),
        checksum=given.checksum,
        quick=given.quick,
        looks=_beside_state(given, ".looks.jsonl"),
        import_check=given.import_check,
        verdicts=_beside_state(given, ".imports.jsonl"),
        uid_key=uid_key_path(given),
        verify=bool(given.verify),
        content=given.content,
        choices=Choices(
            adopt=given.adopt,
            recreate=given.recreate,
            retry_failed=given.retry_failed,
            new=given.new,
            resend_unchecked=given.resend_unchecked,
            upload_limit=given.upload_limit,
        ),
        policy=Policy(
            wait=not given.no_wait,
            wait_timeout_s=given.wait_timeout,
            settle_s=given.settle_after,
            stuck_after_s=given.refused_after,
        ),
        patience=Patience(stall_s=given.stall_timeout, give_up_s=given.give_up_after),
        refused_after_s=given.refused_after,
        take_over=given.take_over,
        receipts=receipts_path(given.manifest) if given.receipts else None,
        command=given.command,
    )


# ── files ───────────────────────────────────────────────────────────────────────────────────


def root_of(root: str | None) -> str | None:
    """Where the files are; None if only the manifest says so."""
    return root or os.environ.get("UPLOADER_ROOT") or None


def stem(manifest: str) -> Path:
    """The manifest's path without `.yaml`: other files are named after it.

    Raises:
        UsageError: the path names a folder.

    """
    path = _file_path(manifest)
    return path.with_suffix("") if path.suffix.lower() in {".yaml", ".yml"} else path


def state_path(given: Settings) -> Path:
    """The state file: the one given, or the one beside the manifest.

    Raises:
        UsageError: the path names a folder.

    """
    if given.state:
        path = _file_path(given.state)
        if disk.usable(path).is_dir():
            raise UsageError(f"'{path}' is a folder, not a state file")
        return path
    return beside(given.manifest, ".sandbox.state.jsonl" if given.sandbox else ".state.jsonl")


def written_state_path(given: Settings) -> Path:
    """The state file to read.

    Raises:
        UsageError: the one that was named does not exist.

    """
    path = state_path(given)
    if given.state and not disk.usable(path).is_file():
        raise UsageError(
            f"state file '{path}' does not exist", hint="check the spelling of its name"
        )
    return path


def receipts_path(manifest: str) -> Path:
    """The file of receipts beside the manifest."""
    return beside(manifest, ".receipts.jsonl")


def beside(manifest: str, ending: str) -> Path:
    """A file beside the manifest with its name and another ending."""
    base = stem(manifest)
    return base.with_name(base.name + ending)


def _beside_state(given: Settings, ending: str) -> Path:
    """A file beside the state with its name and another ending; a rehearsal shares it."""
    if not given.state:
        return beside(given.manifest, ending)  # what files hold does not depend on the platform
    return _named_as_state(given, ending)


def uid_key_path(given: Settings) -> Path:
    """The key for the new UIDs of image sets, beside the state file; a rehearsal has its own."""
    return _named_as_state(given, ".uid-key")


def _named_as_state(given: Settings, ending: str) -> Path:
    """A file beside the state with its name and another ending; a rehearsal has its own."""
    state = state_path(given)
    name = state.name.removesuffix(".jsonl").removesuffix(".state")
    return state.with_name(name + ending)


def _file_path(text: str) -> Path:
    path = Path(text)
    if not path.name:
        hint = f"to write a manifest for what is in it: {for_shell(['uploader', 'init', text])}"
        raise UsageError(f"'{text}' is not a file", hint=hint if path.is_dir() else None)
    return path


# ── platform ────────────────────────────────────────────────────────────────────────────────


def platform_address(platform: str | None) -> str:
    """The API address: the one given, the environment's, or the default."""
    return platform or os.environ.get("GRAND_CHALLENGE_API_URL") or DEFAULT_PLATFORM


def has_token(token_file: str | None, address: str) -> bool:
    """Whether there is a token for the platform at an API address."""
    environment = os.environ
    return credentials.is_there(token_file=token_file, environment=environment, address=address)


def token_place(token_file: str | None) -> str:
    """Where `find_token` takes the token from, in words."""
    return credentials.place(token_file=token_file, environment=os.environ)


def find_token(token_file: str | None, address: str) -> str:
    """The token, from a file, the environment or the keyring.

    Raises:
        TokenRefused: there is none, or what was found is not a token.

    """
    return credentials.find(token_file=token_file, environment=os.environ, address=address)
