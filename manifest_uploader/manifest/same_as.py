"""Finds what `same-as: CASE/SOCKET` stands for: the files, or the image, of another value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.manifest.model import Case, FileValue, ImageValue, Value
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.text import composed, did_you_mean, quoted

_HINT: Final = "let one of them name the files"


class Resolved(Struct, frozen=True):
    """The cases without values that only stand for others, and what is wrong with these."""

    cases: list[Case]
    problems: list[Problem]


def resolve(
    cases: Sequence[Case],
    *,
    known: Collection[str],
    incomplete: Collection[str],
    excluded: Collection[str] = (),
) -> Resolved:
    """Give each `same-as` value the files, or the image, of the value that it names.

    Args:
        cases: as read; a `same-as` value has no paths yet.
        known: the names of all cases, also of those that could not be read.
        incomplete: the names of cases with sockets that could not be read.
        excluded: the names of cases that the manifest leaves out.

    """
    if not any(_is_open(value) for case in cases for value in case.values):
        return Resolved(list(cases), [])
    search = _Search(cases, known, incomplete, excluded)
    found = [_resolved(case, search) for case in cases]
    return Resolved(found, search.problems)


def _is_open(value: Value) -> bool:
    return isinstance(value, FileValue) and value.same_as is not None and not value.paths


def _resolved(case: Case, search: _Search) -> Case:
    if not any(_is_open(value) for value in case.values):
        return case
    return replace(case, values=tuple(_values(case, search)))


def _values(case: Case, search: _Search) -> Iterator[Value]:
    for value in case.values:
        if not isinstance(value, FileValue) or not _is_open(value):
            yield value
            continue
        match search.source(case, value):
            case FileValue() as one:
                yield replace(value, paths=one.paths, single=one.single)
            case ImageValue() as one:
                yield ImageValue(value.socket, one.pk, value.place, value.key)


class _Search:
    """Follows `same-as` from value to value."""

    def __init__(
        self,
        cases: Sequence[Case],
        known: Collection[str],
        incomplete: Collection[str],
        excluded: Collection[str],
    ) -> None:
        self._cases: Mapping[str, Case] = {composed(case.name): case for case in cases}
        self._known, self._incomplete, self._excluded = known, incomplete, excluded
        self._circles: set[tuple[str, str]] = set()
        """(case, socket) of values in a circle that was reported."""
        self.problems: list[Problem] = []

    def source(self, case: Case, value: FileValue) -> FileValue | ImageValue | None:
        """The value that brings the image; None if there is none, which is reported."""
        passed = {(case.name, value.socket): value}
        at: FileValue = value
        while True:
            found = self._next(at, first=at is value, where=value)
            if found is None:
                return None
            case, one = found
            if not isinstance(one, FileValue):
                return one
            if not _is_open(one):
                return one
            if (case.name, one.socket) in passed:
                self._report_circle(passed, (case.name, one.socket))
                return None
            passed[case.name, one.socket] = at = one

    def _next(
        self, at: FileValue, *, first: bool, where: FileValue
    ) -> tuple[Case, FileValue | ImageValue] | None:
        """The case and the value that a value names; problems are reported where they begin."""
        name, _, slug = (at.same_as or "").rpartition("/")
        case = self._cases.get(composed(name))
        if case is None:
            if first:
                self._report_no_case(name, where)
            return None
        one = next((value for value in case.values if value.socket == slug), None)
        if one is None:
            if first and case.name not in self._incomplete:
                hint = did_you_mean(slug, [value.socket for value in case.values])
                self._add(f"case {quoted(name)} has no socket {quoted(slug)}", where, hint)
            return None
        if isinstance(one, FileValue | ImageValue):
            return case, one
        if first:
            message = f"{quoted(at.same_as or '')} is not an image, but a value in the manifest"
            self._add(message, where, "name files, or write the value again")
        return None

    def _report_no_case(self, name: str, where: FileValue) -> None:
        if composed(name) in self._excluded:
            hint = "name a case that is not excluded, or the files"
            self._add(f"case {quoted(name)} is excluded", where, hint)
        elif composed(name) not in self._known:
            message = f"no case is named {quoted(name)}"
            self._add(message, where, did_you_mean(name, self._known))

    def _report_circle(
        self, passed: Mapping[tuple[str, str], FileValue], start: tuple[str, str]
    ) -> None:
        keys = list(passed)
        circle = keys[keys.index(start) :]
        if not self._circles.isdisjoint(circle):
            return
        self._circles |= {*circle}
        where = passed[start]
        if len(circle) == 1:
            self._add("this 'same-as' names its own value", where, "name the files")
            return
        names = ", ".join(f"{case}/{socket}" for case, socket in circle)
        self._add(f"these name each other, and none of them names files: {names}", where, _HINT)

    def _add(self, message: str, where: FileValue, hint: str | None) -> None:
        self.problems.append(Problem(message, where.place, hint))
