"""The command runs a sandbox that remembers everything, however its process ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manifest_uploader.sandbox import Running, main
from tests.has import needs_signals
from tests.sandbox.helpers import Client, mha, wait_for, wait_for_imports

Start = Callable[..., tuple["subprocess.Popen[str]", Client]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the command and returns its process and client."""
    processes: list[subprocess.Popen[str]] = []
    clients: list[Client] = []

    def spawn_one(*arguments: str) -> tuple[subprocess.Popen[str], Client]:
        command = [sys.executable, "-m", "manifest_uploader.sandbox", "--json", *arguments]
        process = subprocess.Popen(
            [*command, "--dir", str(tmp_path / "memory")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        processes.append(process)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert list(ready) == ["url", "token", "token_without_rights", "ca", "importer"]
        running = Running(
            *(ready["url"], ready["token"], ready["token_without_rights"], None, ""),
            *(int, print, ready["importer"]),
        )
        clients.append(Client(running))
        return process, clients[-1]

    yield spawn_one
    for client in clients:
        client.close()
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def show_items(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["show", "--dir", str(folder / "memory"), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_answered_requests_survive_the_death_of_the_process(
    spawn: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, client = spawn(
        *("--reader-study", "rs", "--socket", "ct-image=Image", "--socket", "age-float=Float"),
        *("--import-delay", "inf"),
    )
    completed, incomplete = client.upload(), client.open_upload("b.mha")
    part = client.put(incomplete, b"half")
    item = client.create(title="t")
    client.fill(
        item,
        {"interface": "ct-image", "user_uploads": [completed]},
        {"interface": "age-float", "value": 1.5},
    )
    sandbox = client.get("gcapi/").json()["sandbox_id"]
    process.kill()
    process.wait()

    _, again = spawn("--import-delay", "0")

    assert again.get("gcapi/").json()["sandbox_id"] == sandbox
    assert again.running.token == client.running.token
    wait_for_imports(tmp_path)
    shown = show_items(tmp_path, capsys)
    assert [(row["kind"], row["slug"], row["title"]) for row in shown] == [
        ("reader-study", "rs", "t")
    ]
    assert shown[0]["values"]["age-float"] == {"value": 1.5}
    assert shown[0]["values"]["ct-image"]["files"][0]["size"] == len(mha())
    parts = again.step(incomplete, "list-parts").json()["parts"]
    assert parts[0]["ETag"] == part["ETag"]
    assert again.complete(incomplete, part).is_success


@needs_signals
@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_with_exit_code_0(spawn: Start, stop_signal: signal.Signals) -> None:
    process, client = spawn("--reader-study", "rs")
    assert client.get("gcapi/").is_success

    process.send_signal(stop_signal)

    assert process.wait(10) == 0


def test_a_second_sandbox_on_the_same_folder_is_refused(
    spawn: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spawn()

    assert main(["--dir", str(tmp_path / "memory")]) == 3
    error = capsys.readouterr().err
    assert error.startswith("uploader sandbox: another sandbox is running on ")
    assert error.count("\n") == 1


def test_show_and_delete_work_while_it_runs(
    spawn: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, client = spawn("--reader-study", "rs", "--archive", "ar", "--socket", "age=Float")
    item = client.create(title="t", order=3)
    client.fill(item, {"interface": "age", "value": 2})
    pk = item.split("/")[-2]

    assert show_items(tmp_path, capsys) == [
        {
            "kind": "reader-study",
            "slug": "rs",
            "pk": pk,
            "title": "t",
            "order": 3,
            "values": {"age": {"value": 2}},
        }
    ]
    assert main(["show", "--dir", str(tmp_path / "memory")]) == 0
    assert capsys.readouterr().out == f"reader-study rs: t  order 3  {pk}\n    age: 2\n"

    assert main(["delete", "--dir", str(tmp_path / "memory"), pk]) == 0

    assert client.get(item).status_code == 404
    assert show_items(tmp_path, capsys) == []
    with pytest.raises(SystemExit) as ended:
        main(["delete", "--dir", str(tmp_path / "memory"), pk])
    assert ended.value.code == 2


def test_show_lists_the_files_inside_a_zip(
    start_sandbox: Callable[..., Client], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.sandbox.helpers import zipped

    client = start_sandbox()
    item = client.create()
    content = {"a/x.mhd": b"NDims = 2\nDimSize = 1 1\nElementType = MET_UCHAR\n"
               b"ElementDataFile = x.raw\n", "a/x.raw": b"1"}  # fmt: skip
    client.fill(
        item,
        {"interface": "ct-image", "user_uploads": [client.upload("x.zip", zipped(content))]},
        {"interface": "report-pdf", "user_upload": client.upload("r s.pdf", b"")},
    )
    wait_for_imports(tmp_path)

    values = show_items(tmp_path, capsys)[0]["values"]

    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [file["name"] for file in values["ct-image"]["files"]] == ["a/x.mhd", "a/x.raw"]
    assert values["report-pdf"] == {"file": {"name": "r_s.pdf", "sha256": empty, "size": 0}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--socket", "ct"], "it must look like SLUG=KIND"),
        (["--socket", "ct=Imag"], "no kind 'Imag'; did you mean 'Image'?"),
        (["--socket", "ct=PDF"], "did you mean 'PDF file'?"),
        (["--socket", "ct=Image:disk"], "only ':file' is"),
        (["--socket", "ct=Image,colour=red"], "'colour=red' is not known"),
        (["--socket", "ct=Segmentation,segments=x"], "segments must look like 0-1"),
        (["--socket", "ct=Anything,schema=/nowhere.json"], "is not a usable JSON Schema"),
        (["--reader-study", "a b"], "'a b' is not a slug"),
        (["--algorithm", "a=b-"], 'it must look like "SLUG=INPUT+INPUT->OUTPUT", in quotes'),
        (["--algorithm", "a=b->metrics-json-file"], "make it up: --socket b=KIND"),
        (["--question", "a=Text"], "is not a question"),
        (["--question", "a=Text:Why?"], "make it up: --reader-study a"),
        (["--image", "x"], "is not the pk of an image"),
        (["--hook", "nowhere:nothing"], "cannot use the hook"),
    ],
)
def test_an_invalid_option_is_refused_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--dir", str(tmp_path / "memory")]) == 2

    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--import-delay", "-1"],
        ["--import-delay", "nan"],
        ["--port", "70000"],
        ["--connection-mbit", "0"],
        ["--upload-limit", "x"],
        ["--job-limit", "-1"],
        ["--credits", "1.5"],
        ["--job-delay", "-1"],
        ["--fail-job", "x"],
        ["--colour"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_port_in_use_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        assert main(["--port", port, "--dir", str(tmp_path / "memory")]) == 3

    error = capsys.readouterr().err
    assert error.startswith(f"uploader sandbox: cannot listen on port {port}: ")
    assert error.count("\n") == 1


def test_an_unusable_folder_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert main(["--dir", str(tmp_path / "file")]) == 3
    assert main(["--dir", str(tmp_path / "file" / "below")]) == 3
    (tmp_path / "a" / "claim.sqlite3").mkdir(parents=True)
    assert main(["--dir", str(tmp_path / "a")]) == 3
    (tmp_path / "sandbox.sqlite3").write_text("no database" * 1000)
    assert main(["--dir", str(tmp_path)]) == 3

    error = capsys.readouterr().err
    assert error.count("\n") == error.count("uploader sandbox: cannot use ") == 4


@pytest.mark.parametrize("command", [[], ["show"], ["delete"], ["answer"]])
def test_each_help_text_has_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "example:\n  uploader sandbox" in text
    assert "--hook" not in text


def test_the_given_port_and_limits_are_used(spawn: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    _, client = spawn(
        "--port", str(port), "--upload-limit", "0", "--no-title-in-answers", "--no-upload-sessions"
    )

    assert client.running.url == f"http://127.0.0.1:{port}/api/v1/"
    assert client.post("uploads/", json={"filename": "a"}).status_code == 201
    assert client.post("uploads/", json={"filename": "a"}).status_code == 400
    assert client.post("cases/upload-sessions/", json={"uploads": []}).status_code == 405


def test_the_given_algorithms_questions_and_limits_are_used(spawn: Start) -> None:
    _, client = spawn(
        *("--socket", "note=String", "--algorithm", "echo=note->note,credits=30"),
        *("--job-delay", "0", "--job-limit", "1", "--credits", "60", "--fail-job", "1"),
        *("--reader-study", "rs", "--question", "rs=Bool:Good?"),
    )
    [algorithm] = client.get("algorithms/").json()["results"]
    [study] = client.get("reader-studies/").json()["results"]

    def run(note: str) -> Any:
        inputs = [{"interface": "note", "value": note}]
        job = {"algorithm": algorithm["api_url"], "inputs": inputs}
        answer = client.post("algorithms/jobs/", json=job).json()
        if "pk" not in answer:
            return answer["non_field_errors"]
        path = f"algorithms/jobs/{answer['pk']}/"
        ends = ("Succeeded", "Failed")
        return wait_for(lambda: {end: end for end in ends}.get(status(path)))

    def status(path: str) -> str:
        return str(client.get(path).json()["status"])

    ends = [run("a"), run("b"), run("c")]

    assert ends == ["Failed", "Succeeded", ["You have run out of algorithm credits"]]
    assert study["questions"][0]["answer_type"] == "Bool"


@pytest.mark.parametrize("importer", ["panimg 1.2", None])
def test_people_are_told_if_images_are_not_judged(importer: str | None) -> None:
    from manifest_uploader.sandbox.command import _for_people

    running = Running("u", "t", "s", None, "", int, print, importer)

    words = "Images are accepted unread: the platform's own importer is not used."
    assert (words in _for_people(running)) == (importer is None)


def test_images_can_be_accepted_unread(spawn: Start, tmp_path: Path) -> None:
    _, client = spawn("--reader-study", "rs", "--socket", "ct-image=Image", "--no-importer")
    item = client.create()
    upload = client.upload("a.mha", b"no image")
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    wait_for_imports(tmp_path)

    assert client.running.importer is None
    assert list(client.values(item)) == ["ct-image"]


def test_only_clients_that_trust_the_authority_can_connect(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    import ssl

    running = start_sandbox(tls=True).running
    assert running.ca is not None
    trusting = ssl.create_default_context(cafile=str(running.ca))

    with httpx.Client(verify=trusting, trust_env=False) as client:
        assert client.get(f"{running.url}gcapi/").json()["sandbox_id"] == running.id
    assert running.url.startswith("https://127.0.0.1:")
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(f"{running.url}gcapi/")


def test_the_authority_is_kept_between_starts(tmp_path: Path) -> None:
    from manifest_uploader.sandbox import SandboxOptions, start

    certificates = []
    for _ in range(2):
        with start(SandboxOptions(dir=tmp_path, tls=True)) as running:
            assert running.ca is not None
            certificates.append(running.ca.read_bytes())

    assert certificates[0] == certificates[1]


def test_an_image_can_be_deleted(start_sandbox: Callable[..., Client], tmp_path: Path) -> None:
    client = start_sandbox()
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    image = client.values(item)["ct-image"]["image"]

    assert main(["delete", "--dir", str(tmp_path / "memory"), image.split("/")[-2]]) == 0

    assert client.values(item) == {}
    assert client.get(image).status_code == 404


def test_a_bug_of_the_sandbox_is_a_500_page_and_one_line(
    start_sandbox: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from manifest_uploader.sandbox import uploads

    client = start_sandbox()
    monkeypatch.setattr(uploads, "clean_up", lambda *_: 1 / 0)

    assert client.get("gcapi/").status_code == 500
    assert "a bug of the sandbox: GET /api/v1/gcapi/: ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text


def test_tokens_are_not_shown_and_other_users_cannot_read_them(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    running = start_sandbox().running

    assert len(running.token) == len(running.token_without_rights) == 64
    assert running.token not in repr(running)
    if os.name != "nt":
        mode = (tmp_path / "memory" / "sandbox.sqlite3").stat().st_mode
        assert mode & 0o077 == 0


def test_bytes_without_an_upload_row_are_removed_at_the_next_start(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    stray = tmp_path / "memory" / "parts" / "stray"
    stray.mkdir(parents=True)

    start_sandbox()

    wait_for(lambda: not stray.exists())
