"""What is appended to a spool."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Entry(Struct, frozen=True):
    """A record to append. `changed`: it moved its target; `spare`: nothing changed, so it is the first to be dropped
    where there is little room; `standing`: later evaluations may join it.

    `joins`: `body` is a row for the standing record of that time, `whole` makes a record where that one stands no more.
    `id` is that of the record that has it.
    """

    key: str
    at: float
    changed: bool
    body: bytes
    standing: bool = False
    joins: float | None = None
    whole: Callable[[], bytes] | None = None
    spare: bool = False
    id: str = ""

    def record(self) -> bytes:
        """The body of a record of its own."""
        return self.body if self.whole is None else self.whole()
