"""Which objects a selection took, for as long as no object in its namespace came, went or got other labels.

An HPA asks for the same few pods of a large namespace every 15 s.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from autoscaler.api.selection import Selection

MOST = 1024
MOST_KEYS = 1000
"""Of one selection; together, at 8 bytes each, 8 MB."""
MOST_TERMS = 64
"""Of one selection; together, at 100 bytes each, 7 MB. Anybody may ask for thousands of selections of a thousand."""


class Matches:
    """The selections used last; `shape` is `Shelf.shaped` of the namespace."""

    def __init__(self, most: int = MOST, most_keys: int = MOST_KEYS) -> None:
        self._most, self._most_keys = most, most_keys
        self._kept: OrderedDict[Selection, tuple[int, Sequence[str]]] = OrderedDict()

    def get(self, selection: Selection, shape: int) -> Sequence[str] | None:
        """The keys it took, in order; None when that is not known of this shape."""
        kept = self._kept.get(selection)
        if kept is None or kept[0] != shape:
            return None
        self._kept.move_to_end(selection)
        return kept[1]

    def keep(self, selection: Selection, shape: int, keys: Sequence[str]) -> None:
        """These are the keys it takes."""
        self._kept.pop(selection, None)
        if len(keys) > self._most_keys or selection.terms > MOST_TERMS:
            return
        self._kept[selection] = (shape, keys)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
