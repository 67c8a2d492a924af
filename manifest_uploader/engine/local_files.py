"""Inspects the local files of values: their facts, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import json_digest, may_be_same
from manifest_uploader.files import dicom
from manifest_uploader.files.json_file import JsonUnreadable, read_json
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import ValueFacts, content, value_facts
from manifest_uploader.manifest.model import FileValue, Identifiable
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.delivery import AsJson, AsUpload, delivery_of
from manifest_uploader.platform.model import Entry, Socket
from manifest_uploader.platform.sockets import takes_json, value_misfit
from manifest_uploader.state.history import CaseHistory


class LocalLook(Struct, frozen=True):
    """Inspects the files of values, one value at a time."""

    root: Root
    checksum: bool
    """Hash every file instead of trusting size and time."""
    sockets: Mapping[str, Socket]
    online: bool

    def look(
        self,
        value: FileValue,
        past: CaseHistory,
        identifiable: Identifiable,
    ) -> ValueFacts | tuple[Problem, ...]:
        """The facts about a value's files, or what is wrong with them."""
        source = resolve(value, self.root)
        if not isinstance(source, Source):
            return source
        facts = value_facts(source)
        known = None if self.checksum else _known_content(facts, past, value.socket)
        if known is not None:
            return replace(facts, content=known)
        socket = self.sockets.get(value.socket)
        if self._is_json(source, socket):
            return self._json(value, source, facts, past)
        delivery = delivery_of(value, socket)
        if not identifiable.everything and isinstance(delivery, AsUpload) and delivery.image:
            found = dicom.check(source.files, all_files=False)
            if found is not None:
                return (_patient_problem(value, *found),)
        return self._hashed(value, source, facts, past)

    def _is_json(self, source: Source, socket: Socket | None) -> bool:
        if len(source.files) != 1:
            return False
        if self.online:
            return socket is not None and takes_json(socket)
        return source.name.lower().endswith(".json")

    def _json(
        self, value: FileValue, source: Source, facts: ValueFacts, past: CaseHistory
    ) -> ValueFacts | tuple[Problem, ...]:
        socket = self.sockets.get(value.socket)
        try:
            found = read_json(source)
        except JsonUnreadable as error:
            return (Problem(f"'{source.name}': {error}", value.place),)
        except FileChanged as error:
            return (Problem(str(error), value.place),)
        misfit = value_misfit(found, socket) if socket is not None else None
        if misfit is not None:
            return (Problem(f"'{source.name}': {misfit[0]}", value.place, misfit[1]),)
        if isinstance(delivery_of(value, socket), AsJson):
            return replace(facts, content=json_digest(found))
        return self._hashed(value, source, facts, past)

    def _hashed(
        self, value: FileValue, source: Source, facts: ValueFacts, past: CaseHistory
    ) -> ValueFacts | tuple[Problem, ...]:
        """The facts with the content's digest, if the files may hold what was sent before."""
        if not self.checksum and not _is_worth_reading(facts, past, value.socket):
            return facts
        try:
            return replace(facts, content=content(source))
        except FileChanged as error:
            return (Problem(str(error), value.place),)


def _known_content(facts: ValueFacts, past: CaseHistory, socket: str) -> str | None:
    """The known content of files with the same names, sizes and times."""
    was = past.sockets.get(socket)
    if was is not None and was.entry.stat == facts.stat:
        return was.entry.digest or was.entry.content
    upload = past.uploads.get(socket)
    if upload is not None and upload.row.stat == facts.stat:
        return upload.content
    return None


def _is_worth_reading(facts: ValueFacts, past: CaseHistory, socket: str) -> bool:
    was = past.sockets.get(socket)
    entries = [was.entry] if was is not None else []
    upload = past.uploads.get(socket)
    if upload is not None and upload.content is not None:
        entries.append(Entry(socket, None, stat=upload.row.stat, content=upload.content))
    return any(
        entry.content is not None and entry.stat is not None and may_be_same(entry.stat, facts.stat)
        for entry in entries
    )


def _patient_problem(value: FileValue, name: str, detail: str) -> Problem:
    return Problem(
        f"'{name}' names its patient ({detail})",
        value.place,
        "de-identify it first; or, if every reader may see it, write 'identifiable: allowed' at "
        "the top of the manifest",
    )
