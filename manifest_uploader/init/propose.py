"""Proposes options according to what is in a folder and the tables in it."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

from manifest_uploader.files.case_patterns import Part
from manifest_uploader.files.case_tree import Listing, Tree
from manifest_uploader.files.dicom import naming as dicom
from manifest_uploader.files.listing import natural
from manifest_uploader.init.case_files import CaseFiles, CaseOpener
from manifest_uploader.init.entries import case_keys
from manifest_uploader.init.options import SocketRule
from manifest_uploader.manifest.found_case import FoundCase, own_name, stem
from manifest_uploader.manifest.tables import Table, cell_text, parse_cell

_TABLES: Final = (".csv", ".tsv", ".xlsx")
_FILES: Final = re.compile(
    r"\.(mha|nii|nii\.gz|nrrd|mhd|pdf|csv|tsv|json|mp4|zip|svs|ndpi|mrxs|obj|stl|tiff?|png|jpe?g)$",
    re.IGNORECASE,
)
"""Endings of files that are proposed one by one."""
_NUMBERED: Final = re.compile(r"(\D*)\d.*?(\D*)", re.DOTALL)
_MODALITIES: Final = frozenset(
    {"ct", "mr", "mri", "pet", "pt", "us", "cr", "dx", "mg", "xa", "cbct"}
)
_MOST_SHARE: Final = 0.6
"""The share of folders that must look alike to be taken for the cases."""
_MIN_SHARE: Final = 0.2
"""The share of cases that must have something for it to be proposed."""
_SERIES_SAMPLE: Final = 3
"""Cases whose DICOM headers are all read, to see whether folders hold several series."""
_MAX_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class ProposedSocket:
    """Something that many cases have and a socket may take."""

    rule: SocketRule
    """With a slug derived from its name."""
    count: int
    """How many cases have it."""
    is_dicom: bool = False


# ── cases ───────────────────────────────────────────────────────────────────────────────────


def propose_each(tree: Tree) -> str:
    """The pattern that probably matches the cases."""
    parts: list[str] = []
    paths = [""]
    while len(parts) < _MAX_DEPTH:
        listings = [tree.list_folder(path) for path in paths[:50]]
        folders = sorted({name for listing in listings for name in listing.folders})
        if not folders:
            parts += [
                _propose_file_pattern([name for listing in listings for name in listing.files])
            ]
            break
        parts.append(propose_pattern(folders))
        paths = _folders_matching(paths, listings, parts[-1])
        if not _goes_deeper([tree.list_folder(path) for path in paths[:50]]):
            break
    return "/".join(parts)


def _folders_matching(paths: Sequence[str], listings: Sequence[Listing], pattern: str) -> list[str]:
    part = Part(pattern, pattern, None)
    return [
        f"{path}/{name}".lstrip("/")
        for path, listing in zip(paths, listings, strict=False)
        for name, _ in part.match(listing.folders)
    ]


def propose_pattern(names: Sequence[str]) -> str:
    """A pattern like `patient-*` if most names look alike, else `*`."""
    shapes = [found.groups() for name in names if (found := _NUMBERED.fullmatch(name))]
    for shape in (Counter(shapes), Counter((before, "") for before, _ in shapes)):
        (before, after), count = next(iter(shape.most_common(1)), (("", ""), 0))
        if (before or after) and count >= max(_MOST_SHARE * len(names), 1):
            return f"{glob.escape(before)}*{glob.escape(after)}"
    return "*"


def _goes_deeper(listings: Sequence[Listing]) -> bool:
    """Whether the cases are probably inside these folders, which may be sites."""
    if not listings or any(listing.files or not listing.folders for listing in listings):
        return False
    names = [name for listing in listings for name in listing.folders]
    if len(listings) == 1:
        return len(names) > 1 and propose_pattern(names) != "*"
    return len(set(names)) > len(names) / 2


def _propose_file_pattern(names: Sequence[str]) -> str:
    """A pattern for the files with the most frequent ending."""
    endings = Counter(file_ending(name) for name in names if not name.lower().endswith(_TABLES))
    ending, _ = next(iter(endings.most_common(1)), ("", 0))
    leading = [one for one in endings if one.lower() in (".mhd", ".mrxs")]
    return f"*{glob.escape(leading[0] if leading else ending)}"


def file_ending(name: str) -> str:
    """The ending of a file's name: `.nii.gz` for `a.nii.gz`."""
    return name[len(stem(name)) :]


# ── sockets ─────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Survey:
    """What the cases have, and how many of them have it."""

    files: Counter[str] = field(default_factory=Counter)
    """Cases by path, which has `{name}` for the case's own name."""
    single: Counter[str] = field(default_factory=Counter)
    """Cases with exactly one file by its pattern `folder/*.ending`."""
    stacks: Counter[str] = field(default_factory=Counter)
    """Cases with DICOM files by their pattern `folder/*.ending`."""
    series: dict[str, dicom.Series] = field(default_factory=dict)
    """The series of the first file by pattern."""
    is_dicom: dict[str, bool] = field(default_factory=dict)
    """Whether the files of a pattern are DICOM."""
    cases: int = 0


def propose_sockets(tree: Tree, cases: Sequence[FoundCase]) -> list[ProposedSocket]:
    """Proposals for what the cases have: DICOM folders, then other files."""
    opener, survey = CaseOpener(tree), _Survey()
    for case in cases:
        _survey_case(opener.open(case), case, survey, tree)
    proposals = list(_propose(survey))
    split = [
        part
        for proposal in proposals
        for part in _split_by_series(proposal, tree, cases[:_SERIES_SAMPLE])
    ]
    return list(_with_unique_slugs(split))


def _survey_case(case_files: CaseFiles, case: FoundCase, survey: _Survey, tree: Tree) -> None:
    survey.cases += 1
    own = own_name(case)
    for folder, listing in case_files.folders.items():
        prefix = f"{folder}/".lstrip("/")
        for ending, names in _by_ending(listing.files).items():
            pattern = f"{prefix}*{glob.escape(ending)}"
            if _FILES.search(ending):
                survey.single[pattern] += len(names) == 1
                survey.files.update(prefix + name.replace(own, "{name}") for name in names)
            elif _is_dicom(tree.absolute(case_files.path(prefix + names[0])), pattern, survey):
                survey.stacks[pattern] += 1


def _by_ending(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        known = _FILES.search(name)
        ending = known[0] if known else PurePath(name).suffix
        found.setdefault(ending, []).append(name)
    return found


def _is_dicom(path: str, pattern: str, survey: _Survey) -> bool:
    """Whether the files of a pattern are DICOM; only the first one is opened."""
    if pattern not in survey.is_dicom:
        series = dicom.series_of(Path(path))
        survey.is_dicom[pattern] = series is not None
        if series is not None:
            survey.series[pattern] = series
    return survey.is_dicom[pattern]


def _propose(survey: _Survey) -> Iterator[ProposedSocket]:
    least = max(1, _MIN_SHARE * survey.cases)
    frequent = [path for path, count in survey.stacks.items() if count >= least]
    for path in sorted(frequent, key=natural):
        yield ProposedSocket(
            SocketRule(_dicom_slug(path, survey), path), survey.stacks[path], is_dicom=True
        )
    if not frequent and survey.stacks:
        endings = Counter(file_ending(path) for path in survey.stacks)
        pattern = f"**/*{endings.most_common(1)[0][0]}"
        slug = _dicom_slug(next(iter(survey.stacks)), survey, folders=False)
        yield ProposedSocket(SocketRule(slug, pattern), survey.cases, is_dicom=True)
    paths = [path for path, count in survey.files.items() if count >= least]
    covered = {_generalize(path) for path in paths}
    for path in sorted(paths, key=natural):
        yield ProposedSocket(SocketRule(_file_slug(path), path), survey.files[path])
    for path, count in survey.single.items():
        if count >= least and path not in covered:
            yield ProposedSocket(SocketRule(_file_slug(path), path), count)


def _generalize(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}*{glob.escape(file_ending(name))}"


def _dicom_slug(pattern: str, survey: _Survey, *, folders: bool = True) -> str:
    folder = pattern.rpartition("/")[0].rpartition("/")[2] if folders else ""
    series = survey.series.get(pattern)
    return _image_slug(to_slug(folder) or to_slug(series.modality if series else ""))


def _image_slug(base: str) -> str:
    if not base:
        return "image"
    return base if re.search("image|seg|mask", base) else f"{base}-image"


def _file_slug(path: str) -> str:
    """`airways` for `airways.mha`, `ct-image` for `ct.mha`."""
    folder, _, name = path.rpartition("/")
    base = to_slug(stem(name).replace("{name}", "")) or to_slug(folder.rpartition("/")[2])
    if base:
        return f"{base}-image" if base in _MODALITIES else base
    ending = file_ending(name).lower()
    return {".pdf": "report", ".csv": "table", ".tsv": "table", ".json": "findings"}.get(
        ending, "image"
    )


def to_slug(text: str) -> str:
    """The text as a slug; empty if it has no letter or digit."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def _split_by_series(
    proposal: ProposedSocket, tree: Tree, sample: Sequence[FoundCase]
) -> Iterator[ProposedSocket]:
    """The proposal, or one for each DICOM series that it would put together."""
    samples = [_series_in(tree, case, proposal) for case in sample] if proposal.is_dicom else []
    descriptions = Counter(name for series in samples for name in set(series.values()) if name)
    frequent = [name for name, count in descriptions.items() if count * 2 >= len(sample)]
    if len(frequent) < 2 or all(len(series) < 2 for series in samples):  # noqa: PLR2004
        yield proposal
        return
    for name in frequent:
        rule = SocketRule(
            _image_slug(to_slug(name)), proposal.rule.pattern, series=glob.escape(name)
        )
        yield replace(proposal, rule=rule)


def _series_in(tree: Tree, case: FoundCase, proposal: ProposedSocket) -> dict[str, str]:
    """The descriptions of a case's series among the proposed files, by UID."""
    case_files = CaseOpener(tree).open(case)
    files = case_files.match(proposal.rule.pattern, {}).files
    series = (dicom.series_of(Path(tree.absolute(case_files.path(path)))) for path in files)
    return {one.uid: one.description for one in series if one is not None}


def _with_unique_slugs(proposals: Iterable[ProposedSocket]) -> Iterator[ProposedSocket]:
    """The proposals, each with a unique slug."""
    taken: set[str] = set()
    for proposal in proposals:
        slug, number = proposal.rule.socket, 2
        while slug in taken:
            slug, number = f"{proposal.rule.socket}-{number}", number + 1
        taken.add(slug)
        yield replace(proposal, rule=replace(proposal.rule, socket=slug))


# ── tables ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may provide the title, the order or a socket's value."""

    name: str
    role: str
    """`title`, `order`, or `socket`."""
    kind: str
    """What the user sees: `numbers`, `true and false`, `text`, `of several kinds`."""
    cell_count: int


def tables_in(tree: Tree, each: tuple[Part, ...]) -> list[str]:
    """The names of the tables in the base folder itself that are not cases."""
    cases = (
        {name for name, _ in each[0].match(tree.list_folder("").files)} if len(each) == 1 else set()
    )
    return [
        name
        for name in tree.list_folder("").files
        if name.lower().endswith(_TABLES) and name not in cases
    ]


def propose_key(table: Table, cases: Sequence[FoundCase], each: tuple[Part, ...]) -> str | None:
    """The column that names the cases; None if none matches a third of the cases or rows."""
    best: tuple[int, str | None] = (0, None)
    for column in key_columns(table):
        cells = {cell_text(row.cells[column]) for row in table.rows} - {""}
        matched = sum(
            any(key[0] in cells for key in case_keys(one, each, (column,))) for one in cases
        )
        if matched > best[0]:
            best = (matched, column)
    enough = best[0] * 3 >= min(len(cases), len(table.rows)) > 0
    return best[1] if enough else None


def key_columns(table: Table) -> list[str]:
    """The columns that can be a key: those with a unique name."""
    return [name for name in table.columns if name and table.columns.count(name) == 1]


def names_part(table: Table, column: str, cases: Sequence[FoundCase]) -> bool:
    """Whether a column has what `{case}` stands for in at least a third of the cases or rows."""
    cells = {cell_text(row.cells[column]) for row in table.rows} - {""}
    matched = sum(one.names.get("case") in cells for one in cases)
    return matched > 0 and matched * 3 >= min(len(cases), len(table.rows))


def propose_columns(table: Table, keys: Sequence[str]) -> list[Column]:
    """What the columns other than the key may be used for; empty columns are left out."""
    return [
        column
        for name in key_columns(table)
        if name not in keys
        if (column := _column(table, name)).cell_count
    ]


_TITLES: Final = frozenset({"title", "label", "titel"})
_ORDERS: Final = frozenset({"order", "rank", "position"})


def _column(table: Table, name: str) -> Column:
    cells = [parse_cell(row.cells[name], decimal_comma=table.decimal_comma) for row in table.rows]
    values = [cell for cell in cells if cell != ""]
    kinds = {_type_words(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else "of several kinds"
    role = "socket"
    if name.lower() in _TITLES and len(set(map(cell_text, values))) == len(values):
        role = "title"
    elif name.lower() in _ORDERS and all(type(value) is int and value > 0 for value in values):
        role = "order"
    return Column(name, role, kind, len(values))


def _type_words(value: object) -> str:
    if isinstance(value, bool):
        return "true and false"
    return "numbers" if isinstance(value, int | float) else "text"


def each_with_case_name(each: str) -> str | None:
    """`patient-{case}` for `patient-*`; None if the last part is only `*` or has not one `*`."""
    head, slash, last = each.rpartition("/")
    return (
        f"{head}{slash}{last.replace('*', '{case}')}" if last.count("*") == 1 != len(last) else None
    )
