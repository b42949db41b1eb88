import math
import re
from collections import Counter as Tally
from fractions import Fraction

import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.distance import fall, rise, steps
from autoscaler.core.recollection import answer
from autoscaler.model.plan import Counted, Gaps, Proposal
from tests.audit.samples import cpu_proposal
from tests.core.chance import evaluations

ON_TARGET = cpu_proposal(target=50, current=50, usage=500, requests=1000, samples=5, ratio=1.0, replicas=5,
                         pods=Counted(ready=5))  # fmt: skip
DAMPED = replace(ON_TARGET, replicas=6, gaps=Gaps(values=5, missing_requests=200, assumed=200),
                 pods=Counted(ready=5, missing=("a",)))  # fmt: skip
QUEUE = Proposal(type="External", name="queue", label="external metric queue()", target_type="AverageValue",
                 target=10_000, current=10_000, usage=30_000, ratio=1.0, observed=3, replicas=3)  # fmt: skip
MEMORY = cpu_proposal(name="memory", target_type="AverageValue", target=536_870_912_000, usage=943_718_400_000,
                      requests=None, replicas=2)  # fmt: skip


@pytest.mark.parametrize(
    ("proposal", "current", "more", "fewer"),
    [
        pytest.param(ON_TARGET, 5, "6 from 56 % on (560m in 5 pods)", "4 at 40 % or less (409m in 5 pods)",
                     id="tolerance upwards, rounding up downwards"),
        pytest.param(replace(ON_TARGET, usage=600, current=60, replicas=6), 5, "7 from 61 % on (610m in 5 pods)",
                     "5 at 55 % or less (559m in 5 pods)", id="one percent more is enough, the tolerance is not"),
        pytest.param(DAMPED, 6, "7 from 67.2 % on (672m in 5 pods)", "5 at 30.3 % or less (303m in 5 pods)",
                     id="a missing pod damps both, and parts of a percent count"),
        pytest.param(replace(ON_TARGET, usage=0, current=0, replicas=0), 5, "1 from 1 % on (10m in 5 pods)", None,
                     id="nothing is below 0"),
        pytest.param(replace(ON_TARGET, usage=650, current=65, replicas=7), 12, "8 from 71 % on (710m in 5 pods)",
                     "6 at 60 % (609m in 5 pods) down to 56 %", id="tolerance keeps 12, where there are as many"),
        pytest.param(QUEUE, 3, "4 from a total of 33.001 on", "2 at a total of 20 or less", id="a total"),
        pytest.param(replace(QUEUE, usage=-5, replicas=0), 3, "1 from a total of 0.001 on", None, id="below nothing"),
        pytest.param(MEMORY, 3, "3 from 341.4 MiB a pod on (1.001 GiB in 3 pods)",
                     "1 at 170.6 MiB a pod or less (512 MiB in 3 pods)", id="bytes, rounded to the safe side"),
        pytest.param(replace(QUEUE, usage=None, replicas=None), 3, None, None, id="a metric that failed"),
    ],
)  # fmt: skip
def test_steps(proposal, current, more, fewer):
    found = steps(proposal, current)
    assert found.more is None or f"{found.more.asks} {found.more.upwards()}" == more
    assert found.fewer is None or f"{found.fewer.asks} {found.fewer.downwards()}" == fewer
    assert (found.more is None, found.fewer is None) == (more is None, fewer is None)


def test_a_number_further_away_is_looked_for_too():
    assert rise(ON_TARGET, 5, 10).upwards() == "from 91 % on (910m in 5 pods)"
    assert fall(ON_TARGET, 5, 1).downwards() == "at 10 % or less (109m in 5 pods)"
    assert fall(ON_TARGET, 5, -1) is None


UNITS = {"GiB": 1000 << 30, "MiB": 1000 << 20, "KiB": 1000 << 10, "B": 1000, "m": 1}
LEVEL = re.compile(r"(?:a total of )?(-?[0-9]+)(?:\.([0-9]+))? ?(%|GiB|MiB|KiB|B|m)?(?: a pod)?(?: in [0-9]+ pods?)?")


def usages(told, proposal):
    """The total usage that a printed level means, and how much of it one unit of what is printed is."""
    whole, decimals, unit = LEVEL.fullmatch(told).groups()
    decimals = decimals or ""
    number, step = Fraction(f"{whole}.{decimals or 0}"), Fraction(1, 10 ** len(decimals))
    if unit == "%":
        each = Fraction(proposal.requests, 100)
    else:
        each = UNITS.get(unit, 1000) * (proposal.samples if " a pod" in told else 1)
        step = step if unit or decimals == "" else Fraction(1, 1000)
    return number * each, step * each


def asked(spec, proposal, evaluation_, usage):
    """What the planner's own formulas ask for with this usage."""
    found = answer(spec, replace(proposal, usage=usage), evaluation_)
    return getattr(found, "replicas", None)


def test_a_step_is_one_whatever_the_metric_is_made_of():
    """What is printed is fed back: there the metric asks for another number, one unit nearer it does not."""
    seen, ends = Tally(), 0
    for each in evaluations(7, 2000, deviating=0.5):
        plan = planner.plan(each)
        proposals = [stage for stage in plan.stages if isinstance(stage, Proposal)]
        for spec, proposal in zip(each.policy.metrics, proposals, strict=False):
            found = steps(proposal, plan.current)
            sides = ((found.more, math.ceil, math.floor, 1), (found.fewer, math.floor, math.ceil, -1))
            for step, away, back, way in sides:
                if step is None:
                    continue
                assert asked(spec, proposal, each, step.usage) == step.asks
                assert (step.asks - proposal.replicas) * way > 0
                for told in filter(None, (step.level, step.total)):
                    usage, unit = usages(told, proposal)
                    there = asked(spec, proposal, each, away(usage))
                    near = asked(spec, proposal, each, back(usage - way * unit))
                    assert (there - proposal.replicas) * way > 0, (told, proposal)
                    assert (near - proposal.replicas) * way <= 0, (told, proposal)
                beyond = [
                    step.usage + way * abs(step.usage) * part // 100
                    for part in ((1, 30, 900) if way > 0 else (1, 30, 90, 100))
                ]
                holds = [(asked(spec, proposal, each, usage) - proposal.replicas) * way > 0 for usage in beyond]
                assert all(holds) or step.end, (step, proposal)
                if step.end:
                    usage, unit = usages(step.end, proposal)
                    assert (asked(spec, proposal, each, back(usage)) - proposal.replicas) * way > 0
                    further = away(usage + way * unit)
                    assert (asked(spec, proposal, each, further) - proposal.replicas) * way <= 0
                    ends += 1
                seen[proposal.type, proposal.target_type, proposal.gaps is not None, plan.current == 0] += 1
    kinds = {(type_, target) for type_, target, _, _ in seen}
    assert ends > 20, "where tolerance or damping keeps a larger size"
    assert len(kinds) == 9, "every metric type with every target"
    assert {gaps for _, _, gaps, _ in seen} == {zero for _, _, _, zero in seen} == {True, False}
