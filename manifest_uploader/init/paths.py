"""Finds the base folder, the manifest beside or above it, and the table."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from manifest_uploader.errors import UsageError
from manifest_uploader.files import table
from manifest_uploader.files.case_tree import Tree, companions
from manifest_uploader.init.names import root_complaint
from manifest_uploader.init.options import Options
from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.manifest.tables import Table
from manifest_uploader.text import quoted


@dataclass(frozen=True, slots=True)
class Paths:
    """The base folder and the manifest, with symbolic links resolved."""

    folder: str
    """The base folder, which holds the cases."""
    manifest_folder: str
    """The folder of the manifest."""
    manifest: str
    """The manifest's file name."""

    def tree(self, table_path: str | None) -> Tree:
        """The base folder without the table, the manifest and the files that go with it."""
        excluded: set[str] = set()
        if self.manifest_folder == self.folder:
            excluded |= companions(self.manifest)
        if table_path is not None:
            table_folder = os.path.dirname(os.path.realpath(table_path))  # noqa: PTH120
            if table_folder == self.folder:
                excluded.add(os.path.basename(table_path))  # noqa: PTH119
        return Tree(self.folder, excluded=frozenset(excluded))

    def table(self, options: Options) -> Table:
        """Read the table that the options name; raises UsageError if it is unusable."""
        assert options.table is not None, "there is a table"
        dialect = table.Dialect(options.sheet, options.decimal_comma, encoding=options.encoding)
        return table.read(Path(options.table), dialect)

    def table_path(self, options: Options) -> str | None:
        """The table's path beside the manifest or below the base folder; None if outside both."""
        real = os.path.realpath(options.table or "")
        beside = _below(real, self.manifest_folder)
        return beside if beside is not None else _below(real, self.folder)

    def root(self) -> str | None:
        """The value of the manifest's `root`; None if it cannot name the base folder."""
        path = _below(self.folder, self.manifest_folder)
        return None if path is None or root_complaint(path or ".") else path or "."

    def as_typed_beside_manifest(self, options: Options) -> Options:
        """The options as someone would type them in the manifest's folder."""
        folder = _below(self.folder, self.manifest_folder)
        return replace(
            options,
            folder=options.folder if folder is None else folder or ".",
            table=options.table and _relative(options.table, self.manifest_folder),
            output=self.manifest,
        )

    def schema(self) -> str | None:
        """The path of a schema file nearby, relative to the manifest; None if there is none."""
        for path in (SCHEMA_NAME, *(f"{up}schemas/{SCHEMA_NAME}" for up in ("", "../", "../../"))):
            if Path(self.manifest_folder, path).is_file():
                return path
        return None


def find(options: Options) -> Paths:
    """Resolve the paths in the options; raises UsageError if a folder does not exist."""
    if not os.path.isdir(options.folder):  # noqa: PTH112
        what = "is not a folder" if os.path.exists(options.folder) else "does not exist"  # noqa: PTH110
        raise UsageError(f"{quoted(options.folder)} {what}", hint="give the folder with the cases")
    output = os.path.realpath(options.output)
    manifest_folder, name = os.path.split(output)
    if not os.path.isdir(manifest_folder):  # noqa: PTH112
        raise UsageError(
            f"folder {quoted(manifest_folder)} does not exist",
            hint="create it, or name another file with --output",
        )
    return Paths(os.path.realpath(options.folder), manifest_folder, name)


def _below(path: str, folder: str) -> str | None:
    """The path relative to a folder, with `/`; empty for the folder itself, None if outside."""
    if path == folder:
        return ""
    prefix = folder.rstrip(os.sep) + os.sep
    return path.removeprefix(prefix).replace(os.sep, "/") if path.startswith(prefix) else None


def _relative(path: str, manifest_folder: str) -> str:
    try:
        return os.path.relpath(os.path.realpath(path), manifest_folder).replace(os.sep, "/")
    except ValueError:  # on another drive
        return path
