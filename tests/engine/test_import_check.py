"""The platform's importer is asked about images, once, and its verdicts are kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from manifest_uploader.engine import import_check as module
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import Watching
from manifest_uploader.engine.run import plan, validate
from manifest_uploader.files.import_verdict import Failure, Verdict
from manifest_uploader.files.importer import Bundle
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.platform.address import parse_platform
from tests.box import Box, mha
from tests.e2e.data import dicom_slice, write

HEAD = "version: 1\ntarget: {kind: reader-study, slug: lung}\n"
CASES = (
    "cases:\n"
    "- {name: a, sockets: {ct-image: {files: ct/*}, report: {file: a.pdf}, some-score: 1}}\n"
    "- {name: b, sockets: {ct-image: {file: b.mha}, details: {file: b.json}}}\n"
)
WHOLE = Verdict("", 1, width=4, height=4, depth=4, channels=1)


@dataclass
class Importer:
    """Stands for the importer: gives one verdict, and notes what it is asked about."""

    verdict: Verdict = WHOLE
    asked: list[list[str]] = field(default_factory=list)

    def __call__(
        self, bundles: Iterable[Bundle], progress: Callable[[int], None]
    ) -> Iterator[Verdict]:
        for number, bundle in enumerate(bundles, 1):
            self.asked.append([name for _, name in bundle.files])
            assert all(Path(path).is_file() for path, _ in bundle.files)
            progress(number)
            yield replace(self.verdict, key=bundle.key)


@pytest.fixture
def importer(monkeypatch: pytest.MonkeyPatch) -> Importer:
    found = Importer()
    monkeypatch.setattr(module, "import_check", found)
    return found


@pytest.fixture
def options(tmp_path: Path, box: Box) -> Options:
    """A manifest of two images, a document and two values for the sandbox."""
    for number in range(4):
        write(tmp_path / f"ct/IM{number}", dicom_slice(1, number, side=4))
    write(tmp_path / "b.mha", mha())
    write(tmp_path / "a.pdf", b"%PDF-1.7\n")
    write(tmp_path / "b.json", "{}")
    for path in [*tmp_path.glob("*.*"), *tmp_path.glob("ct/*")]:
        os.utime(path, (1e9, 1e9))
    write(tmp_path / "lung.yaml", HEAD + CASES)
    return Options(
        str(tmp_path / "lung.yaml"),
        tmp_path / "lung.state.jsonl",
        parse_platform(box.running.url, box.running.token),
        looks=tmp_path / "lung.looks.jsonl",
        verdicts=tmp_path / "lung.imports.jsonl",
        import_check=True,
    )


def require(options: Options) -> None:
    """Let the manifest demand the check."""
    Path(options.manifest).write_text(f"{HEAD}import-check: required\n{CASES}")


def refusal(act: Callable[[], object]) -> ManifestInvalid:
    with pytest.raises(ManifestInvalid) as caught:
        act()
    return caught.value


def messages(problems: Iterable[Problem]) -> list[str]:
    return [one.message for one in problems]


@pytest.mark.parametrize("online", [True, False])
def test_every_image_is_asked_about_and_nothing_else(
    options: Options, importer: Importer, online: bool
) -> None:
    told: list[int] = []
    given = options if online else replace(options, platform=None)

    _, found = validate(given, Watching(importing=told.append))

    assert (found.imported, found.warnings) == (2, ())
    assert importer.asked == [["IM0", "IM1", "IM2", "IM3"], ["b.mha"]]
    assert told == [1, 2]


def test_without_the_option_nobody_is_asked(options: Options, importer: Importer) -> None:
    _, found = validate(replace(options, import_check=False))

    assert (found.imported, importer.asked) == (None, [])


def test_a_verdict_is_kept_until_the_files_change(options: Options, importer: Importer) -> None:
    validate(options)
    importer.asked.clear()
    assert validate(options)[1].imported == 2
    assert importer.asked == []

    image = Path(options.manifest).with_name("b.mha")
    write(image, mha(bytes([1]) * 32))
    os.utime(image, (1e9 + 5, 1e9 + 5))

    assert validate(options)[1].imported == 2
    assert importer.asked == [["b.mha"]]


def test_what_the_importer_says_is_told_with_case_socket_and_place(
    options: Options, importer: Importer
) -> None:
    importer.verdict = replace(WHOLE, depth=3, dropped=("IM3",))

    first = refusal(lambda: validate(options))
    again = refusal(lambda: validate(options))

    assert messages(first.problems) == [
        "a/ct-image: the importer makes an image of 3 slices from 4 slices",
        "a/ct-image: the importer leaves out 'IM3'",
        "b/ct-image: the importer leaves out 'IM3'",
    ]
    assert [one.place and one.place.line for one in first.problems] == [4, 4, 5]
    assert first.problems == again.problems
    assert len(importer.asked) == 2


def test_files_of_two_sockets_are_asked_about_once(options: Options, importer: Importer) -> None:
    twice = CASES + "- {name: c, sockets: {ct-image: {file: b.mha}, mr-image: {file: b.mha}}}\n"
    Path(options.manifest).write_text(HEAD + twice)
    importer.verdict = replace(WHOLE, images=2)

    found = refusal(lambda: validate(options)).problems

    assert importer.asked == [["IM0", "IM1", "IM2", "IM3"], ["b.mha"]]
    assert [one.message.split(":")[0] for one in found] == [
        *("a/ct-image", "b/ct-image", "c/ct-image", "c/mr-image")
    ]


@pytest.mark.parametrize("failure", [Failure.NO_ROOM, Failure.NO_LIBRARY, Failure.CRASHED])
def test_what_failed_here_is_asked_again_and_does_not_count(
    options: Options, importer: Importer, failure: Failure
) -> None:
    importer.verdict = Verdict("", failure=failure)
    with contextlib.suppress(ManifestInvalid):
        assert validate(options)[1].imported == 0
    require(options)

    unasked = replace(options, import_check=False)
    found = refusal(lambda: plan(unasked)).problems

    assert [one.message for one in found] == [
        f"{one}: the platform's importer has not checked these files, which 'import-check: "
        f"required' demands"
        for one in ("a/ct-image", "b/ct-image")
    ]
    importer.verdict = WHOLE
    assert validate(options)[1].imported == 2


def test_a_manifest_may_demand_the_check_before_anything_is_sent(
    options: Options, importer: Importer, box: Box
) -> None:
    require(options)
    unchecked = replace(options, import_check=False)

    invalid = refusal(lambda: plan(unchecked))

    words = (
        "the platform's importer has not checked these files, which 'import-check: required' "
        "demands"
    )
    assert messages(invalid.problems) == [f"a/ct-image: {words}", f"b/ct-image: {words}"]
    hints = {one.hint or "" for one in invalid.problems}
    assert all(one.startswith("run  uploader validate --import  first") for one in hints)
    validate(options)
    plan(unchecked)
    assert box.sql("SELECT COUNT(*) FROM items") == [(0,)]


def test_what_the_importer_refused_is_not_sent_where_the_check_is_demanded(
    options: Options, importer: Importer
) -> None:
    importer.verdict = Verdict("", dropped=("b.mha",))
    refusal(lambda: validate(options))
    plan(replace(options, import_check=False))

    require(options)
    invalid = refusal(lambda: plan(replace(options, import_check=False)))

    assert messages(invalid.problems) == [
        "a/ct-image: the importer cannot read 'b.mha'",
        "b/ct-image: the importer cannot read 'b.mha'",
    ]
