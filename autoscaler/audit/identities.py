"""Which records were read before, in 16 bytes a slot: an id at its number, what it said, and the change it was.

Digests are those of Python's keyed hash, another one in each process, so nobody can write a record that passes for
another. Two ids of ten million are taken for one with a chance of one in 300,000; where a record of the same id
differs, that is seen but for one in half a million.
"""

from __future__ import annotations

from array import array
from enum import Enum, auto

_SHARDS = 256
"""Tables that grow each on its own, so that no moment has all of them twice."""
_FIRST = 8
_ALL = (1 << 64) - 1
_BITS = 20
_SHORT = (1 << _BITS) - 1
UNKNOWN = 1
"""For `said` and `change`: it may have been anything."""
NO_CHANGE = 0


class Known(Enum):
    """What is known of a record by its id."""

    NEW = auto()
    SAME = auto()
    """It was read before."""
    AGAIN = auto()
    """The same change was read under another number: the next leader tells it once more after a crash."""
    ELSEWHERE = auto()
    """Something else was read under this id, at another number."""
    OTHERWISE = auto()
    """At this number it said something else before."""


def digest(what: object) -> int:
    """In 20 bits, never one of the words above."""
    return hash(what) & _SHORT | 2


class Identities:
    """`take` every record in any order."""

    def __init__(self) -> None:
        self._keys = [array("Q", bytes(8 * _FIRST)) for _ in range(_SHARDS)]
        self._values = [array("Q", bytes(8 * _FIRST)) for _ in range(_SHARDS)]
        self._counts = array("L", bytes(array("L").itemsize * _SHARDS))

    @property
    def size(self) -> int:
        """Bytes of the tables."""
        return sum(len(each) * each.itemsize for each in (*self._keys, *self._values))

    def take(self, identity: str, place: object, said: int, change: int) -> Known:
        """`place` is target, epoch and seq; `said` the digest of the body, `change` that of what was changed."""
        where = hash(place) & ((1 << 64 - 2 * _BITS) - 1)
        first = self._taken(hash(identity) & _ALL, where, said, change)
        if first is not Known.AGAIN:
            return first
        again = self._taken(hash((identity, place)) & _ALL, where, said, change)
        return Known.AGAIN if again is Known.NEW else again

    def _taken(self, key: int, where: int, said: int, change: int) -> Known:
        key = key or 1
        shard = key % _SHARDS
        keys, values = self._keys[shard], self._values[shard]
        at = _slot(keys, key)
        if not keys[at]:
            keys[at], values[at] = key, _packed(where, said, change)
            self._counts[shard] += 1
            if 4 * self._counts[shard] > 3 * len(keys):
                self._grow(shard)
            return Known.NEW
        before = values[at]
        had_said, had_change = before >> _BITS & _SHORT, before & _SHORT
        if before >> 2 * _BITS != where:
            alike = change == had_change and change != NO_CHANGE
            return Known.AGAIN if alike or UNKNOWN in (change, had_change) else Known.ELSEWHERE
        if UNKNOWN in (said, had_said):
            if had_said == UNKNOWN:
                values[at] = _packed(where, said, change)
            return Known.SAME
        return Known.SAME if said == had_said else Known.OTHERWISE

    def _grow(self, shard: int) -> None:
        old, values = self._keys[shard], self._values[shard]
        size = len(old) * 3 // 2
        new, moved = array("Q", bytes(8 * size)), array("Q", bytes(8 * size))
        for key, value in zip(old, values, strict=True):
            if key:
                at = _slot(new, key)
                new[at], moved[at] = key, value
        self._keys[shard], self._values[shard] = new, moved


def _slot(keys: array[int], key: int) -> int:
    """Where it is, or is to be."""
    size = len(keys)
    at = key // _SHARDS % size
    while keys[at] not in (0, key):
        at = at + 1 if at + 1 < size else 0
    return at


def _packed(where: int, said: int, change: int) -> int:
    return where << 2 * _BITS | said << _BITS | change
