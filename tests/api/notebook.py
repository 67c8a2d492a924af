"""`python -m tests.api.notebook`: runs the example notebook in a real kernel, without a browser.

It makes an environment with this checkout, nbclient and a kernel; runs `examples/notebook.ipynb`;
then presses the stop button of another one while its imports are awaited. It prints what each
cell shows, and ends with 1 if something is wrong.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

RUNS = """
import json, sys
import nbformat
from nbclient import NotebookClient

class Client(NotebookClient):
    pictures = 0

    def process_message(self, message, cell, index):
        Client.pictures += message["msg_type"] in {"display_data", "update_display_data"}
        return super().process_message(message, cell, index)

book = nbformat.read(sys.argv[1], 4)
seconds = int(sys.argv[2])
Client(book, timeout=seconds, interrupt_on_timeout=True, allow_errors=True).execute()
cells = [
    {"source": one.source, "outputs": one.outputs} for one in book.cells if one.cell_type == "code"
]
print(json.dumps({"pictures": Client.pictures, "cells": cells}))
"""

STOPPED = (
    """
import math, os, threading
from pathlib import Path
import manifest_uploader as mu
from manifest_uploader.sandbox import SandboxOptions, start

never = SandboxOptions(
    dir=Path("never"), reader_studies=("lung-nodules",), sockets=("airways=Image",),
    import_delay_s=math.inf,
)
box = start(never)
os.environ["GRAND_CHALLENGE_API_URL"] = box.url
os.environ["GRAND_CHALLENGE_AUTHORIZATION"] = box.token
manifest = mu.Manifest.from_cases(
    [mu.Case("p", {"airways": mu.File("reader-study/data/patient-001/airways.mha")})],
    target="reader-study/lung-nodules",
)
manifest.save("stopped.yaml")
""",
    "manifest.run()",
    (
        "print([one.name for one in threading.enumerate() if one.name == 'uploader'])\n"
        "print(manifest.status()['p'].item is not None)"
    ),
)


def prepare(folder: Path) -> Path:
    """Make an environment with a kernel; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = next((folder / "venv").glob("[bS]*/python*"))
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, ROOT, "nbclient", "ipykernel"], check=True)
    (folder / "run.py").write_text(RUNS)
    return python


def executed(python: Path, book: Path, *, seconds: int) -> dict[str, Any]:
    """Run a notebook; its cells with their outputs."""
    command = [python, book.parents[1] / "run.py", book, str(seconds)]
    ended = subprocess.run(command, cwd=book.parent, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def text_of(output: dict[str, Any]) -> str:
    """What an output shows, as text."""
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return str(output.get("text") or output["data"]["text/plain"])


def show(found: dict[str, Any]) -> None:
    """Print what each cell shows."""
    for cell in found["cells"]:
        print(f">>> {cell['source'].strip().splitlines()[0]} …")
        for output in cell["outputs"]:
            print(f"[{output['output_type']}]\n{text_of(output)}")


def book_of(path: Path, cells: tuple[str, ...]) -> Path:
    """Write a notebook with these cells."""
    made = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "outputs": [], "source": source,
         "execution_count": None}
        for number, source in enumerate(cells)
    ]  # fmt: skip
    book = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(book))
    return path


def problems_of(found: dict[str, Any], stopped: dict[str, Any]) -> list[str]:
    """What is wrong."""
    wrong = []
    outputs = [output for cell in found["cells"] for output in cell["outputs"]]
    if any(one["output_type"] == "error" for one in outputs):
        wrong.append("a cell of the example fails")
    (run,) = (one for one in found["cells"] if ".run(" in one["source"])
    pictures = [one for one in run["outputs"] if one["output_type"] == "display_data"]
    if len(pictures) != 1 or "Finished: all 3 cases uploaded and verified" not in text_of(
        pictures[0]
    ):
        wrong.append("the run is not one picture that ends with what came of it")
    if not all(set(one["data"]) == {"text/plain", "text/html"} for one in pictures):
        wrong.append("the picture has no HTML")
    if any(one["output_type"] == "stream" for one in run["outputs"]):
        wrong.append("the run writes beside its picture")
    _, ran, after = stopped["cells"]
    if [text_of(one) for one in ran["outputs"] if one["output_type"] == "error"] != [
        "KeyboardInterrupt: "
    ]:
        wrong.append("the stop button does not end the cell")
    if not any("stopped; run it again to continue" in text_of(one) for one in ran["outputs"]):
        wrong.append("it is not said that the run was stopped")
    if [text_of(one) for one in after["outputs"]] != ["[]\nTrue\n"]:
        wrong.append("the run went on, or what was under way was not recorded")
    return wrong


def main() -> int:
    """Run both notebooks; 1 if something is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        python = prepare(folder)
        left = shutil.ignore_patterns("*.sandbox", "*.jsonl", "*.lock", "lung.yaml")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=left)
        found = executed(python, folder / "examples" / "notebook.ipynb", seconds=120)
        show(found)
        print(f"{found['pictures']} pictures were drawn")
        book = book_of(folder / "examples" / "stopped.ipynb", STOPPED)
        stopped = executed(python, book, seconds=10)
        show(stopped)
        wrong = problems_of(found, stopped)
    for one in wrong:
        print(f"wrong: {one}")
    print("all is well" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
