from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autoscaler.kube.autoscalers import Autoscalers, observed
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Mode
from tests.kube.apiserver import SkippingClock, listed, running, serving, telemetry, until

PATH = "/apis/autoscaling/v2/horizontalpodautoscalers"
STATUS = {
    "currentReplicas": 2,
    "desiredReplicas": 3,
    "lastScaleTime": "2027-01-15T08:00:00Z",
    "conditions": [{"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}],
    "currentMetrics": [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 80, "averageValue": "81m"}}},
        {"type": "External", "external": {"metric": {"name": "q"}, "current": {"value": "2"}}},
        {"type": ""},
    ],
}


def hpa(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "5", "generation": 1},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9},
        "status": status,
    }


def test_what_an_hpa_says_of_its_last_decision() -> None:
    found = observed(msgspec.json.encode(hpa(**STATUS)))
    assert (found.policy.kind, found.policy.mode) == ("HorizontalPodAutoscaler", Mode.OBSERVE)
    assert found.policy.last_scale == 1_800_000_000.0
    assert found.theirs.desired == 3
    assert found.theirs.metrics == (80, 2000, None)
    assert [each.reason for each in found.theirs.conditions] == ["ReadyForNewScale"]


@pytest.mark.parametrize("status", [{}, {"desiredReplicas": 0}])
def test_an_hpa_that_has_not_decided_yet(status: dict[str, Any]) -> None:
    assert observed(msgspec.json.encode(hpa(**status))).theirs.desired is None


async def test_all_of_them_are_known_and_a_new_one_is_told() -> None:
    async with serving() as (server, client):
        server.on(PATH, listed(hpa(**STATUS)))
        known = Autoscalers(client, clock=SkippingClock(), telemetry=telemetry())
        changes = known.policy_changes()
        async with running(known.run):
            assert await anext(changes) == ObjectKey("shop", "web")
            await until(lambda: known.policies().keys() == {ObjectKey("shop", "web")})
            theirs = known.theirs(ObjectKey("shop", "web"))
            assert theirs is not None
            assert theirs.desired == 3
            assert known.theirs(ObjectKey("shop", "nobody")) is None
