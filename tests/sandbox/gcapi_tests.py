"""Runs the official client's own integration tests against the sandbox.

    python -m tests.sandbox.gcapi_tests CHECKOUT

CHECKOUT is a clone of the client's repository, DIAGNijmegen/rse-gcapi. Its tests run with the
released client in an environment of its own. More arguments go to pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from manifest_uploader.sandbox import Running, SandboxOptions, start
from manifest_uploader.sandbox.store import Store
from tests.others import GCAPI, python_with
from tests.sandbox.helpers import Client, wait_for_imports

STUDY, ARCHIVE = "reader-study", "archive"
SOCKETS = (
    *("a-file-socket=Anything:file", "annotation=2D bounding box", "a-pdf-file-socket=PDF file"),
    *("an-image-socket=Image", "a-csv-file-socket=CSV file"),
    "a-dicom-image-set-socket=DICOM Image Set",
)
ALGORITHM = "test-algorithm-evaluation-image-0=generic-medical-image->results-json-file"
SHOWN = "14909328-7a62-4745-8d2a-81a5d936f34b"
"""The display set with a value in each of five sockets."""
CHANGED = "1f8c7dae-9bf8-431b-8b7b-59238985961f"
"""The empty display set, which may be changed."""
ARCHIVED = "3dfa7e7d-8895-4f1f-80c2-4172e00e63ea"
IMAGE = "d2856bc1-fe72-42d7-b8b7-1622527b8311"
PATHS = {
    "a-file-socket": "file.json",
    "annotation": "annotation.json",
    "a-pdf-file-socket": "files/file.pdf",
    "an-image-socket": "images/non-legacy-image",
}
BOX = {
    "name": "forearm",
    "type": "2D bounding box",
    "corners": [[20, 88, 0.5], [83, 88, 0.5], [83, 175, 0.5], [20, 175, 0.5]],
    "version": {"major": 1, "minor": 0},
}
DESELECTED = {
    "test_auth_headers_not_sent": "it asks httpbin, in a container, and not the platform",
}
"""By name of a test of theirs, why it is not run."""


def main(checkout: Path, *arguments: str) -> int:
    """Return the exit code of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = SandboxOptions(
            dir=place / "memory",
            reader_studies=(STUDY,),
            archives=(ARCHIVE,),
            sockets=SOCKETS,
            algorithms=(ALGORITHM,),
            keep_bytes=True,
            import_delay_s=0,
        )
        with start(options) as running:
            fill(running, place)
        rename(options.dir)
        with start(SandboxOptions(dir=options.dir, tls=True, keep_bytes=True)) as running:
            tests = copied_tests(checkout, place / "theirs", running)
            return run(tests, running.url, arguments)


def fill(running: Running, place: Path) -> None:
    """Make what the tests expect on the platform, as a client can."""
    with Client(running) as client:
        shown, _, answered = (
            client.create(reader_study=STUDY, title=title)
            for title in ("shown", "changed", "answered")
        )
        client.fill(
            shown,
            {"interface": "generic-medical-image", "user_uploads": [client.upload()]},
            {"interface": "a-file-socket", "user_upload": client.upload("file.json", b"42")},
            {"interface": "a-pdf-file-socket", "user_upload": client.upload("file.pdf", b"42")},
            {"interface": "annotation", "value": BOX},
        )
        wait_for_imports(place)
        image = client.values(shown)["generic-medical-image"]["image"]
        client.fill(shown, {"interface": "an-image-socket", "image": image})
        answer = {
            "display_set": f"{running.url}{answered}",
            "question": question(client),
            "answer": "foo",
        }
        assert client.post("reader-studies/answers/", json=answer).is_success
        archive = client.get("archives/").json()["results"][0]["api_url"]
        made = client.post("archives/items/", json={"archive": archive, "title": "archived"})
        value = {"interface": "generic-medical-image", "user_uploads": [client.upload("b.mha")]}
        assert client.fill(f"archives/items/{made.json()['pk']}/", value).is_success
        wait_for_imports(place)


def question(client: Client) -> str:
    """Return the address of the study's question."""
    return str(client.get("reader-studies/").json()["results"][0]["questions"][0]["api_url"])


def rename(folder: Path) -> None:
    """Give items, an image and sockets the keys and paths that the tests know by heart."""
    store = Store(folder)
    for title, pk in {"shown": SHOWN, "changed": CHANGED, "archived": ARCHIVED}.items():
        row = store.row("SELECT pk FROM items WHERE title = ?", title)
        assert row is not None
        store.run("UPDATE items SET pk = ?, title = '' WHERE pk = ?", pk, row["pk"])
        store.run("UPDATE vals SET item = ? WHERE item = ?", pk, row["pk"])
    row = store.row("SELECT image FROM vals WHERE item = ? AND image IS NOT NULL", SHOWN)
    assert row is not None
    store.run("UPDATE images SET pk = ? WHERE pk = ?", IMAGE, row["image"])
    store.run("UPDATE vals SET image = ? WHERE image = ?", IMAGE, row["image"])
    (store.kept / row["image"]).rename(store.kept / IMAGE)
    for slug, path in PATHS.items():
        store.run("UPDATE sockets SET path = ? WHERE slug = ?", path, slug)
    store.close()


def copied_tests(checkout: Path, folder: Path, running: Running) -> Path:
    """Copy their tests; all their users but the administrator may see everything."""
    shutil.copytree(checkout / "tests", folder / "tests")
    users = dict.fromkeys(("readerstudy", "demop", "archive"), running.token)
    users["admin"] = running.token_without_rights
    (folder / "tests" / "scripts" / "constants.py").write_text(f"USER_TOKENS = {users!r}\n")
    return folder


def run(folder: Path, url: str, arguments: tuple[str, ...]) -> int:
    """Run their integration tests against a platform."""
    tests = "tests/integration_tests.py"
    skipped = [f"--deselect={tests}::{name}" for name in DESELECTED]
    for name, why in DESELECTED.items():
        print(f"not run: {name}: {why}", flush=True)
    python = python_with(GCAPI, "pytest")
    inherited = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
    return subprocess.run(
        [str(python), "-m", "pytest", "-q", "-W", "ignore", tests, *skipped, *arguments],
        cwd=folder,
        env={**inherited, "GCAPI_TESTS_LOCAL_API_URL": url},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
