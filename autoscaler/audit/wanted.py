"""Which evaluations a reader wants to see."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from autoscaler.audit.event import Event
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant


class Wanted(Struct, frozen=True, kw_only=True):
    """Empty fields let everything through. `target` may have wildcards; times are in seconds since 1970."""

    target: str = ""
    since: float = float("-inf")
    until: float = float("inf")
    reasons: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    def takes_target(self, event: Event) -> bool:
        """Whether it is about a target that is wanted."""
        return self.takes_key(event.key)

    def takes_key(self, key: str) -> bool:
        """Whether the target is wanted: by `namespace/kind/name`, or `namespace/name`."""
        if not self.target:
            return True
        namespace, _, rest = key.partition("/")
        short = f"{namespace}/{rest.rpartition('/')[2]}"
        return fnmatchcase(key, self.target) or fnmatchcase(short, self.target)

    def takes(self, decision: Decision) -> bool:
        """Whether the evaluation is of the wanted time, reason and outcome."""
        if self.reasons and decision.reason not in self.reasons:
            return False
        if self.outcomes and decision.outcome not in self.outcomes:
            return False
        return self.takes_time(parse_instant(decision.time))

    def takes_time(self, at: float) -> bool:
        """Whether it lies in the wanted span."""
        return self.since <= at <= self.until
