"""What a folder and the tables in it look like: the options that a person probably wants."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

from manifest_uploader.files import dicom
from manifest_uploader.files.listing import natural
from manifest_uploader.init.entries import case_keys
from manifest_uploader.init.inside import Inside, Insides
from manifest_uploader.init.names import own_name, stem
from manifest_uploader.init.options import Wanted
from manifest_uploader.init.patterns import Part
from manifest_uploader.init.table import Table, text_of, typed
from manifest_uploader.init.tree import Found, Seen, Tree

_TABLES: Final = (".csv", ".tsv", ".xlsx")
_FILES: Final = re.compile(
    r"\.(mha|nii|nii\.gz|nrrd|mhd|pdf|csv|tsv|json|mp4|zip|svs|ndpi|mrxs|obj|stl|tiff?|png|jpe?g)$",
    re.IGNORECASE,
)
"""Endings of files that may be proposed by themselves."""
_NUMBERED: Final = re.compile(r"(\D*)\d.*?(\D*)", re.DOTALL)
_MODALITIES: Final = frozenset(
    {"ct", "mr", "mri", "pet", "pt", "us", "cr", "dx", "mg", "xa", "cbct"}
)
_MOST: Final = 0.6
"""Of the folders, alike enough to be the cases."""
_OFTEN: Final = 0.2
"""Of the cases; what fewer have is told as unused."""
_SAMPLE: Final = 3
"""Cases of which all headers are read, to see whether series lie together."""
_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """Something that many cases have, and that a socket may take."""

    wanted: Wanted
    """With the slug that suggests itself."""
    count: int
    """Cases that have it."""
    is_dicom: bool = False


# ── cases ───────────────────────────────────────────────────────────────────────────────────


def likely_each(tree: Tree) -> str:
    """The pattern of the cases."""
    parts: list[str] = []
    paths = [""]
    while len(parts) < _DEPTH:
        seen = [tree.look(path) for path in paths[:50]]
        folders = sorted({name for one in seen for name in one.folders})
        if not folders:
            parts += [_likely_files([name for one in seen for name in one.files])]
            break
        parts.append(likely_pattern(folders))
        paths = _inner(paths, seen, parts[-1])
        if not _goes_deeper([tree.look(path) for path in paths[:50]]):
            break
    return "/".join(parts)


def _inner(paths: Sequence[str], seen: Sequence[Seen], pattern: str) -> list[str]:
    part = Part(pattern, pattern, None)
    return [
        f"{path}/{name}".lstrip("/")
        for path, one in zip(paths, seen, strict=False)
        for name, _ in part.fitting(one.folders)
    ]


def likely_pattern(names: Sequence[str]) -> str:
    """`patient-*` for names of which most look alike, `*` for others."""
    shapes = [found.groups() for name in names if (found := _NUMBERED.fullmatch(name))]
    for shape in (Counter(shapes), Counter((before, "") for before, _ in shapes)):
        (before, after), count = next(iter(shape.most_common(1)), (("", ""), 0))
        if (before or after) and count >= max(_MOST * len(names), 1):
            return f"{glob.escape(before)}*{glob.escape(after)}"
    return "*"


def _goes_deeper(seen: Sequence[Seen]) -> bool:
    """Whether these folders hold nothing but folders that are cases: such as sites."""
    if not seen or any(one.files or not one.folders for one in seen):
        return False
    names = [name for one in seen for name in one.folders]
    if len(seen) == 1:
        return len(names) > 1 and likely_pattern(names) != "*"
    return len(set(names)) > len(names) / 2


def _likely_files(names: Sequence[str]) -> str:
    """One case for each file of the ending that most files have."""
    endings = Counter(ending_of(name) for name in names if not name.lower().endswith(_TABLES))
    ending, _ = next(iter(endings.most_common(1)), ("", 0))
    leading = [one for one in endings if one.lower() in (".mhd", ".mrxs")]
    return f"*{glob.escape(leading[0] if leading else ending)}"


def ending_of(name: str) -> str:
    """`.nii.gz` of `a.nii.gz`."""
    return name[len(stem(name)) :]


# ── sockets ─────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Counts:
    """How many cases have what."""

    files: Counter[str] = field(default_factory=Counter)
    """By path, with `{name}` for the case's own name."""
    single: Counter[str] = field(default_factory=Counter)
    """By `folder/*.ending` of which a case has exactly one."""
    stacks: Counter[str] = field(default_factory=Counter)
    """By `folder/*.ending` of DICOM files."""
    series: dict[str, dicom.Series] = field(default_factory=dict)
    """The series of the first file by pattern."""
    judged: dict[str, bool] = field(default_factory=dict)
    """Whether files of a pattern are DICOM."""
    cases: int = 0


def likely_sockets(tree: Tree, cases: Sequence[Found]) -> list[Slot]:
    """What the cases have, most of them first come first."""
    insides, counts = Insides(tree), _Counts()
    for found in cases:
        _count(insides.open(found), found, counts, tree)
    slots = list(_slots(counts))
    split = [part for slot in slots for part in _by_series(slot, tree, cases[:_SAMPLE])]
    return list(_with_own_names(split))


def _count(inside: Inside, found: Found, counts: _Counts, tree: Tree) -> None:
    counts.cases += 1
    own = own_name(found)
    for folder, seen in inside.held.items():
        before = f"{folder}/".lstrip("/")
        for ending, names in _by_ending(seen.files).items():
            pattern = f"{before}*{glob.escape(ending)}"
            if _FILES.search(ending):
                counts.single[pattern] += len(names) == 1
                counts.files.update(before + one.replace(own, "{name}") for one in names)
            elif _is_dicom(tree.full(inside.path(before + names[0])), pattern, counts):
                counts.stacks[pattern] += 1


def _by_ending(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        known = _FILES.search(name)
        ending = known[0] if known else PurePath(name).suffix
        found.setdefault(ending, []).append(name)
    return found


def _is_dicom(path: str, pattern: str, counts: _Counts) -> bool:
    """Whether files like this are DICOM; one of them is opened for all."""
    if pattern not in counts.judged:
        series = dicom.series_of(Path(path))
        counts.judged[pattern] = series is not None
        if series is not None:
            counts.series[pattern] = series
    return counts.judged[pattern]


def _slots(counts: _Counts) -> Iterator[Slot]:
    least = max(1, _OFTEN * counts.cases)
    often = [path for path, count in counts.stacks.items() if count >= least]
    for path in sorted(often, key=natural):
        yield Slot(Wanted(_dicom_slug(path, counts), path), counts.stacks[path], is_dicom=True)
    if not often and counts.stacks:
        endings = Counter(ending_of(path) for path in counts.stacks)
        pattern = f"**/*{endings.most_common(1)[0][0]}"
        slug = _dicom_slug(next(iter(counts.stacks)), counts, folders=False)
        yield Slot(Wanted(slug, pattern), counts.cases, is_dicom=True)
    paths = [path for path, count in counts.files.items() if count >= least]
    covered = {_kind_of(path) for path in paths}
    for path in sorted(paths, key=natural):
        yield Slot(Wanted(_file_slug(path), path), counts.files[path])
    for path, count in counts.single.items():
        if count >= least and path not in covered:
            yield Slot(Wanted(_file_slug(path), path), count)


def _kind_of(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}*{glob.escape(ending_of(name))}"


def _dicom_slug(pattern: str, counts: _Counts, *, folders: bool = True) -> str:
    folder = pattern.rpartition("/")[0].rpartition("/")[2] if folders else ""
    series = counts.series.get(pattern)
    return _image_slug(slugged(folder) or slugged(series.modality if series else ""))


def _image_slug(base: str) -> str:
    if not base:
        return "image"
    return base if re.search("image|seg|mask", base) else f"{base}-image"


def _file_slug(path: str) -> str:
    """`airways` for `airways.mha`, `ct-image` for `ct.mha`."""
    folder, _, name = path.rpartition("/")
    base = slugged(stem(name).replace("{name}", "")) or slugged(folder.rpartition("/")[2])
    if base:
        return f"{base}-image" if base in _MODALITIES else base
    ending = ending_of(name).lower()
    return {".pdf": "report", ".csv": "table", ".tsv": "table", ".json": "findings"}.get(
        ending, "image"
    )


def slugged(text: str) -> str:
    """The text as a slug; empty if nothing of it can be in one."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def _by_series(slot: Slot, tree: Tree, sample: Sequence[Found]) -> Iterator[Slot]:
    """The slot, or one for each series that lies in it."""
    held = [_series_in(tree, found, slot) for found in sample] if slot.is_dicom else []
    described = Counter(name for one in held for name in set(one.values()) if name)
    often = [name for name, count in described.items() if count * 2 >= len(sample)]
    if len(often) < 2 or all(len(one) < 2 for one in held):  # noqa: PLR2004
        yield slot
        return
    for name in often:
        wanted = Wanted(_image_slug(slugged(name)), slot.wanted.pattern, series=glob.escape(name))
        yield replace(slot, wanted=wanted)


def _series_in(tree: Tree, found: Found, slot: Slot) -> dict[str, str]:
    """The descriptions of the series that a case has there, by UID."""
    inside = Insides(tree).open(found)
    files = inside.fitting(slot.wanted.pattern, {}).files
    series = (dicom.series_of(Path(tree.full(inside.path(path)))) for path in files)
    return {one.uid: one.description for one in series if one is not None}


def _with_own_names(slots: Iterable[Slot]) -> Iterator[Slot]:
    """The slots, no two with the same slug."""
    taken: set[str] = set()
    for slot in slots:
        slug, number = slot.wanted.socket, 2
        while slug in taken:
            slug, number = f"{slot.wanted.socket}-{number}", number + 1
        taken.add(slug)
        yield replace(slot, wanted=replace(slot.wanted, socket=slug))


# ── tables ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a socket, the titles or the order may come from."""

    name: str
    role: str
    """`title`, `order`, or `socket`."""
    kind: str
    """For people: `numbers`, `true and false`, `text`."""
    filled: int


def tables_in(tree: Tree, each: tuple[Part, ...]) -> list[str]:
    """The names of tables that lie in the folder itself and are no cases."""
    cases = {name for name, _ in each[0].fitting(tree.look("").files)} if len(each) == 1 else set()
    return [
        name for name in tree.look("").files if name.lower().endswith(_TABLES) and name not in cases
    ]


def likely_key(table: Table, cases: Sequence[Found], each: tuple[Part, ...]) -> str | None:
    """The column that names the cases; None if none names a third of either."""
    best: tuple[int, str | None] = (0, None)
    for column in key_columns(table):
        cells = {text_of(row.cells[column]) for row in table.rows} - {""}
        met = sum(any(key[0] in cells for key in case_keys(one, each, (column,))) for one in cases)
        if met > best[0]:
            best = (met, column)
    enough = best[0] * 3 >= min(len(cases), len(table.rows)) > 0
    return best[1] if enough else None


def key_columns(table: Table) -> list[str]:
    """The columns that may be a key: those with a name of their own."""
    return [name for name in table.columns if name and table.columns.count(name) == 1]


def names_part(table: Table, column: str, cases: Sequence[Found]) -> bool:
    """Whether a column has what stands for `{case}` in at least a third of the cases or rows."""
    cells = {text_of(row.cells[column]) for row in table.rows} - {""}
    met = sum(one.names.get("case") in cells for one in cases)
    return met > 0 and met * 3 >= min(len(cases), len(table.rows))


def likely_columns(table: Table, keys: Sequence[str]) -> list[Column]:
    """What the columns beside the key may be for."""
    return [
        column
        for name in key_columns(table)
        if name not in keys
        if (column := _column(table, name)).filled
    ]


_TITLES: Final = frozenset({"title", "label", "titel"})
_ORDERS: Final = frozenset({"order", "rank", "position"})


def _column(table: Table, name: str) -> Column:
    cells = [typed(row.cells[name], decimal_comma=table.decimal_comma) for row in table.rows]
    values = [cell for cell in cells if cell != ""]
    kinds = {_kind(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else "of several kinds"
    role = "socket"
    if name.lower() in _TITLES and len(set(map(text_of, values))) == len(values):
        role = "title"
    elif name.lower() in _ORDERS and all(type(value) is int and value > 0 for value in values):
        role = "order"
    return Column(name, role, kind, len(values))


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true and false"
    return "numbers" if isinstance(value, int | float) else "text"


def variable_each(each: str) -> str | None:
    """`patient-{case}` of `patient-*`, whose name may be what a table has; None for others."""
    head, slash, last = each.rpartition("/")
    return (
        f"{head}{slash}{last.replace('*', '{case}')}" if last.count("*") == 1 != len(last) else None
    )
