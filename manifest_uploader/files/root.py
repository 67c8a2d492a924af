"""The folder that a manifest's paths start from."""

from __future__ import annotations

import posixpath
from pathlib import Path, PureWindowsPath
from typing import Final, NoReturn

from msgspec import Struct, field

from manifest_uploader.files.listing import Listing
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.system import disk

FOLLOW_HINT: Final = "--follow-links lets symbolic links lead out of the root"


class Root(Struct, frozen=True):
    """The folder that a manifest's paths start from."""

    path: Path
    """Absolute, with all symbolic links resolved."""
    follow_links: bool
    """Whether symbolic links may lead out of it."""
    shown: str = ""
    """How messages name it, such as `in data`."""
    written: str | None = None
    """How the manifest names it; None if it does not."""
    listing: Listing = field(default_factory=Listing)


def find_root(manifest: Manifest, *, root: str | None, follow_links: bool) -> Root:
    """The folder that the manifest's paths start from.

    Args:
        manifest: Its own `root` is relative to its folder and must stay inside it.
        root: The user's `--root`, relative to the working directory. It takes precedence and may
            be anywhere.
        follow_links: Whether symbolic links may lead out of the root, and the root itself out of
            the manifest's folder.

    Raises:
        ManifestInvalid: The root is missing, not a folder, or outside the manifest's folder.
    """
    if root is not None:
        given = Root(Path(disk.real(root)), follow_links, f"in {root}")
        return _checked(given, root, manifest, "it was given by --root or UPLOADER_ROOT")
    home = Path(disk.real(Path(manifest.path).parent))
    written = manifest.root or "."
    path = Path(disk.real(home / written))
    if not stays_inside(written):
        hint = "write it relative to the manifest's folder, or say where the files are with --root"
        _refuse(manifest, f"root '{written}' is outside the manifest's folder", hint)
    if not (follow_links or path.is_relative_to(home)):
        hint = f"{FOLLOW_HINT}; or say where the files are with --root"
        _refuse(manifest, f"root '{written}' is a link out of the manifest's folder", hint)
    shown = "in the manifest's folder" if manifest.root is None else f"in {manifest.root}"
    found = Root(path, follow_links, shown, manifest.root)
    hint = "correct 'root', or say where the files are with --root"
    return _checked(found, written, manifest, hint)


def _checked(root: Root, name: str, manifest: Manifest, hint: str) -> Root:
    folder = disk.usable(root.path)
    if not folder.is_dir():
        is_what = "is not a folder" if folder.exists() else "does not exist"
        _refuse(manifest, f"root '{name}' {is_what}", hint)
    return root


def _refuse(manifest: Manifest, message: str, hint: str) -> NoReturn:
    raise ManifestInvalid((Problem(message, manifest.root_place, hint),))


def stays_inside(path: str) -> bool:
    """Whether a written path is relative and does not leave its starting folder by `..`."""
    if path[:1] not in ("/", "\\") and path[1:2] != ":" and ".." not in path:
        return True
    windows = PureWindowsPath(path)
    tidy = posixpath.normpath(path.replace("\\", "/"))
    return not (windows.drive or windows.root or tidy == ".." or tidy.startswith("../"))
