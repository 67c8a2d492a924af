"""Manifests and state files that somebody meant ill with: a good one, spoilt by a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from manifest_uploader import state
from manifest_uploader.errors import ManifestInvalid
from manifest_uploader.manifest import parse

NASTY = (
    *(b"\0", b"\xff\xfe", b"\xc3", b"\t", b"\r", b"\x1b[2J", b"\xe2\x80\xae", b"\xed\xa0\x80"),
    *(b"!!python/object/apply:os.system [id]", b"&a [*a, *a]", b"*a", b"<<: {}", b"---\n", b"..."),
    *(b"[" * 50_000, b"{a: " * 20_000, b"1" * 40_000, b"x" * 300_000, b"1e999", b".inf", b"'"),
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
            state.read(path)
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
