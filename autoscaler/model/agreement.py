"""How a decision of ours compares with that of the HorizontalPodAutoscaler it was made for."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.bounds import Int64


class Verdict(StrEnum):
    """`AHEAD` and `BEHIND` are not settled yet: one of both has moved, the other may follow."""

    SAME = "same"
    AHEAD = "ahead"
    BEHIND = "behind"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Agreement(Struct, frozen=True, kw_only=True):
    """`theirs` is the HPA's `status.desiredReplicas`, None while it has none.

    `lead` is told once, when both have come to the same number: for how many seconds ours stood alone, negative where
    theirs did. `because` names the first step at which a settled difference shows.
    """

    verdict: Verdict
    theirs: Int64 | None = None
    lead: float | None = None
    because: str = ""
