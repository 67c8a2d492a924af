"""At a terminal, the command asks and then prints a command that does the same without asking."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.entry import ENTRY, environment
from tests.init import trees

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal needs POSIX", allow_module_level=True)


TIMEOUT_S = 30


class Screen:
    """A command on a pseudo-terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self.text = ""
        self._answered = 0
        self.process = subprocess.Popen(
            [*ENTRY, *arguments],
            cwd=folder,
            env=environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def answer(self, question: str, answer: str) -> None:
        """Wait for a question and type the answer."""
        self._read_until(question)
        self._answered = len(self.text)
        os.write(self._ours, answer.encode() + b"\n")

    def end(self) -> int:
        """Wait for the end of the command; return its exit code."""
        self._read_until(None)
        os.close(self._ours)
        return self.process.wait(timeout=60)

    def _read_until(self, question: str | None) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while question is None or question not in self.text[self._answered :]:
            left = deadline - time.monotonic()
            assert select.select([self._ours], [], [], max(0, left))[0], self.text
            try:
                data = os.read(self._ours, 4096)
            except OSError:  # the command has ended
                data = b""
            if not data:
                assert question is None, self.text
                return
            self.text += data.decode().replace("\r\n", "\n")


def test_answers_make_a_manifest_and_the_printed_command_makes_the_same(tmp_path: Path) -> None:
    trees.write_dicom_patients(tmp_path, 4)
    screen = Screen(tmp_path, "init", "data", "--explicit")

    screen.answer("Slug of the target", "not a slug")
    screen.answer("Slug of the target", "https://grand-challenge.org/reader-studies/lung/")
    screen.answer("One case for each folder or file that fits? [patient-*]", "q*")
    screen.answer("One case for each", "")
    screen.answer("scores.csv: column 'patient' names the cases. Use this table? [yes]", "")
    screen.answer("ct/*.dcm (4 of 4 cases)? [ct-image]", "")
    screen.answer("airways.mha (4 of 4 cases)? [airways]", "airway-segmentation")
    screen.answer("column 'score' (numbers, 4 filled)? [score]", "Some Score")
    screen.answer("column 'score'", "some-score")
    screen.answer("column 'label' (text, 4 filled): as the titles that readers see? [yes]", "")
    screen.answer("column 'good' (true and false, 4 filled)? [good]", "-")

    assert screen.end() == 0, screen.text
    assert "'not a slug' is not a slug" in screen.text
    assert "nothing in 'data' fits 'q*'" in screen.text
    asked = (tmp_path / "manifest.yaml").read_bytes()
    first = yaml.safe_load(asked)["cases"][0]
    assert first["title"] == "Patient 1"
    assert first["sockets"].keys() == {"ct-image", "airway-segmentation", "some-score"}

    line = screen.text.partition("The same without asking:\n")[2].splitlines()[0]
    again = subprocess.run(
        [*ENTRY, *shlex.split(line)[1:], "--force"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert asked == (tmp_path / "manifest.yaml").read_bytes()


def test_nothing_is_written_if_the_input_ends(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    screen = Screen(tmp_path, "init", "mainfolder")

    screen.answer("Slug of the target", "\x04")

    assert screen.end() == 2
    assert "nothing was written" in screen.text
    assert not (tmp_path / "manifest.yaml").exists()


def test_nothing_is_asked_if_nothing_is_missing(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    arguments = ("mainfolder", "--slug", "a", "--each", "patient*", "--socket", "ct=ct.mhd")
    screen = Screen(tmp_path, "init", *arguments)

    assert screen.end() == 0
    assert "?" not in screen.text
