"""Ten DICOM series on a line of 60 ms, beside the official client's own loop.

    python -m tests.e2e.series [--series 10] [--slices 200] [--side 128] [--latency-ms 60]
        [--scaled-from 2]

The official client sends the first of the series only; its time for all is scaled from them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.data import write_series
from tests.e2e.helpers import STUDY, Box, Entry, environment, served_apart
from tests.e2e.size import measured
from tests.others import GCAPI, python_with

SCRIPT = """
import sys, time
from pathlib import Path
from gcapi import Client, SocketValueSpec

url, token, study, *folders = sys.argv[1:]
client = Client(base_url=url, token=token)
started = time.monotonic()
for folder in map(Path, folders):
    client.add_case_to_reader_study(
        reader_study_slug=study,
        values=[SocketValueSpec(socket_slug="ct-image", files=sorted(folder.iterdir()))],
        title=f"official {folder.name}",
    )
print(time.monotonic() - started)
"""


@dataclass(frozen=True)
class Sizes:
    """How much is sent."""

    series: int
    slices: int
    side: int
    latency_ms: int
    scaled_from: int
    """Series that the official client sends."""


@dataclass(frozen=True)
class Figures:
    """What came of it."""

    sent_s: float
    """Until the last case was filled, which is all that the official client does."""
    seen_s: float
    """Until the process had ended: every image was seen on the platform."""
    official_s: float
    """For all series, scaled from those it sent."""
    requests_a_case: float
    bytes_sent: int


def compare(folder: Path, sizes: Sizes) -> Figures:
    """Send all series with `uploader run`, and some with the official client."""
    box = Box(folder)
    for number in range(sizes.series):
        name = f"series-{number:02}"
        write_series(box.data / name, number, sizes.slices, side=sizes.side)
        box.add(name, {"ct-image": {"files": name}})
    box.save()
    latency = f"--latency-ms={sizes.latency_ms}"
    with served_apart(folder / "sandbox", "--tls", latency) as box.served:
        given = {"SSL_CERT_FILE": box.served.ca}
        found = measured(box, seconds=1800, env=box.environment(**given))
        found.ran.expect(0)
        box.check()
        official_s = _official(box, sizes)
    summary: Entry = found.ran.summary
    return Figures(
        found.ends_s[-1],
        found.whole_s,
        official_s,
        summary["requests"] / sizes.series,
        summary["bytes_sent"],
    )


def _official(box: Box, sizes: Sizes) -> float:
    assert box.served is not None
    folders = [str(box.data / entry["name"]) for entry in box.entries[: sizes.scaled_from]]
    done = subprocess.run(
        [str(python_with(GCAPI)), "-c", SCRIPT, box.served.url, box.served.token, STUDY, *folders],
        env=environment(SSL_CERT_FILE=box.served.ca, PYTHONPATH=None),
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    took: float = json.loads(done.stdout)
    return took * sizes.series / len(folders)


def main() -> None:
    """The bar at its full size, with its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=10)
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--latency-ms", type=int, default=60)
    parser.add_argument("--scaled-from", type=int, default=2)
    sizes = Sizes(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), sizes)
    official = found.official_s
    sys.stdout.write(
        f"{sizes.series} series of {sizes.slices} slices, {found.bytes_sent / 1e6:.0f} MB, "
        f"{sizes.latency_ms} ms:\n"
        f"  {GCAPI}: sent in {official:.1f} s "
        f"(scaled from {min(sizes.scaled_from, sizes.series)} series)\n"
        f"  uploader: sent in {found.sent_s:.1f} s, {official / found.sent_s:.1f} times as fast "
        "(bar: at least 10)\n"
        f"  uploader: sent and seen on the platform in {found.seen_s:.1f} s, "
        f"{official / found.seen_s:.1f} times as fast\n"
        f"  {found.requests_a_case:.1f} requests a case (bar: at most 8)\n"
    )


if __name__ == "__main__":
    main()
