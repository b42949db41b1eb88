"""What the planner would say of a target after a decision, the pods being as they were: later, or asked for otherwise.

Every number is the planner's own, from the record's sums; only what is asked for, the time and the policy are others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.conditions import merged
from autoscaler.core.evaluation import Refusal
from autoscaler.core.proposals import Asked
from autoscaler.core.recollection import answers, given, policy_of
from autoscaler.core.retention import down_window, up_window
from autoscaler.core.stages import Given
from autoscaler.model.basis import Basis
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import micros_after
from autoscaler.model.plan import Action, Plan, Proposal
from autoscaler.model.policy import Policy

MOMENT = 1e-3
"""Seconds until the next evaluation, if it came at once."""


class Future:
    """`plan` is the decision made again from its record, `basis` the record's. `soon` is when the next evaluation may
    be, `turns` are the microseconds from which on something no longer counts, by the `horizon` nothing does.
    """

    def __init__(self, decision: Decision, basis: Basis, plan: Plan) -> None:
        policy = policy_of(decision, basis.spec)
        before = given(decision, policy).evaluation
        asked = any(isinstance(stage, Proposal) for stage in plan.stages)
        found = answers(decision, before) if asked else ()
        self._answers: Sequence[Asked] = () if isinstance(found, Refusal) else found
        written = decision.outcome is Outcome.WRITTEN and plan.action is Action.RESIZE
        after = planner.settled(plan, policy, written=written, error="", now=before.now, compat=before.settings.compat)
        size = plan.desired if written else before.scale.replicas if before.scale else 0
        policy = replace(policy, conditions=merged(policy.conditions, after.conditions, before.now))
        scale = None if before.scale is None else replace(before.scale, replicas=size)
        self._evaluation = replace(before, policy=policy, scale=scale, history=after.history)
        self.now, self.policy, self.standing = before.now, policy, plan.desired
        own = policy.deviations.sync_period
        self._period_ends = micros_after(before.now + (before.settings.sync_period if own is None else own), 0)
        self.soon = before.now + MOMENT
        self.turns = tuple(sorted({at for at in self._turns() if at > self.soon}))
        self.horizon = self.turns[-1] if self.turns else self.soon

    def plan(self, at: float, asked: int | None = None, policy: Policy | None = None) -> Plan:
        """At that time: when every metric that could be had asks for `asked` since the next evaluation, None: for what
        it asked, and under another policy, if one is given.
        """
        evaluation = replace(
            self._evaluation,
            now=at,
            policy=policy or self.policy,
            period_start_replicas=None if at >= self._period_ends else self._evaluation.period_start_replicas,
        )
        found = self._answers if asked is None else [_asking(each, asked) for each in self._answers]
        return planner.decided(Given(evaluation), lambda *_: found)

    def first(self, holds: Callable[[int], bool], asked: int | None = None) -> float | None:
        """When such a number comes first: at once, or at the first microsecond at which something ceases to count."""
        for at in (self.soon, *self.turns):
            if holds(self.plan(at, asked).desired):
                return at
        return None

    def _turns(self) -> Iterator[float]:
        history, policy = self._evaluation.history, self.policy
        for window in (up_window(policy), down_window(policy, self._evaluation.settings)):
            for each in history.recommendations or ():
                yield from turns_of(each.time, window)
        rules = () if policy.behavior is None else (*policy.behavior.up.policies, *policy.behavior.down.policies)
        for rule in rules:
            for event in (*history.scale_ups, *history.scale_downs):
                yield from turns_of(event.time, rule.period)
        if policy.deviations.pause is not None:
            yield policy.deviations.pause.until
        if policy.behavior is None:
            yield self._period_ends


def turns_of(time: float, window: float) -> Iterator[float]:
    """The first microsecond at which what is of `time` is no longer inside the window, and the first one at which it is
    not at its end either: some ends still count. Asked as the planner asks, for sums of floats are rounded.
    """
    near = [micros_after(time + window, count) for count in range(-2, 3)]
    yield next((at for at in near if time <= at - window), near[-1])
    yield next((at for at in near if time < at - window), near[-1])


def _asking(metric: Asked, replicas: int) -> Asked:
    if metric.proposal.replicas is None:
        return metric
    return replace(metric, proposal=replace(metric.proposal, replicas=replicas))
