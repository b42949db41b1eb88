"""Decisions to record."""

from __future__ import annotations

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Action, Chosen, Counted, EventNote, Final, Limited, Proposal, Stabilized, Stage
from autoscaler.model.policy import Condition, MetricSpec, TargetRef
from autoscaler.model.reason import Reason

NOON = 1_800_000_000.0
CPU = MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=60)
BASIS = Basis(spec=Spec(min_replicas=2, max_replicas=10, metrics=(CPU,)), selector="app=web")


def cpu_proposal(**changes: object) -> Proposal:
    fields: dict[str, object] = {
        "type": "Resource",
        "name": "cpu",
        "label": "cpu resource utilization (percentage of request)",
        "target_type": "Utilization",
        "target": 60,
        "current": 90,
        "average": Milli(450),
        "usage": Milli(1350),
        "requests": Milli(1500),
        "samples": 3,
        "ratio": 1.5,
        "pods": Counted(ready=3),
        "replicas": 5,
    }
    return Proposal(**(fields | changes))


def stages(proposal: Proposal | None = None) -> tuple[Stage, ...]:
    return (
        proposal or cpu_proposal(),
        Chosen(metric="cpu resource utilization (percentage of request)", replicas=5),
        Stabilized(proposed=5, replicas=5, down_window=300.0, reason="ReadyForNewScale"),
        Limited(wanted=5, replicas=5, min_replicas=2, max_replicas=10, limit=6, start=3, reason="DesiredWithinRange"),
        Final(current=3, replicas=5, why="cpu resource utilization (percentage of request) above target"),
    )


def decision(number: int = 1, name: str = "web", **changes: object) -> Decision:
    fields: dict[str, object] = {
        "id": f"{name}-{number}",
        "time": micro_text(NOON + number),
        "target": TargetRef("apps/v1", "Deployment", name),
        "namespace": "shop",
        "policy": PolicyRef("HorizontalPodScaler", "shop", name, "uid-1", 4),
        "action": Action.RESIZE,
        "outcome": Outcome.WRITTEN,
        "current": 3,
        "desired": 5,
        "reason": Reason.ABOVE_TARGET,
        "sample_age": 7.25,
        "stages": stages(),
        "conditions": (Condition(type="AbleToScale", status="True", reason="SucceededRescale", message="ok"),),
        "events": (EventNote("Normal", "SuccessfulRescale", "New size: 5; reason: cpu above target"),),
        "basis": BASIS,
    }
    return Decision(**(fields | changes))


def record(number: int = 1, name: str = "web", *, body: bytes | None = None) -> Record:
    made = decision(number, name)
    return Record(
        position=number,
        key=made.key,
        epoch=7,
        seq=number,
        at=NOON + number,
        body=codec.encode(made) if body is None else body,
    )
