"""Whose turn a record is of: that of the latest leader, or of a former one whose spool was read behind it."""

from __future__ import annotations

AHEAD = 1440
"""Minutes by which a leadership's number may be ahead of the time (`codec.place`) and still outdo a later record."""


class Leaders:
    """The leaderships of one target's records, as they are met."""

    def __init__(self) -> None:
        self._latest = 0

    def former(self, leadership: int | None, start: float, led: float) -> bool:
        """Whether a later leader's records came before one of the time `start`; the latest time until then is `led`.

        By its number; beside one that no leader can have had yet, by its time. Times are in seconds since 1970.
        """
        if leadership is None:
            return False
        if leadership < self._latest and (start <= led or self._latest <= start / 60 + AHEAD):
            return True
        self._latest = leadership
        return False
