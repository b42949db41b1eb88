import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.distance import Steps, steps
from autoscaler.core.rebuild import Ask
from autoscaler.model.plan import Counted, Gaps, Proposal
from tests.audit.samples import cpu_proposal
from tests.core.chance import evaluations

ON_TARGET = cpu_proposal(target=50, current=50, usage=500, requests=1000, samples=5, ratio=1.0, replicas=5,
                         pods=Counted(ready=5))  # fmt: skip
QUEUE = Proposal(type="External", name="queue", label="external metric queue()", target_type="AverageValue",
                 target=10_000, current=10_000, usage=30_000, ratio=1.0, observed=3, replicas=3)  # fmt: skip


@pytest.mark.parametrize(
    ("proposal", "current", "expected"),
    [
        pytest.param(ON_TARGET, 5, Steps(56, 40), id="tolerance upwards, rounding up downwards"),
        pytest.param(replace(ON_TARGET, usage=600, current=60, replicas=6), 5, Steps(61, 55),
                     id="a percent more asks for one more, the tolerance for none"),
        pytest.param(replace(ON_TARGET, replicas=6, gaps=Gaps(values=5, missing_requests=200, assumed=200),
                             pods=Counted(ready=5, missing=("a",))), 6, Steps(67, 30), id="a missing pod damps both"),
        pytest.param(replace(ON_TARGET, usage=0, current=0, replicas=0), 5, Steps(1, None), id="nothing is below 0"),
        pytest.param(QUEUE, 3, Steps(33_001, 20_000), id="a total"),
        pytest.param(replace(QUEUE, usage=None, replicas=None), 3, Steps(None, None), id="a metric that failed"),
    ],
)  # fmt: skip
def test_steps(proposal, current, expected):
    assert steps(proposal, current) == expected


def test_a_step_is_one():
    """At the step the metric asks for another number, whatever it is made of."""
    for evaluation in evaluations(7, 2000, deviating=0.5):
        plan = planner.plan(evaluation)
        for proposal in plan.stages:
            if not isinstance(proposal, Proposal) or not proposal.samples or proposal.requests is not None:
                continue
            found = steps(proposal, plan.current)
            if found.more_from is not None:
                usage = found.more_from * proposal.samples + proposal.samples - 1
                assert Ask(proposal).of(usage, plan.current) > proposal.replicas
            if found.fewer_at is not None:
                usage = found.fewer_at * proposal.samples
                assert Ask(proposal).of(usage, plan.current) < proposal.replicas
