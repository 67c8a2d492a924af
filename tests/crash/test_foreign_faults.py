from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.crash.helpers import SOCKETS, Rich, platform, small_box
from tests.e2e.data import PDF
from tests.e2e.helpers import served_apart
from tests.has import LINKS

UNAUTHORIZED = Fault.answer(
    401, body=b'{"detail": "Invalid token."}', content_type="application/json"
)


class When:
    """A hook that does something just before a request of a kind acts."""

    def __init__(self, kind: str, number: int, act: Callable[[], Fault | None]) -> None:
        self.kind, self.number, self.act = kind, number, act
        self.seen: list[str] = []

    def before(self, request: Seen) -> Fault | None:
        self.seen.append(request.kind)
        if (request.kind, request.number) == (self.kind, self.number):
            return self.act()
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


class Revoked(When):
    """A hook that refuses the token from some request on, until it is given back."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(kind, number, self.revoke)
        self.revoked = False

    def revoke(self) -> Fault | None:
        self.revoked = True
        return None

    def before(self, request: Seen) -> Fault | None:
        super().before(request)
        return UNAUTHORIZED if self.revoked and request.kind != "part" else None


@pytest.mark.parametrize("kind", ["presign", "item-fill"])
def test_a_token_revoked_in_the_middle_ends_the_run_and_a_later_one_goes_on(
    tmp_path: Path, kind: str
) -> None:
    hook = Revoked(kind, 3)
    with platform(tmp_path, hook=hook) as served:
        box = small_box(tmp_path, served, 6, root=tmp_path / "data")
        ran = box.go().expect(3)

        assert "the platform does not accept the token (Invalid token.)" in ran.err
        assert "put it in place of the old one" in ran.err
        assert "nothing that was sent is lost" in ran.err
        hook.revoked = False
        box.go().expect(0)
        box.check()


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


def replace(path: Path) -> None:
    facts, other = path.stat(), path.with_suffix(".other")
    other.write_bytes(bytes(facts.st_size))
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))
    other.replace(path)


def block(path: Path) -> None:
    other = path.with_suffix(".other")
    other.symlink_to(path.parent)
    other.replace(path)


CHANGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "grows": (grow, "changed"),
    "gets another time": (touch, "changed"),
    "is replaced by one of the same size": (replace, "changed"),
    "vanishes": (Path.unlink, "No such file or directory"),
    "gets unreadable": (block, "Is a directory"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_sent_fails_its_case_alone(
    tmp_path: Path, change: str
) -> None:
    act, words = CHANGES[change]
    if act is block and not LINKS:
        pytest.skip("this user may make no symbolic links")
    box = Rich(tmp_path, root=tmp_path / "data")
    large = box.write(PDF + bytes(20 * 2**20), "large.pdf")
    box.add("patient-0", {"report": {"file": "large.pdf"}})
    for number in range(1, 4):
        box.write(b"%PDF-1.4", f"{number}.pdf")
        box.add(f"patient-{number}", {"report": {"file": f"{number}.pdf"}, "some-score": 1.5})
    box.save()
    hook = When("part", 1, lambda: act(large))

    with platform(tmp_path, hook=hook) as box.served:
        ran = box.go("--jobs", "1").expect(1)

        assert list(ran.failures) == ["patient-0"]
        [reason] = ran.failures["patient-0"]
        assert "'large.pdf'" in reason
        assert words in reason, reason
        assert sorted(box.by_title()) == [f"patient-{number}" for number in range(1, 4)]
        large.unlink(missing_ok=True)
        box.write(b"%PDF-1.4 at rest", "large.pdf")
        box.go().expect(0)
        box.check()


def test_a_platform_that_is_gone_for_seconds_is_waited_for(tmp_path: Path) -> None:
    box = small_box(tmp_path, None, 20, root=tmp_path / "data")
    folder = tmp_path / "sandbox"
    made_up = [f"--socket={one}" for one in SOCKETS]
    with served_apart(folder, "--latency-ms", "20", *made_up) as box.served:
        port = box.served.url.split(":")[2].split("/")[0]
        ran: list[Any] = []
        thread = threading.Thread(target=lambda: ran.append(box.go("--jobs", "2")))
        thread.start()
        end = time.monotonic() + 40
        while not (box.state.exists() and box.state.read_bytes().count(b"\n") > 30):
            assert time.monotonic() < end
            time.sleep(0.01)
    begun = box.state.read_bytes().count(b":fill")
    assert thread.is_alive()
    assert begun < 3 * 20

    with served_apart(folder, "--port", port, *made_up):
        thread.join(60)
        assert ran[0].expect(0).summary["retries"] > 0
        box.check()


def test_a_platform_that_stays_away_is_given_up(tmp_path: Path) -> None:
    hook = When("item-fill", 2, lambda: None)
    gone = threading.Event()
    hook.act = gone.set  # type: ignore[assignment]
    reset = hook.before

    def before(request: Seen) -> Fault | None:
        return reset(request) or (Fault.reset() if gone.is_set() else None)

    hook.before = before  # type: ignore[method-assign]
    with platform(tmp_path, hook=hook) as served:
        box = small_box(tmp_path, served, 4, root=tmp_path / "data")
        began = time.monotonic()
        ran = box.go("--give-up-after", "2").expect(3)

        assert time.monotonic() - began < 20
        assert "gave up after 2 s" in ran.err
        assert "run the same command: it continues" in ran.err
        gone.clear()
        hook.number = 0
        box.go().expect(0)
        box.check()
