"""`python -m tests.benchmark [--share 0.1] [--runs 3] [NAME…]`: measures, prints, draws."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.benchmark.places import HERE
from tests.benchmark.workloads import NAMES, WORKLOADS, Row, Size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--share", type=float, default=1.0, help="of the bars' sizes (1)")
    parser.add_argument("--runs", type=int, default=3, help="medians of so many (3)")
    parser.add_argument("--write", action="store_true", help="write the table and the picture")
    given = parser.parse_args()
    unknown = set(given.names) - set(NAMES)
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(NAMES)}")
    rows: list[Row] = []
    for name in given.names or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += _measured(name, Size(given.share, given.runs))
        if given.write:
            _write(given, rows)
    print(table(rows))


def _measured(name: str, size: Size) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="uploader-benchmark-"))
    try:
        return list(WORKLOADS[name](folder, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(given: argparse.Namespace, rows: list[Row]) -> None:
    """What is known so far: a night's measuring is not lost with its last workload."""
    text = f"{_heading(given)}\n\n{table(rows)}\n"
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    (HERE / "results.svg").write_text(picture(rows), encoding="utf-8")


def _heading(given: argparse.Namespace) -> str:
    return (
        "# What was measured\n\n"
        f"`python -m tests.benchmark` on {platform.system()}, Python {platform.python_version()}, "
        f"at {given.share:g} of the full sizes, medians of {given.runs}. Sandbox in a process of "
        "its own, TLS, loopback. Ratios are of the time until all was sent: we then wait for the "
        "imports, the others do not. Ratios travel; seconds do not. No process is shown with less "
        "memory than the benchmark had that started it.\n\n![ratios](results.svg)"
    )


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| workload | client | sent s | ended s | CPU s | memory MiB | requests | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        one = row.figure
        requests = one.requests or ""
        lines.append(
            f"| {row.workload} | {row.client} | {_sent_s(row):.1f} | "
            f"{one.wall_s:.1f} | {one.cpu_s:.2f} | "
            f"{one.memory_mib:.0f} | {requests} | {row.note} |"
        )
    return "\n".join(lines)


def _sent_s(row: Row) -> float:
    return row.figure.sent_s or row.figure.wall_s


def picture(rows: list[Row]) -> str:
    """A bar a row, as long as its time until all was sent beside the slowest of its workload."""
    height, width = 22, 760
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height * len(rows) + 30}" font-family="sans-serif" font-size="12">'
        ),
        "<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>",
    ]
    for index, row in enumerate(rows):
        slowest = max(_sent_s(one) for one in rows if one.workload == row.workload)
        length = max(2.0, 380 * _sent_s(row) / slowest)
        y = 20 + index * height
        color = "#2a7" if "uploader" in row.client else "#999"
        parts.append(f'<text x="4" y="{y + 12}">{row.workload}: {row.client}</text>')
        parts.append(
            f'<rect x="270" y="{y}" width="{length:.0f}" height="15" fill="{color}"/>'
            f'<text x="{276 + length:.0f}" y="{y + 12}">{_sent_s(row):.1f} s</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
