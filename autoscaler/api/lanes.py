"""How many requests are answered at the same time; a lane that is full refuses at once instead of queueing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from autoscaler.api.call import Call
from autoscaler.api.status import too_many_requests
from autoscaler.model.identity import ResourceAttributes


class Lane(StrEnum):
    """`FREE` is never throttled: a server that fails its probes or its discovery under load takes itself away."""

    FREE = "free"
    DISCOVERY = "discovery"
    HEAVY = "heavy"
    LIGHT = "light"
    WATCH = "watch"


SHARE = 4
"""One user has at most a quarter of the watches: they last, so one client gone wild would keep out all others."""


class Lanes:
    """Places by lane."""

    def __init__(self, *, heavy: int = 64, light: int = 32, discovery: int = 256, watches: int = 64) -> None:
        self._free = {Lane.HEAVY: heavy, Lane.LIGHT: light, Lane.DISCOVERY: discovery, Lane.WATCH: watches}
        self._most_of_user = -(-watches // SHARE)
        self._watching: Counter[str] = Counter()

    def has_room(self, lane: Lane) -> bool:
        """Whether there is a place now."""
        return lane is Lane.FREE or self._free[lane] > 0

    @contextmanager
    def place(self, lane: Lane) -> Iterator[None]:
        """Hold a place for the duration; raises StatusError (429) when there is none."""
        if lane is Lane.FREE:
            yield
            return
        if not self.has_room(lane):
            raise too_many_requests()
        self._free[lane] -= 1
        try:
            yield
        finally:
            self._free[lane] += 1

    @contextmanager
    def share(self, lane: Lane, user: str) -> Iterator[None]:
        """Hold what a user, once known, takes of the places; raises StatusError (429) when it has enough."""
        if lane is not Lane.WATCH:
            yield
            return
        if self._watching[user] >= self._most_of_user:
            raise too_many_requests()
        self._watching[user] += 1
        try:
            yield
        finally:
            self._watching -= Counter((user,))  # leaves no zeros behind


def lane_of(call: Call, *, proxied: bool) -> Lane:
    """Lists are heavy, and so are the core metrics; a watch lasts, and would keep them out. Discovery is free to the
    front proxy; others, who could make us review token after token, have a wide lane of their own.
    """
    if call.is_probe:
        return Lane.FREE
    if isinstance(call.attributes, ResourceAttributes):
        if call.attributes.verb == "watch":
            return Lane.WATCH
        return Lane.LIGHT if call.attributes.name else Lane.HEAVY
    if call.is_discovery:
        return Lane.FREE if proxied else Lane.DISCOVERY
    return Lane.HEAVY if call.segments == ("metrics", "core") else Lane.LIGHT
