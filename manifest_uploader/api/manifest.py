"""A manifest as an object: built or loaded, saved, and sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from manifest_uploader.api import calls, settings, text_file, writing
from manifest_uploader.api.building import (
    Case,
    Column,
    Columns,
    Written,
    case_of,
    cases_of,
    find_target,
)
from manifest_uploader.api.events import RunEvent
from manifest_uploader.api.findings import Fetched, Plan, Validation, Verification
from manifest_uploader.api.keywords import (
    FetchOptions,
    LookOptions,
    PlanOptions,
    RunOptions,
    StrPath,
)
from manifest_uploader.api.results import Result, Status
from manifest_uploader.api.running import Run, looked
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import Watching, manifest_bytes, read_manifest
from manifest_uploader.engine.session import refuse
from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.notebook import make_progress

if TYPE_CHECKING:
    from manifest_uploader.output.screen import Lines

_T = TypeVar("_T")


class Manifest:
    """A manifest: the file at `path`, which every method reads as it is at that time.

    One that was built has no file until it is saved. The state file lies beside it; it is the
    same as that of the command line, so that either continues where the other ended.
    """

    def __init__(self, text: str, path: str | None) -> None:
        """Use `load`, `from_cases` or `from_table`. With a path, the text is in that file."""
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
        return self._text if self._path is None else text_file.read(self._path)

    # ── building ────────────────────────────────────────────────────────────────────────────

    @classmethod
    def load(cls, path: StrPath) -> Manifest:
        """The manifest in a file; what is wrong with its text, `validate` tells.

        Raises:
            UsageError: there is no such file.

        """
        manifest_bytes(os.fspath(path))
        return cls("", os.fspath(path))

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
            target: `reader-study/SLUG`, `archive/SLUG` or `algorithm/SLUG`, or its page's address.
            root: the folder that paths start in, relative to the folder that it is saved in.
            identifiable: what DICOM files may tell of their patients: `allowed`, or keywords.
            import_check: send only images that the platform's importer was content with.

        Raises:
            ManifestInvalid: the cases do not make a manifest; with every problem.
            UsageError: there is no such kind of target, or a value is not one of YAML.

        """
        kind, slug = find_target(target)
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
        text_file.write(name, self.text, overwrite=overwrite)
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
            quick: read one file of each value instead of all.
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
            quick: read one file of each value instead of all.
            progress: show how far it is.
            options: those of the command line.

        Raises:
            ManifestInvalid: with every problem.
            CannotGoOn: the platform cannot be used.

        """
        given = self._settings({"verify": False, **options, "quick": quick, "sandbox": sandbox})
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

    def fetch(
        self,
        folder: StrPath,
        *,
        sandbox: bool = False,
        items: bool = False,
        force: bool = False,
        progress: bool = True,
        **options: Unpack[FetchOptions],
    ) -> Fetched:
        """Bring answers of readers, and files of items, back into a folder.

        Calling it again continues. Files that differ are kept unless `force` is true.

        Args:
            folder: gets `answers.csv`, and with `items` the files and `items.csv`.
            sandbox: fetch from a sandbox, which has no files, instead of the platform.
            items: fetch the files and images of items, too.
            force: replace files that differ.
            progress: show how far it is.
            options: those of the command line.

        Raises:
            ManifestInvalid: the manifest cannot be read.
            UsageError: there is nothing to fetch, or the folder cannot be used.
            CannotGoOn: the platform or the disk cannot be used.

        """
        from manifest_uploader.engine.fetching import Wanted  # noqa: PLC0415 - late

        given = self._settings({**options, "sandbox": sandbox})
        settings.written_state_path(given)
        wanted = Wanted(Path(folder), items=items, force=force)

        def call(found: Options, watching: Watching) -> Fetched:
            return calls.fetch(found, wanted, watching)

        return _looked(given, call, progress=progress)

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
        recorded. Running it again continues. A failed case is no exception: see `Result.ok`.

        Args:
            sandbox: rehearse on this machine instead of sending anything.
            progress: show how far it is.
            on_event: is called with what happens, in this thread.
            options: those of the command line.

        Raises:
            ManifestInvalid: with every problem; nothing was sent.
            CannotGoOn: running it again continues once the cause is removed.

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
        calls.refuse_quick(given)

        def call(observers: Sequence[Any], stop: threading.Event) -> Result:
            with settings.opened(given, sends=True) as found:
                return calls.run(found, observers, stop, sandbox=sandbox)

        screen = make_progress() if progress else None
        return Run(call, screen, upload_limit=given.upload_limit)

    def _settings(self, given: dict[str, Any]) -> settings.Settings:
        if self._path is None:
            raise UsageError(
                "the manifest is not saved yet, and its state is kept next to its file",
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
