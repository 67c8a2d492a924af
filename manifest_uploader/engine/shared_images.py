"""Keeps which cases wait for the images of other values, and what became of these images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.plan.requests import Image
from manifest_uploader.plan.steps import Plan, SharedImage
from manifest_uploader.platform.model import Entry


class SharedImages:
    """The images that several values use; each is brought by a socket of one case."""

    def __init__(self, plan: Plan) -> None:
        self._sources: Final = {case.case for case in plan.cases if case.is_source}
        self._users: dict[str, dict[str, dict[str, None]]] = {}
        """Case → its socket → the cases that wait for that image, in the order they began."""
        self._waits: dict[str, set[tuple[str, str]]] = {}
        """Case → (case, socket) of the images that it waits for; there is at least one."""
        self._images: dict[tuple[str, str], Image] = {}
        """(case, socket) → its image, once that is there; before, its content only."""
        self._lost: dict[tuple[str, str], str | None] = {}
        """(case, socket) → why its image will not be there."""
        self._over: dict[str, str | None] = {}
        """Cases that have ended → why, if they failed."""

    @property
    def waiting(self) -> int:
        """How many cases wait for images."""
        return len(self._waits)

    def join(self, live: LiveCase) -> list[tuple[SharedImage, str | None]]:
        """Let a case that begins use the images that are there, and wait for the others.

        Returns the images that will not be there, and why.
        """
        lost = []
        for one in tuple(live.awaited.values()):
            key = (one.case, one.socket)
            if key in self._images and self._images[key].pk:
                self._give(live, one)
            elif key in self._lost or one.case in self._over:
                lost.append((one, self._lost.get(key, self._over.get(one.case))))
            else:
                self._users.setdefault(one.case, {}).setdefault(one.socket, {})[live.name] = None
                self._waits.setdefault(live.name, set()).add(key)
        return lost

    def drop(self, case: str) -> None:
        """Forget what a case waits for, because it has ended."""
        for source, socket in self._waits.pop(case, ()):
            del self._users[source][socket][case]

    def note_sent(self, case: str, entries: tuple[Entry, ...]) -> None:
        """Note the content of the images that a case brings."""
        for entry in entries:
            if entry.upload is not None and case in self._sources:
                self._images[case, entry.socket] = Image("", entry.content)

    def arrived(self, case: str, socket: str, pk: str | None) -> tuple[str, ...]:
        """Note that an image is there; return the cases that waited for it."""
        if case not in self._sources or pk is None:
            return ()
        before = self._images.get((case, socket))
        self._images[case, socket] = Image(pk, before.content if before is not None else None)
        return self._leave(case, socket)

    def give(self, live: LiveCase, case: str, socket: str) -> None:
        """Give a case the image that it waited for."""
        for one in tuple(live.awaited.values()):
            if (one.case, one.socket) == (case, socket):
                self._give(live, one)

    def _give(self, live: LiveCase, one: SharedImage) -> None:
        image = self._images[one.case, one.socket]
        live.images[one.into] = Image(image.pk, image.content or one.content)
        del live.awaited[one.into]

    def lose(self, case: str, socket: str, message: str | None) -> tuple[str, ...]:
        """Note that an image will not be there; return the cases that waited for it."""
        if case not in self._sources:
            return ()
        self._lost[case, socket] = message
        return self._leave(case, socket)

    def end(
        self, case: str, message: str | None, *, is_importing: Callable[[str], bool]
    ) -> tuple[str, ...]:
        """Note that a case has ended; return its sockets whose images are still waited for.

        Imports that are under way go on.
        """
        if case not in self._sources:
            return ()
        self._over[case] = message
        return tuple(slug for slug in self._users.get(case, ()) if not is_importing(slug))

    def _leave(self, case: str, socket: str) -> tuple[str, ...]:
        users = tuple(self._users.get(case, {}).pop(socket, ()))
        for user in users:
            self._waits[user].discard((case, socket))
            if not self._waits[user]:
                del self._waits[user]
        return users
