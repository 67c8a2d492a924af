from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.helpers import Box, served
from tests.entry import uploader

CONFIGURATION = """
jobqueue:
  slurm:
    cores: 1
    memory: 1GB
    interface: lo
"""
REFUSES = """#!/bin/sh
echo "sbatch: error: invalid partition specified: data" >&2
exit 1
"""


@pytest.mark.parametrize(
    ("program", "message"),
    [(REFUSES, "sbatch: error: invalid partition specified: data"), (None, "sbatch")],
)
def test_jobs_that_cannot_be_submitted_end_the_command(
    tmp_path: Path, program: str | None, message: str
) -> None:
    (tmp_path / "jobqueue.yaml").write_text(CONFIGURATION)
    if program is not None:
        (tmp_path / "sbatch").write_text(program)
        (tmp_path / "sbatch").chmod(0o755)
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path / "lung", sandbox)
        box.add_usual("patient-1")
        box.save()
        given = {**box.environment(), "DASK_CONFIG": str(tmp_path)}
        given["PATH"] = f"{tmp_path}:{given.get('PATH', '')}"

        found = uploader(
            *("validate", "--dask-slurm", "1", "lung.yaml"), cwd=box.folder, given=given
        )

    assert found.code == 3
    assert "Traceback" not in found.err
    assert "uploader: the jobs cannot be submitted: " in found.err
    assert message in found.err
    assert not list(box.folder.glob(".dask-jobqueue*"))
