"""Which of our representations an Accept header asks for (RFC 9110 §12.5.1, with Kubernetes' `as`, `g` and `v`).

Among what is liked equally, the client's order counts and a wildcard comes last, as upstream (goautoneg). A range that
asks for a transformation we do not have does not match, so that clients fall back to what they name next. Parameters
that choose no representation (`charset`, `stream`) are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from autoscaler.api.status import not_acceptable

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_TRANSFORMS = ("as", "g", "v")
_MAX_RANGES = 64
_USUAL = 512
"""A longer header is read anew every time, so that what is remembered is bounded."""


class _Range(Struct, frozen=True):
    type: str
    subtype: str
    parameters: Mapping[str, str]
    quality: float

    @property
    def named(self) -> int:
        """How much of the type is named: 2, or 1 or 0 for wildcards."""
        return (self.type != "*") + (self.subtype != "*")

    @property
    def specificity(self) -> int:
        """Which of several ranges speaks about an offer."""
        return self.named + len(self.parameters)

    def takes(self, offer: _Range) -> bool:
        return (
            self.type in ("*", offer.type)
            and self.subtype in ("*", offer.subtype)
            and self.parameters == offer.parameters
        )


def negotiated(accept: str, offers: tuple[str, ...]) -> str:
    """The offer the client likes best; no Accept at all takes the first. Raises StatusError (406)."""
    return _usual(accept, offers) if len(accept) <= _USUAL else _best(accept, offers)


def _best(accept: str, offers: tuple[str, ...]) -> str:
    if not accept.strip():
        return offers[0]
    ranges = [parsed for text in accept.split(",", _MAX_RANGES)[:_MAX_RANGES] if (parsed := _parsed(text))]
    ranges.sort(key=lambda each: (-each.quality, -each.named))
    offered = _offered(offers)
    for wanted in ranges:
        if wanted.quality <= 0:
            continue
        for offer, parsed in offered:
            if wanted.takes(parsed) and not _excluded(ranges, parsed):
                return offer
    raise not_acceptable([offer for offer in offers if ";" not in offer])


_usual = lru_cache(maxsize=256)(_best)
"""Clients send the same few headers again and again."""


@lru_cache(maxsize=64)
def _offered(offers: tuple[str, ...]) -> list[tuple[str, _Range]]:
    return [(offer, parsed) for offer in offers if (parsed := _parsed(offer))]


def _excluded(ranges: Sequence[_Range], offer: _Range) -> bool:
    """Whether the most specific range about this offer says `q=0`."""
    about = [each for each in ranges if each.takes(offer)]
    return bool(about) and max(about, key=lambda each: each.specificity).quality <= 0


def _parsed(text: str) -> _Range | None:
    """One media range; None when it is none. Parameters that do not choose a representation are left out."""
    media, *rest = (part.strip() for part in text.split(";"))
    kind, slash, subtype = ("*/*" if media == "*" else media.lower()).partition("/")  # as upstream reads it
    if not slash or not kind or not subtype or (kind == "*" and subtype != "*"):
        return None
    parameters: dict[str, str] = {}
    quality = 1.0
    for part in rest:
        name, _, value = part.partition("=")
        if name.lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            if not 0 <= quality <= 1:  # neither does NaN lie there
                return None
        elif name in _TRANSFORMS:
            parameters[name] = value
    return _Range(kind, subtype, parameters, quality)
