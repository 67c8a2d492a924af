"""Writes a manifest with an entry for each of its cases, as `init --explicit` does."""

from __future__ import annotations

import os
from collections.abc import Iterator

from manifest_uploader.files.listing import is_magic
from manifest_uploader.files.local_file import Source as Found
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.init.compose import (
    Entry,
    Files,
    Image,
    JsonSource,
    Layout,
    OneFile,
    SameAs,
    Source,
    case_lines,
    comment,
    scalar,
)
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, Manifest, Value
from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.system import disk
from manifest_uploader.text import composed


def explicit_text(manifest: Manifest, root: Root) -> str:
    """The text of the explicit manifest that another one stands for."""
    blocks = ["\n".join(case_lines(entry_of(case, root), Layout())) for case in manifest.cases]
    return "\n".join(_head(manifest)) + "\n" + "\n\n".join(blocks) + "\n"


def _head(manifest: Manifest) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={SCHEMA_NAME}"
    yield comment(f"What {manifest.path} stands for, as 'uploader expand' saw the folder.")
    yield "version: 1"
    yield "target:"
    yield f"  kind: {manifest.kind}"
    yield f"  slug: {scalar(manifest.slug)}"
    if manifest.root is not None:
        yield f"root: {scalar(manifest.root)}"
    if manifest.identifiable.everything:
        yield "identifiable: allowed"
    elif manifest.identifiable.keywords:
        yield f"identifiable: [{', '.join(sorted(manifest.identifiable.keywords))}]"
    if manifest.import_check:
        yield "import-check: required"
    yield ""
    yield "cases:"


def entry_of(case: Case, root: Root) -> Entry:
    """A case as an entry: the title only if one was written, and a pattern's only file by name."""
    return Entry(
        case.name,
        case.title if case.title_place != case.place else None,
        case.order,
        tuple((value.socket, _only_file(value, root) or source_of(value)) for value in case.values),
    )


def _only_file(value: Value, root: Root) -> OneFile | None:
    """The file that a pattern matches, if it is the only one."""
    if not isinstance(value, FileValue) or value.same_as is not None:
        return None
    if len(value.paths) > 1 or not is_magic(value.paths[0]):
        return None
    found = resolve(value, root)
    if not isinstance(found, Found) or len(found.files) > 1:
        return None
    path = os.path.relpath(disk.plain(found.files[0].full), root.path)
    return OneFile(composed(path.replace(os.sep, "/")), value.image_name)


def source_of(value: Value) -> Source:
    """Where a socket's value comes from, as a manifest writes it."""
    if isinstance(value, ImageValue):
        return Image(value.pk)
    if isinstance(value, FileValue) and value.same_as is not None:
        return SameAs(value.same_as)
    if isinstance(value, FileValue):
        name = value.image_name
        return OneFile(value.paths[0], name) if value.single else Files(value.paths, name)
    found = value.value
    assert found is not None, "no manifest holds null"
    return JsonSource(found) if isinstance(found, list | dict) else found
