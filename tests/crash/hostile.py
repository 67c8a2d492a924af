"""Manifests and state files that somebody meant ill with, through the command.

python -m tests.crash.hostile [--count 50] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.state import file as state_file
from tests.crash.helpers import Recorder, Rich, platform, rich_box, side_by_side
from tests.e2e.helpers import Ran

NASTY = (
    *(b"\0", b"\xff\xfe", b"\xc3", b"\t", b"\r", b"\x1b[2J", b"\xe2\x80\xae", b"\xed\xa0\x80"),
    *(b"!!python/object/apply:os.system [id]", b"&a [*a, *a]", b"*a", b"<<: {}", b"---\n", b"..."),
    *(b"[" * 20_000, b"{a: " * 5_000, b"1" * 10_000, b"x" * 100_000, b"1e999", b".inf", b"'"),
    *(b'"', b"|", b">", b"%YAML 9.9", b"? ", b": ", b"- ", b"#", b"\\", b"null", b"../../etc"),
    *(b"/etc/passwd", b"C:\\x", b"-1", b"1.5", b"true", b"[]", b"{}", b"", b"&a", b"@", b"`"),
)
JSON_NASTY: tuple[Any, ...] = (
    *(None, True, -1, 2**64, 10**400, 1e308, float("inf"), float("nan"), "", "\0", "\ud800"),
    *("x" * 100_000, "../../x", "http://example.org/", [], {}, [[]], {"": None}, [None], "1"),
    *("00000000-0000-0000-0000-000000000000", ["00000000-0000-0000-0000-000000000000"]),
)


def manifests(good: bytes, *, seed: int, count: int) -> Iterator[bytes]:
    """Texts that are no manifest."""
    yield from _spoilt(good, _spoil_text, _is_manifest, seed=seed, count=count)


def states(good: bytes, path: Path, *, seed: int, count: int) -> Iterator[bytes]:
    """Texts that are no state, half of them, and others that have a wrong fact in them."""

    def is_state(text: bytes) -> bool:
        path.write_bytes(text)
        try:
            state_file.read(path)
        except Exception:  # noqa: BLE001 - a bug is for the command to show
            return False
        return True

    yield from _spoilt(good, _spoil_text, is_state, seed=seed, count=count // 2)
    chance = random.Random(seed)
    for _ in range(count - count // 2):
        yield _spoil_facts(good, chance)


def _spoilt(
    good: bytes,
    spoil: Callable[[bytes, random.Random], bytes],
    is_good: Callable[[bytes], bool],
    *,
    seed: int,
    count: int,
) -> Iterator[bytes]:
    chance = random.Random(seed)
    while count:
        text = spoil(good, chance)
        if not is_good(text):
            count -= 1
            yield text


def _is_manifest(text: bytes) -> bool:
    try:
        parse(text, "lung.yaml")
    except ManifestInvalid:
        return False
    except Exception:  # noqa: BLE001 - a bug is for the command to show
        return False
    return True


def _spoil_text(good: bytes, chance: random.Random) -> bytes:
    text = bytearray(good)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        length = chance.choice((0, 0, 1, 5, 40))
        match chance.randrange(4):
            case 0:
                text[at : at + length] = chance.choice(NASTY)
            case 1:
                text[at:at] = chance.choice(NASTY)
            case 2:
                lines = bytes(text).splitlines(keepends=True)
                chance.shuffle(lines)
                text = bytearray(b"".join(lines))
            case _:
                del text[at : at + 1 + length]
    return bytes(text)


def _spoil_facts(good: bytes, chance: random.Random) -> bytes:
    lines = [json.loads(line) for line in good.splitlines()]
    for _ in range(chance.choice((1, 2, 8))):
        one = chance.choice(lines)
        one[chance.choice(list(one))] = chance.choice(JSON_NASTY)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


# ── through the command ─────────────────────────────────────────────────────────────────────


def try_manifests(folder: Path, *, seed: int, count: int) -> list[str]:
    """What is wrong with how spoilt manifests are refused."""
    with platform(folder, hook=(seen := Recorder())) as served:
        box = rich_box(folder, served, 2, root=folder / "data")
        texts = list(manifests(box.manifest.read_bytes(), seed=seed, count=count))
        found = _run_all(box, "lung.yaml", texts)
    wrong = [f"{number}: {why}" for number, ran in enumerate(found) if (why := _fault(ran, {2, 3}))]
    return wrong + ["something was sent"] * (seen.changes > 0)


def try_states(folder: Path, *, seed: int, count: int) -> list[str]:
    """What is wrong with how spoilt states are refused, or taken for what they say."""
    with platform(folder) as served:
        box = rich_box(folder, served, 1, root=folder / "data")
        box.go().expect(0)
        good = box.state.read_bytes()
        texts = list(states(good, folder / "tried", seed=seed, count=count))
        found = _run_all(box, box.state.name, texts)
    codes = [{3}] * (count // 2) + [{0, 1, 2, 3, 4}] * (count - count // 2)
    pairs = enumerate(zip(found, codes, strict=True))
    return [f"{number}: {why}" for number, pair in pairs if (why := _fault(*pair))]


def _run_all(box: Rich, name: str, texts: Sequence[bytes]) -> list[Ran]:
    """Run with each text as the file of this name, in a folder of its own."""

    def run(one: tuple[int, bytes]) -> Ran:
        number, text = one
        folder = box.folder / f"{name}-{number}"
        folder.mkdir()
        other = Rich(folder, box.served, root=box.root)
        other.manifest.write_bytes(box.manifest.read_bytes())
        (folder / name).write_bytes(text)
        return other.go("--no-wait", seconds=30)

    return side_by_side(run, list(enumerate(texts)))


def _fault(ran: Ran, codes: set[int]) -> str | None:
    if "Traceback" in ran.err + ran.out or "a bug" in ran.err:
        return ran.err[:2000]
    if ran.code not in codes:
        return f"exit {ran.code}: {ran.err[:2000]}"
    if ran.code in {2, 3} and not ran.err.strip():
        return "no message"
    if "\x1b" in ran.err or len(ran.err) > 100_000:
        return "a message that is no message"
    return None


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    failed = False
    for what, attempt in (("manifests", try_manifests), ("states", try_states)):
        with tempfile.TemporaryDirectory() as folder:
            wrong = attempt(Path(folder), seed=given.seed, count=given.count)
        verdict = "each refused or harmless, with a message" if not wrong else "\n".join(wrong)
        sys.stdout.write(f"seed {given.seed}: {given.count} hostile {what}: {verdict}\n")
        failed |= bool(wrong)
    sys.stdout.write("FAILED\n" if failed else "ok\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
