"""The token, signed addresses, a proxy's password and patients appear nowhere.

However a command ends.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.data import write
from tests.entry import Ran, environment, platform, uploader
from tests.files.dicom.samples import slice_bytes

PASSWORD = "hush-proxy-5ecret"
PATIENT, NUMBER = "Qwertzmann^Xaver", "4711-0815-77"
WRONG_TOKEN = "0123456789abcdef" * 4
FEWEST = 10
"""Characters in a row of a token that count as a leak."""

MANIFEST = """\
version: 1
target: {kind: reader-study, slug: SLUG}
cases:
  - name: good
    sockets:
      ct-image: {file: ct.mha}
      report: {file: report.pdf}
      score: 0.5
"""
REFUSED = """\
  - name: refused by its schema
    sockets:
      score: 7
  - name: lost by the import
    sockets:
      ct-image: {file: lost.mha}
"""
UNFIT = """\
  - name: no image
    sockets:
      ct-image: {file: text.mha}
  - name: named
    sockets:
      ct-image: {files: "ct/*"}
"""


@dataclass(frozen=True)
class Place:
    """A folder with a manifest for a study of its own."""

    folder: Path
    ready: dict[str, str]
    study: str

    def write(self, manifest: str) -> None:
        """Write the manifest."""
        (self.folder / "manifest.yaml").write_text(manifest.replace("SLUG", self.study))

    def environment(self, **more: str) -> dict[str, str]:
        """As a person's in a hospital: a token, an address, a proxy with a password."""
        given = {
            "GRAND_CHALLENGE_API_URL": self.ready["url"],
            "GRAND_CHALLENGE_AUTHORIZATION": f"Bearer {self.ready['token']}",
            "HTTPS_PROXY": f"http://reader:{PASSWORD}@127.0.0.1:9",
            "SSL_CERT_FILE": self.ready["ca"],
        }
        return environment(**{**given, **more})

    def do(self, command: str, *options: object, **more: str) -> Ran:
        """Run a command that says and writes down all it can."""
        return uploader(
            *(command, "manifest.yaml", "--verbose", "--log-file", "all.log", *options),
            cwd=self.folder,
            given=self.environment(**more),
        )

    def assert_kept(self, *ends: Ran, tokens: tuple[str, ...] = ()) -> None:
        """Nothing secret stands in what was said or in any file beside the manifest."""
        texts = [text for ended in ends for text in (ended.out, ended.err)]
        texts += [path.read_text("utf-8") for path in self.folder.iterdir() if path.suffix in ENDS]
        for text in texts:
            for secret in secrets(self.ready["token"], WRONG_TOKEN, *tokens):
                assert secret not in text.lower(), f"{secret} in {text[-2000:]}"


ENDS = {".log", ".jsonl", ".lock", ".html", ".csv"}


def secrets(*tokens: str) -> Iterator[str]:
    """Every piece of a token that is long enough, and the other words; in lower case."""
    yield from ("x-amz-", "signature=", PASSWORD, *PATIENT.lower().split("^"), NUMBER)
    yield base64.b64encode(f"reader:{PASSWORD}".encode()).decode().lower()
    for token in tokens:
        yield from (token[at : at + FEWEST] for at in range(len(token) - FEWEST + 1))


SLUGS = tuple(f"lung-{number}" for number in range(30))
"""A study for every test."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A platform that runs, and the studies that no test has used yet."""
    folder = tmp_path_factory.mktemp("platform")
    (folder / "schema.json").write_text('{"type": "number", "maximum": 1}')
    sockets = ("ct-image=Image", "report=PDF file", f"score=Float,schema={folder}/schema.json")
    options = [f"--socket={one}" for one in sockets] + [f"--reader-study={one}" for one in SLUGS]
    options.append("--hook=tests.faults:losing:lost.mha/empty")
    with platform(folder / "sandbox", "--tls", *options) as ready:
        yield ready, list(SLUGS)


@pytest.fixture
def place(served: tuple[dict[str, str], list[str]], tmp_path: Path) -> Place:
    ready, unused = served
    place = Place(tmp_path, ready, unused.pop())
    place.write(MANIFEST)
    header = "NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    for name in ("ct.mha", "lost.mha"):
        (tmp_path / name).write_bytes(header.encode() + bytes(4))
    (tmp_path / "text.mha").write_text("no image at all")
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4")
    for number in range(1, 4):
        slice_of_doe = slice_bytes(number, PatientName=PATIENT, PatientID=NUMBER)
        write(tmp_path / "ct" / f"IM{number}", slice_of_doe)
    return place


def test_a_good_run_tells_no_secret(place: Place) -> None:
    ends = [
        place.do("validate"),
        place.do("plan", "--json"),
        place.do("run", "--json", "--receipts"),
        place.do("run"),
        place.do("status"),
    ]

    ends.append(
        uploader(
            *("report", "manifest.yaml", "--csv", "table.csv", "--json", "-"),
            cwd=place.folder,
            given=place.environment(),
        )
    )

    assert [ended.code for ended in ends] == [0] * 6, [ended.err for ended in ends]
    written = {path.suffix for path in place.folder.iterdir()}
    assert written >= {".log", ".jsonl", ".html", ".csv"}
    assert (place.folder / "manifest.receipts.jsonl").exists()
    assert "PUT" in (place.folder / "all.log").read_text(), "the log shows requests to storage"
    place.assert_kept(*ends)


def test_refused_values_and_images_tell_no_secret(place: Place) -> None:
    place.write(MANIFEST + REFUSED)

    ended = place.do("run")

    assert ended.code == 1, ended.err
    assert "is greater than the maximum of 1" in ended.err
    assert "1 file could not be imported" in ended.err
    place.assert_kept(ended, place.do("status"), place.do("plan"))


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_files_that_are_refused_tell_no_secret_and_no_patient(place: Place, command: str) -> None:
    place.write(MANIFEST + UNFIT)

    ended = place.do(command)

    assert ended.code == 2, ended.err
    assert "PatientID in 3 of 3 files, PatientName in 3 of 3 files" in ended.err
    assert "'text.mha' is plain text, not an image" in ended.err
    place.assert_kept(ended)


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_wrong_token_is_not_repeated(place: Place, command: str) -> None:
    ended = place.do(command, GRAND_CHALLENGE_AUTHORIZATION=WRONG_TOKEN)

    assert ended.code == 3, ended.err
    place.assert_kept(ended)


def test_a_misspelt_token_is_not_repeated(place: Place) -> None:
    almost = place.ready["token"][:-1]
    (place.folder / "token.txt").write_text(almost)

    ends = [
        place.do("run", GRAND_CHALLENGE_AUTHORIZATION=almost),
        place.do("run", "--token-file", "token.txt"),
    ]

    assert [ended.code for ended in ends] == [3, 3]
    place.assert_kept(*ends)


def test_a_user_without_rights_tells_no_secret(place: Place) -> None:
    token = place.ready["token_without_rights"]

    ended = place.do("run", GRAND_CHALLENGE_AUTHORIZATION=token)

    assert ended.code in {2, 3}, ended.err
    place.assert_kept(ended, tokens=(token,))


def test_a_platform_that_does_not_answer_tells_no_secret(place: Place) -> None:
    ended = place.do(
        *("run", "--give-up-after", "1"), GRAND_CHALLENGE_API_URL="https://127.0.0.1:9/api/v1/"
    )

    assert ended.code == 3, ended.err
    place.assert_kept(ended)


def test_a_proxy_that_refuses_tells_no_secret(place: Place) -> None:
    with refusing_proxy() as (port, asked):
        ended = place.do(
            *("run", "--give-up-after", "1"),
            GRAND_CHALLENGE_API_URL="https://platform.invalid/api/v1/",
            HTTPS_PROXY=f"http://reader:{PASSWORD}@127.0.0.1:{port}",
        )

    assert ended.code == 3, ended.err
    assert b"CONNECT platform.invalid:443" in asked[0], "the proxy was asked"
    assert b"roxy-" in asked[0], "and told the password"
    place.assert_kept(ended)


@pytest.mark.parametrize("address", ["htp://reader:{}@127.0.0.1:9", "http://reader:{}@127.0.0.1:x"])
def test_a_bad_proxy_address_is_not_repeated(place: Place, address: str) -> None:
    ended = place.do(
        "run",
        HTTPS_PROXY=address.format(PASSWORD),
        GRAND_CHALLENGE_API_URL="https://platform.invalid/api/v1/",
    )

    assert ended.code == 2, ended.err
    place.assert_kept(ended)


def test_an_address_with_a_password_is_not_repeated(place: Place) -> None:
    ended = place.do("run", "--platform", f"https://reader:{PASSWORD}@platform.invalid/api/v1/")

    assert ended.code == 2, ended.err
    place.assert_kept(ended)


def test_the_traceback_of_a_bug_tells_no_secret(place: Place) -> None:
    buggy = (
        "from manifest_uploader.platform import client\n"
        "def explode(*_, **__): raise ZeroDivisionError('a bug')\n"
        "client.Storage.put_part = explode\n"
        "from manifest_uploader.__main__ import main\n"
        "main()\n"
    )

    ended = uploader(
        *("run", "manifest.yaml", "--verbose", "--log-file", "all.log"),
        cwd=place.folder,
        given=place.environment(),
        entry=(sys.executable, "-c", buggy),
    )

    assert ended.code == 70, ended.err
    assert "Traceback" in (place.folder / "all.log").read_text()
    assert "Traceback" not in ended.err
    place.assert_kept(ended)


def test_a_log_that_held_a_secret_would_be_noticed(place: Place) -> None:
    (place.folder / "all.log").write_text(f"Authorization: Bearer {place.ready['token']}")

    with pytest.raises(AssertionError, match=re.escape(place.ready["token"][:FEWEST])):
        place.assert_kept()


def test_the_state_names_no_folder_and_no_address(place: Place) -> None:
    assert place.do("run").code == 0

    state = (place.folder / "manifest.state.jsonl").read_text()

    assert [json.loads(line) for line in state.splitlines()]
    for word in (str(place.folder), str(place.folder.parent), "127.0.0.1", "http", ".mha"):
        assert word not in state


class refusing_proxy:  # noqa: N801 - reads as a verb where it is used
    """A proxy that answers 407 to everything, on a port of its own."""

    def __enter__(self) -> tuple[int, list[bytes]]:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._asked: list[bytes] = []
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self._listener.getsockname()[1], self._asked

    def _answer(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller:
                self._asked.append(caller.recv(65536))
                caller.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)
