"""`spec.behavior` of autoscaling/v2 to `model.policy.Behavior`, with the API defaulter's work."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.kube.decode import Quantity, placed
from autoscaler.kube.wire import Int32
from autoscaler.model.policy import Behavior, ScalingPolicy, ScalingRules
from autoscaler.model.quantity import fraction

DEFAULT_UP = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)))
DEFAULT_DOWN = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))


class RateWire(Struct, rename="camel"):
    """One of `policies`."""

    type: str = ""
    value: Int32 = 0
    period_seconds: Int32 = 0


class RulesWire(Struct, rename="camel"):
    """`scaleUp` or `scaleDown`."""

    stabilization_window_seconds: Int32 | None = None
    select_policy: str | None = None
    policies: list[RateWire] | None = None
    tolerance: Quantity | None = None


class BehaviorWire(Struct, rename="camel"):
    """`spec.behavior`."""

    scale_up: RulesWire | None = None
    scale_down: RulesWire | None = None


def behavior(wire: BehaviorWire) -> Behavior:
    """Both directions; MalformedError names a tolerance that is no quantity."""
    return Behavior(
        up=_rules(wire.scale_up, DEFAULT_UP, "scaleUp"), down=_rules(wire.scale_down, DEFAULT_DOWN, "scaleDown")
    )


def _rules(wire: RulesWire | None, default: ScalingRules, name: str) -> ScalingRules:
    """Given fields replace single defaults, a given list of policies the whole list."""
    if wire is None:
        return default
    window = wire.stabilization_window_seconds
    return ScalingRules(
        stabilization=default.stabilization if window is None else window,
        select=default.select if wire.select_policy is None else wire.select_policy,
        policies=default.policies
        if wire.policies is None
        else tuple(ScalingPolicy(each.type, each.value, each.period_seconds) for each in wire.policies),
        tolerance=placed(f"spec.behavior.{name}.tolerance", _fraction, wire.tolerance),
    )


def _fraction(value: Quantity) -> float:
    return fraction(value if isinstance(value, str) else str(value))
