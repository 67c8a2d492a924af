"""Where things are: the folder, the manifest beside or above it, the table."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from manifest_uploader.errors import UsageError
from manifest_uploader.init import table
from manifest_uploader.init.names import wrong_root
from manifest_uploader.init.options import Options
from manifest_uploader.init.tree import Tree
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.text import quoted


@dataclass(frozen=True, slots=True)
class Place:
    """The folder and the manifest, really: without links."""

    base: str
    """The folder that is looked into."""
    home: str
    """The manifest's folder."""
    manifest: str
    """The manifest's name in there."""

    def tree(self, table_path: str | None) -> Tree:
        """The folder from within, without what is not data: the manifest's own files, the table."""
        own: set[str] = set()
        if self.home == self.base:
            own |= _companions(self.manifest)
        if table_path is not None and _folder_of(table_path) == self.base:
            own.add(os.path.basename(table_path))  # noqa: PTH119
        return Tree(self.base, own=frozenset(own))

    def table(self, options: Options) -> table.Table:
        """The table that the options name; raises UsageError."""
        assert options.table is not None, "there is a table"
        path, sheet = Path(options.table), options.sheet
        return table.read(path, sheet=sheet, decimal_comma=options.decimal_comma)

    def root(self) -> str | None:
        """The folder as a manifest writes it; None if the manifest cannot name it."""
        path = _below(self.base, self.home)
        return None if path is None or wrong_root(path or ".") else path or "."

    def prefix(self, manifest: Manifest) -> str:
        """What stands before the paths in a manifest that is there already.

        Raises:
            UsageError: the folder is not inside the manifest's root.

        """
        root = os.path.realpath(os.path.join(self.home, manifest.root or "."))  # noqa: PTH118
        if manifest.root is None and _below(self.base, self.home) is None:
            return ""
        path = _below(self.base, root)
        if path is None:
            where = manifest.root or "."
            hint = "give the folder that the manifest names, or one inside it"
            raise UsageError(f"the folder is not inside the manifest's root '{where}'", hint=hint)
        return f"{path}/" if path else ""

    def from_home(self, options: Options) -> Options:
        """The options as they are typed in the manifest's folder."""
        folder = _below(self.base, self.home)
        return replace(
            options,
            folder=options.folder if folder is None else folder or ".",
            table=options.table and _relative(options.table, self.home),
            output=self.manifest,
        )

    def schema(self) -> str | None:
        """Where the schema lies, relative to the manifest; None: nowhere near."""
        for path in (SCHEMA_NAME, *(f"{up}schemas/{SCHEMA_NAME}" for up in ("", "../", "../../"))):
            if Path(self.home, path).is_file():
                return path
        return None


def find(options: Options) -> Place:
    """Where the folder and the manifest are; raises UsageError if there is no such folder."""
    if not os.path.isdir(options.folder):  # noqa: PTH112
        what = "is not a folder" if os.path.exists(options.folder) else "does not exist"  # noqa: PTH110
        raise UsageError(f"{quoted(options.folder)} {what}", hint="give the folder with the cases")
    output = os.path.realpath(options.output)
    home, name = os.path.split(output)
    if not os.path.isdir(home):  # noqa: PTH112
        raise UsageError(f"there is no folder {quoted(home)} to write the manifest into")
    return Place(os.path.realpath(options.folder), home, name)


def _folder_of(path: str) -> str:
    return os.path.dirname(os.path.realpath(path))  # noqa: PTH120


def _below(path: str, folder: str) -> str | None:
    """The path relative to a folder, with `/`; empty for itself, None if it is not inside."""
    if path == folder:
        return ""
    inside = folder.rstrip(os.sep) + os.sep
    return path.removeprefix(inside).replace(os.sep, "/") if path.startswith(inside) else None


def _relative(path: str, home: str) -> str:
    try:
        return os.path.relpath(os.path.realpath(path), home).replace(os.sep, "/")
    except ValueError:  # on another drive
        return path


def _companions(manifest: str) -> frozenset[str]:
    """What runs and reports leave beside a manifest, and the manifest itself."""
    stem = manifest.removesuffix(".yaml").removesuffix(".yml")
    left = ("sandbox", "state.jsonl", "sandbox.state.jsonl", "receipts.jsonl", "report.html")
    names = [f"{stem}.{ending}" for ending in left]
    return frozenset([manifest, SCHEMA_NAME, *names, *(f"{name}.lock" for name in names)])
