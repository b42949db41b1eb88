import pytest
from msgspec.structs import replace

from autoscaler.core import planner, projection
from autoscaler.core.projection import Carriers, Projection, at_size, carriers, need, unknown
from autoscaler.core.rebuild import Ask, totals_of
from autoscaler.core.totals import Tolerance
from autoscaler.model.plan import Counted, Gaps, Proposal
from autoscaler.model.policy import MetricSpec
from tests.core.chance import evaluations
from tests.core.evaluations import CPU

TOLERANCE = Tolerance(0.1, 0.1)
AVERAGE = MetricSpec(type="Resource", name="cpu", average_value=50)
QUEUE = MetricSpec(type="External", name="queue", average_value=30)
VALUE = MetricSpec(type="External", name="queue", value=30)
FIVE = Proposal(
    type="Resource", name="cpu", label="cpu", target_type="Utilization", target=100, usage=400, requests=500, samples=5,
    pods=Counted(ready=5), replicas=4,
)  # fmt: skip


def seen(samples, *, usage=400, missing=0, unready=0, unready_usage=0):
    """As `FIVE`, of so many that have a sample and use so much together."""
    starting, unseen = (tuple(f"web-{each}" for each in range(count)) for count in (unready, missing))
    return replace(
        FIVE, usage=usage, requests=100 * samples, samples=samples,
        pods=Counted(ready=samples, unready=starting, missing=unseen),
        gaps=Gaps(values=samples, unready_usage=unready_usage),
    )  # fmt: skip


def taken(spec, proposal, before=Carriers()):  # noqa: B008 - a frozen value
    line = need(spec, proposal, carriers(proposal, before).pods)
    return None if line is None or proposal.usage is None else line.base + line.slope * proposal.usage


def asked(spec, proposal, *, size, unready=0, recorded=False):
    return Projection(spec, proposal, TOLERANCE).asked(proposal.usage, size=size, unready=unready, recorded=recorded)


@pytest.mark.parametrize(
    ("size", "unready", "replicas"),
    [
        pytest.param(5, 0, 4, id="80 % of 5"),
        pytest.param(8, 0, 4, id="50 % of 8"),
        pytest.param(4, 0, 4, id="just right"),
        pytest.param(2, 0, 4, id="200 % of 2"),
        pytest.param(6, 4, 6, id="200 % of two that are ready: the other four are waited for"),
    ],
)
def test_the_load_is_spread_over_other_pods(size, unready, replicas):
    assert asked(CPU, FIVE, size=size, unready=unready) == replicas


def test_the_share_of_pods_without_a_sample_stays():
    half = replace(FIVE, samples=2, requests=200, pods=Counted(ready=2, missing=("a", "b")), gaps=Gaps(values=2))
    sums = at_size(totals_of(half, 160), CPU, 100, 8, 0)
    assert (sums.ready, sums.missing, sums.requests, sums.missing_requests, sums.assumed) == (4, 4, 400, 400, 400)
    assert at_size(totals_of(half, 160), CPU, 100, 1, 0).ready == 1, "one is always seen"


def test_a_sum_without_pods_cannot_be_spread():
    stranger = totals_of(replace(FIVE, pods=Counted(ready=0)), 5)
    assert at_size(stranger, CPU, 100, 8, 0) is stranger


def test_one_number_for_all():
    told = Proposal(type="External", name="queue", label="queue", usage=300, observed=4, replicas=10)
    assert asked(QUEUE, told, size=20) == 10
    assert asked(QUEUE, told, size=10) == 10
    shared = replace(told, observed=None, usage=60, pods=Counted(ready=4))
    assert asked(VALUE, shared, size=4) == 8
    assert asked(VALUE, shared, size=8) == 8, "with twice the pods it is half the number"


def test_with_the_recorded_pods_and_target_the_recorded_number_comes_out():
    """Whatever was evaluated: a candidate that has not departed decides by the very sums of the record."""
    seen = 0
    for each in evaluations(11, 2000):
        plan = planner.plan(each)
        found = [stage for stage in plan.stages if isinstance(stage, Proposal)]
        for spec, told in zip(each.policy.metrics, found, strict=False):
            if told.usage is not None and plan.current:
                again = Projection(spec, told, each.tolerance).asked(told.usage, plan.current, unready=0, recorded=True)
                assert again == told.replicas == Ask(told).of(None, plan.current)
                seen += 1
    assert seen > 500


@pytest.mark.parametrize(
    ("spec", "proposal", "replicas"),
    [
        pytest.param(CPU, FIVE, 4.0, id="percent of requests"),
        pytest.param(AVERAGE, FIVE, 8.0, id="an amount a pod"),
        pytest.param(CPU, seen(5, missing=5), 4.0, id="half of them unseen, as they ever were"),
        pytest.param(CPU, replace(FIVE, requests=0), None, id="nothing requested"),
        pytest.param(CPU, replace(FIVE, samples=0), None, id="nobody seen"),
        pytest.param(QUEUE, replace(FIVE, usage=300), 10.0, id="an amount of one number"),
        pytest.param(VALUE, replace(FIVE, usage=60), 10.0, id="one number shared"),
        pytest.param(replace(CPU, utilization=None), FIVE, None, id="no target"),
    ],
)
def test_what_the_load_takes(spec, proposal, replicas):
    assert taken(spec, proposal) == (replicas and pytest.approx(replicas))


@pytest.mark.parametrize(
    ("passes", "told"),
    [
        pytest.param(
            [seen(5), seen(5, missing=8), seen(13)], [4, 4, 4], id="eight were added: they take from the others"
        ),
        pytest.param([seen(5, missing=8), seen(6, missing=7)], [4, 4], id="of before the record nobody knows"),
        pytest.param([seen(2), seen(2, unready=4), seen(2, missing=4)], [4, 4, 4], id="they wait, then start"),
        pytest.param(
            [seen(5), seen(2, usage=160, unready=3, unready_usage=240, missing=8)],
            [4, 4],
            id="eight were added as three old ones stopped being ready",
        ),
        pytest.param(
            [seen(5, unready=4), seen(2, usage=160, missing=3, unready=4)], [4, 4], id="a scrape misses three of five"
        ),
        pytest.param([seen(5), seen(4, usage=320, missing=1), seen(5)], [4, 4, 4], id="a scrape misses one"),
        pytest.param(
            [seen(5), *[seen(2, usage=160, missing=3)] * 2, seen(5)], [4] * 4, id="one misses three for two passes"
        ),
        pytest.param([seen(5), seen(4, usage=320, missing=9)], [4, 4], id="a scrape misses one as eight are added"),
        pytest.param(
            [seen(5), replace(FIVE, usage=None, samples=0), seen(4, usage=320, missing=1)],
            [4, None, 4],
            id="a scrape misses all, then one",
        ),
        pytest.param([seen(5), seen(3), seen(3, missing=2)], [4, 4, 4], id="two were taken away, and added again"),
        pytest.param([seen(5), seen(3, usage=240)], [4, 2.4], id="two are gone with their load"),
    ],
)
def test_only_pods_that_were_seen_before_are_missed(passes, told):
    """The load is 400 m, at 100 m a pod."""
    found, before = [], Carriers()
    for each in passes:
        found.append(taken(CPU, each, before))
        before = carriers(each, before)
    assert found == [each and pytest.approx(each) for each in told]


def test_whole_replicas():
    assert [projection.rounded(each) for each in (3.0, 3.0000000001, 3.1, -1.0)] == [3, 3, 4, 0]


def test_what_the_record_has_not_got_is_named():
    assert unknown(CPU, FIVE) == ""
    assert "requests were not recorded" in unknown(CPU, replace(FIVE, requests=None))
    assert "ready was not recorded" in unknown(VALUE, replace(FIVE, pods=None))
    assert unknown(CPU, replace(FIVE, usage=None, requests=None)) == "", "it failed, which is something else"


def test_only_the_same_metric_is_a_match():
    assert projection.matches(CPU, AVERAGE)
    assert not projection.matches(CPU, replace(CPU, container="app"))
    assert not projection.matches(CPU, replace(CPU, name="memory"))
