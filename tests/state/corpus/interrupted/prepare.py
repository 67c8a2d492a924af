"""Copies an interrupted run to where it can be finished, as if it had been killed a minute ago."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
RUNS: Final = json.loads((HERE / "notes.json").read_text(encoding="utf-8"))
"""By the name of a run: when it was killed, and the time of its files, in seconds since 1970."""
_TIMES: Final = {"uploads": "created", "parts": "modified", "answers": "created"}
"""The tables and columns of the sandbox that hold times."""
_TIME: Final = re.compile(r'^\{"time":([0-9.]+)', re.MULTILINE)


def prepare(name: str, folder: Path) -> Path:
    """Copy the run into a new folder and return its manifest.

    All times move: the sandbox removes upload rows that are older than a day. The files get back
    the time that the state knows them by: git does not keep it.
    """
    notes = RUNS[name]
    later = time.time() - 60 - notes["killed_at"]
    shutil.copytree(HERE / name, folder, copy_function=shutil.copyfile)
    for file in folder.glob("data/**/*"):
        if file.is_file():
            os.utime(file, (notes["mtime_of_data"], notes["mtime_of_data"]))
    state = folder / "manifest.sandbox.state.jsonl"
    text = state.read_text(encoding="utf-8")
    text = _TIME.sub(lambda found: f'{{"time":{round(float(found[1]) + later, 3)}', text)
    state.write_text(text, encoding="utf-8", newline="\n")
    with closing(sqlite3.connect(folder / "manifest.sandbox" / "sandbox.sqlite3")) as store, store:
        for table, column in _TIMES.items():
            store.execute(f"UPDATE {table} SET {column} = {column} + ?", (later,))
    return folder / "manifest.yaml"
