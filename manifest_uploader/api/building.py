"""Cases as Python code writes them, and those that the rows of a table stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr

from manifest_uploader.digests import Json
from manifest_uploader.errors import UsageError
from manifest_uploader.manifest import model
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.manifest.templates import fill, fill_glob
from manifest_uploader.text import composed, did_you_mean, quoted, some_of

# ── what goes into a socket ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, init=False)
class Files:
    """Files that make one image: paths, folders or globs, relative to the manifest's root."""

    paths: tuple[str, ...]

    def __init__(self, *paths: str) -> None:
        if not paths:
            raise UsageError("Files() names no file", hint="write Files('ct/*.dcm')")
        object.__setattr__(self, "paths", paths)


class File(Struct, frozen=True):
    """Exactly one file, relative to the manifest's root."""

    path: str


class Value(Struct, frozen=True):
    """A value itself: a number, a text, true or false, a list or a mapping."""

    value: Json


class Image(Struct, frozen=True):
    """An image that the platform already has: its pk, or its page's address."""

    pk: str


class SameAs(Struct, frozen=True):
    """The image that another case or socket brings: `CASE/SOCKET`."""

    other: str


class Column(Struct, frozen=True):
    """The cells of a column, each for its case; an empty cell leaves the socket out."""

    name: str
    convert: Callable[[Any], Any] | None = None
    """Makes the value of a cell, such as `float`: a csv reader knows texts only."""


Source: TypeAlias = Files | File | Value | Image | SameAs
Written: TypeAlias = Source | int | float | list[Any] | dict[str, Any]
"""What may be written for a socket; a text would be ambiguous."""


class Case(Struct, frozen=True):
    """One case: what becomes one item on the platform."""

    name: str
    """How `uploader` speaks of it; unique."""
    sockets: Mapping[str, Written]
    """By socket: `Files(…)`, `File(…)`, `Value(…)`, `Image(…)`, `SameAs(…)`, or a plain number,
    boolean, list or mapping, which becomes a `Value(…)`."""
    title: str | None = None
    """What readers see; unique. None: the name; empty: no title."""
    order: int | None = None
    """The place in the readers' worklist; None: that of the manifest."""

    def __post_init__(self) -> None:
        """Let plain values be values."""
        found = {slug: _source(one, slug) for slug, one in self.sockets.items()}
        force_setattr(self, "sockets", found)


def _source(written: object, socket: str) -> Source:
    if isinstance(written, Source):
        return written
    written = _plain(written)
    if isinstance(written, bool | int | float | list | dict):
        return Value(written)
    if isinstance(written, str):
        raise UsageError(
            f"is {quoted(written)} for the socket {quoted(socket)} a file or text?",
            hint=f"write File({written!r}), Files({written!r}) or Value({written!r})",
        )
    raise UsageError(
        f"the socket {quoted(socket)} cannot hold a {type(written).__name__}",
        hint="write Files(…), File(…), Value(…), Image(…), SameAs(…), or a number",
    )


_KINDS: Final = {
    **{kind.value: kind for kind in TargetKind},
    "reader-studies": TargetKind.READER_STUDY,
    "archives": TargetKind.ARCHIVE,
    "algorithms": TargetKind.ALGORITHM,
}
"""The kinds of targets as manifests and as the addresses of pages name them."""


def find_target(text: str) -> tuple[str, str]:
    """The kind and the slug of `reader-study/lung`, or of its page's address."""
    words = [word for word in text.split("?", maxsplit=1)[0].split("/") if word]
    kinds = [index for index, word in enumerate(words[:-1]) if word in _KINDS]
    if not kinds:
        raise UsageError(
            f"{quoted(text)} is not a target",
            hint="write 'reader-study/SLUG', 'archive/SLUG' or 'algorithm/SLUG', or the address of "
            "its page",
        )
    return _KINDS[words[kinds[-1]]].value, words[kinds[-1] + 1]


# ── cases of a manifest ─────────────────────────────────────────────────────────────────────


def case_of(one: model.Case) -> Case:
    """A case of a manifest as Python code writes it."""
    sockets = {one.socket: source_of(one) for one in one.values}
    title = one.title if one.title_place != one.place else None
    return Case(one.name, sockets, title, one.order)


def source_of(one: model.Value) -> Source:
    """Where a value of a manifest comes from."""
    match one:
        case model.ImageValue():
            return Image(one.pk)
        case model.JsonValue():
            return Value(one.value)
        case _ if one.same_as is not None:
            return SameAs(one.same_as)
        case _:
            return File(one.paths[0]) if one.single else Files(*one.paths)


# ── cases of a table ────────────────────────────────────────────────────────────────────────

Row: TypeAlias = Mapping[str, Any]
_EMPTY_TYPES: Final = frozenset({"NAType", "NaTType"})
"""The types of what pandas puts into empty cells; a program without pandas has none."""


def rows_of(table: Any) -> list[Row]:
    """The rows of a table: pandas, polars, or mappings such as those of `csv.DictReader`.

    Raises:
        UsageError: it is no table, or rows lack the columns of others.

    """
    if isinstance(table, str | bytes | Mapping):
        raise UsageError(
            f"a {type(table).__name__} is not a table",
            hint="give a DataFrame, or a list with a dict for each row",
        )
    if hasattr(table, "to_dicts"):  # polars
        found = table.to_dicts()
    elif hasattr(table, "columns") and hasattr(table, "to_dict"):  # pandas
        _check_columns(list(table.columns))
        found = table.to_dict("records")
    else:
        found = list(table)
    for number, row in enumerate(found, 1):
        if not isinstance(row, Mapping):
            raise UsageError(f"row {number} of the table is a {type(row).__name__}, not a dict")
    return [{_key(name): _cell(one) for name, one in row.items()} for row in found]


def _check_columns(columns: list[Any]) -> None:
    twice = [str(one) for one in dict.fromkeys(columns) if columns.count(one) > 1]
    if twice:
        raise UsageError(f"the table has the column {quoted(twice[0])} twice", hint="rename one")


def _key(name: Any) -> str:
    return composed(str(name).strip())


def _cell(cell: Any) -> Any:
    """A cell as a plain value; None if it is empty."""
    cell = _plain(cell)
    if cell is None or type(cell).__name__ in _EMPTY_TYPES:
        return None
    if isinstance(cell, float) and cell != cell:  # noqa: PLR0124 - not a number
        return None
    return None if isinstance(cell, str) and not cell.strip() else cell


def _plain(cell: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    is_scalar = hasattr(cell, "dtype") and getattr(cell, "ndim", None) == 0
    return cell.item() if is_scalar and hasattr(cell, "item") else cell


class Columns(Struct, frozen=True):
    """What the columns of a table mean."""

    name: str
    """The column with the cases' names, or a text with columns in braces."""
    sockets: Mapping[str, Written | Column]
    title: str | Column | None = None
    """A text with columns in braces, or a column."""
    order: str | Column | None = None
    """A column."""


def cases_of(table: Any, columns: Columns) -> list[Case]:
    """A case for each row; texts with `{column}` are filled in from it.

    Raises:
        UsageError: it is no table, or has no such column.

    """
    rows = rows_of(table)
    if not rows:
        raise UsageError("the table has no rows")
    return [_case(_Row(row, number), columns) for number, row in enumerate(rows, 1)]


def _case(row: _Row, columns: Columns) -> Case:
    name = row.name(columns.name)
    sockets: dict[str, Written] = {}
    for slug, written in columns.sockets.items():
        found = row.source(written if isinstance(written, Column) else _source(written, slug))
        if found is not None:
            sockets[slug] = found
    title = columns.title
    if isinstance(title, Column):
        found_title = row.converted(title)
        title = None if found_title is None else str(found_title)
    elif title is not None:
        title = row.filled(title)
    return Case(name, sockets, title, row.order(columns.order))


class _Row:
    """One row, and what messages call it."""

    def __init__(self, cells: Row, number: int) -> None:
        self._cells, self._number = cells, number

    def name(self, written: str) -> str:
        """The case's name: the cell of a column, or a text with columns in braces."""
        if "{" in written:
            return self.filled(written)
        cell = self._needed(written)
        if isinstance(cell, float):
            raise UsageError(
                f"row {self._number}: the name of the case is the number {cell}",
                hint=f"read the column {quoted(written)} as text: pandas.read_csv(…, "
                f"dtype={{{written!r}: str}})",
            )
        return str(cell)

    def source(self, written: Source | Column) -> Source | None:
        """What a socket gets; None if the cell is empty."""
        if isinstance(written, Column):
            found = self.converted(written)
            return None if found is None else Value(found)
        return self._filled_source(written)

    def _filled_source(self, written: Source) -> Source:
        match written:
            case Files(paths=paths):
                return Files(*(fill_glob(one, self._text) for one in paths))
            case File(path=path):
                return File(fill(path, self._text))
            case Value(value=value):
                return Value(self.filled(value)) if isinstance(value, str) else written
            case Image(pk=pk):
                return Image(self.filled(pk))
            case SameAs(other=other):
                return SameAs(self.filled(other))

    def filled(self, text: str) -> str:
        """The text with each `{column}` replaced; `{{` is a brace."""
        return fill(text, self._text)

    def order(self, written: str | Column | None) -> int | None:
        """The case's order number."""
        if written is None:
            return None
        found = self.converted(Column(written) if isinstance(written, str) else written)
        if isinstance(found, float) and found.is_integer():
            return int(found)
        if found is not None and (isinstance(found, bool) or not isinstance(found, int)):
            raise UsageError(
                f"row {self._number}: the order {found!r} is not a whole number",
                hint="write order=Column('…', int) if the table has text",
            )
        return found

    def converted(self, written: Column) -> Any:
        """The cell of a column as its value; None if it is empty."""
        cell = self._cell(written.name)
        if cell is None or written.convert is None:
            return cell
        try:
            return _cell(written.convert(cell))
        except (ValueError, TypeError):
            what = getattr(written.convert, "__name__", "convert")
            raise UsageError(
                f"row {self._number}: {cell!r} in the column {quoted(written.name)} "
                f"cannot be converted by {what}"
            ) from None

    def _text(self, name: str) -> str:
        cell = self._needed(name)
        if isinstance(cell, bool):
            return "true" if cell else "false"
        return str(cell)

    def _needed(self, name: str) -> Any:
        cell = self._cell(name)
        if cell is None:
            raise UsageError(f"row {self._number}: the column {quoted(name)} is empty")
        return cell

    def _cell(self, name: str) -> Any:
        name = composed(name.strip())
        if name not in self._cells:
            known = list(self._cells)
            hint = did_you_mean(name, known) or f"its columns are {some_of(known)}"
            raise UsageError(f"the table has no column {quoted(name)}", hint=hint)
        return self._cells[name]
