"""Hooks for the sandbox: faults by a script, and faults by chance that a seed repeats."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from manifest_uploader.sandbox import Fault, Seen

KINDS = ("reset", "stall", "delay", "truncate", "answer", "expire", "lose_part")


@dataclass(frozen=True)
class Step:
    """One fault of a script: at a request of a kind, counted from 1, before or after it acts."""

    kind: str
    fault: Fault
    number: int = 1
    when: str = "before"


class Script:
    """Lets go wrong exactly what it says."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)
        self.seen: list[Seen] = []

    def before(self, request: Seen) -> Fault | None:
        self.seen.append(request)
        return self._find(request, "before")

    def after(self, request: Seen, status: int) -> Fault | None:
        return self._find(request, "after")

    def _find(self, request: Seen, when: str) -> Fault | None:
        for step in self.steps:
            if (step.kind, step.number, step.when) == (request.kind, request.number, when):
                return step.fault
        return None


class Losing(Script):
    """Lets imports find files of a pattern missing or empty, though they were sent."""

    def __init__(self, pattern: str, *, empty: bool) -> None:
        super().__init__([])
        self.pattern = pattern
        self.empty = empty

    def on_files(self, item: str, slug: str, names: tuple[str, ...]) -> dict[str, bytes | None]:
        lost = (name for name in names if fnmatchcase(name.rpartition("/")[2], self.pattern))
        return dict.fromkeys(lost, b"" if self.empty else None)


class Instead(Script):
    """Lets imports find other contents than were sent, which no look at the local files shows."""

    def __init__(self, files: Mapping[str, bytes | None]) -> None:
        """Take the contents by the files' base names; None: the file is missing."""
        super().__init__([])
        self.files = dict(files)

    def on_files(self, item: str, slug: str, names: tuple[str, ...]) -> dict[str, bytes | None]:
        bases = {name: name.rpartition("/")[2] for name in names}
        return {name: self.files[base] for name, base in bases.items() if base in self.files}


class Chance:
    """Lets a share of requests go wrong, half of them before and half of them after they act."""

    def __init__(
        self, seed: int, share: float, kinds: tuple[str, ...] = KINDS, stall_s: float = 0.2
    ) -> None:
        self.kinds = kinds
        self.share = share
        self.stall_s = stall_s
        self.made = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        return self._toss(request, acted=False)

    def after(self, request: Seen, status: int) -> Fault | None:
        return self._toss(request, acted=True)

    def _toss(self, request: Seen, *, acted: bool) -> Fault | None:
        with self._lock:
            if self._random.random() >= self.share / 2:
                return None
            kind = self._random.choice(self.kinds)
            storage_only = kind in ("expire", "lose_part")
            if storage_only and (acted or request.kind != "part"):
                return None
            self.made += 1
            return self._fault(kind)

    def _fault(self, kind: str) -> Fault:
        if kind == "answer":
            return Fault.answer(self._random.choice((429, 500, 502, 503, 504)))
        if kind in ("stall", "delay"):
            return Fault(kind, seconds=self.stall_s)  # type: ignore[arg-type]
        return Fault(kind)  # type: ignore[arg-type]


def by_chance(text: str) -> Chance:
    """Return a hook for `--hook tests.faults:by_chance:SEED/SHARE` or `SEED/SHARE/KIND+KIND`."""
    seed, share, *kinds = text.split("/")
    return Chance(int(seed), float(share), tuple(kinds[0].split("+")) if kinds else KINDS)


def losing(text: str) -> Losing:
    """Return a hook for `--hook tests.faults:losing:PATTERN`, or `PATTERN/empty`."""
    pattern, _, how = text.partition("/")
    assert how in ("", "empty"), text
    return Losing(pattern, empty=how == "empty")
