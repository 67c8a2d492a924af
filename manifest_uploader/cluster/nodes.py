"""The workers of a run: each is asked whether it is of use before it gets work."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from manifest_uploader import __version__
from manifest_uploader.cluster.address import is_private
from manifest_uploader.cluster.calls import Hello, Ready
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.on_worker import dismiss, prepare, rest
from manifest_uploader.engine.progress import Load

_FIRST_LOOKS_S: Final = 0.3
"""While there is no worker."""
_LOOK_S: Final = 2.0
_ANSWER_S: Final = 10.0
"""Longest wait for a worker's answer. It is asked again: importing may take longer at first."""
_GOODBYE_S: Final = 5.0


class _Node(Struct):
    """One worker process."""

    name: str
    """The machine, and which of its workers if it is not the first."""
    problem: str | None = None
    """Why it gets no work; None: it does."""
    under_way: int = 0
    sent: int = 0
    """Bytes."""

    @property
    def is_of_use(self) -> bool:
        """Whether it gets work."""
        return self.problem is None


class Nodes:
    """Looks now and then which workers there are, in a thread of its own."""

    def __init__(
        self,
        link: Link,
        hello: Hello,
        *,
        tell: Callable[[str], None],
        lost: Callable[[str], None],
    ) -> None:
        """Begin to look.

        Args:
            link: to the scheduler.
            hello: what workers are told.
            tell: is told what people should know, in sentences.
            lost: is told the address of each worker that has ended.

        """
        self._link, self._hello, self._tell, self._lost = link, hello, tell, lost
        self._nodes: dict[str, _Node] = {}
        """By address."""
        self._ever: dict[str, str] = {}
        """By address: the names of all workers there were."""
        self._silent: set[str] = set()
        """The addresses of workers that once did not answer."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nodes", daemon=True)
        self._thread.start()

    def name(self, address: str) -> str:
        """What to call the worker at an address."""
        return self._ever.get(address, address)

    def note(self, address: str, *, under_way: int, sent: int) -> None:
        """Note what a worker does."""
        with self._lock:
            if (node := self._nodes.get(address)) is not None:
                node.under_way, node.sent = under_way, sent

    def loads(self) -> tuple[Load, ...]:
        """What each worker that is of use does, by name."""
        with self._lock:
            found = [node for node in self._nodes.values() if node.is_of_use]
            loads = [Load(node.name, node.under_way, node.sent) for node in found]
        return tuple(sorted(loads, key=lambda one: one.name))

    def addresses(self) -> list[str]:
        """Of each worker that is of use."""
        with self._lock:
            return [address for address, node in self._nodes.items() if node.is_of_use]

    def refusal(self, count: int) -> str | None:
        """Why none of so many workers gets work; None if one does, or not all are there."""
        with self._lock:
            problems = [
                f"worker '{one.name}' {one.problem}"
                for one in self._nodes.values()
                if one.problem is not None
            ]
            return problems[0] if len(self._nodes) == len(problems) >= count else None

    def let_rest(self, address: str, why: str) -> bool:
        """Give a worker no more work, and let what it had be lost; False if no other is left."""
        with self._lock:
            node = self._nodes.get(address)
            if not any(one.is_of_use for one in self._nodes.values() if one is not node):
                return False
            if node is None or not node.is_of_use:
                return True
            node.problem = why
        self._tell(f"worker '{node.name}' gets no more work: {why}")
        self._lost(address)
        self._link.run(rest, self._hello.run, workers=[address], longest_s=_ANSWER_S)
        return True

    def close(self) -> None:
        """Look no more, and let the workers forget this run."""
        self._over.set()
        addresses = list(self._nodes)
        if addresses and self._link.is_up:
            with contextlib.suppress(Exception):
                self._link.run(dismiss, self._hello.run, workers=addresses, longest_s=_GOODBYE_S)

    def _watch(self) -> None:
        was_up = True
        while not self._over.wait(_LOOK_S if self.addresses() else _FIRST_LOOKS_S):
            if was_up and not self._link.is_up:
                self._tell(
                    f"the Dask scheduler at {self._link.address} does not answer; the run goes on "
                    "when it and its workers are there again"
                )
            was_up = self._link.is_up
            with contextlib.suppress(Exception):  # the connection may be lost at any moment
                self._look()

    def _look(self) -> None:
        client = self._link.client(self._over.is_set)
        there = client.scheduler_info(n_workers=-1)["workers"]
        for address, node in list(self._nodes.items()):
            # a worker that began anew at the same address has no resource of this run yet
            if address not in there or (
                node.is_of_use and self._hello.run not in there[address]["resources"]
            ):
                self._part_with(address)
        new = [address for address in there if address not in self._nodes]
        if new:
            answers = self._link.run(prepare, self._hello, workers=new, longest_s=_ANSWER_S)
            for address, answer in answers.items():
                self._greet(address, answer)

    def _part_with(self, address: str) -> None:
        with self._lock:
            node = self._nodes.pop(address)
        self._lost(address)
        if node.is_of_use:
            self._tell(f"worker '{node.name}' has ended; others take over what it did not send")

    def _greet(self, address: str, answer: Any) -> None:
        host = answer.host if isinstance(answer, Ready) else address.rsplit("//", maxsplit=1)[-1]
        if isinstance(answer, OSError):  # no answer, or none in time
            if address not in self._silent:
                self._silent.add(address)
                self._tell(f"worker '{host}' does not answer; it gets no work until it does")
            return
        problem = self._problem(address, answer)
        with self._lock:
            name = self._free_name(host)
            self._nodes[address] = _Node(name, problem)
            self._ever[address] = name
        if problem is not None:
            self._tell(f"worker '{name}' {problem}; it gets no work")

    def _problem(self, address: str, answer: Any) -> str | None:
        """Why a worker is of no use."""
        if not is_private(address):
            return "has a connection that is not encrypted"
        if isinstance(answer, ImportError) or "ModuleNotFoundError" in repr(answer):
            return f"does not have manifest-uploader[dask] {__version__} installed"
        if not isinstance(answer, Ready):
            return "has another version of Python, Dask or uploader than this machine"
        if answer.version != __version__:
            return f"has uploader {answer.version}, and this machine {__version__}"
        if not answer.sees_root:
            return f"sees no folder '{self._hello.root}', where the files should be"
        return None

    def _free_name(self, host: str) -> str:
        taken = {node.name for node in self._nodes.values()}
        number = 1
        while (name := host if number == 1 else f"{host}/{number}") in taken:
            number += 1
        return name
