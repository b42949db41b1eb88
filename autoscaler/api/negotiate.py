"""Which of our representations an Accept header asks for (RFC 9110 §12.5.1, with Kubernetes' `as`, `g` and `v`).

JSON is what there is. A further encoding is one more offer here and its writer in wire.py; a range that asks for one we
do not have, such as `application/json;as=Table`, does not match, so that clients fall back to what they name next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from autoscaler.api.status import not_acceptable

JSON = "application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_TRANSFORMS = ("as", "g", "v")
_MAX_RANGES = 64


class _Range(Struct, frozen=True):
    type: str
    subtype: str
    parameters: Mapping[str, str]
    quality: float

    @property
    def specificity(self) -> int:
        return (self.type != "*") + (self.subtype != "*") + len(self.parameters)

    def takes(self, offer: _Range) -> bool:
        return (
            self.type in ("*", offer.type)
            and self.subtype in ("*", offer.subtype)
            and self.parameters == offer.parameters
        )


def negotiated(accept: str, offers: Sequence[str]) -> str:
    """The offer the client likes best; no Accept at all takes the first. Raises StatusError (406)."""
    if not accept.strip():
        return offers[0]
    ranges = [parsed for text in accept.split(",", _MAX_RANGES)[:_MAX_RANGES] if (parsed := _parsed(text))]
    ranges.sort(key=lambda each: (-each.quality, -each.specificity))
    for wanted in ranges:
        if wanted.quality <= 0:
            continue
        for offer, parsed in _offers(offers):
            if wanted.takes(parsed) and not _excluded(ranges, parsed):
                return offer
    raise not_acceptable([offer for offer in offers if ";" not in offer])


def _offers(offers: Sequence[str]) -> list[tuple[str, _Range]]:
    return [(offer, parsed) for offer in offers if (parsed := _parsed(offer))]


def _excluded(ranges: Sequence[_Range], offer: _Range) -> bool:
    """Whether the most specific range about this offer says `q=0`."""
    about = [each for each in ranges if each.takes(offer)]
    return bool(about) and max(about, key=lambda each: each.specificity).quality <= 0


def _parsed(text: str) -> _Range | None:
    """One media range; None when it is none. Parameters that do not choose a representation are left out."""
    media, *rest = (part.strip() for part in text.split(";"))
    kind, slash, subtype = media.lower().partition("/")
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
