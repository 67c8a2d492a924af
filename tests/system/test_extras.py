"""What is missing is installed into the environment that runs uploader, whoever made it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from manifest_uploader.sandbox import certificates
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.system import extras
from manifest_uploader.system.extras import install_command, reinstall_command


@pytest.fixture(autouse=True)
def _another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "py")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))


def test_pip_installs_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: object())

    assert install_command("xlsx") == "py -m pip install openpyxl"
    assert reinstall_command("panimg") == "py -m pip install --force-reinstall panimg"


def test_uv_installs_where_there_is_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)

    assert install_command("xlsx") == "uv pip install --python py openpyxl"
    assert reinstall_command("panimg") == "uv pip install --python py --reinstall panimg"


def test_pipx_installs_into_its_environments(tmp_path: Path) -> None:
    (tmp_path / "pipx_metadata.json").touch()

    assert install_command("xlsx") == "pipx inject manifest-uploader openpyxl"
    assert reinstall_command("panimg") == "pipx inject --force manifest-uploader panimg"


def test_a_certificate_without_cryptography_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)

    with pytest.raises(OptionInvalid, match=r" -m pip install cryptography$"):
        certificates._write(object(), "localhost")  # type: ignore[arg-type]


def test_no_hint_installs_into_another_python() -> None:
    package = Path(extras.__file__).parents[1]
    texts = {path.name: path.read_text("utf-8") for path in package.rglob("*.py")}

    assert [name for name, text in texts.items() if re.search(r"(?<!-m )pip install", text)] == []
