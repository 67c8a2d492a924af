"""Numbers the items of a target so that its worklist follows the manifest. Pure.

Numbers that the manifest gives are never touched, and never move another item: giving one is how a
user takes a case out of the manifest's order. All other numbers rise from case to case. An item
keeps its number if it can; as few as possible get another one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

HIGHEST_ORDER: Final = 2**31 - 1
"""Grand Challenge: the largest order number."""

STEP: Final = 1000
"""From one number to the next, if there is room: 100,000 cases take a twentieth of all numbers.

A case that is inserted later finds room between its neighbours: ten times in a row at the same
place, because each takes the middle, and 999 times at different ones. Earlier versions numbered in
steps of 10, as the platform does, which is room for three; their numbers stay.
"""


class Slot(Struct, frozen=True):
    """One case of the manifest."""

    given: int | None = None
    """Its number in the manifest."""
    now: int | None = None
    """The number of its item, or the one that its creation asked for; None: it has none."""
    fixed: bool = False
    """This run cannot change its number."""


def numbers(slots: Sequence[Slot], *, others: Collection[int] = ()) -> list[int]:
    """The number of each case, in the manifest's order.

    Args:
        slots: all cases of the manifest, chosen or not, so that there is room for each of them.
        others: the numbers of the target's other items. Ours come behind them, but for new items
            that belong in front of older items of ours.

    """
    kept = _kept(slots)
    taken = {*others, *(slot.given for slot in slots if slot.given is not None)}
    found: list[int] = []
    low = 0
    for end in [*kept, len(slots)]:
        is_last = end == len(slots)
        high = HIGHEST_ORDER + 1 if is_last else slots[end].now or 0
        if len(found) < end:
            gap = _Gap(low, high, is_first=not kept or end == kept[0], is_last=is_last)
            found += _between(slots[len(found) : end], gap, others, taken)
        if not is_last:
            found.append(high)
            low = high
    return found


# ── which items keep their numbers ──────────────────────────────────────────────────────────


def _kept(slots: Sequence[Slot]) -> list[int]:
    """The indices of as many items as can keep their numbers with room for all others between."""
    ours = [index for index, slot in enumerate(slots) if slot.given is None]
    found: list[tuple[int, int]] = []
    for before, index in enumerate(ours):
        now, after = slots[index].now, len(ours) - 1 - before
        if now is not None and before < now <= HIGHEST_ORDER - after:
            found.append((index, now - before))  # two may stay if these do not fall
    chosen = _longest([key for _, key in found], [slots[index].fixed for index, _ in found])
    return [found[one][0] for one in chosen]


def _longest(keys: Sequence[int], fixed: Sequence[bool]) -> list[int]:
    """The indices of a longest selection whose keys do not fall, with as many fixed as can be."""
    if all(first <= second for first, second in pairwise(keys)):
        return list(range(len(keys)))
    ranked = sorted(set(keys))
    best = _Best(len(ranked))
    before: list[int] = []
    for index, key in enumerate(keys):
        rank = bisect_left(ranked, key) + 1
        score, last = best.until(rank)
        before.append(last)
        best.put(rank, score + len(keys) + 1 + fixed[index], index)
    _, index = best.until(len(ranked))
    found = []
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]


class _Best:
    """The highest score among the first ranks, and whose it is: a binary indexed tree."""

    def __init__(self, size: int) -> None:
        self._best = [(0, -1)] * (size + 1)

    def until(self, rank: int) -> tuple[int, int]:
        """(score, index) of the best so far, of equal ones the first; (0, -1) if there is none."""
        found = (0, -1)
        while rank:
            if self._best[rank][0] > found[0]:
                found = self._best[rank]
            rank &= rank - 1
        return found

    def put(self, rank: int, score: int, index: int) -> None:
        """Add one with this score."""
        while rank < len(self._best):
            if score > self._best[rank][0]:
                self._best[rank] = (score, index)
            rank += rank & -rank


# ── numbers for the others ──────────────────────────────────────────────────────────────────


class _Gap(Struct, frozen=True):
    """Between the numbers of two items, both exclusive."""

    low: int
    high: int
    is_first: bool
    """No item of ours that keeps its number comes before it."""
    is_last: bool


def _between(
    slots: Sequence[Slot], gap: _Gap, floors: Collection[int], taken: Collection[int]
) -> list[int]:
    """The numbers of cases none of which keeps an automatic number."""
    stops = _stops(slots, gap)
    found: list[int] = []
    low = gap.low
    for stop in [*stops, len(slots)]:
        high = gap.high if stop == len(slots) else slots[stop].given or 0
        part = slots[len(found) : stop + 1]
        wanted = sum(slot.given is None for slot in part)
        is_open = gap.is_last and stop == len(slots)
        if is_open or (gap.is_first and low == gap.low):
            low = _behind(floors, low, high, wanted)
        if not stops:
            low = _behind([s.given for s in slots if s.given is not None], low, high, wanted)
        free = iter(_spread(low, high, wanted, taken, is_open=is_open))
        found += [next(free) if slot.given is None else slot.given for slot in part]
        low = high
    return found


def _stops(slots: Sequence[Slot], gap: _Gap) -> list[int]:
    """The indices of the given numbers between which the others have to lie.

    These are given numbers that follow the manifest and leave room. If most do not, the manifest's
    order means nothing to the user, and no number is bound by them.
    """
    total = sum(slot.given is None for slot in slots)
    found: list[tuple[int, int]] = []
    before = given = 0
    for index, slot in enumerate(slots):
        if slot.given is None:
            before += 1
            continue
        given += 1
        if gap.low + before < slot.given < gap.high - (total - before):
            found.append((index, slot.given - before - len(found)))
    chosen = _longest([key for _, key in found], [False] * len(found))
    return [found[one][0] for one in chosen] if 2 * len(chosen) > given else []


def _behind(floors: Iterable[int], low: int, high: int, wanted: int) -> int:
    """The highest of the floors that leaves room below `high`, or else `low`."""
    return max((one for one in floors if low <= one < high - wanted), default=low)


def _spread(
    low: int, high: int, wanted: int, taken: Collection[int], *, is_open: bool
) -> list[int]:
    """So many numbers between two others: in whole steps at the end, else as far apart as can be.

    They avoid taken numbers if there is room.
    """
    first = low // STEP + 1
    in_steps = is_open and (first + wanted) * STEP < high
    found: list[int] = []
    last = low
    for place in range(1, wanted + 1):
        ideal = (
            (first + place - 1) * STEP if in_steps else low + (high - low) * place // (wanted + 1)
        )
        last = max(last + 1, ideal)
        while last in taken and last + 1 + wanted - place < high:
            last += 1
        found.append(last)
    return found
