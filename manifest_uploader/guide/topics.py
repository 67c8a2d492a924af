"""The topics of the guide, and their texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TOPICS: Final = {
    "manifest": "what a manifest can say: files, values, tables, one description for many cases",
    "init": "write a manifest from a folder and a table",
    "options": "the options of validate, plan, run, verify and status",
    "token": "where the token comes from, and where to keep it",
    "files": "files that are empty, cut short or not what their socket takes; failed imports",
    "changes": "files that were replaced, cases that were deleted, what others changed",
    "interrupted": "after Ctrl-C, a power cut or a lost network",
    "limits": "upload slots, bytes, a busy platform",
    "lost-state": "the state file: what it is for, and what to do without it",
    "colleagues": "work on one study with others; locks; git",
    "privacy": "what may leave your computer, and what does",
    "report": "a page for your colleagues, and tables",
    "fetch": "bring answers, outputs and files back",
    "jobs": "run an algorithm: one job for each case",
    "image-sets": "sockets of kind DICOM Image Set",
    "proxy": "proxies and certificates of hospitals",
    "cluster": "SLURM, links, shared disks",
    "windows": "PowerShell: token, proxy, certificates, paths",
    "sandbox": "rehearse without an account",
    "scripts": "exit codes and JSON",
    "python": "the same from Python and notebooks",
    "gcapi": "from a loop with gcapi to a manifest",
}
"""By name, in the order in which they are listed: what each is about."""
_FOLDER: Final = Path(__file__).parent
_COMMENT: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)


def text_of(topic: str) -> str:
    """A topic's Markdown, without the comments for its test."""
    text = (_FOLDER / f"{topic}.md").read_text(encoding="utf-8")
    return _COMMENT.sub("", text)
