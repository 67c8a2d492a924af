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

from tests.box import Box
from tests.entry import ENTRY, environment, uploader
from tests.init import trees

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal needs POSIX", allow_module_level=True)


TIMEOUT_S = 20


class Screen:
    """A command on a pseudo-terminal."""

    def __init__(self, folder: Path, *arguments: str, given: dict[str, str] | None = None) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self.text = ""
        self.keystrokes = 0
        """Beside Enter and names."""
        self._answered = 0
        self.process = subprocess.Popen(
            [*ENTRY, *arguments],
            cwd=folder,
            env={**(given or environment()), "NO_COLOR": "1"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def name(self, question: str, name: str) -> None:
        """Wait for a question and answer with a name, which has to be typed anyway."""
        self.answer(question, name)
        self.keystrokes -= len(name)

    def answer(self, question: str, answer: str = "") -> None:
        """Wait for a question and type the answer."""
        self._read_until(question)
        self._answered = len(self.text)
        self.keystrokes += len(answer)
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
            if not select.select([self._ours], [], [], max(0, left))[0]:
                self.process.kill()
                self.process.wait()
                pytest.fail(f"waiting for {question!r}:\n{self.text}")
            try:
                data = os.read(self._ours, 4096)
            except OSError:  # the command has ended
                data = b""
            if not data:
                assert question is None, self.text
                return
            self.text += data.decode().replace("\r\n", "\n")


def again(screen: Screen, folder: Path) -> bytes:
    """The manifest that the command on the screen makes without asking, written anew."""
    told = screen.text.partition("The same without asking:\n")[2].partition("Check it")[0]
    ended = subprocess.run(
        [*ENTRY, *shlex.split(told.replace("\\\n", ""))[1:], "--force"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return (folder / "manifest.yaml").read_bytes()


def test_answers_make_a_manifest_and_the_printed_command_makes_the_same(tmp_path: Path) -> None:
    trees.write_dicom_patients(tmp_path, 4)
    screen = Screen(tmp_path, "init", "data", "--explicit")

    screen.answer("Your study", "not a slug")
    screen.answer("Your study", "https://grand-challenge.org/reader-studies/lung/")
    screen.answer("One case for each folder or file that matches? [patient-*]", "q*")
    screen.answer("One case for each", "")
    screen.answer("scores.csv: column 'patient' names the cases.\nUse this table? [yes]", "")
    screen.answer("CT, 2 to 4 slices, in all 4 cases\nSocket? [ct-image]", "")
    screen.answer("airways.mha, in all 4 cases\nSocket? [airways]", "airway-segmentation")
    screen.answer("1 score  (numbers: 0.25, 0.75 …)\n  2 label  (text: Patient 1,", "7")
    screen.answer("Which of them are values to upload (numbers, or all)? [none]", "score")
    screen.answer("Column 'score'\nSocket? [score]", "Some Score")
    screen.answer("Socket? [score]", "some-score")
    screen.answer("  2 column 'label': Patient 1\nTitle", "")
    screen.answer("4 cases (3 with ct-image, 4 with airway-segmentation, 3 with some-score)", "")

    assert screen.end() == 0, screen.text
    assert "'not a slug' is not a slug" in screen.text
    assert "nothing in 'data' matches 'q*'" in screen.text
    assert "'7' is not one of these columns" in screen.text
    asked = (tmp_path / "manifest.yaml").read_bytes()
    first = yaml.safe_load(asked)["cases"][0]
    assert first["title"] == "Patient 1"
    assert first["sockets"].keys() == {"ct-image", "airway-segmentation", "some-score"}
    assert again(screen, tmp_path) == asked


def test_a_question_can_be_explained_and_taken_back(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    screen = Screen(tmp_path, "init", "mainfolder")

    screen.answer("Your study", "<")
    screen.answer("This is the first question.\nYour study", "?")
    screen.answer("copy its URL,", "lunk")
    screen.answer("A reader study or an archive? [reader-study]", "<")
    screen.answer("Your study: the URL of its page, or the last part of that? [lunk]", "lung")
    screen.answer("A reader study or an archive? [reader-study]", "archive")
    screen.answer("One case for each", "")
    screen.answer("A table with titles or scores (a file)? [none]", "nowhere.csv")
    screen.answer("file 'nowhere.csv' does not exist", "")
    screen.answer("airways.mha, in all 3 cases\nSocket? [airways]", "-")
    screen.answer("ct.mhd, in all 3 cases\nSocket? [ct-image]", "<")
    screen.answer("airways.mha, in all 3 cases\nSocket? [-]", "airways")
    screen.answer("ct.mhd, in all 3 cases\nSocket? [ct-image]", "")
    screen.answer("1 the folder's name: patient1_folder\nTitle", "Case {nam}")
    screen.answer("did you mean 'name'?", "Case {name}")
    screen.answer("Write manifest.yaml? [yes]", "<")
    screen.answer("[Case {name}]", "")
    screen.answer("patient1_folder, titled Case patient1_folder", "")

    assert screen.end() == 0, screen.text
    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert "kind: archive\n  slug: lung #" in text
    assert yaml.safe_load(text)["cases"][0]["sockets"].keys() == {"airways", "ct-image"}


def test_nothing_is_written_if_the_person_says_no_or_the_input_ends(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    ended = Screen(tmp_path, "init", "mainfolder")
    refused = Screen(tmp_path, "init", "mainfolder", "--slug", "a", "--kind", "archive")

    ended.answer("Your study", "\x04")
    for question in ("One case", "A table", "Socket", "Socket", "Title"):
        refused.answer(question)
    refused.answer("Write manifest.yaml? [yes]", "no")

    assert (ended.end(), refused.end()) == (2, 2)
    assert "nothing was written" in ended.text
    assert "nothing was written\n  hint: with your answers:\n  uploader init mainf" in refused.text
    assert not (tmp_path / "manifest.yaml").exists()


# ── a PACS export of twelve patients, and a table as German Excel writes it ─────────────────


def test_a_pacs_export_takes_ten_keystrokes_beside_enter_and_names(tmp_path: Path) -> None:
    trees.write_pacs_export(tmp_path)
    screen = Screen(tmp_path, "init", "studie")

    screen.name("Your study", "lung-nodules")
    screen.answer("There is no token, so sockets are not looked up")
    screen.answer("studie: 12 match *: Bär, Zoë; Böhm, Jörg; …; Öztürk, Can\nOne case for each")
    screen.answer("Befunde.csv: column 'Patient' names the cases.\nUse this table? [yes]")
    screen.answer("'Größe', 'Müller',\n  'Jürgen'.\nDo these words look right? [yes]")
    screen.name("CT 'Thorax 1.0 B70f', 3 slices, in all 12 cases\nSocket?", "ct-image")
    screen.answer("CT 'Topogramm', 1 slice, in all 12 cases\nSocket?", "-")
    screen.answer("Größe  (numbers with a comma: 1,5; 2,5 …)\n  3 Bemerkung", "2 3")
    screen.answer("Column 'Größe'\nSocket? [groe]")
    screen.answer("Column 'Bemerkung'\nSocket? [bemerkung]")
    screen.answer("Column 'Größe' has numbers with a comma.\nIs 1,5 the number 1.5? [yes]")
    screen.answer("  2 column 'Titel': Fall 1\nTitle")
    screen.answer("Write manifest.yaml? [yes]")

    assert screen.end() == 0, screen.text
    assert screen.keystrokes <= 10
    asked = (tmp_path / "manifest.yaml").read_bytes()
    cases = {one["name"]: one for one in yaml.safe_load(asked)["cases"]}
    study = "Müller, Jürgen/DICOM/20240101/1.2.276.0.45.1.7"
    assert cases.keys() == set(trees.PATIENTS)
    assert cases["Müller, Jürgen"] == {
        "name": "Müller, Jürgen",
        "title": "Fall 1",
        "sockets": {
            "ct-image": {"files": f"{study}/1.3.12.2.1.1/0000000*"},
            "groe": 1.5,
            "bemerkung": "über 1 mm",
        },
    }
    assert cases["Bär, Zoë"].keys() == {"name", "sockets"}
    assert again(screen, tmp_path) == asked
    ran = uploader("validate", "--offline", "manifest.yaml", cwd=tmp_path)
    assert ran.code == 0, ran.err


def test_with_a_token_the_studys_own_sockets_are_proposed(tmp_path: Path, box: Box) -> None:
    trees.write_pacs_export(tmp_path)
    box.fill(box.make(), *map(value_of, ("some-score", "remark", "findings")))
    box.with_image(box.make(), "ct-image", box.upload())
    box.settle()
    given = environment(
        GRAND_CHALLENGE_API_URL=box.running.url, GRAND_CHALLENGE_AUTHORIZATION=box.running.token
    )
    screen = Screen(tmp_path, "init", "studie", given=given)

    screen.name("Your study", "lunk")
    screen.name("did you mean 'lung'?", "lung")
    screen.answer("A reader study or an archive? [reader-study]")
    screen.answer("One case for each")
    screen.answer("Use this table? [yes]")
    screen.answer("Do these words look right? [yes]")
    screen.answer(
        "'Thorax 1.0 B70f', 3 slices, in all 12 cases\n  1 ct-image  Image\nSocket? [ct-i"
    )
    screen.answer("CT 'Topogramm', 1 slice, in all 12 cases\nSocket? [-]")
    screen.answer("Which of them are values", "2 3")
    screen.answer("Column 'Größe'\n  1 some-score  Float\n  2 findings  Anything\nSocket? [some")
    screen.answer("Column 'Bemerkung'\n  1 remark  String\n  2 findings  Anything\nSocket? [rem")
    screen.answer("Is 1,5 the number 1.5? [yes]")
    screen.answer("Title")
    screen.answer("Write manifest.yaml? [yes]")

    assert screen.end() == 0, screen.text
    assert screen.keystrokes <= 10
    asked = (tmp_path / "manifest.yaml").read_bytes()
    assert again(screen, tmp_path) == asked
    ran = uploader("validate", "manifest.yaml", cwd=tmp_path, given=given)
    assert ran.code == 0, ran.err


def value_of(socket: str) -> dict[str, object]:
    return {"interface": socket, "value": 1.5 if socket == "some-score" else "x"}


def test_nothing_is_asked_if_nothing_is_missing(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    arguments = ("mainfolder", "--slug", "a", "--each", "patient*", "--socket", "ct=ct.mhd")
    screen = Screen(tmp_path, "init", *arguments)

    assert screen.end() == 0
    assert "?" not in screen.text
