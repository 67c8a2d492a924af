"""Makes the picture of README: `python -m tests.report.picture` writes `examples/report.png`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image

from tests.entry import uploader
from tests.report.browser import page

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURE = EXAMPLES / "report.png"
WIDTH, HEIGHT, COLOURS = 1000, 880, 64


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name) / "reader-study", Path(name) / "whole.png"
        shutil.copytree(EXAMPLES / "reader-study", folder)
        uploader("run", "--sandbox", "manifest.yaml", "--report", cwd=folder).expect(0)
        with page(Path(name) / "profile") as tab:
            tab.open(folder / "manifest.report.html", width=WIDTH)
            tab.screenshot(file, whole=True)
        with Image.open(file) as whole:
            shown = whole.convert("RGB").crop((0, 0, WIDTH, HEIGHT))
        shown.quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
