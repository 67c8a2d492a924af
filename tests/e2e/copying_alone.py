"""De-identifies the files of a folder in this process alone, for comparison, once for each line.

python -m tests.e2e.copying_alone FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from manifest_uploader.files import copy_worker
from tests.files.helpers import stat_file

answer = copy_worker.start("ab" * 32, "")
files = [msgspec.to_builtins(stat_file(path)) for path in sorted(Path(sys.argv[1]).iterdir())]
answer(files[0])
for _ in sys.stdin:
    for file in files:
        assert answer(file)["copy"]
    sys.stdout.write("done\n")
    sys.stdout.flush()
