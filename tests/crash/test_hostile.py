from __future__ import annotations

import random
from pathlib import Path

from tests.crash.helpers import Recorder, Rich, platform, rich_box, side_by_side
from tests.crash.hostile import manifests, states
from tests.e2e.helpers import Ran

COUNT = 50


def spoilt(box: Rich, number: int, name: str, text: bytes) -> Ran:
    """Run in a folder of its own where one file is what somebody made of it."""
    folder = box.folder / f"{name}-{number}"
    folder.mkdir()
    other = Rich(folder, box.served, root=box.root)
    other.manifest.write_bytes(box.manifest.read_bytes())
    (folder / name).write_bytes(text)
    return other.go("--no-wait", seconds=30)


def is_clean(ran: Ran, codes: set[int]) -> str | None:
    if "Traceback" in ran.err + ran.out or "a bug" in ran.err:
        return ran.err[:2000]
    if ran.code not in codes:
        return f"exit {ran.code}: {ran.err[:2000]}"
    if ran.code in {2, 3} and not ran.err.strip():
        return "no message"
    if "\x1b" in ran.err or len(ran.err) > 100_000:
        return "a message that is no message"
    return None


def test_hostile_manifests_are_refused_with_a_message(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    with platform(tmp_path, hook=(seen := Recorder())) as served:
        box = rich_box(tmp_path, served, 2, root=tmp_path / "data")
        texts = list(enumerate(manifests(box.manifest.read_bytes(), seed=seed, count=COUNT)))

        found = side_by_side(lambda one: spoilt(box, one[0], "lung.yaml", one[1]), texts)

    wrong = {number: why for number, ran in enumerate(found) if (why := is_clean(ran, {2, 3}))}
    assert wrong == {}
    assert (len(found), seen.changes) == (COUNT, 0)


def test_hostile_states_are_refused_or_do_no_harm(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    with platform(tmp_path) as served:
        box = rich_box(tmp_path, served, 1, root=tmp_path / "data")
        box.go().expect(0)
        good = box.state.read_bytes()
        texts = list(enumerate(states(good, tmp_path / "tried", seed=seed, count=COUNT)))

        found = side_by_side(lambda one: spoilt(box, one[0], box.state.name, one[1]), texts)

    refused, others = found[: COUNT // 2], found[COUNT // 2 :]
    wrong = {number: why for number, ran in enumerate(refused) if (why := is_clean(ran, {3}))}
    wrong |= {
        number: why
        for number, ran in enumerate(others, COUNT // 2)
        if (why := is_clean(ran, {0, 1, 2, 3, 4}))
    }
    assert wrong == {}
