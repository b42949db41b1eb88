"""What one metric of a policy asked for, and a pause that held it."""

from __future__ import annotations

from autoscaler.model.plan import (
    Paused,
    Proposal,
)
from tests.audit.samples import cpu_proposal


def proposal(type_: str, name: str, **changes: object) -> Proposal:
    return cpu_proposal(**({"type": type_, "name": name} | changes))


PAUSED = Paused(
    wanted=5, replicas=2, directions=("Up",), until="2027-01-31T18:00:00Z", by="sam", why="load test"
)  # fmt: skip
