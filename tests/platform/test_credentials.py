"""`login` and `logout` with a keyring in a file, and which token a command takes."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from manifest_uploader import cli
from manifest_uploader.errors import TokenRefused
from manifest_uploader.platform import credentials
from tests.entry import ENTRY, Ran, environment, platform, uploader
from tests.has import needs_terminal
from tests.report.helpers import entry, write_manifest

TOKEN, OTHER = "0123456789abcdef" * 4, "f" * 64
ADDRESS = "https://grand-challenge.org/api/v1/"


class Keyring:
    """A folder with a keyring in a file, as a machine without a desktop has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, **more: str) -> dict[str, str]:
        backend = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "share")}
        return environment(**{**backend, **home, **more})

    def __call__(self, *arguments: str, given: str | None = None, **more: str) -> Ran:
        ended = subprocess.run(
            [*ENTRY, *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            check=False,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def kept(self) -> str:
        """All that is in files of the keyring."""
        return "".join(path.read_text() for path in self.folder.rglob("*.cfg"))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path)


def test_login_keeps_the_token_under_the_platform_and_logout_removes_it(keyring: Keyring) -> None:
    kept = keyring("login", given=f"Bearer {TOKEN}\n").expect(0)
    inside = keyring.kept()
    removed = keyring("logout").expect(0)
    again = keyring("logout").expect(0)

    assert "the token for grand-challenge.org is kept in: " in kept.err
    assert "grand" in inside
    assert "manifest" in inside
    assert "removed" in removed.err
    assert "keyring had no token for" in again.err
    assert TOKEN not in kept.out + kept.err + removed.err + again.err


def test_a_command_takes_the_token_from_the_keyring(keyring: Keyring, tmp_path: Path) -> None:
    score = {"name": "a", "sockets": {"some-score": 1.5}}
    write_manifest(tmp_path / "m.yaml", [score])
    study = ("--reader-study", "lung-nodules", "--socket", "some-score=Float")
    with platform(tmp_path / "sandbox", *study) as ready:
        address = {"GRAND_CHALLENGE_API_URL": ready["url"]}
        before = keyring("run", "m.yaml", **address)
        keyring("login", given=ready["token"], **address).expect(0)

        ran = keyring("run", "m.yaml", **address)
        looked = keyring("validate", "m.yaml", **address)
        elsewhere = keyring("plan", "m.yaml", "--platform", ADDRESS)

    assert "no API token found" in before.expect(3).err
    assert "uploader login" in before.err
    assert "to rehearse without one: uploader run --sandbox MANIFEST" in before.err
    ran.expect(0)
    assert "the platform was not asked" not in looked.expect(0).err
    assert "no API token found" in elsewhere.expect(3).err


def test_without_a_keyring_nobody_is_asked_for_the_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setattr(sys, "stdin", None)  # reading it would be another error

    assert cli.command(["login"]) == 3

    err = capsys.readouterr().err
    assert err.startswith("uploader: the package that stores the token is not installed\n  hint: ")
    assert "install keyring" in err


def test_what_is_no_token_is_refused_and_not_repeated(keyring: Keyring) -> None:
    ended = keyring("login", given=TOKEN[:-1]).expect(3)

    assert "the content of your answer is not a valid token" in ended.err
    assert TOKEN[:8] not in ended.err
    empty = keyring("login", given="\n").expect(3)
    assert empty.err.startswith("uploader: there is no token in your answer\n")
    assert keyring.kept() == ""


def test_an_address_that_a_token_may_not_go_to_is_refused(keyring: Keyring) -> None:
    keyring("login", "--platform", "http://grand-challenge.org/api/v1/", given=TOKEN).expect(2)


@needs_terminal
def test_nothing_is_echoed_on_a_terminal(keyring: Keyring) -> None:
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*ENTRY, "login"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=keyring.environment(),
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509
    )
    os.close(slave)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(master, 1024)
    os.write(master, TOKEN.encode() + b"\n")
    try:
        while some := os.read(master, 1024):
            shown += some
    except OSError:  # how a terminal ends
        pass

    assert process.wait(timeout=30) == 0
    assert b"token for grand-challenge.org (it is not shown): " in shown
    assert TOKEN.encode() not in shown
    assert TOKEN in base64.b64decode(_value(keyring.kept())).decode()


def _value(text: str) -> str:
    """The one value in a keyring file, which writes it in base64."""
    return text.split(" = ", 1)[1].strip()


def test_without_the_package_login_names_the_command_and_others_need_it_not(
    keyring: Keyring,
) -> None:
    code = "import sys; sys.modules['keyring'] = None; "
    code += "from manifest_uploader.__main__ import main; main()"
    entry_point = (sys.executable, "-c", code)

    login = uploader("login", cwd=keyring.folder, entry=entry_point)
    write_manifest(keyring.folder / "m.yaml", [entry("a")])
    plan = uploader("plan", "m.yaml", cwd=keyring.folder, entry=entry_point)

    assert login.expect(3).err.count("\n") <= 3
    assert "no API token found" in plan.expect(3).err


def test_a_keyring_that_fails_is_no_token_and_no_bug(keyring: Keyring) -> None:
    backend = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    write_manifest(keyring.folder / "m.yaml", [entry("a")])

    login = keyring("login", given=TOKEN, **backend).expect(3)
    plan = keyring("plan", "m.yaml", **backend).expect(3)

    assert "this machine has no usable keyring" in login.err
    assert TOKEN not in login.err
    assert "no API token found" in plan.err


# ── the order ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that the keyring was asked for; it has the other token for each."""
    hosts: list[str] = []

    def kept(host: str) -> str:
        hosts.append(host)
        return OTHER

    monkeypatch.setattr(credentials, "_kept", kept)
    return hosts


def test_the_file_comes_before_the_environment_and_that_before_the_keyring(
    asked: list[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a" * 64 + "\n")
    full, empty = {"GRAND_CHALLENGE_AUTHORIZATION": "b" * 64}, dict[str, str]()

    def find(token_file: str | None, given: dict[str, str]) -> str:
        return credentials.find(token_file=token_file, environment=given, address=ADDRESS)

    assert find(str(tmp_path / "token"), full) == "a" * 64
    assert find(None, full) == "b" * 64
    assert asked == []
    assert find(None, empty) == OTHER
    assert asked == ["grand-challenge.org"]


def test_a_wrong_token_file_is_not_passed_over(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("")

    with pytest.raises(TokenRefused):
        credentials.find(token_file=str(tmp_path / "token"), environment={}, address=ADDRESS)
    assert asked == []


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (ADDRESS, "grand-challenge.org"),
        ("https://Grand-Challenge.org:443/api/v1/", "grand-challenge.org"),
        ("https://gc.example.org:8443/api/v1/", "gc.example.org:8443"),
        ("http://127.0.0.1:8000/api/v1/", "127.0.0.1:8000"),
        ("https://[::1", ""),
        ("nonsense", ""),
    ],
)
def test_a_token_belongs_to_a_host(address: str, host: str) -> None:
    assert credentials.host_of(address) == host
