"""What would have to change for the final number to be another one: which stage decides it, and the smallest change.

Told is what the planner says (`core.future`), the pods being as they were at the decision: which number comes by itself
when windows, rates and pauses end; and what metrics would have to measure, and from when on, for more and for fewer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import sentences
from autoscaler.core.arithmetic import INT32_MAX
from autoscaler.core.cause import Cause, cause, ending, holders
from autoscaler.core.distance import Step, fall, last_that_holds, rise
from autoscaler.core.future import Future
from autoscaler.core.recollection import planned, unanswerable
from autoscaler.model.basis import Basis
from autoscaler.model.decision import Decision
from autoscaler.model.instant import micro_text, micros_after, seconds_text
from autoscaler.model.plan import Chosen, Limited, Plan, Proposal, Stage
from autoscaler.model.policy import MetricSpec, Policy
from autoscaler.model.reason import Reason

OTHER = "decided again, the record gives another number; `autoscaler audit verify` names what differs"

HALF_A_DAY = 43_200.0


class Need(Struct, frozen=True):
    """What a metric has to come to."""

    metric: str
    step: Step


class Way(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """To another number. `replicas` None: there is none, as long as `field` of the policy is as it is, or for what the
    sentence says. `at` is from which microsecond on, RFC 3339, "" from the next evaluation on. Any one of `any_of`, or
    all of `all_of`, has to be measured until then; neither: nothing has to change but the time.
    """

    replicas: int | None
    sentence: str
    at: str = ""
    field: str = ""
    any_of: tuple[Need, ...] = ()
    all_of: tuple[Need, ...] = ()


class Outlook(Struct, frozen=True, kw_only=True):
    """`by_itself` is None where no number comes by itself; `more` and `fewer` where no metric was asked."""

    decides: Cause
    by_itself: Way | None = None
    more: Way | None = None
    fewer: Way | None = None


def outlook(decision: Decision) -> Outlook | str:
    """Why there is none, "" where nothing was evaluated."""
    basis, current = decision.basis, decision.current
    if basis is None or current is None or decision.reason == Reason.INVALID_SPEC:
        return ""
    if why := unanswerable(decision):
        return why
    asks = _asks(decision.stages)
    try:
        plan = planned(decision)
    except ValueError:  # there are not as many sums as metrics
        return OTHER
    if (plan.desired, _asks(plan.stages)) != (decision.desired, asks):
        return OTHER
    return _Prospect(decision, basis, plan, current).outlook()


def _asks(stages: Sequence[Stage]) -> list[int | None]:
    return [stage.replicas for stage in stages if isinstance(stage, Proposal)]


class _Prospect:
    def __init__(self, decision: Decision, basis: Basis, plan: Plan, current: int) -> None:
        self._plan, self._current, self._number = plan, current, plan.desired
        self._metrics = list(_metrics(plan, basis.spec.metrics))
        self._future = Future(decision, basis, plan)

    def outlook(self) -> Outlook:
        decides = cause(self._plan, self._metrics, self._future.now, self._future.policy)
        if not self._metrics:
            return Outlook(decides=decides)
        more = self._by_itself(lambda number: number > self._number)
        fewer = self._by_itself(lambda number: number < self._number)
        soonest = min((each for each in (more, fewer) if each is not None), key=lambda each: each.at, default=None)
        return Outlook(
            decides=decides,
            by_itself=soonest,
            more=more or self._more(),
            fewer=fewer or self._fewer(),
        )

    # By itself

    def _by_itself(self, wanted: Callable[[int], bool]) -> Way | None:
        at = self._future.first(wanted)
        if at is None:
            return None
        number = self._future.plan(at).desired
        asked = next((stage.replicas for stage in self._plan.stages if isinstance(stage, Chosen)), None)
        told = f"{number}{self._since(at, None)}, while the metrics ask for {asked}"
        return Way(replicas=number, at=self._at(at), sentence=told)

    def _at(self, at: float) -> str:
        return "" if at <= self._future.soon else micro_text(at)

    def _since(self, at: float, *asked: int | None) -> str:
        """` from 08:02:41Z on, when the 12 of 07:57:40Z expires`: for the first that is asked, in whole seconds unless
        one of them comes to another number by then.
        """
        future = self._future
        if at <= future.soon:
            return ""
        held = next(holders(future.plan(max(future.soon, micros_after(at, -1)), asked[0])), None)
        second = float(math.ceil(at))
        same = all(future.plan(second, each).desired == future.plan(at, each).desired for each in asked)
        when = seconds_text(second) if same else micro_text(at)
        told = when if at - future.now >= HALF_A_DAY else when[11:]
        return f" from {told} on{ending(held, future.policy)}"

    # By a metric

    def _more(self) -> Way:
        future, number = self._future, self._number
        most = future.policy.max_replicas + 1
        if not self._reaches(most, future.policy, lambda found: found > number):
            return self._none(most, lambda found: found > number)
        least = min(self._threshold(0, most, lambda found: found > number))
        at = future.first(lambda found: found > number, least)
        found = [(name, rise(proposal, self._current, least)) for name, proposal in self._metrics]
        needs = sorted((Need(name, step) for name, step in found if step is not None), key=self._share)
        if at is None or not needs:
            return Way(replicas=None, sentence=f"none: with these pods no usage makes a metric ask for {least} or more")
        numbers = [future.plan(at, need.step.asks).desired for need in needs]
        told = [f"{count} with {need.metric} {need.step.upwards()}" for count, need in zip(numbers, needs, strict=True)]
        return Way(
            replicas=numbers[0],
            sentence=", or ".join(told) + self._since(at, least, *(need.step.asks for need in needs)),
            at=self._at(at),
            any_of=tuple(needs),
        )

    def _threshold(self, out: int, inside: int, wanted: Callable[[int], bool]) -> Iterator[int]:
        """What has to be asked for at once, if that does, and what once nothing that was counts any more."""
        for at in (self._future.soon, self._future.horizon):

            def holds(asked: int, at: float = at) -> bool:
                return wanted(self._future.plan(at, asked).desired)

            if holds(inside):
                yield out if holds(out) else last_that_holds(out, inside, holds)

    def _share(self, need: Need) -> float:
        usage = next(proposal.usage or 0 for name, proposal in self._metrics if name == need.metric)
        return need.step.usage / usage if usage > 0 else float("inf")

    def _fewer(self) -> Way:
        future, number = self._future, self._number
        if not self._reaches(0, future.policy, lambda found: found < number):
            return self._none(0, lambda found: found < number)
        most = max(self._threshold(future.policy.max_replicas + 1, 0, lambda found: found < number))
        at = future.first(lambda found: found < number, most)
        above = [(name, each) for name, each in self._metrics if each.replicas is not None and each.replicas > most]
        found = [(name, fall(proposal, self._current, most)) for name, proposal in above]
        needs = [Need(name, step) for name, step in found if step is not None]
        if at is None or len(needs) < len(above):
            stuck = ", ".join(name for name, step in found if step is None)
            return Way(replicas=None, sentence=f"none: with these pods no usage makes {stuck} ask for {most} or fewer")
        others = [each.replicas for _, each in self._metrics if each.replicas is not None and each.replicas <= most]
        asked = max([*(need.step.asks for need in needs), *others])
        count = future.plan(at, asked).desired
        told = " and ".join(f"{need.metric} {need.step.downwards()}" for need in needs)
        return Way(
            replicas=count,
            sentence=f"{count} with {told}{self._since(at, asked)}",
            at=self._at(at),
            all_of=tuple(needs),
        )

    # By nothing that is measured

    def _reaches(self, asked: int, policy: Policy, wanted: Callable[[int], bool]) -> bool:
        return wanted(self._future.plan(self._future.horizon, asked, policy).desired)

    def _none(self, asked: int, wanted: Callable[[int], bool]) -> Way:
        """What bars the way: the fields without which there would be one, or else what no field can change."""
        failed = [name for name, proposal in self._metrics if proposal.replicas is None]
        if not asked and self._number == 0:
            return Way(replicas=None, sentence="none: 0 is the least")
        policy = self._future.policy
        for field, value, freed in _bars(policy, self._number, up=asked > 0):
            policy = freed(policy)
            if self._reaches(INT32_MAX if asked else 0, policy, wanted):
                return Way(replicas=None, field=field, sentence=f"none while {field} is {value}")
        if failed and (not asked or len(failed) == len(self._metrics)):
            return Way(replicas=None, sentence=f"none while {', '.join(failed)} cannot be had")
        held = next(holders(self._future.plan(self._future.horizon, INT32_MAX if asked else 0, policy)), None)
        if isinstance(held, Limited):  # what is not written does not move on
            return Way(replicas=None, sentence=f"none while it is not written: {sentences.limited(held)}")
        return Way(replicas=None, sentence="none while somebody else scales the target, or may")


def _metrics(plan: Plan, specs: Sequence[MetricSpec]) -> Iterator[tuple[str, Proposal]]:
    proposals = [stage for stage in plan.stages if isinstance(stage, Proposal)]
    for proposal, spec in zip(proposals, specs, strict=False):
        yield sentences.metric_name(proposal, spec), proposal


_Bar = tuple[str, str, Callable[[Policy], Policy]]
"""A field that bars a direction, what it is, and how a policy is without that."""


def _bars(policy: Policy, number: int, *, up: bool) -> Iterator[_Bar]:
    """The rates first: who frees one after the other ends at the bound."""
    rules = policy.behavior
    if rules is not None and (rules.up if up else rules.down).select == "Disabled":
        free = replace(rules, up=replace(rules.up, select="Max"), down=replace(rules.down, select="Max"))
        field = f"spec.behavior.{'scaleUp' if up else 'scaleDown'}.selectPolicy"
        yield field, "Disabled", lambda policy: replace(policy, behavior=free)
    if up:
        yield "spec.maxReplicas", str(policy.max_replicas), lambda policy: replace(policy, max_replicas=number + 1)
    elif policy.min_replicas > 0:
        yield "spec.minReplicas", str(policy.min_replicas), lambda policy: replace(policy, min_replicas=number - 1)
