"""What is new is written, values alone every 15 s; what was said before is known without being merged."""

from __future__ import annotations

import pytest

from autoscaler.kube.novelty import METRICS_SECONDS, Novelty
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import History, MetricStatus
from autoscaler.model.policy import Condition
from autoscaler.model.status import PolicyStatus
from tests.clock import FakeClock

WEB = ObjectKey("shop", "web")
KNOWN = object()


def status(utilization: int, **more: object) -> PolicyStatus:
    metrics = (MetricStatus(type="Resource", name="cpu", utilization=utilization),)
    return PolicyStatus(observed_generation=1, metrics=metrics, **more)  # type: ignore[arg-type]  # a field of it each


def document(utilization: int, **more: object) -> dict[str, object]:
    return {"currentMetrics": [utilization], **more}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def novelty(clock: FakeClock) -> Novelty:
    return Novelty(clock)


@pytest.mark.parametrize(
    ("after", "worth"),
    [
        pytest.param(document(50), False, id="the same"),
        pytest.param(document(50, lastDecisionId="d", history={}), False, id="a decision that changed nothing"),
        pytest.param(document(51), True, id="values, when nothing was ever written"),
        pytest.param(document(50, desiredReplicas=3), True, id="a number"),
    ],
)
def test_what_is_worth_a_write(novelty: Novelty, after: dict[str, object], *, worth: bool) -> None:
    assert novelty.worth(WEB, KNOWN, status(50), document(50), after) is worth
    assert novelty.said(WEB, KNOWN, status(50)) is not worth


async def test_values_alone_wait_and_then_they_are_written(novelty: Novelty, clock: FakeClock) -> None:
    novelty.written(WEB)
    assert not novelty.worth(WEB, KNOWN, status(51), document(50), document(51))
    assert novelty.said(WEB, KNOWN, status(52))
    await clock.advance(METRICS_SECONDS)
    assert not novelty.said(WEB, KNOWN, status(51))
    assert novelty.worth(WEB, KNOWN, status(51), document(50), document(51))


@pytest.mark.parametrize(
    ("later", "said"),
    [
        pytest.param(status(50, last_decision="e", history=History()), True, id="another decision, another history"),
        pytest.param(status(51), False, id="other values"),
        pytest.param(status(50, current_replicas=3), False, id="another number"),
        pytest.param(status(50, settles="d"), False, id="a decision that is done"),
        pytest.param(
            status(50, conditions=(Condition(type="Ready", status="True", reason="r", message="m"),)),
            False,
            id="a condition",
        ),
    ],
)
def test_what_was_said_before(novelty: Novelty, later: PolicyStatus, *, said: bool) -> None:
    assert not novelty.said(WEB, KNOWN, later)
    novelty.worth(WEB, KNOWN, status(50), document(50), document(50))
    assert novelty.said(WEB, KNOWN, later) is said
    assert not novelty.said(WEB, object(), status(50)), "over another status it is merged again"
    novelty.forget(WEB)
    assert not novelty.said(WEB, KNOWN, later)
