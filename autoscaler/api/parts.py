"""Many items in order, kept and handed on a slice at a time, and let go a slice at a time.

What holds the last reference to the items of a long list frees them: 150,000 with their samples are two million
objects, 0.1 to 0.3 s in one step. So a list is given up part by part as it is written, and what nobody goes on with
(the client left, pages that were not asked for any more) is left to `Leavings`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from msgspec import Struct

from autoscaler.api.items import SLICE, Item, item_key
from autoscaler.turnstile import Turnstile

Part = tuple[Item, ...]


class Parts(Struct, frozen=True, gc=False):
    """In the order of `items.item_key`; no part is empty, none longer than `SLICE`."""

    parts: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Item]:
        return chain.from_iterable(self.parts)

    def behind(self, key: str) -> Parts:
        """Those after this key."""
        at = max(0, bisect_right(self.parts, key, key=lambda part: item_key(part[0])) - 1)
        if not self.parts:
            return self
        rest = self.parts[at][bisect_right(self.parts[at], key, key=item_key) :]
        return Parts((rest, *self.parts[at + 1 :]) if rest else self.parts[at + 1 :])

    def first(self, count: int) -> Parts:
        """At most so many."""
        left, found = count, []
        for part in self.parts:
            if left <= 0:
                break
            found.append(part[:left])
            left -= len(part)
        return Parts(tuple(found))

    def sample(self, most: int) -> Sequence[Item]:
        """At most so many, evenly chosen."""
        if len(self.parts) == 1:
            return self.parts[0][:: -(-len(self.parts[0]) // most)]
        return [part[0] for part in self.parts[:: -(-len(self.parts) // most) or 1]]


def in_parts(items: Iterable[Item]) -> Iterator[Part]:
    """`SLICE` items each."""
    left = iter(items)
    while part := tuple(islice(left, SLICE)):
        yield part


class Leavings:
    """What is not needed any more."""

    def __init__(self) -> None:
        self._left: deque[list[Part]] = deque()

    def consumed(self, items: Parts) -> Iterator[Part]:
        """Part by part, each of which is given up when the next is asked for; keep no `items` beside."""
        return self._consumed(list(reversed(items.parts)))

    def put(self, parts: Iterable[Part]) -> None:
        """Nobody goes on with these. (A list may also be given up where garbage is collected, in any thread.)"""
        if left := list(parts):
            self._left.append(left)

    async def let_go(self, turns: Turnstile) -> None:
        """Return when nothing is left."""
        while self._left:
            parts = self._left.popleft()
            while parts:
                await turns.passed()
                parts.pop()

    def _consumed(self, left: list[Part]) -> Iterator[Part]:
        try:
            while left:
                yield left.pop()
        finally:
            self.put(left)
