"""Stands before the HTTP parser of a connection and takes out the requests that are answered at once.

aiohttp makes a task, a request and a response of each message its parser finds, which is more work than a short answer
is. Every byte still goes through that parser, so what is a request and where it ends is never judged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

Found = tuple[Sequence[tuple[RawRequestMessage, StreamReader]], bool, bytes]
"""Messages and their bodies; whether the connection is to speak another protocol, and what came of that."""


class Parser(Protocol):
    """As far as a sieve looks at it."""

    def feed_data(self, data: bytes) -> Found: ...
    def message_consumed(self) -> None: ...


class Sieve:
    """`take` says whether it has answered; it is asked only about a message that came alone and has no body."""

    def __init__(self, parser: Parser, take: Callable[[RawRequestMessage], bool]) -> None:
        self._parser = parser
        self._take = take

    def feed_data(self, data: bytes) -> Found:
        """What is left to be answered. Raises what the parser raises."""
        found = self._parser.feed_data(data)
        messages, upgraded, _ = found
        if len(messages) != 1 or upgraded or messages[0][1] is not EMPTY_PAYLOAD or not self._take(messages[0][0]):
            return found
        self._parser.message_consumed()
        return (), False, b""

    def __getattr__(self, name: str) -> Any:
        """Everything else is the parser's."""
        return getattr(self._parser, name)
