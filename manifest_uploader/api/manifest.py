"""A manifest as an object: built or loaded, saved, and sent."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack

from manifest_uploader.api import calls, settings, writing
from manifest_uploader.api.building import Case, Column, Columns, Written, case_of, cases_of
from manifest_uploader.api.events import RunEvent
from manifest_uploader.api.keywords import LookOptions, PlanOptions, RunOptions, StrPath
from manifest_uploader.api.results import Plan, Result, Status, Validation, Verification
from manifest_uploader.api.running import Run, looked
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import Watching, read_manifest
from manifest_uploader.engine.session import refuse
from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.notebook import make_progress
from manifest_uploader.system import disk
from manifest_uploader.text import quoted

if TYPE_CHECKING:
    from manifest_uploader.output.screen import Lines

_T = TypeVar("_T")
_KINDS: Final = {
    **{kind.value: kind for kind in TargetKind},
    "reader-studies": TargetKind.READER_STUDY,
    "archives": TargetKind.ARCHIVE,
    "algorithms": TargetKind.ALGORITHM,
}
"""The kinds of targets as manifests and as the addresses of pages name them."""


class Manifest:
    """A manifest: the file at `path`, which every method reads as it is at that time.

    One that was built has no file until it is saved. The state file lies beside it; it is the
    same as that of the command line, so that either goes on where the other ended.
    """

    def __init__(self, text: str, path: str | None) -> None:
        """Use `load`, `from_cases` or `from_table`."""
        self._text, self._path = text, path

    def __repr__(self) -> str:
        """`<Manifest lung.yaml>`."""
        return f"<Manifest {self._path or 'without a file: save it'}>"

    @property
    def path(self) -> Path | None:
        """Its file; None until it is saved."""
        return None if self._path is None else Path(self._path)

    @property
    def text(self) -> str:
        """The YAML."""
        return self._text if self._path is None else _read(self._path)

    # ── building ────────────────────────────────────────────────────────────────────────────

    @classmethod
    def load(cls, path: StrPath) -> Manifest:
        """The manifest in a file; what is wrong with its text, `validate` tells.

        Raises:
            UsageError: there is no such file.

        """
        return cls(_read(os.fspath(path)), os.fspath(path))

    @classmethod
    def from_cases(
        cls,
        cases: Iterable[Case],
        *,
        target: str,
        root: str | None = None,
        identifiable: Literal["allowed"] | Sequence[str] | None = None,
        import_check: bool = False,
    ) -> Manifest:
        """A manifest of these cases.

        Args:
            cases: at least one.
            target: `reader-study/SLUG` or `archive/SLUG`, or the address of its page.
            root: the folder that paths start in, relative to the folder that it is saved in.
            identifiable: what DICOM files may tell of their patients: `allowed`, or keywords.
            import_check: send only images that the platform's importer was content with.

        Raises:
            ManifestInvalid: the cases do not make a manifest; with every problem.
            UsageError: there is no such kind of target, or a value is not one of YAML.

        """
        kind, slug = _target(target)
        allowed = identifiable if isinstance(identifiable, str | None) else tuple(identifiable)
        head = writing.Head(kind, slug, root, allowed, import_check)
        return cls(writing.manifest_text(head, list(cases), "the manifest"), None)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        target: str,
        name: str,
        sockets: Mapping[str, Written | Column],
        title: str | Column | None = None,
        order: str | Column | None = None,
        root: str | None = None,
        identifiable: Literal["allowed"] | Sequence[str] | None = None,
        import_check: bool = False,
    ) -> Manifest:
        """A manifest with a case for each row of a table.

        Texts may name columns in braces: `Files("{patient}/ct/*.dcm")`.

        Args:
            table: a DataFrame of pandas or polars, or mappings such as those of `csv.DictReader`.
            target: as for `from_cases`, like all that follows and is not listed here.
            name: the column with the cases' names, or a text with columns in braces.
            sockets: what goes where; `Column("score")` takes the cell of the row.
            title: what readers see: a text with columns in braces, or `Column("…")`.
            order: the column with the places in the readers' worklist.
            root: as for `from_cases`.
            identifiable: as for `from_cases`.
            import_check: as for `from_cases`.

        Raises:
            ManifestInvalid: the rows do not make a manifest; with every problem.
            UsageError: it is no table, or has no such column.

        """
        cases = cases_of(table, Columns(name, sockets, title, order))
        return cls.from_cases(
            cases, target=target, root=root, identifiable=identifiable, import_check=import_check
        )

    def save(self, path: StrPath, *, overwrite: bool = False) -> None:
        """Write the YAML, and let this be the manifest's file from now on.

        A file that holds the same already is left alone.

        Raises:
            UsageError: there is another file, and `overwrite` is false; or it cannot be written.

        """
        name = os.fspath(path)
        if Path(name).suffix.lower() not in {".yaml", ".yml"}:
            raise UsageError(f"'{name}' is no name for a manifest", hint="let it end with .yaml")
        text = self.text.encode()
        there = disk.usable(Path(name))
        if there.exists():
            if there.is_file() and disk.read_bytes(Path(name)) == text:
                self._path = name
                return
            if not overwrite:
                raise UsageError(
                    f"'{name}' exists and holds something else",
                    hint="save it under another name, or with overwrite=True",
                )
        draft = Path(f"{name}.{secrets.token_hex(4)}")
        try:
            with disk.open_file(draft, "xb") as file:
                file.write(text)
            disk.replace(draft, Path(name))
        except OSError as error:
            disk.could_remove(draft)
            raise UsageError(f"'{name}' cannot be written: {disk.reason(error)}") from None
        self._path = name

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases; those of a short manifest as its folder shows them now.

        Raises:
            ManifestInvalid: the text has problems.

        """
        if self._path is None:
            from manifest_uploader.manifest.parser import parse  # noqa: PLC0415 - seldom

            return tuple(map(case_of, parse(self._text, "the manifest").cases))
        reading = read_manifest(settings.options_of(self._settings({})))
        refuse(reading.problems, reading.remarks)
        return tuple(map(case_of, reading.manifest.cases))

    # ── looking ─────────────────────────────────────────────────────────────────────────────

    def validate(
        self,
        *,
        sandbox: bool = False,
        offline: bool = False,
        quick: bool = False,
        import_check: bool = False,
        progress: bool = True,
        **options: Unpack[PlanOptions],
    ) -> Validation:
        """Find everything that is wrong with the manifest and its files; change nothing.

        Args:
            sandbox: compare with a sandbox instead of the platform.
            offline: do not ask the platform; without a token it is not asked anyway.
            quick: look into one file of each value instead of all.
            import_check: ask the platform's own importer about every image.
            progress: show how far it is.
            options: those of the command line.

        Raises:
            CannotGoOn: the platform cannot be asked.

        """
        more = {"quick": quick, "import_check": import_check, "sandbox": sandbox}
        given = self._settings({**options, **more})
        address = settings.platform_address(given.platform)
        is_alone = offline or not (sandbox or settings.has_token(given.token_file, address))
        try:
            return _looked(given, calls.validate, progress=progress, offline=is_alone)
        except ManifestInvalid as invalid:
            problems, warnings = invalid.problems, invalid.warnings
            return Validation(given.manifest, problems, warnings, asked=not is_alone)

    def plan(
        self,
        *,
        sandbox: bool = False,
        quick: bool = False,
        progress: bool = True,
        **options: Unpack[PlanOptions],
    ) -> Plan:
        """What a run would do now; changes nothing.

        Args:
            sandbox: plan for a sandbox instead of the platform.
            quick: look into one file of each value instead of all.
            progress: show how far it is.
            options: those of the command line.

        Raises:
            ManifestInvalid: with every problem.
            CannotGoOn: the platform cannot be used.

        """
        given = self._settings({**options, "quick": quick, "sandbox": sandbox})
        return _looked(given, calls.plan, progress=progress)

    def verify(
        self,
        *,
        sandbox: bool = False,
        content: bool = False,
        progress: bool = True,
        **options: Unpack[LookOptions],
    ) -> Verification:
        """Compare the platform with the manifest and the state file; change nothing.

        Args:
            sandbox: compare a sandbox instead of the platform.
            content: download files and compare what is in them.
            progress: show how far it is.
            options: those of the command line.

        Raises:
            ManifestInvalid: the manifest cannot be read.
            CannotGoOn: the platform cannot be used.

        """
        given = self._settings({**options, "content": content, "sandbox": sandbox})
        settings.written_state_path(given)
        return _looked(given, calls.verify, progress=progress)

    def status(self, *, sandbox: bool = False, state: StrPath | None = None) -> Status:
        """Where each case stands, from the state file alone.

        Args:
            sandbox: of the rehearsal.
            state: the state file, if it is not the one beside the manifest.

        """
        given = self._settings({"state": state, "sandbox": sandbox, "follow_links": True})
        settings.written_state_path(given)
        return calls.status(settings.options_of(given))

    # ── sending ─────────────────────────────────────────────────────────────────────────────

    def run(
        self,
        *,
        sandbox: bool = False,
        progress: bool = True,
        on_event: Callable[[RunEvent], object] | None = None,
        **options: Unpack[RunOptions],
    ) -> Result:
        """Upload the cases, wait until the platform has imported them, say what became of each.

        Ctrl-C, or a notebook's stop button, ends it cleanly: what is under way ends and is
        recorded. Running it again goes on. A failed case is no exception: see `Result.ok`.

        Args:
            sandbox: rehearse on this machine instead of sending anything.
            progress: show how far it is.
            on_event: is called with what happens, in this thread.
            options: those of the command line.

        Raises:
            ManifestInvalid: with every problem; nothing was sent.
            CannotGoOn: running it again goes on, once the cause is removed.

        """
        with self.start(sandbox=sandbox, progress=progress, **options) as run:
            for event in run:
                if on_event is not None:
                    on_event(event)
            return run.result()

    def start(
        self,
        *,
        sandbox: bool = False,
        progress: bool = True,
        **options: Unpack[RunOptions],
    ) -> Run:
        """The same, to be followed: `with manifest.start() as run: for event in run: …`."""
        given = self._settings({"verify": False, **options, "sandbox": sandbox})

        def call(observers: Sequence[Any], stop: threading.Event) -> Result:
            with settings.opened(given) as found:
                return calls.run(found, observers, stop, sandbox=sandbox)

        screen = make_progress() if progress else None
        return Run(call, screen, upload_limit=given.upload_limit)

    def _settings(self, given: dict[str, Any]) -> settings.Settings:
        if self._path is None:
            raise UsageError(
                "the manifest has no file yet, and its state is kept beside that",
                hint="save it first: manifest.save('lung.yaml')",
            )
        return settings.make_settings(self._path, given)


def _looked(
    given: settings.Settings,
    call: Callable[[Options, Watching], _T],
    *,
    progress: bool,
    offline: bool = False,
) -> _T:
    def look(watching: Watching) -> _T:
        with settings.opened(given, offline=offline) as options:
            return call(options, watching)

    screen: Lines | None = make_progress() if progress else None
    return looked(look, screen)


def _read(path: str) -> str:
    try:
        return disk.read_bytes(Path(path)).decode("utf-8", "replace")
    except FileNotFoundError:
        raise UsageError(f"there is no file '{path}'", hint="is its name spelt right?") from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {disk.reason(error)}") from None


def _target(text: str) -> tuple[str, str]:
    """The kind and the slug of `reader-study/lung`, or of its page's address."""
    words = [word for word in text.split("?", maxsplit=1)[0].split("/") if word]
    kinds = [index for index, word in enumerate(words[:-1]) if word in _KINDS]
    if not kinds:
        raise UsageError(
            f"{quoted(text)} is no target",
            hint="write 'reader-study/SLUG' or 'archive/SLUG', or the address of its page",
        )
    return _KINDS[words[kinds[-1]]].value, words[kinds[-1] + 1]
