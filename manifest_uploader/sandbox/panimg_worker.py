"""Reads folders with panimg, the platform's importer, in a process of its own.

The judge starts this file as a script, so that a request never waits for numpy, SimpleITK and
their locks. Each line of standard input is a JSON object {"given": FOLDER, "made": FOLDER}. Each is
answered by one line: {"images": [...], "left": [paths below `given`]} or {"error": name}. The
process ends with its standard input, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import logging
import math
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any


def main() -> None:
    """Answer every line of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sandbox, which then ends this
    answers = _take_standard_output()
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):  # then every answer says so
        import panimg  # noqa: F401, PLC0415 - it takes a second, which passes before a question comes
    gc.freeze()  # what stays need not be gone through after each image
    while True:
        answer = _judge(**json.loads(lines.get()))
        gc.collect()  # panimg leaves files open, which Windows does not remove
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _take_standard_output() -> IO[str]:
    """Return standard output; what libraries print from now on goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return answers


def _read(lines: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)  # the sandbox has ended, perhaps in the middle of an import


def _judge(given: str, made: str) -> dict[str, Any]:
    try:
        return _convert(Path(given).resolve(), Path(made))
    except Exception as error:  # noqa: BLE001 - whatever a damaged file does to a reader
        large = "std::bad_alloc" in str(error) or isinstance(error, MemoryError)
        return {"error": "too large" if large else type(error).__name__}


def _convert(given: Path, made: Path) -> dict[str, Any]:
    from panimg import convert  # noqa: PLC0415 - it is imported already

    found = convert(input_directory=given, output_directory=made, post_processors=[])
    files: dict[Any, list[dict[str, str]]] = {}
    for file in found.new_image_files:
        where = Path(file.file).resolve().relative_to(made.resolve()).as_posix()
        files.setdefault(file.image_id, []).append({"path": where, "type": file.image_type.value})
    left = found.file_errors.keys() - found.consumed_files
    return {
        "images": [_facts(image, files[image.pk]) for image in found.new_images],
        "left": sorted(path.relative_to(given).as_posix() for path in left),
    }


def _facts(image: Any, files: list[dict[str, str]]) -> dict[str, Any]:
    facts = {name: _plain(value) for name, value in dataclasses.asdict(image).items()}
    return {**facts, "files": files}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, frozenset | set):
        return sorted(int(one) for one in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return str(getattr(value, "value", value))


if __name__ == "__main__":
    main()
