"""Proposes what of the cases' files goes into sockets: series of DICOM slices, and other files."""

from __future__ import annotations

import glob
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

from manifest_uploader.files.case_tree import Tree
from manifest_uploader.files.dicom import naming as dicom
from manifest_uploader.files.listing import natural
from manifest_uploader.init.case_files import CaseFiles, CaseOpener
from manifest_uploader.init.fit import Wanted
from manifest_uploader.init.options import LARGEST, SocketRule
from manifest_uploader.init.propose import file_ending, is_by_machine
from manifest_uploader.init.slugs import to_slug
from manifest_uploader.manifest.found_case import FoundCase, own_name, stem

_FILES: Final = re.compile(
    r"\.(mha|nii|nii\.gz|nrrd|mhd|pdf|csv|tsv|json|mp4|zip|svs|ndpi|mrxs|obj|stl|tiff?|png|jpe?g)$",
    re.IGNORECASE,
)
"""Endings of files that are proposed one by one."""
_MODALITIES: Final = frozenset(
    {"ct", "mr", "mri", "pet", "pt", "us", "cr", "dx", "mg", "xa", "cbct"}
)
_MIN_SHARE: Final = 0.2
"""The share of cases that must have something for it to be proposed."""
_SAME_SHARE: Final = 0.6
"""The share of cases that must have a folder of one name for that name to be written."""
PROGRESS_EVERY_S: Final = 3.0
"""How often a long look into the folder says how far it is."""
_SERIES_SAMPLE: Final = 3
"""Cases whose DICOM headers are all read, to see whether folders hold several series."""


@dataclass(frozen=True, slots=True)
class ProposedSocket:
    """Something that many cases have and a socket may take."""

    rule: SocketRule
    """With a slug derived from its name."""
    count: int
    """How many cases have it."""
    is_dicom: bool = False
    modality: str = ""
    """Of DICOM files, as in `CT`, if they have one."""
    series: str = ""
    """Of DICOM files: modality and description, as far as they are known."""
    slices: tuple[int, int] = (0, 0)
    """Of DICOM files: the fewest and the most that a case has; of one series among several, that
    one of the first cases has."""

    @property
    def what(self) -> str:
        """What a person sees of it: `CT 'Thorax 1.0', 118 to 240 slices`, or the path."""
        least, most = self.slices
        if not most:
            return self.rule.pattern
        count = f"{most} slice{'s' * (most != 1)}" if least == most else f"{least} to {most} slices"
        return ", ".join(filter(None, (self.series, count)))

    @property
    def wanted(self) -> Wanted:
        """What its socket has to fit."""
        folder, _, name = self.rule.pattern.replace("{name}", "").rpartition("/")
        names = [self.rule.socket, folder.rpartition("/")[2], self.series]
        if self.is_dicom:
            names.append(f"{self.modality} image")
            return Wanted(tuple(filter(None, names)), is_dicom=True)
        return Wanted(tuple(filter(None, (*names, stem(name)))), file_ending(name).lower())


@dataclass(slots=True)
class _Survey:
    """What the cases have, and how many of them have it."""

    files: Counter[str] = field(default_factory=Counter)
    """Cases by path, which has `{name}` for the case's own name."""
    single: Counter[str] = field(default_factory=Counter)
    """Cases with exactly one file by its pattern `folder/*.ending`."""
    stacks: Counter[str] = field(default_factory=Counter)
    """Cases with DICOM files by their pattern `folder/*.ending`."""
    wide: dict[str, dict[str, int]] = field(default_factory=dict)
    """The same, with `*` for folders that machines have named: slices by case."""
    narrow: dict[str, str] = field(default_factory=dict)
    """The wide pattern of each pattern."""
    slices: dict[str, list[int]] = field(default_factory=dict)
    """Of each case that has the pattern."""
    series: dict[str, dicom.Series] = field(default_factory=dict)
    """The series of the first file by pattern, narrow or wide."""
    is_dicom: dict[str, bool] = field(default_factory=dict)
    """Whether the files of a pattern are DICOM."""
    sizes: dict[str, set[int]] = field(default_factory=dict)
    """Of the files with a path, in cases on a medium that a PACS has written."""
    media: int = 0
    """Cases with a DICOMDIR: they may hold a viewer, and what belongs to it."""
    cases: int = 0

    def is_of_viewer(self, path: str) -> bool:
        """Whether a file is the same on each of several media, so that it is nobody's."""
        is_same = len(self.sizes.get(path, ())) == 1 and self.files[path] > 1
        return self.media > 1 and is_same and self.files[path] >= self.media

    def add_stack(self, pattern: str, wide: str, case: str, count: int) -> None:
        """Add the DICOM files that a case has in one folder."""
        self.stacks[pattern] += 1
        self.slices.setdefault(pattern, []).append(count)
        self.narrow[pattern] = wide
        self.series.setdefault(wide, self.series[pattern])
        cases = self.wide.setdefault(wide, {})
        cases[case] = cases.get(case, 0) + count


def propose_sockets(
    tree: Tree, cases: Sequence[FoundCase], say_progress: Callable[[str], None]
) -> list[ProposedSocket]:
    """Proposals for what the cases have: DICOM series, then other files."""
    opener, survey = CaseOpener(tree), _Survey()
    last = time.monotonic()
    for count, case in enumerate(cases):
        if time.monotonic() - last > PROGRESS_EVERY_S:
            last = time.monotonic()
            say_progress(f"read {count} of {len(cases)} cases")
        _survey_case(opener.open(case), case, survey, tree)
    found = [
        part
        for proposal in _stacks(survey)
        for part in _by_series(proposal, tree, cases[:_SERIES_SAMPLE])
    ]
    return list(_with_unique_slugs([*found, *_files(survey)]))


# ── what there is ───────────────────────────────────────────────────────────────────────────


def _survey_case(case_files: CaseFiles, case: FoundCase, survey: _Survey, tree: Tree) -> None:
    survey.cases += 1
    own = own_name(case)
    is_medium = _has_dicomdir(tree, case)
    survey.media += is_medium
    for folder, listing in case_files.folders.items():
        prefix = f"{folder}/".lstrip("/")
        for ending, names in _by_ending(listing.files).items():
            pattern = f"{glob.escape(prefix)}*{glob.escape(ending)}"
            if _FILES.search(ending):
                survey.single[pattern] += len(names) == 1
                survey.files.update(prefix + name.replace(own, "{name}") for name in names)
                if is_medium:
                    _add_sizes([prefix + name for name in names], case_files, survey, tree)
            elif _is_dicom(tree.absolute(case_files.path(prefix + names[0])), pattern, survey):
                wide = f"{_widened(prefix)}*{glob.escape(ending)}"
                survey.add_stack(pattern, wide, case.path, len(names))


def _has_dicomdir(tree: Tree, case: FoundCase) -> bool:
    return not case.is_file and os.path.exists(tree.absolute(f"{case.path}/DICOMDIR"))  # noqa: PTH110


def _add_sizes(paths: Sequence[str], case_files: CaseFiles, survey: _Survey, tree: Tree) -> None:
    for path in paths:
        with suppress(OSError):
            size = os.stat(tree.absolute(case_files.path(path))).st_size  # noqa: PTH116
            survey.sizes.setdefault(path, set()).add(size)


def _by_ending(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        known = _FILES.search(name)
        ending = known[0] if known else PurePath(name).suffix
        found.setdefault("" if ending[1:].isdigit() else ending, []).append(name)
    return found


def _widened(prefix: str) -> str:
    """A folder's path with `*` for the names that machines have given."""
    parts = prefix.split("/")
    return "/".join("*" if is_by_machine(part) and part.lower() != "dicom" else glob.escape(part)
                    for part in parts)  # fmt: skip


def _is_dicom(path: str, pattern: str, survey: _Survey) -> bool:
    """Whether the files of a pattern are DICOM; only the first one is opened."""
    if pattern not in survey.is_dicom:
        series = dicom.series_of(Path(path))
        survey.is_dicom[pattern] = series is not None
        if series is not None:
            survey.series[pattern] = series
    return survey.is_dicom[pattern]


# ── proposals ───────────────────────────────────────────────────────────────────────────────


def _stacks(survey: _Survey) -> Iterator[ProposedSocket]:
    """Proposals for folders with DICOM files."""
    least = max(1, _MIN_SHARE * survey.cases)
    counts = _counts(survey)
    frequent = [path for path, count in counts.items() if count >= least]
    for path in sorted(frequent, key=natural):
        slices = survey.slices.get(path) or list(survey.wide[path].values())
        yield _stack(path, _dicom_slug(path, survey), counts[path], survey, slices)
    if not frequent and survey.stacks:
        endings = Counter(file_ending(path) for path in survey.stacks)
        pattern = f"**/*{endings.most_common(1)[0][0]}"
        slug = _dicom_slug(next(iter(survey.stacks)), survey, folders=False)
        slices = [count for counts in survey.slices.values() for count in counts]
        yield _stack(pattern, slug, survey.cases, survey, slices)


def _counts(survey: _Survey) -> dict[str, int]:
    """The cases of each pattern: the wide one where the folders are called otherwise in each."""
    alike: dict[str, list[str]] = {}
    for path, wide in survey.narrow.items():
        alike.setdefault(wide, []).append(path)
    found: dict[str, int] = {}
    for wide, paths in alike.items():
        most = max(survey.stacks[path] for path in paths)
        if most < _SAME_SHARE * len(survey.wide[wide]):
            found[wide] = len(survey.wide[wide])
        else:
            found.update({path: survey.stacks[path] for path in paths})
    return found


def _stack(
    pattern: str, slug: str, count: int, survey: _Survey, slices: Sequence[int]
) -> ProposedSocket:
    first = survey.series.get(pattern)
    modality = first.modality if first is not None else ""
    return ProposedSocket(
        SocketRule(slug, pattern),
        count,
        is_dicom=True,
        modality=modality,
        series=modality,
        slices=(min(slices), max(slices)),
    )


def _files(survey: _Survey) -> Iterator[ProposedSocket]:
    """Proposals for files that are an image or a document each."""
    least = max(1, _MIN_SHARE * survey.cases)
    paths = [
        path
        for path, count in survey.files.items()
        if count >= least and not survey.is_of_viewer(path)
    ]
    covered = {_generalize(path) for path in [*paths, *filter(survey.is_of_viewer, survey.files)]}
    for path in sorted(paths, key=natural):
        yield ProposedSocket(SocketRule(_file_slug(path), path), survey.files[path])
    for path, count in survey.single.items():
        if count >= least and path not in covered:
            yield ProposedSocket(SocketRule(_file_slug(path), path), count)


def _generalize(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}*{glob.escape(file_ending(name))}"


# ── slugs ───────────────────────────────────────────────────────────────────────────────────


def _dicom_slug(pattern: str, survey: _Survey, *, folders: bool = True) -> str:
    folder = pattern.rpartition("/")[0].rpartition("/")[2] if folders else ""
    name = "" if is_by_machine(folder) else to_slug(folder)
    series = survey.series.get(pattern)
    return _image_slug(name or to_slug(series.modality if series else ""))


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


def _with_unique_slugs(proposals: Iterable[ProposedSocket]) -> Iterator[ProposedSocket]:
    """The proposals, each with a unique slug."""
    taken: set[str] = set()
    for proposal in proposals:
        slug, number = proposal.rule.socket, 2
        while slug in taken:
            slug, number = f"{proposal.rule.socket}-{number}", number + 1
        taken.add(slug)
        yield replace(proposal, rule=replace(proposal.rule, socket=slug))


# ── series ──────────────────────────────────────────────────────────────────────────────────


def _by_series(
    proposal: ProposedSocket, tree: Tree, sample: Sequence[FoundCase]
) -> Iterator[ProposedSocket]:
    """The proposal with its series, or one for each series that it would put together."""
    samples = [_series_in(tree, case, proposal) for case in sample]
    described = Counter(
        name for series in samples for name in {one.description for one, _ in series} if name
    )
    frequent = [name for name, count in described.items() if count * 2 >= len(sample)]
    if all(len(series) < 2 for series in samples):  # noqa: PLR2004
        names = {_series_words(one) for series in samples for one, _ in series}
        yield replace(proposal, series=names.pop()) if len(names) == 1 else proposal
        return
    mixed = sum(len(series) > 1 for series in samples)
    if not frequent:
        yield _largest_series(proposal, samples) if mixed * 2 >= len(samples) else proposal
    named = [_named_series(proposal, name, samples) for name in frequent]
    yield from sorted(named, key=lambda one: (-one.slices[1], one.series))


def _named_series(
    proposal: ProposedSocket, name: str, samples: Sequence[Sequence[tuple[dicom.Series, int]]]
) -> ProposedSocket:
    """The proposal for the series with a description."""
    found = [pair for series in samples for pair in series if pair[0].description == name]
    counts = [count for _, count in found]
    rule = SocketRule(_image_slug(to_slug(name)), proposal.rule.pattern, series=glob.escape(name))
    return replace(
        proposal,
        rule=rule,
        modality=found[0][0].modality,
        series=_series_words(found[0][0]),
        slices=(min(counts), max(counts)),
    )


def _largest_series(
    proposal: ProposedSocket, samples: Sequence[Sequence[tuple[dicom.Series, int]]]
) -> ProposedSocket:
    """The proposal for the series with the most slices, as their descriptions have little alike."""
    counts = [max(count for _, count in series) for series in samples if series]
    series = " ".join(filter(None, (proposal.modality, "series with the most slices")))
    rule = replace(proposal.rule, series=LARGEST)
    return replace(proposal, rule=rule, series=series, slices=(min(counts), max(counts)))


def _series_words(series: dicom.Series) -> str:
    """`CT 'Thorax 1.0'`, as far as it is known."""
    description = f"'{series.description}'" if series.description else ""
    return " ".join(filter(None, (series.modality, description)))


def _series_in(
    tree: Tree, case: FoundCase, proposal: ProposedSocket
) -> list[tuple[dicom.Series, int]]:
    """A case's series among the proposed files, and how many files each has."""
    case_files = CaseOpener(tree).open(case)
    files = case_files.match(proposal.rule.pattern, {}).files
    series = (dicom.series_of(Path(tree.absolute(case_files.path(path)))) for path in files)
    found: dict[str, list[dicom.Series]] = {}
    for one in series:
        if one is not None:
            found.setdefault(one.uid, []).append(one)
    return [(one[0], len(one)) for one in found.values()]
