"""The samples of all containers of a page at once, when every line is written as kubelets write it.

A number and a time as Go prints them are JSON numbers, so a JSON parser reads a whole family in one call, and its types
hold every limit. Anything else (no time, a sign, NaN, an underscore) is left to whoever looks at each line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from autoscaler.model.metrics import Sample

_NANO = 1_000_000_000
_LARGEST_SECONDS = 2**63 / _NANO
_EXACT = 2**53
"""From here on an integer and the double of the same digits may differ."""
_LARGEST_MS = 10**13

Seconds = Annotated[float, msgspec.Meta(ge=0, lt=_LARGEST_SECONDS)]
Amount = Annotated[float, msgspec.Meta(ge=0, lt=_EXACT)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=_LARGEST_MS)]

_CPU = msgspec.json.Decoder(list[tuple[Seconds, Milliseconds]])
_MEMORY = msgspec.json.Decoder(list[tuple[Amount, Milliseconds]])
_START = msgspec.json.Decoder(list[tuple[Seconds]])


def samples(cpu: Iterable[bytes], memory: Iterable[bytes], start: Iterable[bytes]) -> list[Sample] | None:
    """A sample of each line of the three families, which stand in the same order; None = look at each line.

    The time is that of the CPU line, for the rate is made of that.
    """
    try:
        cpus, memories, starts = _CPU.decode(_rows(cpu)), _MEMORY.decode(_rows(memory)), _START.decode(_rows(start))
    except (msgspec.DecodeError, ValueError):
        return None
    if not len(cpus) == len(memories) == len(starts):
        return None
    return [
        Sample(at * 1_000_000, int(seconds * 1e9), int(used), int(started * 1e9) or None)
        for (seconds, at), (used, _), (started,) in zip(cpus, memories, starts, strict=True)
    ]


def _rows(lines: Iterable[bytes]) -> bytes:
    """`[[1.5,17],[2,18]]`; ValueError when a line brings commas of its own."""
    text = b"\n".join(lines)
    if b"," in text:
        raise ValueError("a comma in a number")
    return b"[[" + text.replace(b"\n", b"],[").replace(b" ", b",") + b"]]"
