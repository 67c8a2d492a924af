"""What judges images: panimg in a process of its own, or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import psutil
import pytest

from manifest_uploader.sandbox import Unread
from manifest_uploader.sandbox import judge as judge_module
from manifest_uploader.sandbox.judge import ImportImpossible, JudgeClosed, Panimg, find_judge
from manifest_uploader.sandbox.unpacking import StoredFile, Unpacked
from tests.sandbox.contents import mhd, series
from tests.sandbox.helpers import Client, mha, wait_for, wait_for_imports, zipped


def files_in(folder: Path, files: dict[str, bytes]) -> Unpacked:
    given = folder / "given"
    given.mkdir()
    stored = []
    for name, content in files.items():
        (given / name).write_bytes(content)
        stored.append(StoredFile(name, given / name, len(content), ""))
    return Unpacked(given, folder / "made", tuple(stored))


@pytest.fixture
def own() -> Iterator[Panimg]:
    """A judge with a process that no other test uses."""
    judge = find_judge()
    assert isinstance(judge, Panimg)
    yield judge
    judge.close()


def worker_of(judge: Panimg) -> psutil.Process:
    assert judge._process is not None
    return psutil.Process(judge._process.pid)


def test_panimg_is_asked_in_another_process(tmp_path: Path, own: Panimg) -> None:
    assert own.name.startswith("panimg 0.")
    assert own._process is None

    verdict = own.judge(files_in(tmp_path, {"a.mha": mha(), "b": b"x"}))

    [image] = verdict.images
    assert (image.facts["name"], image.facts["depth"], verdict.left) == ("a.mha", 2, 1)
    assert image.file is not None
    assert image.file.read_bytes().startswith(b"ObjectType = Image")
    assert worker_of(own).pid != os.getpid()


def test_a_judge_that_dies_is_started_again(tmp_path: Path, own: Panimg) -> None:
    files = files_in(tmp_path, {"a.mha": mha()})
    own.judge(files)
    worker_of(own).kill()

    with pytest.raises(ImportImpossible, match="An unexpected error occurred"):
        own.judge(files)
    again = own.judge(Unpacked(files.given, tmp_path / "made again", files.files))

    assert len(again.images) == 1


def test_a_closed_judge_leaves_imports_for_the_next_start(tmp_path: Path, own: Panimg) -> None:
    files = files_in(tmp_path, {"a.mha": mha()})
    own.judge(files)
    worker = worker_of(own)
    ends: list[object] = []

    def ask() -> None:
        try:
            own.judge(files)
        except JudgeClosed as end:
            ends.append(end)

    worker.suspend()  # so that the question is under way when the judge is closed
    thread = threading.Thread(target=ask)
    thread.start()
    own.close()
    thread.join(10)

    assert len(ends) == 1
    with pytest.raises(JudgeClosed):
        own.judge(files)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of Unix")
def test_the_judge_ends_with_a_sandbox_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from manifest_uploader.sandbox.judge import find_judge\n"
        "from tests.sandbox.test_judge import files_in\n"
        "from tests.sandbox.helpers import mha\n"
        "judge = find_judge()\n"
        "judge.judge(files_in(Path(sys.argv[1]), {'a.mha': mha()}))\n"
        "print(judge._process.pid, flush=True)\nsys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        worker = psutil.Process(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_without_panimg_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(judge_module, "version", missing)

    assert find_judge().name is None


@pytest.mark.parametrize(
    ("files", "facts"),
    [
        ({"a.mha": b"nothing"}, {"name": "a.mha"}),
        ({"a.raw": b"", "a.mhd": mhd()}, {"name": "a.mhd"}),
        (
            {"note.txt": b"", **series(1, 2, 3)},
            {"name": "1.2.3-0", "width": 2, "height": 2, "depth": 3},
        ),
    ],
)
def test_without_panimg_all_files_are_one_image(
    tmp_path: Path, files: dict[str, bytes], facts: dict[str, Any]
) -> None:
    verdict = Unread().judge(files_in(tmp_path, files))

    assert [dict(image.facts) for image in verdict.images] == [facts]
    assert verdict.left == 0


def test_an_unread_image_fits_every_socket(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(judge=Unread())
    item = client.create()
    for socket, name, content in (
        ("lesion-seg", "a.mha", b"nothing"),
        ("ct-image", "ct.zip", zipped(series(1, 2, 3))),
    ):
        upload = client.upload(name, content)
        client.fill(item, {"interface": socket, "user_uploads": [upload]})
    wait_for_imports(tmp_path)

    values = client.values(item)

    names = ("name", "depth", "shape", "shape_without_color", "segments")
    seg, ct = (client.get(values[slug]["image"]).json() for slug in ("lesion-seg", "ct-image"))
    assert [seg[name] for name in names] == ["a.mha", None, [], [], None]
    assert [ct[name] for name in names] == ["1.2.3-0", 3, [3, 2, 2], [3, 2, 2], None]
    assert client.running.importer is None


def test_a_sandbox_leaves_nothing_in_its_working_folder(client: Client, tmp_path: Path) -> None:
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)

    work = tmp_path / "memory" / "work"
    wait_for(lambda: not [path for path in work.rglob("*") if path.is_file()])
    assert client.running.importer is not None
    assert client.running.importer.startswith("panimg ")
