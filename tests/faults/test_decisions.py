"""Rows of the catalogue of faults that a decision has to bear, by their ids: what is written, and what is not."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import Container, Pod, Ready
from autoscaler.model.plan import History, Plan, Proposal
from autoscaler.model.policy import MetricSpec
from tests.control.shop import Shop, policy
from tests.core import evaluations
from tests.core.evaluations import NOW

WINDOW = 300.0
PASS = 15.0
HOUR = 3600.0
QUEUE = MetricSpec(type="External", name="queue", target_type="Value", value=100_000)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_c11_to_zero_without_metrics_is_held(shop: Shop) -> None:
    """No value is not the value 0 (KEDA #1850, #2244)."""
    shop.answers["queue"] = UnreachableError("nobody serves external.metrics.k8s.io")
    decision = shop.evaluate(policy(min_replicas=0, metrics=(QUEUE,)))
    assert (shop.written, decision.desired, decision.reason) == ([], 2, "FailedGetExternalMetric")


def test_c13_a_metric_that_swings_around_the_edge_of_the_tolerance_changes_the_size_once_per_window() -> None:
    """An hour of loads that are 11 % over and 11 % under the target in turn, both just outside the tolerance."""
    size, changes, history = 10, [], History()
    for number in range(int(HOUR / PASS)):
        now = NOW + number * PASS
        load = 10 * 50 * (1.11 if number % 2 else 0.89)
        plan = planner.plan(sharing(load, size, now, history=history))
        history = plan.history
        if plan.desired != size:
            changes.append(now)
            size = plan.desired
    assert size == 12
    assert all(after - before >= WINDOW for before, after in itertools.pairwise(changes)), changes


def sharing(load: float, size: int, now: float, **fields: object) -> Evaluation:
    """A load in milli-cores spread evenly over as many pods of 100 requested milli-cores; 50 % is wanted."""
    pods = tuple(replace(evaluations.pod(number), started=now - 5000) for number in range(size))
    usage = tuple(replace(evaluations.usage(number, round(load / size)), at=now - 5) for number in range(size))
    wanted = evaluations.policy(max_replicas=50, metrics=(replace(evaluations.CPU, utilization=50),))
    return evaluations.evaluation(
        policy=wanted, scale=evaluations.scale(size), pods=pods, pod_metrics=usage, now=now, **fields
    )


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        pytest.param({"ready": Ready("False", NOW - 4995)}, "unready", id="not ready since its start"),
        pytest.param({"phase": "Pending"}, "unready", id="pending"),
        pytest.param({"started": NOW - 20, "ready": Ready("True", NOW - 10)}, "unready", id="restarted just now"),
        pytest.param({"deleted": True}, "ignored", id="being deleted"),
        pytest.param({"phase": "Failed"}, "ignored", id="failed"),
    ],
)
def test_c15_a_pod_that_does_not_work_is_counted_as_the_hpa_counts_it(changes: dict[str, object], group: str) -> None:
    plan = planner.plan(evaluations.evaluation(pods=(evaluations.pod(0, **changes), evaluations.pod(1))))
    counted = proposal(plan).pods
    assert counted is not None
    assert getattr(counted, group) == ("web-0",)


def test_c15_a_pod_without_a_request_is_named() -> None:
    careless = evaluations.pod(0, containers=(Container("app"),))
    plan = planner.plan(evaluations.evaluation(pods=(careless, evaluations.pod(1))))
    assert (plan.desired, plan.decided) == (2, False)
    assert "web-0" in proposal(plan).message


def proposal(plan: Plan) -> Proposal:
    return next(each for each in plan.stages if isinstance(each, Proposal))


def test_s07_a_target_we_may_not_scale_is_its_policys_condition_and_no_others(shop: Shop) -> None:
    shop.refusals = [ForbiddenError('cannot update resource "deployments/scale"', status=403)]
    assert shop.evaluate().outcome is Outcome.FAILED
    assert "cannot update" in shop.condition("AbleToScale").message
    assert shop.evaluate(policy(namespace="office")).outcome is Outcome.WRITTEN


def test_s08_an_overtaken_write_is_decided_anew_once_and_then_left_to_the_next_pass(shop: Shop) -> None:
    shop.refusals = [ConflictError("modified", status=409)] * 3
    assert shop.evaluate().outcome is Outcome.CONFLICTED
    assert len(shop.written) == 2


def test_s10_ten_minutes_without_an_api_server_write_nothing_and_end_in_one_decision(shop: Shop) -> None:
    shop.unreadable = UnreachableError("connection refused")
    for _ in range(40):
        decision = shop.evaluate()
        assert (decision.outcome, decision.reason, decision.current) == (Outcome.HELD, "FailedGetScale", None)
        asyncio.run(shop.clock.advance(PASS))
    assert shop.written == []
    shop.unreadable = None
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.evaluate().outcome is Outcome.HELD
    assert len(shop.written) == 1


def test_s12_whoever_remembers_nothing_takes_nothing_away_for_a_whole_window(shop: Shop) -> None:
    """After a restart, a restored etcd, a new leader: the size that is found counts as wanted until it is 300 s old."""
    shop.replicas, shop.used = 8, 1
    elapsed = 0.0
    while elapsed < WINDOW:
        assert shop.evaluate().desired == 8, elapsed
        asyncio.run(shop.clock.advance(PASS))
        elapsed += PASS
    assert shop.evaluate().desired < 8


def test_s14_a_target_scaled_to_0_by_hand_is_left_alone(shop: Shop) -> None:
    shop.replicas = 0
    decision = shop.evaluate(policy(min_replicas=3))
    assert (shop.written, decision.reason) == ([], "ScalingDisabled")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(NotFoundError("the server could not find the requested resource", status=404), id="CRD gone"),
        pytest.param(NotFoundError('horizontalpodscalers "web" not found', status=404), id="no status subresource"),
        pytest.param(ForbiddenError("cannot update horizontalpodscalers/status", status=403), id="no right"),
    ],
)
def test_s16_a_status_that_cannot_be_kept_stops_nothing(shop: Shop, fault: KubeError) -> None:
    shop.status_fault = fault
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.evaluate().outcome is Outcome.HELD


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(KubeError('admission webhook "freeze" denied the request: until Monday', status=403), id="denied"),
        pytest.param(UnreachableError('failed calling webhook "freeze": deadline exceeded', status=500), id="silent"),
    ],
)
def test_s17_what_a_webhook_says_is_told_and_the_write_tried_at_the_next_pass(shop: Shop, fault: KubeError) -> None:
    shop.refusals = [fault]
    assert shop.evaluate().outcome is Outcome.FAILED
    assert "freeze" in shop.condition("AbleToScale").message
    assert len(shop.written) == 1, "no retry within the pass"
    assert shop.evaluate().outcome is Outcome.WRITTEN


def test_s17_a_number_that_a_webhook_changed_is_what_the_next_decision_starts_from(shop: Shop) -> None:
    shop.evaluate()
    shop.replicas = 3  # 4 was written, and 3 is what the API server kept
    assert shop.evaluate().current == 3


def test_s18_pods_without_a_node_do_not_make_it_run_away() -> None:
    """Two pods at twice their target and eight pending ones, as often as it is looked at."""
    pods = [evaluations.pod(number) for number in range(2)]
    pods += [Pod(namespace="shop", name=f"web-{n}", labels={"app": "web"}, phase="Pending",
                 containers=(Container("app", {"cpu": 100}),)) for n in range(2, 10)]  # type: ignore[dict-item]  # fmt: skip
    busy = (evaluations.usage(0, 200), evaluations.usage(1, 200))
    wanted = evaluations.policy(max_replicas=100)
    size = 2
    for _ in range(20):
        given = evaluations.evaluation(
            policy=wanted, scale=evaluations.scale(size), pods=tuple(pods[:size]), pod_metrics=busy
        )
        size = planner.plan(given).desired
    assert size == 4
