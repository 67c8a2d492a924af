"""Runs a command as a process of its own and reads what the system says of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

_COMPILE_ANEW = "PYTHONDONTWRITEBYTECODE"


@dataclass(frozen=True)
class Figure:
    """What one run took."""

    wall_s: float
    cpu_s: float
    memory_mib: float
    """The largest resident size."""
    output: str = ""
    requests: int = 0
    sent_s: float = 0.0
    """Until all was sent and filled: other clients end there. 0: all of `wall_s`."""
    scale: float = 1.0
    """The run did one part in this many; wall and CPU are scaled up."""

    def scaled(self) -> Figure:
        """As if all of the work had been done."""
        wall_s, cpu_s = self.wall_s * self.scale, self.cpu_s * self.scale
        return replace(self, wall_s=wall_s, cpu_s=cpu_s, scale=1.0)


def middle(figures: Sequence[Figure]) -> Figure:
    """The medians of several runs."""
    return replace(
        figures[-1],
        wall_s=median(one.wall_s for one in figures),
        sent_s=median(one.sent_s for one in figures),
        cpu_s=median(one.cpu_s for one in figures),
        memory_mib=median(one.memory_mib for one in figures),
    )


def compiling(env: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which Python keeps what it has compiled, as it does for users.

    Of several clients only those that were installed compiled would else be at their best.
    """
    kept = {name: value for name, value in os.environ.items() if name != _COMPILE_ANEW}
    return {**kept, **env}


def run(
    arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout_s: float = 1800
) -> Figure:
    """Run a command to its end.

    Raises:
        RuntimeError: it did not end well; with the end of what it said.

    """
    started = time.perf_counter()
    child = subprocess.Popen(
        [str(one) for one in arguments],
        cwd=cwd,
        env=compiling(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    killer = threading.Timer(timeout_s, child.kill)
    killer.start()
    assert child.stdout is not None
    output = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - started
    killer.cancel()
    child.stdout.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{arguments} ended with {child.returncode}: {output[-2000:]}")
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    return Figure(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / per_mib, output=output)
