"""The platform's own importer is asked, about all that it may be given, and nothing is changed."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from manifest_uploader.errors import CannotGoOn, ExtraMissing
from manifest_uploader.files import import_worker, importer
from manifest_uploader.files.import_folder import ImportFolder
from manifest_uploader.files.import_verdict import Failure, Reason, Verdict
from manifest_uploader.files.importer import Bundle, import_check
from manifest_uploader.system.extras import install_command
from tests.files.archive_samples import zip_of
from tests.files.importing import a_slice, bundle, write, write_image, write_series
from tests.has import needs_links

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker, where nobody sees them
MASK = np.zeros((3, 4, 5), np.uint8)
MASK[1, 1, 1] = 2


Judge = Callable[[Bundle], Verdict]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Asks the importer in this process: a worker would take a second to start for each test."""
    models = import_module("panimg.models")
    before = models.WriteImage, models.shutil
    answer = import_worker.start(None, str(tmp_path_factory.mktemp("scratch").resolve()))
    yield lambda one: msgspec.convert(answer({"files": one.files}), Verdict)
    models.WriteImage, models.shutil = before
    gc.unfreeze()


def test_a_series_becomes_one_image(tmp_path: Path) -> None:
    slices = write_series(tmp_path, [1, 2, 3])

    found = import_check([bundle(*slices, key="patient-1/ct")])

    assert list(found) == [
        Verdict("patient-1/ct", 1, width=8, height=8, depth=3, spacing=(0.7, 0.7, 1.0), channels=1)
    ]


def test_the_voxel_values_of_a_mask_are_told(tmp_path: Path, judged: Judge) -> None:
    mask = write_image(tmp_path / "mask.mha", MASK)
    scan = write_image(tmp_path / "scan.mha", MASK.astype(np.int16))

    of_mask, of_scan = judged(bundle(mask)), judged(bundle(scan))

    assert (of_mask.images, of_mask.segments) == (1, (0, 2))
    assert (of_scan.images, of_scan.segments) == (1, None)


def test_dropped_files_are_named_in_natural_order(tmp_path: Path, judged: Judge) -> None:
    slices = write_series(tmp_path, [1, 2, 10, 11])
    slices[3].write_bytes(b"")
    slices[1].write_bytes(slices[1].read_bytes()[132:])
    note = tmp_path / "note.txt"
    note.write_text("a note")

    verdict = judged(bundle(*slices, note))

    assert (verdict.images, verdict.depth) == (1, 2)
    assert verdict.dropped == ("IM2.dcm", "IM11.dcm", "note.txt")


def test_files_of_a_second_image_are_named(tmp_path: Path, judged: Judge) -> None:
    slices = write_series(tmp_path, [1, 2, 3])
    scout = write(a_slice(4, series=2, size=16), tmp_path / "scout.dcm")

    verdict = judged(bundle(scout, *slices))

    assert (verdict.images, verdict.depth, verdict.apart) == (2, 3, ("scout.dcm",))


def test_folders_in_names_are_folders(tmp_path: Path, judged: Judge) -> None:
    slices = write_series(tmp_path, [1, 2, 3])

    verdict = judged(Bundle("a", tuple((str(one), f"{i}/IM.dcm") for i, one in enumerate(slices))))

    assert (verdict.images, verdict.depth) == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.nhdr", b"NRRD0004\ndata file: a.raw\n\n", Reason.DETACHED_NRRD),
        ("a.mhd", b"NDims = 3\nElementDataFile = b.raw\n", Reason.DATA_FILE),
        ("a.dcm", "cut", Reason.DICOM_PIXELS),
    ],
)
def test_a_reason_that_the_importer_gives_is_told(
    tmp_path: Path, judged: Judge, name: str, content: Any, reason: Reason
) -> None:
    path = tmp_path / name
    if content == "cut":
        content = write(a_slice(1), path).read_bytes()[:-40]
    path.write_bytes(content)

    verdict = judged(bundle(path))

    assert (verdict.images, verdict.dropped, verdict.reasons) == (0, (name,), (reason,))


def write_tiff(path: Path, **more: Any) -> Path:
    import tifffile

    rgb = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(path, rgb, photometric="rgb", tile=(64, 64), **more)
    return path


def test_a_tiff_image_without_a_resolution_is_told(tmp_path: Path, judged: Judge) -> None:
    bare = write_tiff(tmp_path / "a.tif")
    whole = write_tiff(tmp_path / "b.tif", resolution=(200, 200), resolutionunit="CENTIMETER")

    assert judged(bundle(bare)).reasons == (Reason.RESOLUTION,)
    assert judged(bundle(bare)).failure is None
    assert judged(bundle(whole)).spacing == (0.05, 0.05)


def test_nothing_stays_open_and_nothing_is_left(
    tmp_path: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    remove = shutil.rmtree

    def noting(folder: Path, **more: Any) -> None:
        removed.append(str(folder))
        assert not [one.path for one in psutil.Process().open_files() if str(folder) in one.path]
        remove(folder, **more)

    monkeypatch.setattr(shutil, "rmtree", noting)
    slide = bundle(write_tiff(tmp_path / "a.tif"))
    gc.disable()
    try:
        judged(slide)
    finally:
        gc.enable()

    assert removed
    assert not any(Path(folder).exists() for folder in removed)


def test_a_slide_is_not_judged_without_the_libraries_for_slides(
    tmp_path: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_worker, "_SLIDE_LIBRARIES", ("no_library_for_slides",))
    philips = write_tiff(tmp_path / "a.tif", software="Philips DP v1.0")
    aperio = tmp_path / "a.svs"
    aperio.write_bytes(b"what only a library for slides could read")

    assert judged(bundle(philips)).failure is Failure.NO_LIBRARY
    assert judged(bundle(aperio)).failure is Failure.NO_LIBRARY


# ── archives ────────────────────────────────────────────────────────────────────────────────


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def slices_as_bytes(*numbers: int) -> list[bytes]:
    files = [BytesIO() for _ in numbers]
    for file, number in zip(files, numbers, strict=True):
        a_slice(number).save_as(file, enforce_file_format=True)
    return [file.getvalue() for file in files]


def test_an_archive_is_unpacked_without_what_systems_add(tmp_path: Path, judged: Judge) -> None:
    one, two = slices_as_bytes(1, 2)
    members = {"x/y/IM1": one, "x/y/IM2": two, "x/y/note": b"hello", "__MACOSX/x/y/._IM1": b"junk"}

    verdict = judged(bundle(packed(tmp_path / "ct.zip", members)))

    assert (verdict.images, verdict.depth) == (1, 2)
    assert verdict.dropped == ("ct.zip/x/y/note",)


def test_each_folder_of_an_archive_is_an_image_of_its_own(tmp_path: Path, judged: Judge) -> None:
    one, two = slices_as_bytes(1, 2)

    verdict = judged(bundle(packed(tmp_path / "ct.zip", {"a/IM1": one, "b/IM2": two})))

    assert (verdict.images, verdict.apart) == (2, ("ct.zip/b/IM2",))


def test_an_archive_in_an_archive_is_unpacked_too(tmp_path: Path, judged: Judge) -> None:
    one, two = slices_as_bytes(1, 2)
    inner = packed(tmp_path / "inner.zip", {"IM1": one, "IM2": two, "note": b"hello"}).read_bytes()

    verdict = judged(bundle(packed(tmp_path / "outer.zip", {"in.zip": inner, "top": b"hello"})))

    assert (verdict.images, verdict.depth) == (1, 2)
    assert verdict.dropped == ("outer.zip/top", "outer.zip/in.zip/note")


def test_a_damaged_archive_is_a_file_that_is_dropped(tmp_path: Path, judged: Judge) -> None:
    path = packed(tmp_path / "ct.zip", {"IM1": slices_as_bytes(1)[0]})
    path.write_bytes(path.read_bytes()[:500])

    verdict = judged(bundle(path))

    assert (verdict.images, verdict.dropped, verdict.failure) == (0, ("ct.zip",), None)


@pytest.mark.parametrize("name", ["../../evil", "a/../../../evil"])
def test_an_archive_that_leads_out_of_its_folder_fails(
    tmp_path: Path, judged: Judge, name: str
) -> None:
    one = slices_as_bytes(1)[0]
    path = packed(tmp_path / "ct.zip", {name: one, "b/IM": one})

    assert judged(bundle(path)).failure is Failure.BAD_ARCHIVE


def test_an_archive_with_a_member_without_a_name_is_left_as_it_is(
    tmp_path: Path, judged: Judge
) -> None:
    path = tmp_path / "ct.zip"
    path.write_bytes(zip_of({"": b"1", "b/IM": slices_as_bytes(1)[0]}))

    assert judged(bundle(path)).dropped == ("ct.zip",)


def test_an_encrypted_archive_fails(tmp_path: Path, judged: Judge) -> None:
    path = packed(tmp_path / "ct.zip", {"IM1": slices_as_bytes(1)[0]})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)

    assert judged(bundle(path)).failure is Failure.BAD_ARCHIVE


def test_an_archive_that_does_not_fit_the_disk_is_not_judged(
    tmp_path: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "ct.zip", {"IM1": slices_as_bytes(1)[0]})
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2**28 + 100))

    assert judged(bundle(path)).failure is Failure.NO_ROOM


def test_archives_in_archives_without_end_fail(tmp_path: Path, judged: Judge) -> None:
    path = packed(tmp_path / "0.zip", {"note": b"hello"})
    for number in range(1, 15):
        path = packed(tmp_path / f"{number}.zip", {path.name: path.read_bytes()})

    assert judged(bundle(path)).failure is Failure.BAD_ARCHIVE


# ── files ───────────────────────────────────────────────────────────────────────────────────


def test_the_originals_are_as_before(tmp_path: Path) -> None:
    header = write_image(tmp_path / "a.mhd", MASK)
    slices = write_series(tmp_path, [1, 2])
    archive = packed(tmp_path / "ct.zip", {"IM1": slices_as_bytes(1)[0]})
    before = {path.name: as_it_is(path) for path in tmp_path.iterdir()}

    bundles = [bundle(header, tmp_path / "a.raw"), bundle(*slices), bundle(archive)]
    assert [one.images for one in import_check(bundles, processes=1)] == [1, 1, 1]

    assert {path.name: as_it_is(path) for path in tmp_path.iterdir()} == before


def as_it_is(path: Path) -> tuple[object, ...]:
    facts = path.stat()
    return path.read_bytes(), facts.st_mode, facts.st_mtime_ns, facts.st_nlink


@needs_links
def test_a_link_is_followed(tmp_path: Path, judged: Judge) -> None:
    slices = write_series(tmp_path / "store", [1, 2])
    for number, path in enumerate(slices):
        (tmp_path / f"{number}.dcm").symlink_to(path)

    assert judged(bundle(tmp_path / "0.dcm", tmp_path / "1.dcm")).depth == 2


@pytest.mark.parametrize("links", ["hard", "symbolic", "none"])
def test_files_are_linked_if_the_system_lets_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    for method in {"hard": [], "symbolic": ["hardlink_to"], "none": ["hardlink_to", "symlink_to"]}[
        links
    ]:
        monkeypatch.setattr(Path, method, refuse)
    paths = write_series(tmp_path, [1, 2])
    folder = ImportFolder(tmp_path / "in")

    folder.place((str(path), path.name) for path in paths)

    placed = sorted(folder.shown)
    assert [path.is_symlink() for path in placed] == [links == "symbolic"] * 2
    assert [path.samefile(one) for path, one in zip(placed, paths, strict=True)] == (
        [links != "none"] * 2
    )
    assert [path.read_bytes() for path in placed] == [path.read_bytes() for path in paths]


def test_a_header_with_its_data_in_another_file_is_never_a_symbolic_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    header = write_image(tmp_path / "a.mhd", MASK)
    folder = ImportFolder(tmp_path / "in")

    folder.place([(str(header), "a.mhd"), (str(tmp_path / "a.raw"), "a.raw")])

    assert not any(path.is_symlink() for path in folder.shown)


@pytest.mark.parametrize("links", ["hard", "symbolic", "none"])
def test_an_original_is_never_written_to_where_names_are_the_same(
    tmp_path: Path, judged: Judge, monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    """As where file systems ignore case."""

    def refuse(*_: object) -> None:
        raise PermissionError

    for method in {"hard": [], "symbolic": ["hardlink_to"], "none": ["hardlink_to", "symlink_to"]}[
        links
    ]:
        monkeypatch.setattr(Path, method, refuse)
    paths = write_series(tmp_path, [1, 2])
    before = [as_it_is(path) for path in paths]

    verdict = judged(Bundle("a", tuple((str(path), "IM.dcm") for path in paths)))

    assert verdict == Verdict("", failure=Failure.UNREADABLE)
    assert [as_it_is(path) for path in paths] == before


def test_a_file_that_is_gone_is_told(tmp_path: Path, judged: Judge) -> None:
    assert judged(bundle(tmp_path / "gone.mha")) == Verdict("", failure=Failure.UNREADABLE)


def test_what_the_importer_fails_on_as_a_whole_is_told(tmp_path: Path, judged: Judge) -> None:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4, 2), np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "two-channels.mha"))

    verdict = judged(bundle(tmp_path / "two-channels.mha"))

    assert verdict == Verdict("", failure=Failure.UNEXPECTED)


# ── the package ─────────────────────────────────────────────────────────────────────────────


UNCHANGED = """
import json, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from panimg import convert
for folder in sys.argv[1:]:
    with TemporaryDirectory() as made:
        folders = {"input_directory": Path(folder), "output_directory": Path(made)}
        [one] = convert(**folders, post_processors=[]).new_images
    segments = one.segments and sorted(map(int, one.segments))
    print(json.dumps([one.width, one.height, one.depth, one.timepoints, segments]))
"""


def test_an_importer_that_writes_less_says_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number, voxels in enumerate(
        [
            rng.integers(0, 9, (3, 4, 5)).astype(kind)
            for kind in ("int8", "uint8", "int16", "uint32", "int64", "float32", "float64")
        ]
        + [rng.integers(0, 2, (2, 3, 4, 5)).astype("uint8"), rng.integers(0, 9, (4, 5), "int16")]
    ):
        write_image(tmp_path / str(number) / "a.nii.gz", voxels)
    folders = sorted(tmp_path.iterdir())

    whole = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNCHANGED, *folders],
        capture_output=True,
        text=True,
        check=True,
    )

    less = {
        one.key: [one.width, one.height, one.depth, one.timepoints, one.segments]
        for one in import_check(bundle(path / "a.nii.gz", key=path.name) for path in folders)
    }
    expected = [json.loads(line) for line in whole.stdout.splitlines()]
    assert [json.loads(json.dumps(less[path.name])) for path in folders] == expected


FRAGILE = """
import os
from types import SimpleNamespace
def convert(*, input_directory, **_):
    if any(path.name == "crash.mha" for path in input_directory.iterdir()):
        os.abort()
    return SimpleNamespace(new_images=set(), consumed_files=set(), file_errors={})
"""


def test_an_importer_that_crashes_costs_only_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "panimg"
    package.mkdir()
    (package / "__init__.py").write_text(FRAGILE)
    (package / "models.py").write_text("WriteImage = shutil = None\n")
    (package / "image_builders.py").write_text("DEFAULT_IMAGE_BUILDERS = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("a.mha", "crash.mha", "b.mha"):
        (tmp_path / name).write_bytes(b"x")

    names = ("a.mha", "crash.mha", "b.mha")
    bundles = [bundle(tmp_path / name, key=name) for name in names]
    found = {one.key: one.failure for one in import_check(bundles, processes=2)}

    assert found == {"a.mha": None, "crash.mha": Failure.CRASHED, "b.mha": None}


def test_progress_is_told_before_each_verdict(tmp_path: Path) -> None:
    mask = write_image(tmp_path / "mask.mha", MASK)
    told: list[int] = []

    seen = [
        len(told)
        for _ in import_check([bundle(mask), bundle(mask)], processes=2, progress=told.append)
    ]

    assert (told, seen) == ([1, 2], [1, 2])


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "find_spec", lambda name: None)

    with pytest.raises(
        ExtraMissing, match="importer needs packages that are not installed"
    ) as caught:
        next(import_check([]))

    assert caught.value.hint == f"install them with: {install_command('importer')}"


def test_an_importer_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "panimg.py").write_text("raise ImportError('libsomething.so.6: cannot open')\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(CannotGoOn, match="panimg, is installed but does not start"):
        next(import_check([bundle(tmp_path / "panimg.py")]))
