"""Walks README and the guide: `python -m tests.guide [--update | --wheel] [PAGE ...]`.

Without an option it says which outputs are not those that are shown. `--update` writes them into
the pages. `--wheel` builds the wheel and installs it into a fresh environment first, which takes
packages from an index.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path

from tests.guide.desk import Program, prepared, walk_readme, walk_topic
from tests.guide.pages import README, ROOT, Block, masked, topics, update

_EXTRAS = "dask,importer,keyring,report,xlsx"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guide", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the outputs into the pages")
    parser.add_argument("--wheel", action="store_true", help="install the wheel, and use that")
    parser.add_argument("pages", metavar="PAGE", nargs="*", help="README, or a topic's name")
    given = parser.parse_args()
    pages = [one for one in (README, *topics()) if not given.pages or one.stem in given.pages]
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Program(install_wheel(folder / "wheel")) if given.wheel else Program()
        with prepared(folder) as shared:
            for page in pages:
                (folder / page.stem).mkdir()
                walked = (
                    walk_readme(folder / page.stem, program)
                    if page == README
                    else walk_topic(page, folder / page.stem, shared, program)
                )
                wrong += not try_page(page, walked, writes=given.update)
    print(f"{len(pages)} pages, {wrong} wrong")
    return 1 if wrong else 0


def try_page(page: Path, walked: Iterable[tuple[Block, str]], *, writes: bool) -> bool:
    """Walk a page, and print what is wrong with it."""
    outputs, differ = {}, []
    try:
        for block, seen in walked:
            outputs[block.start] = seen
            differ += (
                [f"{block.place}: it is\n{seen}"] if masked(seen) != masked(block.text) else []
            )
    except AssertionError as error:
        print(error)
        return False
    if writes:
        update(page, outputs)
        differ = []
    print(page.name, "ok" if not differ else "\n".join(["", *differ]))
    return not differ


def install_wheel(folder: Path) -> Path:
    """The `bin` folder of a fresh environment with the wheel of this checkout."""
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", build], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wheel = folder / ended.stdout.split()[-1]
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    packages = [f"{wheel}[{_EXTRAS}]", "keyrings.alt"]
    subprocess.run([programs / "python", "-m", "pip", "install", "-q", *packages], check=True)
    return programs


if __name__ == "__main__":
    sys.exit(main())
