"""Decisions about shop/web, and a scene made of rows, for the tests of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.cli.demo_scene import NodeRow, TargetRow, Totals
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Action, Proposal, Stage
from autoscaler.model.policy import TargetRef
from autoscaler.model.reason import Reason

CPU = Proposal(type="Resource", name="cpu", label="cpu", target_type="Utilization", target=60, current=338,
               replicas=12)  # fmt: skip
MEMORY = Proposal(type="Resource", name="memory", label="memory", target_type="AverageValue",
                  target=100 * 2**20 * 1000, current=Milli(92 * 2**20 * 1000), replicas=3)  # fmt: skip


def decision(current: int, desired: int, stages: tuple[Stage, ...] = (), error: str = "") -> Decision:
    return Decision(
        id="1",
        time="2027-01-15T08:00:00.000000Z",
        target=TargetRef("apps/v1", "Deployment", "web"),
        namespace="shop",
        policy=PolicyRef("HorizontalPodScaler", "shop", "web", "u", 1),
        action=Action.HOLD if current == desired else Action.RESIZE,
        outcome=Outcome.HELD if current == desired else Outcome.WRITTEN,
        current=current,
        desired=desired,
        reason=Reason.ABOVE_TARGET,
        error=error,
        stages=stages,
    )


@dataclass
class Rows:
    """A scene that says what the test put into it."""

    node_rows: list[NodeRow] = field(default_factory=list)
    target_rows: list[TargetRow] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)

    def nodes(self) -> Sequence[NodeRow]:
        return self.node_rows

    def targets(self) -> Sequence[TargetRow]:
        return self.target_rows

    def decisions(self) -> Sequence[Decision]:
        return self.decided

    def totals(self) -> Totals:
        return Totals(evaluations=len(self.decided), scrapes=0, scrapes_failed=0)


def scene() -> Rows:
    return Rows(
        [
            NodeRow(name="node-1", cores=4, cpu=1.0, memory=2**30, age=1.2),
            NodeRow(name="node-2", cores=4, cpu=1.0, memory=2**30, age=7.5),
            NodeRow(name="node-3", cores=4, trouble="connect: refused\x1b[2J"),
            NodeRow(name="node-4", cores=4),
        ],
        [TargetRow(name="shop/web", metric="cpu", usage="58 %", goal="60 % of requests", replicas=6, ready=4,
                   missing=2)],
        [decision(2, 6, (CPU,))],
    )  # fmt: skip
