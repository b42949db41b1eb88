from __future__ import annotations

import json

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.decode_behavior import BehaviorWire, behavior
from autoscaler.kube.wire import decoder
from autoscaler.model.policy import Behavior, ScalingPolicy, ScalingRules

read = decoder(BehaviorWire)
PODS_4, DOUBLE = ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(
            {},
            Behavior(ScalingRules(stabilization=0, policies=(PODS_4, DOUBLE)), ScalingRules(policies=(DOUBLE,))),
            id="empty",
        ),
        pytest.param(
            {"scaleDown": {"stabilizationWindowSeconds": 60, "tolerance": "50m"},
             "scaleUp": {"selectPolicy": "Disabled"}},
            Behavior(
                ScalingRules(stabilization=0, select="Disabled", policies=(PODS_4, DOUBLE)),
                ScalingRules(stabilization=60, policies=(DOUBLE,), tolerance=50 * 1e-3),
            ),
            id="single fields",
        ),
        pytest.param(
            {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]},
             "scaleDown": {"policies": []}},
            Behavior(
                ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),)), ScalingRules(policies=())
            ),
            id="a list replaces the whole list, an empty one stays for the validation",
        ),
        pytest.param(
            {"scaleDown": {"selectPolicy": ""}},
            Behavior(
                ScalingRules(stabilization=0, policies=(PODS_4, DOUBLE)), ScalingRules(select="", policies=(DOUBLE,))
            ),
            id="an empty word is none, and no default: it stays for the validation",
        ),
    ],
)  # fmt: skip
def test_behavior_defaults_field_by_field(wire: dict[str, object], expected: Behavior) -> None:
    assert behavior(read(json.dumps(wire).encode())) == expected


@pytest.mark.parametrize("direction", ["scaleUp", "scaleDown"])
def test_a_tolerance_that_is_none_is_named(direction: str) -> None:
    with pytest.raises(MalformedError, match=rf"^spec\.behavior\.{direction}\.tolerance: .*a bit"):
        behavior(read(json.dumps({direction: {"tolerance": "a bit"}}).encode()))
