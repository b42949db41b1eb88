import asyncio
import itertools
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from autoscaler.control.followers import Followers
from autoscaler.control.memory import Memory
from autoscaler.control.reconciler import Reconciler
from autoscaler.errors import AuditError, ConflictError, ForbiddenError, MalformedError, NotFoundError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Container, Milli, ObjectKey, Pod, Ready, Scale
from autoscaler.model.plan import Action, Chosen, EventNote, Proposal
from autoscaler.model.policy import Condition, ControllerSettings, MetricSpec, Mode, Policy, TargetRef
from autoscaler.model.status import PolicyStatus
from autoscaler.telemetry import ControlTelemetry
from tests.clock import FakeClock

TARGET = TargetRef("apps/v1", "Deployment", "web")
CPU_60 = MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=60)


def policy(**changes: object) -> Policy:
    given: dict[str, object] = {
        "kind": "HorizontalPodScaler", "namespace": "shop", "name": "web", "uid": "p1", "generation": 3,
        "target": TARGET, "min_replicas": 1, "max_replicas": 10, "metrics": (CPU_60,),
    }  # fmt: skip
    return Policy(**{**given, **changes})  # type: ignore[arg-type]  # a test builds it from words


class Shop:
    """A target of two pods at `used` milli-cores of 100 requested each; every seam of the reconciler in one place."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.used = 120
        self.replicas = 2
        self.version = 7
        self.selector = "app=web"
        self.written: list[tuple[int, str]] = []
        self.refusal: list[Exception] = []
        self.unreadable: Exception | None = None
        self.records: list[Decision] = []
        self.spool_fault: Exception | None = None
        self.statuses: list[PolicyStatus] = []
        self.status_fault: Exception | None = None
        self.notes: list[EventNote] = []
        self.followers = Followers()
        ids = itertools.count(1)
        self.reconciler = Reconciler(
            targets=self, usage=self, scaler=self, journal=_Journal(self), policies=_Policies(self),
            memory=Memory(15), followers=self.followers, settings=ControllerSettings(), clock=self.clock,
            telemetry=ControlTelemetry(CollectorRegistry()), new_id=lambda: f"id-{next(ids)}",
        )  # fmt: skip

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        if selector == "((":
            raise MalformedError("unexpected '('")
        long_ago = self.clock.now() - 3600
        return [
            Pod(namespace=namespace, name=f"web-{n}", labels={"app": "web"}, started=long_ago,
                ready=Ready("True", long_ago), containers=(Container("main", {"cpu": Milli(100)}),))
            for n in range(2)
        ]  # fmt: skip

    def pod_metrics(self, namespace: str, pods: Sequence[Pod]) -> tuple[PodMetrics, ...]:
        at = self.clock.now() - 4.0
        return tuple(PodMetrics(pod.name, at, 15.0, (("main", {"cpu": Milli(self.used)}),)) for pod in pods)

    async def read(self, namespace: str, target: TargetRef) -> Scale:
        if self.unreadable:
            raise self.unreadable
        return Scale(
            namespace=namespace, name=target.name, uid="d1", resource_version=str(self.version),
            replicas=self.replicas, observed=self.replicas, selector=self.selector,
        )  # fmt: skip

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale:
        self.written.append((replicas, scale.resource_version))
        if self.refusal:
            raise self.refusal.pop(0)
        self.replicas = replicas
        return scale

    def evaluate(self, given: Policy | None = None) -> Decision:
        return asyncio.run(self.reconciler.reconcile(given or policy()))

    def condition(self, type_: str) -> Condition:
        return next(each for each in self.statuses[-1].conditions if each.type == type_)


class _Journal:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def record(self, decision: Decision) -> None:
        if self.shop.spool_fault:
            raise self.shop.spool_fault
        self.shop.records.append(decision)


class _Policies:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        if self.shop.status_fault:
            raise self.shop.status_fault
        self.shop.statuses.append(status)

    async def event(self, policy: Policy, note: EventNote) -> None:
        self.shop.notes.append(note)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_load_above_target_is_written_with_the_version_that_was_read_and_told_everywhere(shop: Shop) -> None:
    decision = shop.evaluate()
    assert shop.written == [(4, "7")]
    assert (decision.outcome, decision.current, decision.desired) == (Outcome.WRITTEN, 2, 4)
    assert shop.records == [decision]
    assert decision.key == "shop/Deployment/web"
    assert decision.sample_age == pytest.approx(4.0)
    proposal = next(stage for stage in decision.stages if isinstance(stage, Proposal))
    assert (proposal.usage, proposal.requests, proposal.current, proposal.ratio) == (240, 200, 120, 2.0)
    assert any(isinstance(stage, Chosen) for stage in decision.stages)
    status = shop.statuses[-1]
    assert (status.current_replicas, status.desired_replicas, status.observed_generation) == (2, 4, 3)
    assert status.last_scale is not None
    assert status.last_decision == decision.id
    assert shop.condition("Ready").status == "True"
    assert shop.condition("AbleToScale").reason == "SucceededRescale"
    assert [note.reason for note in shop.notes] == ["SuccessfulRescale"]


def test_a_load_at_target_writes_nothing_and_is_recorded_all_the_same(shop: Shop) -> None:
    shop.used = 60
    decision = shop.evaluate()
    assert shop.written == []
    assert (decision.outcome, decision.action) == (Outcome.HELD, Action.HOLD)
    assert shop.records == [decision]
    assert shop.statuses[-1].last_scale is None


def test_a_shadow_decides_and_writes_nothing(shop: Shop) -> None:
    decision = shop.evaluate(policy(mode=Mode.SHADOW))
    assert shop.written == []
    assert (decision.outcome, decision.desired) == (Outcome.SHADOWED, 4)


def test_a_target_that_changed_meanwhile_is_decided_anew_once(shop: Shop) -> None:
    shop.refusal = [ConflictError("the object has been modified", status=409)]
    decision = shop.evaluate()
    assert [outcome.outcome for outcome in shop.records] == [Outcome.CONFLICTED, Outcome.WRITTEN]
    assert decision.outcome is Outcome.WRITTEN
    assert len(shop.written) == 2


def test_a_target_that_keeps_changing_is_left_to_the_next_pass(shop: Shop) -> None:
    shop.refusal = [ConflictError("modified", status=409)] * 2
    assert shop.evaluate().outcome is Outcome.CONFLICTED
    assert len(shop.written) == 2
    assert shop.condition("AbleToScale").reason == "FailedUpdateScale"


def test_a_forbidden_write_is_this_targets_condition_and_nobody_elses_exception(shop: Shop) -> None:
    shop.refusal = [ForbiddenError("deployments.apps is forbidden in namespace shop", status=403)]
    decision = shop.evaluate()
    assert decision.outcome is Outcome.FAILED
    assert "forbidden" in decision.error
    assert shop.condition("AbleToScale").status == "False"


def test_a_target_that_is_not_there_holds_and_says_so(shop: Shop) -> None:
    shop.unreadable = NotFoundError('deployments.apps "web" not found', status=404)
    decision = shop.evaluate()
    assert (decision.outcome, decision.current, decision.reason) == (Outcome.HELD, None, "FailedGetScale")
    assert "not found" in shop.condition("AbleToScale").message
    assert shop.statuses[-1].desired_replicas is None


def test_a_selector_that_is_none_is_a_condition(shop: Shop) -> None:
    shop.selector = "(("
    shop.evaluate()
    assert shop.condition("ScalingActive").reason == "InvalidSelector"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"max_replicas": 1, "min_replicas": 5}, "maxReplicas", id="min above max"),
        pytest.param({"target": TargetRef("apps/v1", "Deployment", "")}, "scaleTargetRef", id="no target"),
        pytest.param(
            {"metrics": (MetricSpec(type="Weather", name="rain"),)}, "metrics[0].type", id="a metric type nobody knows"
        ),
    ],
)
def test_a_policy_that_makes_no_sense_holds_and_names_the_field(
    shop: Shop, changes: dict[str, object], said: str
) -> None:
    decision = shop.evaluate(policy(**changes))
    assert shop.written == []
    assert (decision.outcome, decision.reason) == (Outcome.HELD, "InvalidSpec")
    assert shop.records == [decision]
    assert said in shop.condition("Ready").message
    assert shop.condition("Ready").status == "False"


def test_a_spool_that_takes_nothing_does_not_keep_the_target_from_being_scaled(shop: Shop) -> None:
    shop.spool_fault = AuditError("no space left on device")
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.replicas == 4


def test_a_status_that_cannot_be_written_does_not_keep_the_target_from_being_scaled(shop: Shop) -> None:
    shop.status_fault = ForbiddenError("no", status=403)
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert len(shop.records) == 1


def test_the_history_of_one_evaluation_is_the_input_of_the_next(shop: Shop) -> None:
    shop.evaluate()
    shop.used = 10
    decision = shop.evaluate()
    assert decision.reason == "ScaleDownStabilized"
    assert shop.replicas == 4


def test_a_target_without_behavior_doubles_once_per_sync_period_however_often_it_is_evaluated(shop: Shop) -> None:
    shop.used = 10_000
    shop.evaluate()
    shop.evaluate()
    assert shop.replicas == 4
    asyncio.run(shop.clock.advance(15))
    shop.evaluate()
    assert shop.replicas == 8


def test_the_pods_that_were_counted_are_followed(shop: Shop) -> None:
    shop.evaluate()
    assert shop.followers.of([ObjectKey("shop", "web-1")]) == {ObjectKey("shop", "web")}
