"""The official client works with the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from manifest_uploader.sandbox import main
from tests.others import GCAPI, python_with
from tests.sandbox.helpers import Client, wait_for_imports

SCRIPT = Path(__file__).with_name("gcapi_script.py")


@pytest.fixture(scope="session")
def python() -> Path:
    """Return the Python interpreter of an environment with the official client."""
    return python_with(GCAPI)


def test_cases_of_the_official_client_are_stored(
    python: Path,
    start_sandbox: Callable[..., Client],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = start_sandbox(tls=True).running
    (tmp_path / "a.mhd").write_text(
        "NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    )
    (tmp_path / "a.raw").write_bytes(bytes(4))
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    inherited = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}

    ended = subprocess.run(
        [str(python), str(SCRIPT), running.url, running.token, str(tmp_path)],
        env={**inherited, "SSL_CERT_FILE": str(running.ca)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["order"], told["s"]) == (4, ["rs", "rs2"])
    wait_for_imports(tmp_path)
    assert main(["show", "--json", "--dir", str(tmp_path / "memory")]) == 0
    shown = {row["pk"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    item = shown[told["item"]]
    assert item["title"] == "by the official client"
    assert item["values"]["age-float"] == {"value": 3.5}
    assert set(item["values"]) == {"ct-image", "age-float", "any-file", "report-pdf"}
    assert [file["name"] for file in item["values"]["ct-image"]["files"]] == ["a.mhd", "a.raw"]
    assert shown[told["archived"]]["values"] == {"age-float": {"value": 2.5}}
