"""When the serving certificate is renewed, and in which order, so that no handshake fails meanwhile.

A new pair has a new CA. It is trusted first, beside the old one, for as long as everybody needs to hear of it; then it
is served; the old CA is trusted until nobody can show anything of it any more. Each step is stored before it has
effect, so whoever leads next goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec.structs import replace

from autoscaler.model.certificate import Keyring, Pair

RENEWED_BEFORE = 1 / 3
"""Of a lifetime: so long before its end a certificate is renewed."""


class Step(StrEnum):
    """What is to be done; `REST` is nothing."""

    ISSUE = "issue"
    PREPARE = "prepare"
    PROMOTE = "promote"
    DROP = "drop"
    REST = "rest"


def due(ring: Keyring, now: float, *, trusted: float, lifetime: float, overlap: float) -> Step:
    """The next step. `trusted` is for how many seconds clients have had all of the ring's CAs; `overlap` is enough."""
    serving, following = ring.serving, ring.following
    alive = serving is not None and now < serving.ends
    if following is not None and now < following.ends:
        return Step.PROMOTE if trusted >= overlap or not alive else Step.REST
    if serving is None or not alive:
        return Step.ISSUE
    if ring.previous_ca and now >= ring.previous_ends:
        return Step.DROP
    old = now >= serving.ends - lifetime * RENEWED_BEFORE
    # Made for another lifetime, or by a clock that was ahead: by the right one it may not be valid yet.
    strange = serving.ends > now + lifetime + overlap
    return Step.PREPARE if old or strange else Step.REST


def taken(ring: Keyring, step: Step, made: Callable[[], Pair]) -> Keyring:
    """The ring after this step; `made` gives a new pair where one is needed."""
    match step:
        case Step.ISSUE:
            return Keyring(serving=made())
        case Step.PREPARE:
            return replace(ring, following=made())
        case Step.PROMOTE:
            old = ring.serving
            return Keyring(
                serving=ring.following, previous_ca=old.ca if old else "", previous_ends=old.ends if old else 0.0
            )
        case Step.DROP:
            return replace(ring, previous_ca="", previous_ends=0.0)
        case Step.REST:
            return ring
