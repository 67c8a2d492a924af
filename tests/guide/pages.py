"""The blocks of a page for users, and the comments above them.

A comment says what a shell cannot: what happened before, how the command ends, that a block is to
be saved as a file, or why it is not run here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TOPICS = ROOT / "manifest_uploader" / "guide"
UPLOADED = "<!-- the study is uploaded -->"
"""The reader has uploaded the study before the first command of a topic; otherwise it only looks at
the platform.
"""

NOT_RUN = {
    "for Windows",
    "it is what is replaced",
}
"""Every reason for which a command is not run by a test."""

VOLATILE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "PK"),
    (r"\b[0-9a-f]{64}\b", "TOKEN"),
    (r"\b[\d.]+ s\b", "TIME"),
    (r"\b\d+ requests?\b", "N requests"),
    (r'"(requests|elapsed_s|retries)": [\d.]+', r'"\1": N'),
    (r"held by .* since [\d: -]+ ", "held by SOMEBODY "),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"(?m)^(\d+ of \d+ cases? finished|checking|(looked into|read) \d+ of).*\n", ""),
    (r"(?m)^(listing|waiting for|planning).*\n", ""),
    (r"(?m)^note: .*(panimg|importer).*\n", ""),
)
"""What differs from run to run, and what stands for it in a comparison."""
HOLDER = "held by alice on node17, pid 4242, since 2026-11-23 10:32:07 "


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment above it."""

    page: Path
    language: str
    text: str
    note: str
    line: int
    start: int
    """Where its text begins in the page, in characters."""

    @property
    def code(self) -> int:
        """The exit code that the comment promises."""
        found = re.search(r"exit (\d+)", self.note)
        return int(found[1]) if found else 0

    @property
    def before(self) -> str | None:
        """What happened before."""
        found = re.match(r"before: ([^;]+)", self.note)
        return found[1] if found else None

    @property
    def file(self) -> str | None:
        """The name under which the reader saves it."""
        return self.note.removeprefix("saved as ") if self.note.startswith("saved as ") else None

    @property
    def is_run(self) -> bool:
        """Whether it is run by copying."""
        not_here = ("not run here", "run by a test", "the tests")
        runs = self.language in {"sh", "python"} and self.file is None
        return runs and not self.note.startswith(not_here)

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            found["language"],
            found["text"],
            found["note"] or "",
            text[: found.start()].count("\n") + 1,
            found.start("text"),
        )
        for found in _BLOCK.finditer(text)
    ]


def topics() -> list[Path]:
    return sorted(TOPICS.glob("*.md"))


def masked(output: str) -> list[str]:
    """The lines without what differs from run to run; cases end in any order."""
    for pattern, stands_for in VOLATILE:
        output = re.sub(pattern, stands_for, output)
    return sorted(output.splitlines())


def _shown(seen: str) -> str:
    """An output as a page shows it: without passing remarks and the names of this machine."""
    for pattern, stands_for in VOLATILE:
        seen = seen if stands_for else re.sub(pattern, "", seen)
    return re.sub(r"held by .* since [\d: -]+ ", HOLDER, seen)


def update(page: Path, outputs: Mapping[int, str]) -> None:
    """Write outputs into a page: by the start of their blocks."""
    text = page.read_text(encoding="utf-8")
    for block in reversed(blocks(page)):
        if (seen := outputs.get(block.start)) is not None and masked(seen) != masked(block.text):
            end = block.start + len(block.text)
            text = text[: block.start] + _shown(seen) + text[end:]
    page.write_text(text, encoding="utf-8")
