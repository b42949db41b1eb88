"""Quantities, spans and counts as a person reads them."""

from __future__ import annotations

from autoscaler.model.plan import Proposal
from autoscaler.model.policy import MetricType

SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))

_RESOURCES = (MetricType.RESOURCE, MetricType.CONTAINER_RESOURCE)


def amount(proposal: Proposal, milli: int) -> str:
    """A quantity of this metric: `1350m` of CPU, `512 MiB` of memory, `12.5` of anything else."""
    if in_cores(proposal):
        return f"{milli}m"
    return size(milli / 1000) if in_bytes(proposal) else f"{milli / 1000:.12g}"


def in_cores(proposal: Proposal) -> bool:
    """Whether it measures CPU."""
    return proposal.type in _RESOURCES and proposal.name == "cpu"


def in_bytes(proposal: Proposal) -> bool:
    """Whether it measures memory, or room."""
    of_bytes = proposal.name in ("memory", "ephemeral-storage") or proposal.name.startswith("hugepages-")
    return proposal.type in _RESOURCES and of_bytes


def size(number: float) -> str:
    """Bytes: `512 MiB`, `1.5 GiB`."""
    for unit, name in SIZES[:-1]:
        if abs(number) >= unit:
            return f"{number / unit:.4g} {name}"
    return f"{number:.0f} B"


def span(seconds: float) -> str:
    """How long: `42 s`, `4 min 30 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // 60, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def counted(count: int, word: str = "pod") -> str:
    """`1 pod`, `3 pods`."""
    return f"{count} {noun(count, word)}"


def noun(count: int, word: str) -> str:
    """`record` for one, `records` for any other number."""
    return word if count == 1 else f"{word}s"
